"""K-L divergence of weight histograms (informative): the paper's eq. 9.

Bins are 0.0002 wide as in the paper's figures, at whole multiples of that. Eq. 9 is infinite where the prediction has
an empty bin that the model has not, and it names neither range nor base; so here the bins reach over the weights of
both models, what is beyond ±26.2 falls into the outermost two, every bin counts half a weight more than fell into it,
and the result is in nats.

What the number does not see is where a weight stands: a model and the same model shuffled are at divergence 0. It
serves to reproduce the paper; encoders choose by predicted bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from nncodec.analysis.weights import matrices
from nncodec.model import Model
from nncodec.rounding import Float64s

BIN_WIDTH: Final = 0.0002
SMOOTHING: Final = 0.5
UNIFORM_LIMIT: Final = 0.1
"""The paper's random reference is uniform between minus this and this."""

_LAST_BIN: Final = 1 << 17
"""Bins -_LAST_BIN and _LAST_BIN also hold all that is beyond them: a stray weight of 1e9 must not ask for 1e13 bins."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of weights: `counts[i]`, 1-D, are those in bin `first` + i. Bin k is k·0.0002 ≤ weight < (k + 1)·0.0002.

    Outside there are none. Counts of an expectation need not be whole.
    """

    first: int
    counts: Float64s

    @property
    def last(self) -> int:
        """The last bin; `first` - 1 where there is none."""
        return self.first + self.counts.size - 1

    def divergence(self, reference: Histogram) -> float:
        """D_KL(self ‖ reference) in nats, over the bins from the first to the last of both."""
        first, last = min(self.first, reference.first), max(self.last, reference.last)
        p, q = (each.smoothed(first, last) for each in (self, reference))
        return max(float(np.sum(p * np.log(p / q))), 0.0)

    def smoothed(self, first: int, last: int) -> Float64s:
        """Probabilities of the bins `first` to `last`, which include all of self."""
        counts = np.full(last - first + 1, SMOOTHING)
        counts[self.first - first : self.last - first + 1] += self.counts
        return np.asarray(counts / counts.sum())


def histogram(model: Model) -> Histogram:
    """Histogram of the weights of `model`: the finite elements of its floating-point tensors of rank 2 and more."""
    bins = [np.clip(np.floor(values / BIN_WIDTH), -_LAST_BIN, _LAST_BIN).astype(np.int64) for values in matrices(model)]
    bins = [each for each in bins if each.size]
    if not bins:
        return Histogram(0, np.zeros(1))
    first, last = min(int(each.min()) for each in bins), max(int(each.max()) for each in bins)
    counts = sum(np.bincount(each - first, minlength=last - first + 1) for each in bins)
    return Histogram(first, np.asarray(counts, np.float64))


def uniform_histogram(weights: float) -> Histogram:
    """What `weights` weights of the paper's random reference, U[-0.1, 0.1], give on average."""
    half = round(UNIFORM_LIMIT / BIN_WIDTH)
    return Histogram(-half, np.full(2 * half, weights / (2 * half)))


def divergence(model: Model, reference: Model) -> float:
    """D_KL(model ‖ reference) of the weights, in nats: eq. 9 with Φ the model to be coded and Ψ its prediction."""
    return histogram(model).divergence(histogram(reference))


def divergence_from_uniform(model: Model) -> float:
    """The same, from the paper's random reference of as many weights."""
    own = histogram(model)
    return own.divergence(uniform_histogram(float(own.counts.sum())))
