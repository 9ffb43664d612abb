"""SPEC.md clause E.12 (informative): the encoding process: a model and reference models in, bytes out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from nncodec.encoder.choice import Choice, Chooser
from nncodec.encoder.config import EncoderConfig, check_patterns
from nncodec.encoder.groups import Plan, plan_groups
from nncodec.encoder.matching import OWN, Given
from nncodec.encoder.passes import Outcome, code_plan, survey, try_levels
from nncodec.encoder.rate_control import settle
from nncodec.encoder.report import Distortions, EncodeReport, make_report, measure, notices_of
from nncodec.encoder.spool import Spool
from nncodec.encoder.writer import Assembled, Frame, assemble
from nncodec.errors import EncodeError
from nncodec.limits import LEVELS, MAX_DIMENSION
from nncodec.model import Model, Tensor, model_content_id
from nncodec.sink import Gathered
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
class EncodedFile:
    """What can be said of a stream that was written: as `Encoded`, but the id of its model instead of that."""

    content_id: bytes
    report: EncodeReport
    config: EncoderConfig


def encode(
    model: Model, config: EncoderConfig | None = None, references: Sequence[Model] = (), work: Work | None = None
) -> bytes:
    """The NMC stream of `model`.

    With `references`, tensors are predicted from them where that is cheaper; a decoder then needs the same models.
    `work` says how slices are coded: by threads, for example; the bytes are the same.
    Raises EncodeError for what the format cannot carry. Warns (EncodeWarning) where a tensor was kept exact against
    the request, or lost all its weights to a coarse step.
    """
    config = config or EncoderConfig()
    check_patterns(config, [model])
    process = Process(model, Given(references), work or Work(), Wanted(distortions=config.best))
    coded = process.settled(config)
    for notice in notices_of(coded.plan, coded.stream, references):
        warnings.warn(notice, EncodeWarning, stacklevel=2)
    return b"".join(coded.stream.parts(coded.spool))


def encode_with_report(
    model: Model, config: EncoderConfig | None = None, references: Sequence[Model] = (), work: Work | None = None
) -> Encoded:
    """As `encode`, with the decoded model and a report; what `encode` would warn of is in its notices."""
    config = config or EncoderConfig()
    check_patterns(config, [model])
    return Process(model, Given(references), work or Work(), Wanted(model=True)).encoded(config)


@dataclass(frozen=True)
class Coded:
    """A stream whose slices are coded, not yet written; the configuration that was settled on is that of the plan."""

    plan: Plan
    outcome: Outcome
    content_id: bytes
    stream: Assembled
    spool: Spool


@dataclass(frozen=True)
class Wanted:
    """What is asked for of a decoded model, beside its content id: its data, and how far it is off for the report."""

    model: bool = False
    distortions: bool = True


class Process:
    """The encoding process of one model, for any configuration; what `rate_control.Trials` asks for.

    Tensors whose data are views of mapped files are read from there part by part, several times. temporary: opens a
    file for reading and writing, in which coded slices wait; without it they wait in memory.
    """

    def __init__(
        self,
        model: Model,
        given: Given,
        work: Work,
        wanted: Wanted = Wanted(),
        temporary: Callable[[], BinaryIO] | None = None,
    ) -> None:
        for each in (model, *given.models):
            check_names_and_shapes(each)
        self._model, self._given, self._work = model, given, work
        self._references = given.models
        self._wanted, self._temporary = wanted, temporary
        self._latest: Coded | None = None

    @property
    def elements(self) -> int:
        """Elements of the model."""
        return sum(tensor.size for tensor in self._model.tensors)

    def distortions(self, config: EncoderConfig) -> Distortions:
        """Of the model as it will be decoded."""
        plan, outcome = self._tried(config, None)
        return measure(plan, outcome, self._references)

    def size(self, config: EncoderConfig) -> int:
        """Bytes of the stream."""
        return self.encode(config).stream.size

    def decoded(self, config: EncoderConfig) -> Model:
        """The model as it will be decoded."""
        plan, outcome = self._tried(config, Gathered())
        return _decoded_model(plan, outcome, self._model)

    def _tried(self, config: EncoderConfig, data: Gathered | None) -> tuple[Plan, Outcome]:
        """The plan, and what a decoder will make of it; nothing is coded. `data` takes the decoded levels."""
        choices, _ = self._choices(config)
        while True:
            plan, kept = survey(plan_groups(choices, config), self._work)
            outcome = try_levels(plan, kept, self._work, data)
            if not outcome.overflown:
                return plan, outcome
            choices, data = _kept_exact(choices, outcome), None if data is None else Gathered()

    def exact_size(self, config: EncoderConfig) -> float:
        """Roughly the bytes of the stream of a lossless configuration."""
        return sum(choice.estimated_bits for choice in Chooser(config, self._given).choose_all(self._model)) / 8

    def encode(self, config: EncoderConfig) -> Coded:
        """The stream. The latest is kept: a search ends with it, more often than not."""
        if self._latest is None or self._latest.plan.config != config:
            self.close()
            choices, frame = self._choices(config)
            while self._latest is None:
                self._latest, choices = self._coded(choices, config, frame)
        return self._latest

    def write(self, file: BinaryIO, config: EncoderConfig) -> EncodedFile:
        """Write the stream for `config`, whatever is asked for there, to `file`. Raises EncodeError."""
        coded = self.settled(config)
        file.writelines(coded.stream.parts(coded.spool))
        return EncodedFile(coded.content_id, self.report(coded), coded.plan.config)

    def encoded(self, config: EncoderConfig) -> Encoded:
        """The stream for `config`, whatever is asked for there, with the decoded model, which must be `Wanted`."""
        coded = self.settled(config)
        data = b"".join(coded.stream.parts(coded.spool))
        model = _decoded_model(coded.plan, coded.outcome, self._model)
        return Encoded(data, model, self.report(coded), coded.plan.config)

    def settled(self, config: EncoderConfig) -> Coded:
        """The stream for what `config` asks for; if that is the best, by the trellis that serves the model better."""
        if not (config.best and config.uses_trellis):
            return self.encode(settle(config, self))
        small = settle(replace(config, best=False), self)
        cost = self._bits_at_equal_error(small)
        large = settle(config, self)
        return self.encode(large if self._bits_at_equal_error(large) <= cost else small)

    def _bits_at_equal_error(self, config: EncoderConfig) -> float:
        """The bits of the stream, and a bit for each weight of the matrices and 6.02 dB of error; infinite without."""
        coded = self.encode(config)
        left = measure(coded.plan, coded.outcome, self._references).matrices
        return 8 * coded.stream.size + left.elements * math.log2(left.mse) / 2 if left.mse else math.inf

    def report(self, coded: Coded) -> EncodeReport:
        """What was done."""
        return make_report(coded.plan, coded.outcome, coded.stream, self._references)

    def close(self) -> None:
        """Close the file in which coded slices wait."""
        if self._latest is not None:
            self._latest.spool.close()
        self._latest = None

    def _choices(self, config: EncoderConfig) -> tuple[list[Choice], Frame]:
        choices = Chooser(config, self._given).choose_all(self._model)
        topology_parent = _topology_parent(self._model, self._references)
        choices, parents, topology_parent = _drop_unused_parents(choices, self._references, topology_parent)
        return choices, Frame(config.profile, self._model.topology, parents, topology_parent)

    def _coded(self, choices: list[Choice], config: EncoderConfig, frame: Frame) -> tuple[Coded | None, list[Choice]]:
        """The stream; None where a tensor overflows, with choices that keep it exact."""
        plan, kept = survey(plan_groups(choices, config), self._work)
        spool = Spool(None if self._temporary is None else self._temporary())
        outcome = Outcome(self._wanted.distortions, data=Gathered() if self._wanted.model else None)
        groups = code_plan(plan, kept, spool, self._work, outcome)
        if outcome.overflown:
            spool.close()
            return None, _kept_exact(choices, outcome)
        content_id = model_content_id(self._model.topology, _content_ids(plan, outcome))
        stream = assemble(plan, groups, content_id, frame)
        return Coded(plan, outcome, content_id, stream, spool), choices


def _kept_exact(choices: Sequence[Choice], outcome: Outcome) -> list[Choice]:
    """The choices without levels for tensors whose values would leave their type."""
    note = "kept exact: a quantised value would overflow its type"
    return [
        Choice(choice.tensor, notice=note) if place in outcome.overflown else choice
        for place, choice in enumerate(choices)
    ]


def _content_ids(plan: Plan, outcome: Outcome) -> list[tuple[str, bytes]]:
    """Names and content ids of what a decoder makes of the tensors."""
    found: list[tuple[str, bytes]] = []
    for place, choice in enumerate(plan.choices):
        if choice.original is not None:
            content_id = found[choice.original][1]
        elif choice.has_levels:
            content_id = outcome.content_ids[place]
        else:
            content_id = choice.copy().content_id
        found.append((choice.tensor.name, content_id))
    return found


def _decoded_model(plan: Plan, outcome: Outcome, model: Model) -> Model:
    """What a decoder makes of the stream, from the data that were kept."""
    done: list[Tensor] = []
    for place, choice in enumerate(plan.choices):
        tensor = choice.tensor
        if choice.original is not None:
            tensor = replace(done[choice.original], name=tensor.name)
        elif choice.has_levels and outcome.data is not None:
            data = outcome.data.data(place)
            tensor = Tensor(tensor.name, tensor.dtype, tensor.shape, data).known_as(outcome.content_ids[place])
        else:
            tensor = choice.copy()
        done.append(tensor)
    return Model(tuple(done), model.topology)


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
