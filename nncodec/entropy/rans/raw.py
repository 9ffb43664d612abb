"""SPEC.md clause 9.6.5: raw bits, fields of any width one behind the other, and the words that they complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans import raw_kernels
from nncodec.entropy.rans.binarisation import Binarisation, Kind, Tokens, Words, tokenise, work_dtype
from nncodec.kernel import numba

Cells = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]


class RawWriter:
    """The inverse of RawReader, for `most` bits at most."""

    def __init__(self, most: int) -> None:
        self._cells = np.zeros(most // 64 + 2, np.uint64)
        self._position = 0

    def fields(self, values: Words, widths: npt.NDArray[np.integer[Any]]) -> None:
        """Append `values`, of which none is wider than its width, by numpy."""
        ends = self._position + np.cumsum(widths, dtype=np.int64)
        place, shift = (ends - widths) >> 6, ((ends - widths) & 63).astype(np.uint64)
        wide = values.astype(np.uint64)
        np.bitwise_or.at(self._cells, place, wide << shift)
        np.bitwise_or.at(self._cells, place + 1, wide >> np.uint64(1) >> (np.uint64(63) - shift))
        self._position = int(ends[-1]) if ends.size else self._position

    def floats(self, words: Words, how: Binarisation, count: int) -> None:
        """Append the raw bits of FLOATING words, of which `count` are not 0, by compiled code."""
        is_uniform = count == len(words) and how.low - how.zeros <= raw_kernels.THIRD
        pack = raw_kernels.pack_uniform if is_uniform else raw_kernels.pack_floats
        self._position = pack(words, how.low, how.zeros, self._position, self._cells)

    def numbers(self, words: Words, tokens: Tokens, how: Binarisation) -> None:
        """Append the raw bits of words of the other kinds, whose `tokens` are known, by compiled code."""
        given = words, tokens, how.origins(0), how.widths(), how.kind == Kind.FOLDED
        self._position = raw_kernels.pack_numbers(*given, self._position, self._cells)

    def finish(self) -> memoryview:
        """All bits, padded with 0 to whole bytes."""
        return self._cells.astype("<u8", copy=False).view(np.uint8).data[: (self._position + 7) // 8]


Spans = Sequence[tuple[Binarisation, int, Words, Tokens]]
"""Words of which the tokens are known: of each run of them how they are coded, and the base."""


def pack_words(spans: Spans) -> memoryview:
    """The raw bits of all words."""
    return _packed(spans) if numba() is None else _packed_compiled(spans)


def _packed(spans: Spans) -> memoryview:
    widths = [how.widths().astype(np.uint8)[tokens] for how, _, _, tokens in spans]
    writer = RawWriter(sum(int(each.sum(dtype=np.int64)) for each in widths))
    for (how, base, words, _), its in zip(spans, widths, strict=True):
        writer.fields(tokenise(words, how, base)[1], its)
    return writer.finish()


def _packed_compiled(spans: Spans) -> memoryview:
    counts = [int(np.count_nonzero(tokens)) for _, _, _, tokens in spans]
    writer = RawWriter(sum(count * int(each[0].widths().max()) for count, each in zip(counts, spans, strict=True)))
    for (how, _, words, tokens), count in zip(spans, counts, strict=True):
        if how.kind == Kind.FLOATING:
            writer.floats(words, how, count)
        elif how.kind != Kind.PALETTE:
            writer.numbers(words, tokens, how)
    return writer.finish()


class RawReader:
    """Reads the raw bits of a payload from its first on."""

    def __init__(self, data: memoryview) -> None:
        cells = np.empty(len(data) // 8 + 2, "<u8")
        cells[-2:] = 0
        cells.view(np.uint8)[: len(data)] = np.frombuffer(data, np.uint8)
        self._cells = cells.astype(np.uint64, copy=False)
        self._end = 8 * len(data)
        self._data = data
        self._position = 0
        self._known: tuple[Binarisation, int] | None = None
        self._tables: tuple[Words, Words, Integers]

    def complete(self, tokens: Tokens, how: Binarisation, base: int, words: Words) -> bool:
        """Complete `tokens` by raw bits and write them to `words`; False where the bits give out."""
        if self._known != (how, base):
            self._known, self._tables = (how, base), (how.origins(base), how.factors(), how.widths())
        if numba() is not None:
            return self._complete_compiled(tokens, words)
        origins, factors, widths = self._tables
        taken = widths[tokens]
        ends = self._position + np.cumsum(taken)
        if ends.size and ends[-1] > self._end:
            return False
        raw = self._fields(ends - taken, taken.astype(np.uint64)).astype(origins.dtype)
        self._position = int(ends[-1]) if ends.size else self._position
        words[:] = origins[tokens] + factors[tokens] * raw
        return True

    def complete_uniform(self, uppers: Tokens, how: Binarisation, base: int, words: Words) -> bool:
        """The same for FLOATING words other than 0, of which `uppers` are known."""
        width, around = how.low - how.zeros, (1 << (how.bits - 1 - how.low)) - 1
        begin, end = self._position, self._position + width * uppers.size
        if end > self._end:
            return False
        self._position, shift = end, (base << how.mantissa) & around
        if numba() is not None:
            given = uppers, shift, around, self._cells, begin, width
            raw_kernels.complete_uniform(*given, how.low, how.zeros, words)
            return True
        kind = work_dtype(how.width).type
        tops = ((uppers + np.uint16(shift)) & np.uint16(around)) | uppers & np.uint16(around + 1)
        raw = self._fields(np.arange(begin, end, width), np.uint64(width)) if width else np.uint64(0)
        words[:] = tops.astype(kind) << kind(how.low) | raw.astype(kind) << kind(how.zeros)
        return True

    def _complete_compiled(self, tokens: Tokens, words: Words) -> bool:
        origins, factors, widths = self._tables
        given = self._cells, self._position, self._end
        self._position = raw_kernels.complete(tokens, origins, factors, widths, *given, words)
        return self._position >= 0

    def _fields(self, starts: npt.NDArray[np.int64], widths: Cells | np.uint64) -> Cells:
        place, shift = starts >> 6, (starts & 63).astype(np.uint64)
        one = np.uint64(1)
        joined = self._cells[place] >> shift | self._cells[place + 1] << one << (np.uint64(63) - shift)
        fields: Cells = joined & ((one << widths) - one)
        return fields

    @property
    def is_finished(self) -> bool:
        """Whether all bits were read but for less than a byte of padding, which is 0."""
        rest = self._end - self._position
        return 0 <= rest < 8 and (rest == 0 or self._data[-1] >> (8 - rest) == 0)
