"""SPEC.md clause E.6 (informative): the sums over half levels and residuals by which quantisers are tuned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncodec.kernel import kernel, numba
from nncodec.quantisation import HalfLevels
from nncodec.rounding import Float64s


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


def sums_of_block(halves: HalfLevels, residual: Float64s) -> Sums:
    """The sums of so many elements."""
    if numba() is not None:
        return Sums(*sum_up(halves, residual))
    with np.errstate(over="ignore", invalid="ignore"):
        return Sums(
            outwards=float((np.sign(halves) * residual).sum()),
            magnitudes=int(np.abs(halves).sum(dtype=np.int64)),
            squares=float(np.square(halves, dtype=np.float64).sum()),
            products=float((halves * residual).sum()),
            energy=float(np.square(residual).sum()),
            count=int(np.count_nonzero(halves)),
        )


@kernel
def sum_up(halves, residual):  # type: ignore[no-untyped-def]
    """The fields of `Sums`, in their order."""
    outwards = magnitudes = squares = products = energy = 0.0
    count = 0
    for i in range(len(halves)):
        half, left = float(halves[i]), residual[i]
        sign = (1 if half > 0 else 0) - (1 if half < 0 else 0)
        outwards += sign * left
        magnitudes += abs(half)
        squares += half * half
        products += half * left
        energy += left * left
        count += abs(sign)
    return outwards, int(magnitudes), squares, products, energy, count
