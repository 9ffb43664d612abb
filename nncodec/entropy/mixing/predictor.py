"""SPEC.md clause 9.5.5: a level predicted from six decoded neighbours, by taps that learn as they go.

Neighbours are in half levels, within 2^21; predictions and errors are in 1/16 level, within 2^25. A tap of 1.0 is
65536. Training moves it by 2^33 at most, and every sixteenth time or sooner it is brought back within 2.0: so no tap
passes 2^38, no product 2^59, no sum 2^62. (To bound it every time would take a tenth of the time of coding.)
"""

from __future__ import annotations

from typing import Final

from nncodec.entropy.mixing.tables import logarithm
from nncodec.kernel import inlined

TAPS: Final = 6
TAP_LIMIT: Final = 1 << 17
PREDICTION_LIMIT: Final = 1 << 24
NEAR_LIMIT: Final = (1 << 20) - 1
"""A neighbour further from 0 than this is taken to be this."""


@inlined
def clamp(x, low, high):  # type: ignore[no-untyped-def]
    """The number of low to high that is nearest to x."""
    return min(max(x, low), high)


@inlined
def weighted(taps, x0, x1, x2, x3, x4, x5):  # type: ignore[no-untyped-def]
    """The prediction, in 1/16 level."""
    total = taps[0] * x0 + taps[1] * x1 + taps[2] * x2 + taps[3] * x3 + taps[4] * x4 + taps[5] * x5
    return clamp(total >> 13, -PREDICTION_LIMIT, PREDICTION_LIMIT)


@inlined
def bound(taps):  # type: ignore[no-untyped-def]
    """Bring every tap back into its limits."""
    for j in range(TAPS):
        taps[j] = clamp(taps[j], -TAP_LIMIT, TAP_LIMIT)


@inlined
def train(taps, error, floor, logs, x0, x1, x2, x3, x4, x5):  # type: ignore[no-untyped-def]
    """Move every tap against the error (normalised least mean squares); `floor` > 0 keeps quiet places from raging.

    The division by the energy is a product and a shift: no more is known of the right step.
    """
    energy = x0 * x0 + x1 * x1 + x2 * x2 + x3 * x3 + x4 * x4 + x5 * x5
    power = logarithm(energy + floor, logs)
    step = (error * (512 - 33 * (power & 7)) << 7) >> (power >> 3)
    taps[0] += (step * x0) >> 8
    taps[1] += (step * x1) >> 8
    taps[2] += (step * x2) >> 8
    taps[3] += (step * x3) >> 8
    taps[4] += (step * x4) >> 8
    taps[5] += (step * x5) >> 8
