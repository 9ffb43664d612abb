"""SPEC.md clause E.3 (informative): entropies of counted symbols, by whole numbers.

Both forms, by numpy and compiled, give the same to the last bit, so that what an encoder chooses rests on neither.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from nncodec.kernel import inlined, kernel, numba

Integers = npt.NDArray[np.int64]

UNIT: Final = 1 << 16
"""Entropies count in so many parts of a bit."""
INDEX_BITS: Final = 12
"""Leading bits of a number by which its logarithm is looked up."""


@cache
def logarithms() -> Integers:
    """log2 of 0 (here 0) to 2^12, in units."""
    numbers = np.maximum(np.arange((1 << INDEX_BITS) + 1), 1)
    found: Integers = np.rint(np.log2(numbers) * UNIT).astype(np.int64)
    return found


def entropy_of(counts: Integers) -> tuple[float, int]:
    """Order-0 entropy, in bits for all of them, of symbols that occur `counts` times; and how many of them occur."""
    if numba() is None:
        units, distinct = weights(counts.sum(keepdims=True))[0] - weights(counts).sum(), np.count_nonzero(counts)
    else:
        units, distinct = entropy_units(counts, logarithms())
    return int(units) / UNIT, int(distinct)


def weights(counts: Integers) -> Integers:
    """Of every count n, n log2 n."""
    shifts = np.maximum(np.frexp(counts)[1].astype(np.int64) - INDEX_BITS, 0)
    leading, logs = counts >> shifts, logarithms()
    rest = counts - (leading << shifts)
    between = ((logs[np.minimum(leading + 1, 1 << INDEX_BITS)] - logs[leading]) * rest) >> shifts
    weights: Integers = counts * (shifts * UNIT + logs[leading] + between)
    return weights


@kernel
def entropy_units(counts, logs):  # type: ignore[no-untyped-def]
    """The entropy in units, and how many counts are not 0."""
    total = weights = distinct = 0
    for i in range(len(counts)):
        number = counts[i]
        if number > 0:
            total += number
            weights += weight_of(number, logs)
            distinct += 1
    return weight_of(total, logs) - weights, distinct


@inlined
def weight_of(number, logs):  # type: ignore[no-untyped-def]
    """Of a number n, n log2 n."""
    shift = 0
    while number >> shift >= 1 << INDEX_BITS:
        shift += 1
    leading = number >> shift
    rest = number - (leading << shift)
    return number * (shift * UNIT + logs[leading] + (((logs[leading + 1] - logs[leading]) * rest) >> shift))
