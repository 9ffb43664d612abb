"""SPEC.md clause 9.6.3: the head of a payload: lanes, sets of areas that are coded alike, and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans.binarisation import Binarisation, Kind
from nncodec.entropy.rans.bits import BitReader, BitWriter, damaged
from nncodec.entropy.rans.kernels import ACTIVITIES
from nncodec.entropy.rans.lanes import Contexts, Slots, lane_starts
from nncodec.entropy.rans.tables import (
    FrequencyTable,
    Integers,
    read_tables,
    slots,
    write_tables,
)

LEAST_SCALE: Final = 8
MAX_SETS: Final = 256
MAX_SIDES: Final = 64
MAX_THRESHOLDS: Final = 31
MAX_BASE: Final = 1 << 12
MAX_PALETTE: Final = 4096


@dataclass(frozen=True)
class CodingSet:
    """How the areas of one set are coded.

    sides: contexts by the side values of their symbols; thresholds: activities at which a new context begins.
    chosen: for each side, and in it for each activity context, the place in `tables`.
    """

    how: Binarisation
    sides: int
    thresholds: tuple[int, ...]
    chosen: tuple[int, ...]
    tables: tuple[FrequencyTable, ...]

    @property
    def has_base(self) -> bool:
        """Whether areas of the set tell a base."""
        return self.how.kind == Kind.FLOATING or self.sides > 1

    @property
    def is_uniform(self) -> bool:
        """Whether all its symbols are FLOATING words other than 0, so that all have as many raw bits."""
        return self.how.kind == Kind.FLOATING and all(table.tokens[0] > 0 for table in self.tables)

    def gives(self) -> npt.NDArray[np.integer[Any]]:
        """What a decoder is given for every token: itself, or in a uniform set its upper."""
        return self.how.uppers() if self.is_uniform else np.arange(self.how.alphabet)


@dataclass(frozen=True)
class Head:
    """All that stands before the lanes.

    lanes: how many, a power of two. areas: for each area, its set and its base.
    words: how many 16-bit words each lane has.
    """

    lanes: int
    scale: int
    precision: int
    start: int
    sets: tuple[CodingSet, ...]
    areas: tuple[tuple[int, int], ...]
    words: tuple[int, ...]

    def slots(self) -> Slots:
        """The slots of all tables, those of set 0 first; in uniform sets with uppers in place of tokens."""
        entries = [slots(each.tables, each.how.classes(), each.gives()) for each in self.sets]
        return Slots(np.concatenate(entries), self.scale)

    def contexts(self, counts: tuple[int, ...], sides: Sequence[npt.NDArray[np.uint16] | None]) -> Contexts:
        """Where every symbol of areas of `counts` symbols finds its table; `sides`: their side values, if any."""
        first_rows = [0, *accumulate(each.sides for each in self.sets)]
        is_dynamic = any(each.thresholds for each in self.sets)
        if first_rows[-1] == 1 and not is_dynamic and self.lanes % 4 == 0:  # nobody looks at them
            return Contexts(np.broadcast_to(np.uint16(0), sum(counts)), self._tables(), self.start, is_dynamic)
        rows = np.empty(sum(counts), np.uint16)
        end = 0
        for (number, base), count, side in zip(self.areas, counts, sides, strict=True):
            begin, end = end, end + count
            rows[begin:end] = first_rows[number]
            last = self.sets[number].sides - 1
            if side is not None and last > 0:
                rows[begin:end] += np.clip(side.astype(np.int64) - base, 0, last).astype(np.uint16)
        return Contexts(rows, self._tables(), self.start, is_dynamic)

    def _tables(self) -> npt.NDArray[np.int32]:
        """For every row, that is set and side, and every activity: the number of the table."""
        parts, first = [], 0
        for each in self.sets:
            sizes = np.diff((0, *each.thresholds, ACTIVITIES))
            chosen = np.array(each.chosen, np.int32).reshape(each.sides, len(sizes))
            parts.append(np.repeat(chosen, sizes, 1) + np.int32(first))
            first += len(each.tables)
        return np.concatenate(parts).ravel()


class Room:
    """What the sets of a payload may still take: what a few bytes can ask for is bounded by the symbols they code."""

    def __init__(self, symbols: int) -> None:
        self.slots = self.alphabet = min(2**20, 2**15 + 64 * symbols)
        self.contexts = min(2**13, 2**10 + symbols // 16)

    def take(self, *, alphabet: int = 0, contexts: int = 0, slots: int = 0) -> bool:
        """Count off what a set takes; whether it was there."""
        self.alphabet -= alphabet
        self.contexts -= contexts
        self.slots -= slots
        return min(self.alphabet, self.contexts, self.slots) >= 0


def has_room(head: Head, symbols: int) -> bool:
    """Whether a decoder would take the sets of `head` for so many symbols."""
    room = Room(symbols)
    needs = ((each.how.alphabet, len(each.chosen), len(each.tables) << head.scale) for each in head.sets)
    fits = all(room.take(alphabet=alphabet, contexts=contexts, slots=slots) for alphabet, contexts, slots in needs)
    return fits and len(head.sets) <= MAX_SETS


def _require(fits: bool, reader: BitReader) -> None:  # noqa: FBT001 - what is required
    if not fits:
        raise damaged("more tokens, contexts or tables than so few symbols may have", reader.offset)


def write_head(head: Head) -> bytes:
    """The head as bytes."""
    writer = BitWriter()
    writer.bits(head.lanes.bit_length() - 1, 4)
    writer.bits(head.scale - LEAST_SCALE, 3)
    writer.bits(head.precision, 3)
    writer.bits(head.start, 6)
    writer.golomb(len(head.sets) - 1)
    for each in head.sets:
        _write_set(writer, each, head.precision)
    previous = 0
    for number, base in head.areas:
        writer.bits(number, _index_bits(len(head.sets)))
        if head.sets[number].has_base:
            writer.signed(base - previous)
            previous = base
    counts = np.array((0, *head.words), np.int64)
    writer.signed_numbers(counts[1:] - counts[:-1])
    return writer.finish()


def read_head(data: memoryview, width: int, counts: tuple[int, ...], offset: int) -> tuple[Head, int]:
    """Inverse of `write_head` for areas of `counts` words of `width` bytes; and its size. Raises InvalidStreamError."""
    reader = BitReader(data, offset)
    lanes, scale = 1 << reader.bits(4), LEAST_SCALE + reader.bits(3)
    precision, start = reader.bits(3), reader.bits(6)
    if lanes > max(sum(counts), 1):
        raise damaged(f"{lanes} lanes for {sum(counts)} symbols", offset)
    room = Room(sum(counts))
    sets = [_read_set(reader, width, (scale, precision), room) for _ in range(reader.golomb(MAX_SETS - 1) + 1)]
    areas, previous = [], 0
    for _ in counts:
        number = reader.bits(_index_bits(len(sets)))
        if number >= len(sets):
            raise damaged(f"an area of set {number} of {len(sets)}", offset)
        base = previous + reader.signed(2 * MAX_BASE) if sets[number].has_base else 0
        if abs(base) > MAX_BASE:
            raise damaged(f"a base of {base}", offset)
        previous = base if sets[number].has_base else previous
        areas.append((number, base))
    words = _read_word_counts(reader, lane_starts(sum(counts), lanes))
    return Head(lanes, scale, precision, start, tuple(sets), tuple(areas), words), reader.finish()


def _read_word_counts(reader: BitReader, starts: Integers) -> tuple[int, ...]:
    counts, most = np.cumsum(reader.signed_numbers(len(starts) - 1, 2 * int(starts[-1]))), np.diff(starts)
    wrong = np.flatnonzero((counts < 0) | (counts > most))
    if wrong.size:
        raise damaged(f"a lane of {counts[wrong[0]]} words for {most[wrong[0]]} symbols", reader.offset)
    found: list[int] = counts.tolist()
    return tuple(found)


def _index_bits(count: int) -> int:
    """Bits that tell one of `count` things."""
    return (count - 1).bit_length()


def _write_set(writer: BitWriter, each: CodingSet, precision: int) -> None:
    _write_binarisation(writer, each.how)
    writer.golomb(each.sides - 1)
    writer.golomb(len(each.thresholds))
    writer.ascending(each.thresholds)
    writer.golomb(len(each.tables) - 1)
    for place in each.chosen:
        writer.bits(place, _index_bits(len(each.tables)))
    write_tables(writer, each.tables, precision)


def _read_set(reader: BitReader, width: int, grid: tuple[int, int], room: Room) -> CodingSet:
    how = _read_binarisation(reader, width)
    _require(room.take(alphabet=how.alphabet), reader)
    sides = reader.golomb(MAX_SIDES - 1) + 1
    thresholds = reader.ascending(reader.golomb(MAX_THRESHOLDS), ACTIVITIES - 1)
    contexts = sides * (len(thresholds) + 1)
    _require(room.take(contexts=contexts), reader)
    count = reader.golomb(contexts - 1) + 1
    _require(room.take(slots=count << grid[0]), reader)
    chosen = [reader.bits(_index_bits(count)) for _ in range(contexts)]
    if max(chosen) >= count:
        raise damaged(f"table {max(chosen)} of {count}", reader.offset)
    tables = read_tables(reader, count, how.alphabet, grid)
    return CodingSet(how, sides, thresholds, tuple(chosen), tuple(tables))


def _write_binarisation(writer: BitWriter, how: Binarisation) -> None:
    writer.bits(how.kind, 2)
    if how.kind == Kind.PALETTE:
        writer.golomb(len(how.palette) - 1)
        writer.ascending(how.palette)
        return
    writer.bits(how.mantissa, 3)
    if how.kind == Kind.FLOATING:
        writer.bits(how.low, 6)
        writer.bits(how.zeros, 6)


def _read_binarisation(reader: BitReader, width: int) -> Binarisation:
    kind = Kind(reader.bits(2))
    if kind == Kind.PALETTE:
        count = reader.golomb(MAX_PALETTE - 1) + 1
        return Binarisation(kind, width, palette=reader.ascending(count, (1 << (8 * width)) - 1))
    mantissa = reader.bits(3)
    low, zeros = (reader.bits(6), reader.bits(6)) if kind == Kind.FLOATING else (0, 0)
    how = Binarisation(kind, width, mantissa, low, zeros)
    if not how.fits:
        raise damaged("a binarisation with too many tokens, or bits that its words do not have", reader.offset)
    return how
