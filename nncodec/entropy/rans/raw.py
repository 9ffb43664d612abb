"""SPEC.md clause 9.6.5: raw bits, fields of any width one behind the other, and the words that they complete."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans import kernels
from nncodec.entropy.rans.binarisation import Binarisation, Kind, Tokens, Words
from nncodec.kernel import numba

Cells = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]


def pack(values: Words, widths: npt.NDArray[np.integer[Any]]) -> memoryview:
    """The `values`, of which none is wider than its width, as a string of bits, padded with 0 to whole bytes."""
    total = int(widths.sum())
    cells = np.zeros(total // 64 + 2, np.uint64)
    if numba() is not None:
        kernels.pack_fields(values, widths, cells)
    else:
        starts = np.cumsum(widths, dtype=np.int64) - widths
        place, shift = starts >> 6, (starts & 63).astype(np.uint64)
        wide = values.astype(np.uint64)
        np.bitwise_or.at(cells, place, wide << shift)
        np.bitwise_or.at(cells, place + 1, wide >> np.uint64(1) >> (np.uint64(63) - shift))
    return cells.astype("<u8", copy=False).view(np.uint8).data[: (total + 7) // 8]


class RawReader:
    """Reads the raw bits of a payload from its first on."""

    def __init__(self, data: memoryview) -> None:
        cells = np.zeros(len(data) // 8 + 2, "<u8")
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
            return self._complete_compiled(tokens, how, words)
        origins, factors, widths = self._tables
        taken = widths[tokens]
        ends = self._position + np.cumsum(taken)
        if ends.size and ends[-1] > self._end:
            return False
        raw = self._fields(ends - taken, taken.astype(np.uint64)).astype(origins.dtype)
        self._position = int(ends[-1]) if ends.size else self._position
        words[:] = origins[tokens] + factors[tokens] * raw
        return True

    def _complete_compiled(self, tokens: Tokens, how: Binarisation, words: Words) -> bool:
        origins, factors, widths = self._tables
        if how.kind == Kind.FLOATING and tokens.min(initial=1) > 0:  # no word is 0, so all have as many raw bits
            width = how.low - how.zeros
            end = self._position + width * tokens.size
            if end > self._end:
                return False
            kernels.complete_alike(tokens, origins, how.zeros, width, self._cells, self._position, words)
            self._position = end
        else:
            given = self._cells, self._position, self._end
            self._position = kernels.complete(tokens, origins, factors, widths, *given, words)
        return self._position >= 0

    def _fields(self, starts: npt.NDArray[np.int64], widths: Cells) -> Cells:
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
