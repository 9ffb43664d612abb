"""SPEC.md clause 7.1: constraints on headers: one check per rule, in the order of the rules.

Syntax (clause 6) holds each element to its own range; here they are held to one another and to the level.
"""

from __future__ import annotations

from collections.abc import Sequence

from nncodec.errors import ErrorClass, InvalidStreamError, LimitExceededError
from nncodec.layout import GroupLayout, element_total, extent, tensor_bytes
from nncodec.limits import Limits
from nncodec.quantisation import step_of
from nncodec.syntax.model_parameter_set import ModelParameterSet, Quantiser, SliceGroup
from nncodec.syntax.start import Start
from nncodec.syntax.tensor_table import TensorRecord, Term
from nncodec.tables import QUANTISABLE, TRELLISES, DType, EntropyCoder, Prediction, Profile, Representation, StepKind

_MOST_TERMS = {Prediction.NONE: 0, Prediction.COPY: 1, Prediction.REFERENCE: 2}


def invalid(error_class: ErrorClass, rule: str, what: str, offset: int | None = None) -> InvalidStreamError:
    """The error for `rule` of clause 7."""
    return InvalidStreamError(error_class, what, clause=rule, offset=offset)


def check_limit(name: str, value: int, bound: int, tensor: str | None = None) -> None:
    """R-7.1.1: a count or size, perhaps of a `tensor`, within the bound of the level."""
    if value > bound:
        of = "" if tensor is None else f" of tensor {tensor!r}"
        what = f"{name}{of} {value} is over the {bound} that the stream's level and this decoder allow"
        raise LimitExceededError(ErrorClass.LIMIT_EXCEEDED, what, clause="R-7.1.1")


def check_parameters(parameters: ModelParameterSet, start: Start, bounds: Limits) -> None:
    """R-7.1.1 to R-7.1.5: parents, groups and their quantisers."""
    check_limit("parent_count", parameters.parent_count, bounds.parents)
    check_limit("group_count", parameters.group_count, bounds.groups)
    if len(set(parameters.parents)) != parameters.parent_count:
        raise invalid(ErrorClass.DUPLICATE, "R-7.1.2", "two parents have the same content id")
    check_parent("topology_parent", parameters.topology_parent - 1, parameters)
    for group in parameters.groups:
        _check_coder(group, start)
        if group.quantiser is not None:
            _check_quantiser(group.quantiser, start)


def check_parent(name: str, parent: int, parameters: ModelParameterSet) -> None:
    """R-7.1.3: a parent that is named exists."""
    if parent >= parameters.parent_count:
        what = f"{name} names parent {parent} of {parameters.parent_count}"
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.3", what)


def _check_coder(group: SliceGroup, start: Start) -> None:
    """R-7.1.16: exact words do not go with the mixing coder; R-7.1.17: the tools of the baseline profile."""
    if group.entropy_coder == EntropyCoder.MIXING and group.representation == Representation.EXACT:
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.16", "the mixing coder is for levels, not for exact words")
    adaptive = group.entropy_coder in {EntropyCoder.MIXING, EntropyCoder.RANS}
    if start.profile == Profile.BASELINE and (adaptive or group.representation in TRELLISES):
        what = "the baseline profile has neither mixing nor rANS coder, and no trellis"
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.17", what)


def _check_quantiser(quantiser: Quantiser, start: Start) -> None:
    step_of(quantiser)
    is_paper = quantiser.step_kind == StepKind.DECADIC and quantiser.reconstruction_offset == 0
    if start.profile == Profile.BASELINE and not is_paper:
        what = "the baseline profile allows decadic steps without reconstruction offset only"
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.5", what)


def check_records(records: Sequence[TensorRecord], parameters: ModelParameterSet, start: Start, bounds: Limits) -> None:
    """R-7.1.6 to R-7.1.15: the tensor table against itself, the parameter set and the start."""
    names = set()
    for record in records:
        if record.name in names:
            raise invalid(ErrorClass.DUPLICATE, "R-7.1.6", f"two tensors are named {record.name!r}")
        names.add(record.name)
        _check_shape(record, bounds)
        _check_prediction(record, parameters, start)
        if record.coding.slice_group is not None:
            _check_coding(record, record.coding.slice_group, parameters)
        if record.coding.quantiser is not None:
            _check_quantiser(record.coding.quantiser, start)
    _check_groups(records, parameters)
    _check_totals(records, start)


def _check_shape(record: TensorRecord, limits: Limits) -> None:
    check_limit("length of a name", len(record.name.encode()), limits.name_bytes)
    check_limit("rank", record.identity.rank, limits.rank)
    check_limit("extent", extent(record), limits.elements, record.name)
    size = record.identity.string_size
    if size is not None and size < 4 * element_total(record):
        what = f"tensor {record.name!r}: {size} bytes cannot hold {element_total(record)} strings"
        raise invalid(ErrorClass.SIZE_MISMATCH, "R-7.1.7", what)


def _check_prediction(record: TensorRecord, parameters: ModelParameterSet, start: Start) -> None:
    coding = record.coding
    most = _MOST_TERMS[coding.prediction]
    if len(coding.terms) > most or (most and not coding.terms):
        what = f"tensor {record.name!r}: {len(coding.terms)} terms for prediction {coding.prediction.name}"
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.8", what)
    itself = coding.prediction == Prediction.COPY and start.profile == Profile.MAIN
    for term in coding.terms:
        check_parent(f"tensor {record.name!r}", term.parent - int(itself), parameters)
        if term.gains and coding.prediction == Prediction.COPY:
            raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.8", f"tensor {record.name!r}: a copy with gains")
        if start.profile == Profile.BASELINE and not _is_plain(term, coding.term_count):
            what = f"tensor {record.name!r}: the baseline profile allows plain differences only"
            raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.9", what)


def _is_plain(term: Term, term_count: int | None) -> bool:
    return term_count == 1 and not term.mapped and not term.gains


def _check_coding(record: TensorRecord, group_index: int, parameters: ModelParameterSet) -> None:
    if group_index >= parameters.group_count:
        what = f"tensor {record.name!r}: slice group {group_index} of {parameters.group_count}"
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.10", what)
    has_levels = record.coding.has_levels
    if has_levels != (parameters.groups[group_index].representation != Representation.EXACT):
        what = f"tensor {record.name!r}: level_width does not suit the representation of its slice group"
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.11", what)
    if has_levels and record.dtype not in QUANTISABLE:
        what = f"tensor {record.name!r}: {record.dtype.name} cannot be coded as levels"
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.12", what)


def _check_groups(records: Sequence[TensorRecord], parameters: ModelParameterSet) -> None:
    dtypes: dict[int, DType] = {}
    for record in records:
        if record.coding.slice_group is None:
            continue
        first = dtypes.setdefault(record.coding.slice_group, record.dtype)
        if not record.coding.has_levels and record.dtype != first:
            what = f"tensor {record.name!r}: an exact slice group holds {first.name} and {record.dtype.name}"
            raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.13", what)
    if len(dtypes) != parameters.group_count:
        what = f"{parameters.group_count - len(dtypes)} slice groups hold no tensor"
        raise invalid(ErrorClass.COVERAGE, "R-7.1.14", what)


def _check_totals(records: Sequence[TensorRecord], start: Start) -> None:
    for name, declared, actual in (
        ("tensor_count", start.tensor_count, len(records)),
        ("element_count", start.element_count, sum(map(element_total, records))),
        ("decoded_size", start.decoded_size, sum(map(tensor_bytes, records))),
    ):
        if declared != actual:
            what = f"the start declares {name} {declared}, the tensor table has {actual}"
            raise invalid(ErrorClass.SIZE_MISMATCH, "R-7.1.15", what)


def check_coverage(covered: Sequence[int], layouts: Sequence[GroupLayout]) -> None:
    """R-7.2.4: after the last slice every symbol of every group has been coded."""
    for group, (done, layout) in enumerate(zip(covered, layouts, strict=True)):
        if done != layout.symbol_count:
            what = f"slice group {group} has {layout.symbol_count} symbols, its slices hold {done}"
            raise invalid(ErrorClass.COVERAGE, "R-7.2.4", what)
