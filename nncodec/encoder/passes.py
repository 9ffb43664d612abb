"""SPEC.md clause E.12 (informative): the passes over the tensors of a plan: sums first, then coding and decoding.

One rule: no pass holds more than a few slices; what is held of a tensor are the parts that the slices under way need.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace

import numpy as np

from nncodec.encoder.groups import GroupPlan, Plan, needs_tuning, tuned
from nncodec.encoder.kept import Kept
from nncodec.encoder.runs import Decoded, Distortion
from nncodec.encoder.slices import (
    Coded,
    LevelPart,
    LevelTask,
    Payloads,
    SurveyTask,
    WordPart,
    WordTask,
    code_slice,
    survey_slice,
)
from nncodec.encoder.spool import Spool, Stored
from nncodec.encoder.sums import Sums
from nncodec.errors import EncodeError
from nncodec.layout import Piece, level_area
from nncodec.memory import Releaser, is_mapped, viewed
from nncodec.model import TensorDigest
from nncodec.prediction import WordPredictor
from nncodec.sink import Gathered
from nncodec.syntax.model_parameter_set import SliceGroup
from nncodec.syntax.slice import SliceHeader, build_slice_unit, slice_unit_parts
from nncodec.tables import TRELLISES, EntropyCoder, LevelWidth
from nncodec.work import Work

_POOR = 1.01
"""What mixing takes over the order-0 entropy where rANS may be shorter: weights without structure take less."""


@dataclass(frozen=True)
class CodedGroup:
    """A slice group, and where its slice units are."""

    group: SliceGroup
    headers: list[SliceHeader]
    units: list[Stored]
    largest_slice: int


@dataclass
class Outcome:
    """What a decoder makes of the tensors with levels, by their places.

    measures: whether distortions are asked for. overflown: those with values beyond their type. data: takes their
    bytes, if they are kept.
    """

    measures: bool = True
    distortions: dict[int, Distortion] = field(default_factory=dict)
    content_ids: dict[int, bytes] = field(default_factory=dict)
    overflown: set[int] = field(default_factory=set)
    data: Gathered | None = None


def survey(plan: Plan, work: Work) -> tuple[Plan, Kept]:
    """The plan with its quantisers tuned (clause E.6), and levels that were found on the way."""
    slices = [
        (group, group.pieces(*place))
        for key, group in zip(plan.keys, plan.groups, strict=True)
        if needs_tuning(key, plan.config)
        for place in group.slices
    ]
    if not slices:
        return plan, Kept()
    sums: dict[int, Sums] = {}
    kept = Kept()
    releaser = Releaser()
    sizes = [sum(piece.nbytes for piece in pieces) for _, pieces in slices]
    tasks = (SurveyTask([plan.run_of(piece, group) for piece in pieces], kept.has_room) for group, pieces in slices)
    for (_, pieces), results in zip(slices, work.silent.map(survey_slice, tasks, sizes), strict=True):
        for piece, (found, levels) in zip(pieces, results, strict=True):
            sums[piece.tensor] = sums.get(piece.tensor, Sums()) + found
            kept.put((piece.tensor, piece.start), levels)
            _used(plan, piece, releaser)
    return tuned(plan, sums), kept


def try_levels(plan: Plan, kept: Kept, work: Work, data: Gathered | None = None) -> Outcome:
    """What a decoder would make of the tensors with levels, whose bytes `data` takes; nothing is coded."""
    coding = _Coding(plan, kept, Outcome(data=data))
    for group in plan.groups:
        if group.quantiser is not None:
            tasks = (coding.level_task(group, group.pieces(*place), ()) for place in group.slices)
            sizes = [count for _, count in group.slices]
            for place, (_, decoded) in zip(group.slices, work.silent.map(code_slice, tasks, sizes), strict=True):
                coding.take(group.pieces(*place), decoded)
    return coding.outcome


def code_plan(plan: Plan, kept: Kept, spool: Spool, work: Work, outcome: Outcome) -> list[CodedGroup]:
    """Code every slice with each admissible coder, and keep the shortest of each group.

    `outcome` takes what decoders will make of levels.
    """
    coding = _Coding(plan, kept, outcome, work.threads)
    slices = [(group, group.pieces(*place)) for group in plan.groups for place in group.slices]
    tasks = (coding.task(group, pieces, _tried(group)) for group, pieces in slices)
    sizes = [sum(piece.nbytes for piece in pieces) for _, pieces in slices]
    results = work.map(code_slice, tasks, sizes)
    coded = []
    for index, group in enumerate(plan.groups):
        headers = [SliceHeader(index, *place) for place in group.slices]
        found = [_taken_in(coding, each, next(results), spool) for each in headers]  # no name holds a result for longer
        coded.append(_Choosing(coding, index, spool, work).cheapest(found))
    coding.finish()
    return coded


def _tried(group: GroupPlan) -> tuple[EntropyCoder, ...]:
    """The coders to try: RAW, whose bytes are known before, is coded only where it wins."""
    return tuple(coder for coder in group.coders if coder != EntropyCoder.RAW)


def _taken_in(coding: _Coding, header: SliceHeader, coded: Coded, spool: Spool) -> dict[EntropyCoder, Stored]:
    """Count in what became of a slice, and put its units into the spool."""
    payloads, decoded = coded
    coding.take(coding.plan.groups[header.slice_group].pieces(header.first_symbol, header.symbol_count), decoded)
    return _stored(payloads, header, spool)


def _stored(payloads: Payloads, header: SliceHeader, spool: Spool) -> dict[EntropyCoder, Stored]:
    return {coder: spool.add(*slice_unit_parts(header, payload)) for coder, payload in payloads.items()}


class _Coding:
    """Makes tasks of slices, and takes in what becomes of them."""

    def __init__(self, plan: Plan, kept: Kept, outcome: Outcome, threads: Executor | None = None) -> None:
        self.plan, self.outcome = plan, outcome
        self._threads, self._hashing = threads, list[Future[bytes]]()
        self._kept = kept
        self._releaser = Releaser()
        self._digests: dict[int, TensorDigest] = {}
        self._predictors: dict[int, WordPredictor | None] = {}

    def finish(self) -> None:
        """Wait for what others hash."""
        for each in self._hashing:
            each.result()

    def task(self, group: GroupPlan, pieces: list[Piece], coders: tuple[EntropyCoder, ...]) -> LevelTask | WordTask:
        """A slice to be coded by `coders`."""
        return self._word_task(pieces, coders) if group.quantiser is None else self.level_task(group, pieces, coders)

    def level_task(self, group: GroupPlan, pieces: list[Piece], coders: tuple[EntropyCoder, ...]) -> LevelTask:
        """A slice of levels."""
        trellis = TRELLISES.get(group.representation)
        parts = []
        for piece in pieces:
            quantiser = self.plan.quantiser_of(piece.tensor)
            if quantiser is None:
                raise EncodeError(f"tensor {self.plan.records[piece.tensor].name!r} has levels and no quantiser")
            area = level_area(self.plan.records[piece.tensor], piece, trellis)
            levels = self._kept.get((piece.tensor, piece.start))
            run = self.plan.run_of(piece, group)
            parts.append(LevelPart(run, area, LevelWidth(piece.width), quantiser, levels))
        size = sum(piece.nbytes for piece in pieces)
        return LevelTask(coders, parts, size, self.plan.config.fast, self.outcome.measures)

    def task_again(self, group: GroupPlan, pieces: list[Piece], coder: EntropyCoder) -> LevelTask | WordTask:
        """A slice to be coded once more: what decoders make of it is known."""
        task = self.task(group, pieces, (coder,))
        return replace(task, decodes=False) if isinstance(task, LevelTask) else task

    def _word_task(self, pieces: list[Piece], coders: tuple[EntropyCoder, ...]) -> WordTask:
        parts = []
        for piece in pieces:
            predictor = self._word_predictor(piece.tensor)
            words = np.frombuffer(self.plan.choices[piece.tensor].tensor.data, np.uint8)
            part = words[piece.start * piece.width : (piece.start + piece.count) * piece.width]
            parts.append(WordPart(part, None if predictor is None else predictor.cut(piece.start, piece.count)))
        dtype = self.plan.choices[pieces[0].tensor].tensor.dtype
        return WordTask(coders, parts, pieces[0].width, dtype, self.plan.config.fast)

    def _word_predictor(self, place: int) -> WordPredictor | None:
        """What predicts the words of a tensor; made once, for its pieces follow one another."""
        if place not in self._predictors:
            self._predictors = {place: self.plan.choices[place].words()}
        return self._predictors[place]

    def take(self, pieces: list[Piece], decoded: list[Decoded]) -> None:
        """Count in a slice: the bytes of its tensors are hashed, of exact ones as they are."""
        for number, piece in enumerate(pieces):
            place, tensor = piece.tensor, self.plan.choices[piece.tensor].tensor
            if decoded:
                self._take_levels(piece, decoded[number])
            elif self._threads is not None and not is_mapped(tensor.data):
                if piece.start == 0:
                    self._hashing.append(self._threads.submit(getattr, tensor, "content_id"))
            elif "content_id" not in vars(tensor):
                data = memoryview(tensor.data).cast("B")
                self._hash(piece, data[piece.start * piece.width : (piece.start + piece.count) * piece.width])
                if place not in self._digests:
                    tensor.known_as(self.outcome.content_ids[place])
            _used(self.plan, piece, self._releaser)

    def _take_levels(self, piece: Piece, decoded: Decoded) -> None:
        place, outcome = piece.tensor, self.outcome
        if decoded.distortion is not None:
            outcome.distortions[place] = outcome.distortions.get(place, Distortion()) + decoded.distortion
        if not decoded.is_finite:
            outcome.overflown.add(place)
        data = viewed(decoded.data)
        self._hash(piece, data)
        if outcome.data is not None:
            outcome.data.write(place, data)

    def _hash(self, piece: Piece, data: bytes | memoryview) -> None:
        tensor = self.plan.choices[piece.tensor].tensor
        digest = self._digests.setdefault(piece.tensor, TensorDigest(tensor.dtype, tensor.shape))
        digest.update(data)
        coding = self.plan.records[piece.tensor].coding
        whole = tensor.size if coding.has_levels else tensor.nbytes // piece.width
        if piece.start + piece.count == whole:
            self.outcome.content_ids[piece.tensor] = self._digests.pop(piece.tensor).content_id()


@dataclass(frozen=True)
class _Choosing:
    """The choice of a coder for the group at `index`."""

    coding: _Coding
    index: int
    spool: Spool
    work: Work

    def cheapest(self, found: list[dict[EntropyCoder, Stored]]) -> CodedGroup:
        """The coder of the fewest bytes, of those that coded every slice."""
        group = self.coding.plan.groups[self.index]
        others = self._others(found)
        for other in others:
            found = [each | more for each, more in zip(found, self._coded_by(other), strict=True)]
        headers = [SliceHeader(self.index, *place) for place in group.slices]
        sizes = [sum(piece.nbytes for piece in group.pieces(*place)) for place in group.slices]
        common = [coder for coder in (*_tried(group), *others) if all(coder in each for each in found)]
        totals = {coder: sum(each[coder].size for each in found) for coder in common}
        raw = sum(len(build_slice_unit(header, b"")) for header in headers) + sum(sizes)
        coder = min(common, key=totals.__getitem__, default=EntropyCoder.RAW)
        if EntropyCoder.RAW in group.coders and (coder not in totals or raw < totals[coder]):
            coder, found = EntropyCoder.RAW, self._coded_by(EntropyCoder.RAW)
        slice_group = SliceGroup(group.representation, coder, group.quantiser)
        return CodedGroup(slice_group, headers, [each[coder] for each in found], max(sizes, default=0))

    def _others(self, found: list[dict[EntropyCoder, Stored]]) -> tuple[EntropyCoder, ...]:
        """Coders of levels to try when it is known what the first one makes of them.

        LZMA2 and rANS for levels that leave next to nothing, which no decoder would believe of mixing (9.4). rANS,
        which tells 0 from the rest at any step, where mixing takes clearly more than the order-0 entropy: many zeros, a
        fine step. (Weights without any structure come to half a percent more; to code them twice would gain as little.)
        """
        group = self.coding.plan.groups[self.index]
        if group.quantiser is None:
            return ()
        first = group.coders[0]
        if any(first not in each for each in found):
            return tuple(coder for coder in (EntropyCoder.LZMA2, EntropyCoder.RANS) if coder != first)
        coded = sum(each[first].size for each in found)
        is_poor = first == EntropyCoder.MIXING and 8 * coded > _POOR * self.coding.plan.estimated_bits(group)
        return (EntropyCoder.RANS,) if is_poor else ()

    def _coded_by(self, coder: EntropyCoder) -> list[dict[EntropyCoder, Stored]]:
        """The slices of the group once more, by another coder."""
        group = self.coding.plan.groups[self.index]
        tasks = (self.coding.task_again(group, group.pieces(*place), coder) for place in group.slices)
        results = self.work.silent.map(code_slice, tasks, [count for _, count in group.slices])
        found, releaser = [], Releaser()
        for place in group.slices:
            found.append(_stored(next(results)[0], SliceHeader(self.index, *place), self.spool))
            for piece in group.pieces(*place):
                _used(self.coding.plan, piece, releaser)
        return found


def _used(plan: Plan, piece: Piece, releaser: Releaser) -> None:
    """Say that a piece, and what predicts it, was read."""
    choice = plan.choices[piece.tensor]
    size = choice.tensor.nbytes * piece.count // max(choice.tensor.size, 1)
    releaser.used(choice.tensor.data, size)
    for _, reference in choice.candidate.pairs if choice.candidate is not None else ():
        releaser.used(reference.data, size)


def units_of(groups: list[CodedGroup]) -> Iterator[tuple[SliceHeader, Stored]]:
    """All slice units in stream order."""
    for group in groups:
        yield from zip(group.headers, group.units, strict=True)
