"""SPEC.md clause E.6 (informative): the sums over half levels and residuals by which quantisers are tuned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nncodec.entropy.binarisation import Levels
from nncodec.kernel import index, kernel, numba
from nncodec.quantisation import HalfLevels, half_level, half_levels, next_state, sign_of
from nncodec.rounding import Float64s
from nncodec.tables import Trellis


@dataclass(frozen=True)
class Sums:
    """Of half levels h and residuals r: the sums that clause E.6 asks for, and the number of levels that are not 0."""

    outwards: float = 0.0
    magnitudes: int = 0
    squares: float = 0.0
    products: float = 0.0
    energy: float = 0.0
    count: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.outwards + other.outwards,
            self.magnitudes + other.magnitudes,
            self.squares + other.squares,
            self.products + other.products,
            self.energy + other.energy,
            self.count + other.count,
        )


def sums_of(levels: Levels, trellis: Trellis | None, residual: Iterator[Float64s]) -> Sums:
    """The sums of levels of one part of a tensor, and of what they were chosen from, block by block."""
    if numba() is None:
        return _sums_of_halves(half_levels(levels, trellis), residual)
    total, first, state = Sums(), 0, 0
    for block in residual:
        part = levels[first : first + block.size]
        *found, state = sum_up(part, block, *(trellis or (0, 0)), state)
        total, first = total + Sums(*found), first + block.size
    return total


def _in_order(values: Float64s) -> float:
    """The sum, rounded at each step as the compiled loop does; numpy's own sum takes another order."""
    return float(np.cumsum(values)[-1]) if values.size else 0.0


def _sums_of_halves(halves: HalfLevels, residual: Iterator[Float64s]) -> Sums:
    total, first = Sums(), 0
    for block in residual:
        part, first = halves[first : first + block.size], first + block.size
        with np.errstate(over="ignore", invalid="ignore"):
            total += Sums(
                outwards=_in_order(np.sign(part) * block),
                magnitudes=int(np.abs(part).sum(dtype=np.int64)),
                squares=_in_order(np.square(part, dtype=np.float64)),
                products=_in_order(part * block),
                energy=_in_order(np.square(block)),
                count=int(np.count_nonzero(part)),
            )
    return total


@kernel
def sum_up(levels, residual, feedback, drive, state):  # type: ignore[no-untyped-def]
    """The fields of `Sums`, in their order, and the state (8.2.1) behind the last level; `state`: before the first."""
    outwards = magnitudes = squares = products = energy = 0.0
    count = 0
    for i in range(len(levels)):
        level, left = levels[index(i)], residual[index(i)]
        half, sign = float(half_level(level, state & 1)), sign_of(level)
        state = next_state(state, level, feedback, drive)
        outwards += sign * left
        magnitudes += abs(half)
        squares += half * half
        products += half * left
        energy += left * left
        count += abs(sign)
    return outwards, int(magnitudes), squares, products, energy, count, state
