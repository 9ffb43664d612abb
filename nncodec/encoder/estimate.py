"""SPEC.md clause E.3 (informative): estimates of what a tensor costs, by which the encoder compares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.difference import Exponents
from nncodec.encoder.entropies import entropy_of
from nncodec.encoder.values import spans
from nncodec.entropy.binarisation import Levels, smallest_width
from nncodec.entropy.rans.binarisation import Binarisation, Kind, tokenise, work_dtype
from nncodec.entropy.rans.narrow import counted, extent
from nncodec.layout import symbol_width
from nncodec.memory import RELEASE_EVERY, Releaser
from nncodec.model import Tensor
from nncodec.prediction import BLOCK
from nncodec.tables import EXPONENT_BITS, DType, LevelWidth

Counts = npt.NDArray[np.int64]

_MANTISSA = 1
_SAMPLE = 1024
_FEW_OF = 1 << 12
_OCCURRENCES = 16
"""Of words of which there are few, each occurs so often in a sample of 2^12, on average."""
_MOST_COUNTED = 1 << 17
_MOST_COUNTS = 1 << 22
"""Counts that are kept at most; the levels of a tensor with more are taken to be all different."""


def entropy_bits(counts: Counts) -> float:
    """Order-0 entropy of symbols that occur `counts` times, in bits for all of them; cf. the paper's eq. 8."""
    return entropy_of(counts)[0]


class LevelCounts:
    """How often each level occurs, for levels that come in parts."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._low = self._high = 0
        self._found: Levels | None = None
        self._counts = np.zeros(0, np.int64)
        self._is_full = False

    @property
    def all_are_zero(self) -> bool:
        """Whether no other level occurs."""
        return self._low == self._high == 0

    @property
    def width(self) -> LevelWidth:
        """The narrowest width that holds every level."""
        return smallest_width(self._low, self._high)

    def add(self, levels: Levels) -> None:
        """Count some of them."""
        if not levels.size:
            return
        low, high = extent(levels)
        first = not self._counts.size
        low, high = (low, high) if first else (min(low, self._low), max(high, self._high))
        if high - low < min(4 * self._size, _MOST_COUNTS) and self._found is None:
            counts = counted(levels, high - low + 1, low)
            if not first:
                counts[self._low - low : self._high - low + 1] += self._counts
            self._counts = counts
        elif not self._is_full:
            self._merge(levels)
        self._low, self._high = low, high

    def _merge(self, levels: Levels) -> None:
        """Count levels that are too far apart for a table."""
        if self._found is None:
            present = np.flatnonzero(self._counts)
            self._found, self._counts = (present + self._low).astype(np.int32), self._counts[present]
        found, counts = np.unique(levels, return_counts=True)
        if self._found.size:
            found, places = np.unique(np.concatenate([self._found, found]), return_inverse=True)
            counts = np.bincount(places, np.concatenate([self._counts, counts])).astype(np.int64)
        self._found, self._counts = found, counts
        self._is_full = found.size > _MOST_COUNTS

    def bits(self) -> float:
        """Entropy of the levels, and what a list of those that occur would cost.

        The entropy alone does not tell small levels from large ones where hardly any occurs twice.
        """
        if not self._counts.size:
            return 0.0
        each = math.log2(self._high - self._low + 1)
        if self._is_full:
            return self._size * (math.log2(self._size) + each)
        bits, distinct = entropy_of(self._counts)
        return bits + distinct * each


def plane_bits(words: bytes | memoryview, width: int) -> float:
    """Order-0 entropy of the byte planes of `words`, in bits: what an exact tensor costs, roughly."""
    counts, releaser = np.zeros(256 * width, np.int64), Releaser()
    for start, size in spans(memoryview(words).nbytes, BLOCK * width):
        symbols = np.frombuffer(words, np.uint8, size, start).reshape(-1, width) + 256 * np.arange(width)
        counts += np.bincount(symbols.ravel(), minlength=256 * width)
        releaser.used(words, size)
    return sum(_counted_bits(plane) for plane in counts.reshape(width, 256))


def word_bits(words: bytes | memoryview, width: int, dtype: DType) -> float:
    """What an exact tensor costs, roughly: a list of its words; or sign, exponent and two bits, and the bits below."""
    if dtype not in EXPONENT_BITS or not memoryview(words).nbytes:
        return plane_bits(words, width)
    numbers = _sampled(words, width)
    return _number_bits(numbers, width, dtype) * (memoryview(words).nbytes / numbers.nbytes)


def has_few_values(tensor: Tensor) -> bool:
    """Whether a few words make up the tensor, so that a list of them tells all: its estimate is what it comes to."""
    numbers = _sampled(tensor.data, symbol_width(tensor.dtype))
    sample = numbers[:: max(numbers.size // _FEW_OF, 1)]
    return np.unique(sample).size * _OCCURRENCES <= sample.size


def _sampled(words: bytes | memoryview, width: int) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Words at equal distances, some `_MOST_COUNTED` of them; those of a mapped file part by part."""
    every = np.frombuffer(words, f"<u{width}")
    step = max(every.size // _MOST_COUNTED, 1)
    most = step * max(RELEASE_EVERY // (width * step), 1)
    parts, releaser = [], Releaser()
    for start, count in spans(every.size, most):
        parts.append(every[start : start + count : step].copy())
        releaser.used(words, count * width)
    return np.concatenate(parts)


def _number_bits(numbers: npt.NDArray[np.unsignedinteger[Any]], width: int, dtype: DType) -> float:
    low = max(8 * width - 3 - EXPONENT_BITS[dtype], 0)
    below = max(low - trailing_zeros(numbers), 0)
    bits: float = (
        _counted_bits(counted(numbers >> numbers.dtype.type(low), 1 << (8 * width - low))) + below * numbers.size
    )
    sample = np.sort(numbers[:_SAMPLE])
    if np.count_nonzero(sample[1:] != sample[:-1]) >= sample.size // 2:
        return bits
    counts = np.unique(numbers, return_counts=True)[1]
    listed: float = entropy_bits(counts) + 8.0 * width * counts.size
    return min(bits, listed)


def trailing_zeros(words: npt.NDArray[np.unsignedinteger[Any]]) -> int:
    """How many of the lowest bits are 0 in every word; 0 where all are."""
    together = int(np.bitwise_or.reduce(words)) if words.size else 0
    return (together & -together).bit_length() - 1 if together else 0


class DifferenceCounts:
    """What folded differences of `width` bytes cost, roughly.

    Tokens given the exponents of the prediction, and the bits behind; without exponents their byte planes.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._how = Binarisation(Kind.FOLDED, width, _MANTISSA)
        self._joint = np.zeros((1, self._how.alphabet), np.int64)
        self._planes = np.zeros((width, 256), np.int64)

    def add(self, folded: bytes, exponents: Exponents | None) -> None:
        """Count some of them."""
        if exponents is None:
            symbols = np.frombuffer(folded, np.uint8).reshape(-1, self._width)
            self._planes += np.stack([np.bincount(plane, minlength=256) for plane in symbols.T])
            return
        words = np.frombuffer(folded, f"<u{self._width}").astype(work_dtype(self._width))
        tokens, _ = tokenise(words, self._how, 0)
        counts = np.bincount(exponents.astype(np.int64) * self._how.alphabet + tokens)
        rows = -(-counts.size // self._how.alphabet)
        if rows > len(self._joint):
            self._joint = np.pad(self._joint, ((0, rows - len(self._joint)), (0, 0)))
        self._joint.ravel()[: counts.size] += counts

    def bits(self) -> float:
        """The estimate."""
        behind = float((self._joint.sum(0) * self._how.widths()).sum())
        joint = _counted_bits(self._joint.ravel()) - _counted_bits(self._joint.sum(1))
        return joint + behind + sum(_counted_bits(plane) for plane in self._planes)


def _counted_bits(counts: Counts) -> float:
    """Entropy of a source that gave `counts`, which a few symbols make look smaller (Miller and Madow, 1955)."""
    bits, distinct = entropy_of(counts)
    return bits + max(distinct - 1, 0) / (2 * math.log(2))
