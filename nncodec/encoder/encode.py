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
from nncodec.encoder.rate_control import settle
from nncodec.encoder.report import Distortions, EncodeReport, make_report, measure
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
    """A stream, the model a decoder will make of it, the report, and what was settled on: the step or the quality."""

    data: bytes
    model: Model
    report: EncodeReport
    config: EncoderConfig


@dataclass(frozen=True)
class Draft:
    """All that is decided about a stream before its slices are coded."""

    plan: Plan
    decoded: Model
    frame: Frame


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
    for each in (model, *references):
        check_names_and_shapes(each)
    process = Process(model, references, work or Work())
    return process.encode(settle(config or EncoderConfig(), process))


class Process:
    """The encoding process of one model, for any configuration; what `rate_control.Trials` asks for."""

    def __init__(self, model: Model, references: Sequence[Model], work: Work) -> None:
        self._model, self._references, self._work = model, references, work
        self._latest: Encoded | None = None

    @property
    def elements(self) -> int:
        """Elements of the model."""
        return sum(tensor.size for tensor in self._model.tensors)

    def distortions(self, config: EncoderConfig) -> Distortions:
        """Of the model as it will be decoded."""
        draft = self._draft(config)
        return measure(draft.plan.choices, draft.decoded, self._references)

    def size(self, config: EncoderConfig) -> int:
        """Bytes of the stream."""
        return len(self.encode(config).data)

    def decoded(self, config: EncoderConfig) -> Model:
        """The model as it will be decoded."""
        return self._draft(config).decoded

    def exact_size(self, config: EncoderConfig) -> float:
        """Roughly the bytes of the stream of a lossless configuration."""
        return sum(choice.estimated_bits for choice in Chooser(config, self._references).choose_all(self._model)) / 8

    def encode(self, config: EncoderConfig) -> Encoded:
        """The stream. The latest is kept: a search ends with it, more often than not."""
        if self._latest is None or self._latest.config != config:
            self._latest = None
            draft = self._draft(config)
            coded = code_groups(draft.plan, config, self._work)
            written = write_stream(draft.plan, coded, draft.decoded, draft.frame)
            report = make_report(draft.plan, draft.decoded, written, self._references)
            self._latest = Encoded(written.data, draft.decoded, report, config)
        return self._latest

    def _draft(self, config: EncoderConfig) -> Draft:
        choices = Chooser(config, self._references).choose_all(self._model)
        topology_parent = _topology_parent(self._model, self._references)
        choices, parents, topology_parent = _drop_unused_parents(choices, self._references, topology_parent)
        plan, decoded = _plan(choices, config, self._model.topology)
        return Draft(plan, decoded, Frame(config.profile, parents, topology_parent))


def check_names_and_shapes(model: Model) -> None:
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
