"""SPEC.md clause E.3 (informative): estimates of what a tensor costs, by which the encoder compares."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nncodec.entropy.binarisation import Levels
from nncodec.rounding import Float64s

Counts = npt.NDArray[np.int64]


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
    counts = np.bincount(symbols.ravel(), minlength=256 * width)
    counts = counts[counts > 0]
    total = symbols.shape[0]
    return float(-(counts * np.log2(counts / total)).sum()) if counts.size else 0.0


def energy(values: Float64s) -> float:
    """Sum of squares, infinite where it is too large; not by BLAS, whose threads take longer to wake than to run."""
    with np.errstate(over="ignore"):
        return float(np.square(values).sum())
