"""SPEC.md clause E.10 (informative): slices, entropy coded: each group by the coder of the fewest bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.groups import GroupPlan, Plan, slice_ranges
from nncodec.encoder.rans_model import Material, model_of
from nncodec.entropy.binarisation import levels_to_folded
from nncodec.entropy.payload import encode_levels, encode_words
from nncodec.entropy.rans.binarisation import work_dtype
from nncodec.entropy.rans.coder import WordArea
from nncodec.entropy.rans.coder import encode_words as encode_by_rans
from nncodec.layout import Piece, level_area
from nncodec.limits import MAX_EXPANSION
from nncodec.syntax.model_parameter_set import SliceGroup
from nncodec.syntax.slice import SliceHeader
from nncodec.tables import EntropyCoder, LevelWidth, Representation

Progress = Callable[[int, int], None]
"""Called with the bytes coded so far and the bytes in all."""

_FOLDED_BYTES = 4
_TRIED_WHOLE = 1 << 21
_SAMPLED = 1 << 17


@dataclass(frozen=True)
class CodedGroup:
    """A slice group with the payloads of its slices."""

    group: SliceGroup
    headers: list[SliceHeader]
    payloads: list[bytes]
    largest_slice: int


def code_groups(plan: Plan, config: EncoderConfig, progress: Progress | None) -> list[CodedGroup]:
    """Code every slice of every group with each admissible coder, and keep the shortest."""
    total = sum(segment.count * segment.width for group in plan.groups for segment in group.layout.segments)
    done, coded = 0, []
    for index, group in enumerate(plan.groups):
        headers = [SliceHeader(index, *place) for place in slice_ranges(group.layout, config)]
        payloads: dict[EntropyCoder, list[bytes]] = {coder: [] for coder in group.coders}
        largest = 0
        for header in headers:
            pieces = list(group.layout.pieces(header.first_symbol, header.symbol_count))
            size = sum(piece.nbytes for piece in pieces)
            for candidate in list(payloads):
                parts = payloads[candidate]
                if candidate == EntropyCoder.LZMA2 and not parts and not _is_promising(plan, pieces, payloads):
                    del payloads[candidate]
                    continue
                parts.append(_payload(plan, pieces, group, candidate, config))
                if size > MAX_EXPANSION * len(parts[-1]):  # no decoder would take it (9.3)
                    del payloads[candidate]
            largest, done = max(largest, size), done + size
            if progress is not None:
                progress(done, total)
        coded.append(_cheapest(group, headers, payloads, largest))
    return coded


def _is_promising(plan: Plan, pieces: Sequence[Piece], payloads: dict[EntropyCoder, list[bytes]]) -> bool:
    """Whether LZMA2, which is slow, may beat rANS on a slice of exact words: tried whole if short, else on a sample."""
    rans = payloads.get(EntropyCoder.RANS)
    size = sum(piece.nbytes for piece in pieces)
    if not rans or size <= _TRIED_WHOLE:
        return True
    width = pieces[0].width
    begin = size // 2 // width * width
    sample = _bytes_of(plan, pieces)[begin : begin + _SAMPLED]
    return len(encode_words(sample, width, EntropyCoder.LZMA2)) * size < len(rans[0]) * len(sample)


def _cheapest(
    group: GroupPlan, headers: list[SliceHeader], payloads: dict[EntropyCoder, list[bytes]], largest: int
) -> CodedGroup:
    coder = min(payloads, key=lambda choice: sum(map(len, payloads[choice])))
    return CodedGroup(SliceGroup(group.representation, coder, group.quantiser), headers, payloads[coder], largest)


def _payload(
    plan: Plan, pieces: Sequence[Piece], group: GroupPlan, coder: EntropyCoder, config: EncoderConfig
) -> bytes:
    if coder == EntropyCoder.RANS:
        material = (_exact_material if group.quantiser is None else _level_material)(plan, pieces, config)
        return encode_by_rans(material.words, material.areas, model_of(material))
    if group.quantiser is None:
        return encode_words(_bytes_of(plan, pieces), pieces[0].width, coder)
    trellis = group.representation == Representation.TRELLIS
    levels = []
    for piece in pieces:
        area = level_area(plan.records[piece.tensor], piece, trellis=trellis)
        levels.append((plan.levels_of(piece), area, LevelWidth(piece.width)))
    return encode_levels(levels, coder)


def _bytes_of(plan: Plan, pieces: Sequence[Piece]) -> bytes:
    """The words of exact tensor parts, end to end."""
    parts = []
    for piece in pieces:
        choice = plan.choices[piece.tensor]
        data = memoryview(choice.tensor.data if choice.words is None else choice.words).cast("B")
        parts.append(data[piece.start * piece.width : (piece.start + piece.count) * piece.width])
    return b"".join(parts)


def _exact_material(plan: Plan, pieces: Sequence[Piece], config: EncoderConfig) -> Material:
    width, first = pieces[0].width, plan.choices[pieces[0].tensor]
    areas = []
    for piece in pieces:
        exponents = plan.choices[piece.tensor].exponents
        told = None if exponents is None else exponents[piece.start : piece.start + piece.count]
        areas.append(WordArea(piece.count, told))
    words = np.frombuffer(_bytes_of(plan, pieces), f"<u{width}").astype(work_dtype(width))
    return Material(words, areas, width, first.tensor.dtype if first.words is None else None, config.fast)


def _level_material(plan: Plan, pieces: Sequence[Piece], config: EncoderConfig) -> Material:
    words = levels_to_folded(np.concatenate([plan.levels_of(piece) for piece in pieces]))
    return Material(words, [WordArea(piece.count) for piece in pieces], _FOLDED_BYTES, None, config.fast)
