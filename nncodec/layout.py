"""SPEC.md clause 7.2: slice groups as sequences of symbols, and the slices that cover them.

The tensors of a slice group are laid end to end, in table order, as one sequence of symbols. A symbol is a level, or
one fixed-width word of an exact tensor. Encoder and decoder both take the sequence from here.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nncodec.entropy.mixing.coder import Area
from nncodec.model import TensorHeader, data_bytes, element_count
from nncodec.syntax.tensor_table import TensorRecord
from nncodec.tables import DTYPE_BITS, DType, Trellis

_COMPLEX_WORD = {DType.COMPLEX64: 4, DType.COMPLEX128: 8}


@dataclass(frozen=True)
class Segment:
    """The symbols of one tensor inside its group: `first` counts from the start of the group."""

    tensor: int
    first: int
    count: int
    width: int


@dataclass(frozen=True)
class Piece:
    """The part of one tensor that one slice holds: symbols `start` to `start + count` of the tensor."""

    tensor: int
    start: int
    count: int
    width: int

    @property
    def nbytes(self) -> int:
        """Bytes of the piece once binarised."""
        return self.count * self.width


@dataclass(frozen=True)
class GroupLayout:
    """The symbol sequence of one slice group."""

    segments: tuple[Segment, ...]

    @property
    def symbol_count(self) -> int:
        """Symbols of all tensors of the group."""
        return self.segments[-1].first + self.segments[-1].count if self.segments else 0

    def pieces(self, first: int, count: int) -> Iterator[Piece]:
        """The tensor parts that symbols `first` to `first + count` of the group are, in order."""
        end = first + count
        begin = bisect_right(self.segments, first, key=lambda segment: segment.first + segment.count)
        for index in range(begin, len(self.segments)):  # a copy of the rest would make many slices quadratic
            segment = self.segments[index]
            if segment.first >= end:
                return
            start = max(first, segment.first)
            stop = min(end, segment.first + segment.count)
            if stop > start:
                yield Piece(segment.tensor, start - segment.first, stop - start, segment.width)


def symbol_width(dtype: DType) -> int:
    """Bytes of one symbol of an exact tensor: its element, a complex element's half, or a single byte."""
    return _COMPLEX_WORD.get(dtype, max(1, DTYPE_BITS[dtype] // 8))


def tensor_bytes(record: TensorRecord) -> int:
    """Bytes of the decoded tensor."""
    size = data_bytes(record.dtype, record.shape)
    return size if size is not None else record.identity.string_size or 0


def header_of(record: TensorRecord) -> TensorHeader:
    """What the table says of the decoded tensor itself."""
    return TensorHeader(record.name, record.dtype, record.shape, tensor_bytes(record))


def level_area(record: TensorRecord, piece: Piece, trellis: Trellis | None) -> Area:
    """What the mixing coder is told of a tensor part with levels (clause 9.5.1)."""
    return Area(record.shape, piece.start, piece.count, trellis)


def element_total(record: TensorRecord) -> int:
    """Number of elements of the tensor."""
    return element_count(record.shape)


def extent(record: TensorRecord) -> int:
    """Product of all dimensions, an empty one counted as 1: bounded like an element count (Annex A.2)."""
    return math.prod(max(dim, 1) for dim in record.shape)


def lay_out(records: Sequence[TensorRecord], group_count: int) -> list[GroupLayout]:
    """One layout per slice group. Tensors without coded symbols take no place in any group."""
    segments: list[list[Segment]] = [[] for _ in range(group_count)]
    ends = [0] * group_count
    for index, record in enumerate(records):
        group = record.coding.slice_group
        if group is None:
            continue
        count, width = _symbols(record)
        segments[group].append(Segment(index, ends[group], count, width))
        ends[group] += count
    return [GroupLayout(tuple(parts)) for parts in segments]


def _symbols(record: TensorRecord) -> tuple[int, int]:
    if record.coding.has_levels:
        return element_total(record), int(record.coding.level_width or 0)
    width = symbol_width(record.dtype)
    return tensor_bytes(record) // width, width
