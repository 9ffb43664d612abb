"""Laplace rate and distortion (informative): the paper's eq. 4 to 8, of full precision at every step.

Weights, or residuals of a prediction, are taken for Laplace variables: density (Λ/2)·exp(-Λ|x|). The quantiser has step
Q and rounding f in [0, 1/2]: level = sgn(x)·⌊|x|/Q + f⌋, reconstructed at sgn(level)·(|level| + δ)·Q; the paper has
f = 0.4 and δ = 0. Everything hangs on a = ΛQ alone, so the functions below take `a` and give numbers per weight,
distortions in units of Q²; `Laplace` does the same in units of the weights.

Eq. 7 as printed loses all its digits to cancellation below a = 1e-5. Here the squared error is summed from parts that
are never negative, which loses none: over |x| < (1-f)Q, the zero cell, it is an incomplete gamma function; outside,
with probability E = exp(-(1-f)a), every cell holds the same exponential distribution cut off at Q, of mean m and
variance v in steps from the cell's lower end, so that

    D / Q² = Γ(3, (1-f)a) / a² + E·(v + (m - f - δ)²),    m = 1/a - 1/(e^a - 1),    v = 1/a² - e^a / (e^a - 1)²,

Γ(3, t) being the integral of x²·exp(-x) from 0 to t.

m - f is therefore the δ of least error, and saves E·(m - f)² of what eq. 7 gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.polynomial.polynomial import polyval

from nncodec.rounding import Float64s

PAPER_ROUNDING: Final = 0.4
"""The paper's f."""

_SERIES_BELOW: Final = 1.0
"""Below it the closed forms of m, v and Γ begin to cancel (there by a factor of 12), and the series are short."""

_BERNOULLI: Final = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)
"""B2, B4, ... B18."""

_MEAN_SERIES: Final = tuple(b / math.factorial(2 * k) for k, b in enumerate(_BERNOULLI, 1))
"""m = 1/2 - a·Σ c_k·a^(2k)."""

_VARIANCE_SERIES: Final = tuple((2 * k - 1) * c for k, c in enumerate(_MEAN_SERIES, 1))
"""v = Σ c_k·a^(2k)."""

_GAMMA_SERIES: Final = tuple((-1) ** k / (math.factorial(k) * (3 + k)) for k in range(18))
"""Γ(3, t) = t³·Σ c_k·t^k."""

_EXP_UNDERFLOWS: Final = 750.0
_LIMITS: Final = np.finfo(np.float64)


@dataclass(frozen=True)
class Laplace:
    """A Laplace distribution of mean 0.

    scale: Λ of eq. 4, in 1 / unit of the weights; infinite where all are 0, or so near that the inverse overflows.
    Raises ValueError where `scale` is not positive. The methods raise ValueError for a step that is not positive and
    finite, and for a rounding outside [0, 1/2]; steps, roundings and offsets may be arrays, which are broadcast.
    """

    scale: float

    def __post_init__(self) -> None:
        """Check the scale."""
        if not self.scale > 0:
            raise ValueError(f"scale {self.scale}: must be positive")

    @classmethod
    def fit(cls, values: npt.ArrayLike) -> Laplace:
        """The distribution of greatest likelihood (eq. 4): Λ = 1 / mean|x| over the finite ones of `values`.

        Raises ValueError where none is finite.
        """
        array = np.asarray(values, np.float64)
        finite = np.abs(array[np.isfinite(array)])
        if not finite.size:
            raise ValueError("no finite value to fit a distribution to")
        largest = float(finite.max())
        mean = largest * float(np.mean(finite / largest)) if largest else 0.0  # a sum of the largest would overflow
        return cls(1 / mean if mean > 1 / _LIMITS.max else math.inf)

    def rate(self, step: npt.ArrayLike, rounding: npt.ArrayLike = PAPER_ROUNDING) -> Float64s:
        """Bits per weight (eq. 8)."""
        return rate(self._ratio(step), rounding)

    def distortion(
        self, step: npt.ArrayLike, rounding: npt.ArrayLike = PAPER_ROUNDING, offset: npt.ArrayLike = 0.0
    ) -> Float64s:
        """Mean squared error in units of the weights, squared (eq. 7 where `offset`, in steps, is 0)."""
        return np.square(np.asarray(step, np.float64)) * distortion(self._ratio(step), rounding, offset)

    def best_offset(self, step: npt.ArrayLike, rounding: npt.ArrayLike = PAPER_ROUNDING) -> Float64s:
        """The reconstruction offset δ of least distortion, in steps."""
        return best_offset(self._ratio(step), rounding)

    def _ratio(self, step: npt.ArrayLike) -> Float64s:
        steps = np.asarray(step, np.float64)
        if not ((steps > 0) & np.isfinite(steps)).all():
            raise ValueError("a step must be positive and finite")
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.maximum(self.scale * steps, _LIMITS.tiny))


def rate(a: npt.ArrayLike, rounding: npt.ArrayLike = PAPER_ROUNDING) -> Float64s:
    """Entropy of the levels in bits per weight (eq. 8), for a = ΛQ > 0; log2(2e/a) for small `a`.

    Raises ValueError where `a` is not positive, or `rounding` outside [0, 1/2].
    """
    ratio, f = _checked(a, rounding)
    edge = (1 - f) * ratio
    zero = -np.expm1(-edge)
    outside = math.log(2) - _log_1m_exp(ratio) + ratio / -np.expm1(-ratio) - f * ratio
    nats = -zero * _log_1m_exp(edge) + np.exp(-edge) * outside
    return np.asarray(nats / math.log(2))


def distortion(a: npt.ArrayLike, rounding: npt.ArrayLike = PAPER_ROUNDING, offset: npt.ArrayLike = 0.0) -> Float64s:
    """Mean squared error in units of Q² (eq. 7 where `offset` is 0), for a = ΛQ > 0; 1/12 + (1/2 - f)² for small `a`.

    offset: δ, in steps: how far outside n·Q a level n that is not 0 is reconstructed.
    Raises ValueError where `a` is not positive, or `rounding` outside [0, 1/2].
    """
    ratio, f = _checked(a, rounding)
    error = np.square(_cell_mean(ratio) - f - np.asarray(offset, np.float64))
    edge = (1 - f) * ratio
    return np.asarray(np.square(1 - f) * _gamma3(edge) + np.exp(-edge) * (_cell_variance(ratio) + error))


def best_offset(a: npt.ArrayLike, rounding: npt.ArrayLike = PAPER_ROUNDING) -> Float64s:
    """The reconstruction offset of least distortion, δ = 1/a - 1/(e^a - 1) - f, in steps; raises as `rate`."""
    ratio, f = _checked(a, rounding)
    return np.asarray(_cell_mean(ratio) - f)


def _checked(a: npt.ArrayLike, rounding: npt.ArrayLike) -> tuple[Float64s, Float64s]:
    ratio, f = np.asarray(a, np.float64), np.asarray(rounding, np.float64)
    if not (ratio > 0).all():
        raise ValueError("a, the product of scale and step, must be positive")
    if not ((f >= 0) & (f <= 0.5)).all():
        raise ValueError("rounding must be in [0, 1/2]")
    return np.clip(ratio, _LIMITS.tiny, _LIMITS.max), f


def _log_1m_exp(x: Float64s) -> Float64s:
    """ln(1 - e^-x) for x > 0, of full precision at both ends."""
    near = np.log(-np.expm1(-np.minimum(x, math.log(2))))
    return np.asarray(np.where(x < math.log(2), near, np.log1p(-np.exp(-np.maximum(x, math.log(2))))))


def _cell_mean(a: Float64s) -> Float64s:
    """1/a - 1/(e^a - 1): mean of the exponential distribution of rate `a` cut off at 1."""
    near, far = np.minimum(a, _SERIES_BELOW), np.maximum(a, _SERIES_BELOW)
    closed = 1 / far + np.exp(-far) / np.expm1(-far)
    return np.asarray(np.where(a < _SERIES_BELOW, 0.5 - near * polyval(near * near, _MEAN_SERIES), closed))


def _cell_variance(a: Float64s) -> Float64s:
    """1/a² - e^a / (e^a - 1)²: its variance."""
    near, far = np.minimum(a, _SERIES_BELOW), np.maximum(a, _SERIES_BELOW)
    closed = 1 / far / far - np.exp(-far) / np.square(np.expm1(-far))
    return np.asarray(np.where(a < _SERIES_BELOW, polyval(near * near, _VARIANCE_SERIES), closed))


def _gamma3(t: Float64s) -> Float64s:
    """Γ(3, t) / t², for t > 0."""
    near, far = np.minimum(t, _SERIES_BELOW), np.maximum(t, _SERIES_BELOW)
    short = np.minimum(far, _EXP_UNDERFLOWS)
    closed = (2 - np.exp(-short) * (2 + short * (2 + short))) / far / far
    return np.asarray(np.where(t < _SERIES_BELOW, near * polyval(near, _GAMMA_SERIES), closed))
