"""SPEC.md clause E.10 (informative): slices, entropy coded: each group by the coder of the fewest bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.groups import GroupPlan, Plan, slice_ranges
from nncodec.encoder.rans_model import Material, model_of
from nncodec.entropy.binarisation import FOLDED_BYTES, Levels, levels_to_folded
from nncodec.entropy.mixing.coder import Area
from nncodec.entropy.payload import encode_levels, encode_words
from nncodec.entropy.rans.binarisation import work_dtype
from nncodec.entropy.rans.coder import WordArea
from nncodec.entropy.rans.coder import encode_words as encode_by_rans
from nncodec.layout import Piece, level_area
from nncodec.limits import MAX_EXPANSION
from nncodec.syntax.model_parameter_set import SliceGroup
from nncodec.syntax.slice import SliceHeader
from nncodec.tables import DType, EntropyCoder, LevelWidth, Representation
from nncodec.work import Work

_TRIED_WHOLE = 1 << 21
_SAMPLED = 1 << 17

Payloads = dict[EntropyCoder, bytes]


@dataclass(frozen=True)
class CodedGroup:
    """A slice group with the payloads of its slices."""

    group: SliceGroup
    headers: list[SliceHeader]
    payloads: list[bytes]
    largest_slice: int


@dataclass(frozen=True)
class LevelTask:
    """A slice of levels and the coders to try."""

    coders: tuple[EntropyCoder, ...]
    parts: list[tuple[Levels, Area, LevelWidth]]
    size: int
    is_fast: bool

    def payload(self, coder: EntropyCoder) -> bytes | None:
        """The payload under `coder`; None where it cannot code the slice."""
        if coder != EntropyCoder.RANS:
            return encode_levels(self.parts, coder)
        words = levels_to_folded(np.concatenate([levels for levels, _, _ in self.parts]))
        areas = [WordArea(area.count) for _, area, _ in self.parts]
        return _by_rans(Material(words, areas, FOLDED_BYTES, None, self.is_fast))


@dataclass(frozen=True)
class WordTask:
    """A slice of exact words and the coders to try; dtype: None where the words are differences."""

    coders: tuple[EntropyCoder, ...]
    data: bytes
    areas: list[WordArea]
    width: int
    dtype: DType | None
    is_fast: bool

    @property
    def size(self) -> int:
        """Bytes of the words."""
        return len(self.data)

    def payload(self, coder: EntropyCoder) -> bytes | None:
        """The payload under `coder`; None where it cannot code the slice."""
        if coder != EntropyCoder.RANS:
            return encode_words(self.data, self.width, coder)
        words = np.frombuffer(self.data, f"<u{self.width}").astype(work_dtype(self.width))
        return _by_rans(Material(words, self.areas, self.width, self.dtype, self.is_fast))


def _by_rans(material: Material) -> bytes | None:
    head = model_of(material)
    return None if head is None else encode_by_rans(material.words, material.areas, head)


def code_slice(task: LevelTask | WordTask) -> Payloads:
    """The payloads of a slice under each coder that is worth trying."""
    payloads: Payloads = {}
    for coder in task.coders:
        if coder == EntropyCoder.LZMA2 and isinstance(task, WordTask) and not _is_promising(task, payloads):
            continue
        payload = task.payload(coder)
        if payload is not None and task.size <= MAX_EXPANSION * len(payload):  # else no decoder takes it (9.3, 9.4)
            payloads[coder] = payload
    return payloads


def _is_promising(task: WordTask, payloads: Payloads) -> bool:
    """Whether LZMA2, which is slow, may beat rANS: tried whole if the slice is short, else on a sample of it."""
    rans = payloads.get(EntropyCoder.RANS)
    if rans is None or task.size <= _TRIED_WHOLE:
        return True
    begin = task.size // 2 // task.width * task.width
    sample = task.data[begin : begin + _SAMPLED]
    return len(encode_words(sample, task.width, EntropyCoder.LZMA2)) * task.size < len(rans) * len(sample)


def code_groups(plan: Plan, config: EncoderConfig, work: Work) -> list[CodedGroup]:
    """Code every slice of every group with each admissible coder, and keep the shortest."""
    headers = [
        [SliceHeader(index, *place) for place in slice_ranges(group.layout, config, is_exact=group.quantiser is None)]
        for index, group in enumerate(plan.groups)
    ]
    sizes = [sum(piece.nbytes for piece in _pieces(plan, header)) for group in headers for header in group]
    results = work.map(code_slice, _tasks(plan, headers, config), sizes)
    coded, first = [], 0
    for group, its in zip(plan.groups, headers, strict=True):
        payloads = [next(results) for _ in its]
        if group.quantiser is not None and any(group.coders[0] not in each for each in payloads):
            payloads = [
                each | code_slice(_packed(plan, group, header, config))
                for each, header in zip(payloads, its, strict=True)
            ]
        coded.append(_cheapest(group, its, payloads, max(sizes[first : first + len(its)], default=0)))
        first += len(its)
    return coded


def _pieces(plan: Plan, header: SliceHeader) -> list[Piece]:
    layout = plan.groups[header.slice_group].layout
    return list(layout.pieces(header.first_symbol, header.symbol_count))


def _tasks(
    plan: Plan, headers: Sequence[Sequence[SliceHeader]], config: EncoderConfig
) -> Iterator[LevelTask | WordTask]:
    for group, its in zip(plan.groups, headers, strict=True):
        for header in its:
            make = _word_task if group.quantiser is None else _level_task
            yield make(plan, group, _pieces(plan, header), config)


def _cheapest(group: GroupPlan, headers: list[SliceHeader], payloads: Sequence[Payloads], largest: int) -> CodedGroup:
    """The coder of the fewest bytes, of those that coded every slice."""
    tried = (*group.coders, EntropyCoder.LZMA2)
    common = [coder for coder in tried if all(coder in each for each in payloads)]
    coder = min(common, key=lambda choice: sum(len(each[choice]) for each in payloads))
    slice_group = SliceGroup(group.representation, coder, group.quantiser)
    return CodedGroup(slice_group, headers, [each[coder] for each in payloads], largest)


def _packed(plan: Plan, group: GroupPlan, header: SliceHeader, config: EncoderConfig) -> LevelTask:
    """For levels that leave next to nothing, which no decoder would believe of another coder (9.4): LZMA2."""
    return replace(_level_task(plan, group, _pieces(plan, header), config), coders=(EntropyCoder.LZMA2,))


def _level_task(plan: Plan, group: GroupPlan, pieces: Sequence[Piece], config: EncoderConfig) -> LevelTask:
    trellis = group.representation == Representation.TRELLIS
    parts = []
    for piece in pieces:
        area = level_area(plan.records[piece.tensor], piece, trellis=trellis)
        parts.append((plan.levels_of(piece), area, LevelWidth(piece.width)))
    return LevelTask(group.coders, parts, sum(piece.nbytes for piece in pieces), config.fast)


def _word_task(plan: Plan, group: GroupPlan, pieces: Sequence[Piece], config: EncoderConfig) -> WordTask:
    data, areas = [], []
    for piece in pieces:
        choice = plan.choices[piece.tensor]
        words = memoryview(choice.tensor.data if choice.words is None else choice.words).cast("B")
        data.append(words[piece.start * piece.width : (piece.start + piece.count) * piece.width])
        exponents = choice.exponents
        told = None if exponents is None else exponents[piece.start : piece.start + piece.count]
        areas.append(WordArea(piece.count, told))
    first = plan.choices[pieces[0].tensor]
    dtype = first.tensor.dtype if first.words is None else None
    return WordTask(group.coders, b"".join(data), areas, pieces[0].width, dtype, config.fast)
