"""SPEC.md clause 9.5.3: the tables of the mixing coder, by integer arithmetic alone."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from nncodec.kernel import index, inlined

Table = npt.NDArray[np.int32]

SQUASH_LIMIT: Final = 3071
"""Largest magnitude of log-odds that are told apart, in 1/256 nat."""

COUNT_LIMIT: Final = 60
"""Largest count of a cell with a probability."""

PACE_LIMIT: Final = 120
"""Largest count of a cell with log-odds."""

_ONE = 1 << 128
_LOG_ENTRIES = 4096


@cache
def squash_table() -> Table:
    """Entry x + SQUASH_LIMIT: 65536 / (1 + exp(-x / 256)), rounded down, at least 1."""
    powers, step = [_ONE], _exponential_step()
    for _ in range(SQUASH_LIMIT):
        powers.append(powers[-1] * step >> 128)
    rising = [65536 * power // (_ONE + power) for power in powers]
    falling = [65536 * _ONE // (_ONE + power) for power in powers]
    return np.array([max(entry, 1) for entry in falling[:0:-1] + rising], np.int32)


@cache
def pace_table() -> Table:
    """Entry n: 65536 * 4 / (n + 8), rounded down: how far log-odds move at event n, in nats for a whole error."""
    return np.array([4 * 65536 // (n + 8) for n in range(PACE_LIMIT + 1)], np.int32)


@cache
def rate_table() -> Table:
    """Entry n: 65536 / (n + 3/2), rounded down: how far something moves at its event n."""
    return np.array([2 * 65536 // (2 * n + 3) for n in range(COUNT_LIMIT + 1)], np.int32)


@cache
def logarithm_table() -> Table:
    """Entry i: floor(8 log2 i), which is the bit length of i^8 less 1; entry 0 is 0."""
    return np.array([max((i**8).bit_length() - 1, 0) for i in range(_LOG_ENTRIES)], np.int32)


@inlined
def logarithm(x, logs):  # type: ignore[no-untyped-def]
    """About 8 log2 x, for x > 0."""
    octaves = 0
    while x >= 4096:
        x >>= 4
        octaves += 32
    return logs[index(x)] + octaves


def _exponential_step() -> int:
    """exp(1 / 256) in units of 2^-128, by its series with every term rounded down."""
    total, term, n = 0, _ONE, 0
    while term:
        total += term
        n += 1
        term //= 256 * n
    return total
