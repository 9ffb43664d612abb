"""SPEC.md clause E.3 (informative): estimates of what a tensor costs, by which the encoder compares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.difference import Exponents
from nncodec.entropy.binarisation import Levels
from nncodec.entropy.rans.binarisation import Binarisation, Kind, tokenise, work_dtype
from nncodec.rounding import Float64s
from nncodec.tables import EXPONENT_BITS, DType

Counts = npt.NDArray[np.int64]

_MANTISSA = 1
_SAMPLE = 1024
_MOST_COUNTED = 1 << 17


def entropy_bits(counts: Counts) -> float:
    """Order-0 entropy of symbols that occur `counts` times (none 0), in bits for all of them; cf. the paper's eq. 8."""
    return float(-(counts * np.log2(counts / counts.sum())).sum()) if counts.size else 0.0


def level_bits(levels: Levels) -> float:
    """Entropy of `levels`, and what a list of those that occur would cost.

    The entropy alone does not tell small levels from large ones where hardly any occurs twice.
    """
    if not levels.size:
        return 0.0
    low, high = int(levels.min()), int(levels.max())
    if high - low < max(4 * levels.size, 2**16):
        counts = np.bincount(levels.astype(np.int64) - low)
        counts = counts[counts > 0]
    else:
        counts = np.unique(levels, return_counts=True)[1]
    return entropy_bits(counts) + counts.size * math.log2(high - low + 1)


def plane_bits(words: bytes | memoryview, width: int) -> float:
    """Order-0 entropy of the byte planes of `words`, in bits: what an exact tensor costs, roughly."""
    symbols = np.frombuffer(words, np.uint8).reshape(-1, width) + 256 * np.arange(width)
    planes = np.bincount(symbols.ravel(), minlength=256 * width).reshape(width, 256)
    return sum(_counted_bits(plane) for plane in planes)


def word_bits(words: bytes | memoryview, width: int, dtype: DType) -> float:
    """What an exact tensor costs, roughly: a list of its words; or sign, exponent and two bits, and the bits below."""
    if dtype not in EXPONENT_BITS or not memoryview(words).nbytes:
        return plane_bits(words, width)
    every = np.frombuffer(words, f"<u{width}")
    numbers = every[:: max(every.size // _MOST_COUNTED, 1)]
    return _number_bits(numbers, width, dtype) * (every.size / numbers.size)


def _number_bits(numbers: npt.NDArray[np.unsignedinteger[Any]], width: int, dtype: DType) -> float:
    low = max(8 * width - 3 - EXPONENT_BITS[dtype], 0)
    below = max(low - trailing_zeros(numbers), 0)
    bits: float = (
        _counted_bits(np.bincount((numbers >> numbers.dtype.type(low)).astype(np.int64))) + below * numbers.size
    )
    if np.unique(numbers[:_SAMPLE]).size > min(numbers.size, _SAMPLE) // 2:
        return bits
    counts = np.unique(numbers, return_counts=True)[1]
    listed: float = entropy_bits(counts) + 8.0 * width * counts.size
    return min(bits, listed)


def trailing_zeros(words: npt.NDArray[np.unsignedinteger[Any]]) -> int:
    """How many of the lowest bits are 0 in every word; 0 where all are."""
    together = int(np.bitwise_or.reduce(words)) if words.size else 0
    return (together & -together).bit_length() - 1 if together else 0


def difference_bits(folded: bytes, width: int, exponents: Exponents | None) -> float:
    """What folded differences cost, roughly: tokens given the exponents of the prediction, and the bits behind."""
    if exponents is None or not folded:
        return plane_bits(folded, width)
    how = Binarisation(Kind.FOLDED, width, _MANTISSA)
    tokens, _ = tokenise(np.frombuffer(folded, f"<u{width}").astype(work_dtype(width)), how, 0)
    joint = _counted_bits(np.bincount(exponents.astype(np.int64) * how.alphabet + tokens))
    return joint - _counted_bits(np.bincount(exponents)) + float(how.widths()[tokens].sum())


def _counted_bits(counts: Counts) -> float:
    """Entropy of a source that gave `counts`, which a few symbols make look smaller (Miller and Madow, 1955)."""
    occurring = counts[counts > 0]
    return entropy_bits(occurring) + max(occurring.size - 1, 0) / (2 * math.log(2))


def energy(values: Float64s) -> float:
    """Sum of squares, infinite where it is too large; not by BLAS, whose threads take longer to wake than to run."""
    with np.errstate(over="ignore"):
        return float(np.square(values).sum())
