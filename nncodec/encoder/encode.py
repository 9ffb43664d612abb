"""SPEC.md clause E.12 (informative): the encoding process: a model and reference models in, bytes out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nncodec.encoder.choice import Choice, Chooser
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.groups import Plan, plan_groups
from nncodec.encoder.matching import OWN
from nncodec.encoder.report import EncodeReport, make_report
from nncodec.encoder.slices import code_groups
from nncodec.encoder.writer import Frame, write_stream
from nncodec.errors import EncodeError
from nncodec.limits import LEVELS, MAX_DIMENSION
from nncodec.model import Model, Tensor, Topology
from nncodec.prediction import reconstruct
from nncodec.rounding import widen
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import QUANTISABLE
from nncodec.work import Work


class EncodeWarning(UserWarning):
    """The stream is good, but something in it may not be what the caller wanted."""


@dataclass(frozen=True)
class Encoded:
    """A stream, the model a decoder will make of it, and the report."""

    data: bytes
    model: Model
    report: EncodeReport


def encode(
    model: Model, config: EncoderConfig | None = None, references: Sequence[Model] = (), work: Work | None = None
) -> bytes:
    """The NMC stream of `model`.

    With `references`, tensors are predicted from them where that is cheaper; a decoder then needs the same models.
    `work` says how slices are coded: by threads, for example; the bytes are the same.
    Raises EncodeError for what the format cannot carry. Warns (EncodeWarning) where a tensor was kept exact against
    the request, or lost all its weights to a coarse step.
    """
    encoded = encode_with_report(model, config, references, work)
    for notice in encoded.report.notices:
        warnings.warn(notice, EncodeWarning, stacklevel=2)
    return encoded.data


def encode_with_report(
    model: Model,
    config: EncoderConfig | None = None,
    references: Sequence[Model] = (),
    work: Work | None = None,
) -> Encoded:
    """As `encode`, with the decoded model and a report."""
    config = config or EncoderConfig()
    for each in (model, *references):
        _check_names_and_shapes(each)
    choices = Chooser(config, references).choose_all(model)
    topology_parent = _topology_parent(model, references)
    choices, parents, topology_parent = _drop_unused_parents(choices, references, topology_parent)
    plan, decoded = _plan(choices, config, model.topology)
    coded = code_groups(plan, config, work or Work())
    written = write_stream(plan, coded, decoded, Frame(config.profile, parents, topology_parent))
    return Encoded(written.data, decoded, make_report(plan.choices, decoded, written, references))


def _check_names_and_shapes(model: Model) -> None:
    """Whether every tensor has a content id; the levels of Annex A, which are narrower, are judged by the writer."""
    for tensor in model.tensors:
        try:
            tensor.name.encode("utf-8")
        except UnicodeEncodeError as error:
            raise EncodeError(f"the name of tensor {tensor.name!r} has no UTF-8 form: {error}") from None
        if len(tensor.shape) > LEVELS[-1].rank or any(dim > MAX_DIMENSION for dim in tensor.shape):
            what = f"tensor {tensor.name!r}: rank {len(tensor.shape)} must be at most {LEVELS[-1].rank}"
            raise EncodeError(f"{what}, and all dims at most {MAX_DIMENSION}")


def _plan(choices: Sequence[Choice], config: EncoderConfig, topology: Topology) -> tuple[Plan, Model]:
    """The plan, and what a decoder will make of it; tensors whose levels overflow their type go back to exact."""
    plan = plan_groups(choices, config)
    tensors = _reconstruct_all(plan)
    choices = plan.choices
    overflown = [
        not _is_finite(tensor) and choice.levels is not None for tensor, choice in zip(tensors, choices, strict=True)
    ]
    if any(overflown):
        note = "kept exact: a quantised value would overflow its type"
        kept = [Choice(c.tensor, notice=note) if over else c for c, over in zip(choices, overflown, strict=True)]
        return _plan(kept, config, topology)
    return plan, Model(tuple(tensors), topology)


def _reconstruct_all(plan: Plan) -> list[Tensor]:
    done: list[Tensor] = []
    for choice, record in zip(plan.choices, plan.records, strict=True):
        done.append(_reconstructed(choice, plan.quantiser_of(record), done))
    return done


def _reconstructed(choice: Choice, quantiser: Quantiser | None, done: Sequence[Tensor]) -> Tensor:
    tensor = choice.tensor
    if choice.original is not None:
        return replace(done[choice.original], name=tensor.name)
    if choice.halves is None or quantiser is None:
        return choice.copy or tensor
    predicted = None if choice.candidate is None else choice.candidate.predicted
    data = reconstruct(choice.halves, quantiser, predicted, tensor.dtype)
    return Tensor(tensor.name, tensor.dtype, tensor.shape, data)


def _is_finite(tensor: Tensor) -> bool:
    return tensor.dtype not in QUANTISABLE or bool(np.isfinite(widen(tensor.data, tensor.dtype)).all())


def _topology_parent(model: Model, references: Sequence[Model]) -> int | None:
    """The first reference with the same topology; none is looked for where there is nothing to save."""
    if not model.topology.data:
        return None
    same = (index for index, reference in enumerate(references) if reference.topology == model.topology)
    return next(same, None)


def _drop_unused_parents(
    choices: Sequence[Choice], references: Sequence[Model], topology_parent: int | None
) -> tuple[list[Choice], list[Model], int | None]:
    """Parents are the references in use, renumbered; a reference that predicts nothing costs nothing."""
    used = {term.parent for choice in choices if choice.candidate for term, _ in choice.candidate.pairs} - {OWN}
    if topology_parent is not None:
        used.add(topology_parent)
    place = {parent: index for index, parent in enumerate(sorted(used))}
    place[OWN] = len(used)
    renumbered = [_renumbered(choice, place) for choice in choices]
    topology_place = None if topology_parent is None else place[topology_parent]
    return renumbered, [references[parent] for parent in sorted(used)], topology_place


def _renumbered(choice: Choice, place: dict[int, int]) -> Choice:
    if choice.candidate is None:
        return choice
    pairs = tuple((replace(term, parent=place[term.parent]), tensor) for term, tensor in choice.candidate.pairs)
    return replace(choice, candidate=replace(choice.candidate, pairs=pairs))
