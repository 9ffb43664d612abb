"""SPEC.md clause 9.5.6: from what lies around a level to the cells of its decisions.

Four slots, of 64 cells each, serve one level: one each for where it lies in the scales of its row and its column, in
its prediction, among the signs of its neighbours, in the recent errors. Scales are taken relative to the unit 2^shift,
so that cells learnt at one scale serve all.
"""

from __future__ import annotations

from typing import Final

from nncodec.entropy.mixing.predictor import clamp
from nncodec.entropy.mixing.tables import logarithm
from nncodec.kernel import inlined

PHASES: Final = 64
"""Cells of a slot; the table of clause 9.5.6 says which phase has which cell."""

SLOT_B: Final = 1024 * PHASES
SLOT_C: Final = SLOT_B + 112 * 16 * PHASES
SLOT_D: Final = SLOT_C + 324 * PHASES
TAIL: Final = SLOT_D + 128 * PHASES
LOW_BIT: Final = TAIL + 32
CELLS: Final = LOW_BIT + 64
"""Where the cells of each kind begin, and how many there are."""

SHIFT_BIAS: Final = 40
"""A level is coded in units of 2^shift from an expected magnitude of 4 levels on (8 log2 of it in sixteenths: 48)."""


@inlined
def sign(x):  # type: ignore[no-untyped-def]
    """0 for 0, 1 above, 2 below."""
    if x == 0:
        return 0
    return 1 if x > 0 else 2


@inlined
def direction(x):  # type: ignore[no-untyped-def]
    """0 for 0, 1 above, -1 below; without jumps, which none could foresee."""
    return (1 if x > 0 else 0) - (1 if x < 0 else 0)


@inlined
def expected_magnitude(row, column, recent, around):  # type: ignore[no-untyped-def]
    """Mean error to expect, in 1/16 level; `around` is the sum of four neighbours' errors."""
    return (row * 24 + column * 16 + recent * 8 + (around >> 2) * 16) >> 6


@inlined
def prediction_class(goal, centre, trellis_bit, shift, logs):  # type: ignore[no-untyped-def]
    """Slot b, upper part: what the prediction says beyond its rounded value `centre`."""
    if shift == 0:
        fraction = (goal - (centre << 4) + 8) >> 1
        return fraction + 8 * (clamp(centre, -2, 2) + 2) + 40 * trellis_bit
    size = logarithm(abs(goal) + 1, logs) - 8 * shift - 24
    step = 0 if size < 0 else min(size >> 2, 7) + 1
    return 88 + step if goal >= 0 else 88 - step


@inlined
def cells_of(shift, size, slow, of_column, recent, goal, centre, odd, signs, logs):  # type: ignore[no-untyped-def]
    """The first cell of each slot; where `shift` is a constant 0, compilers leave most of the work out."""
    octaves = 8 * shift
    size = clamp(size - octaves, 0, 63)
    size_row = clamp(logarithm(slow + 1, logs) - octaves, 0, 63) >> 1
    size_column = clamp(logarithm(of_column + 1, logs) - octaves, 0, 63) >> 1
    size_recent = clamp(logarithm(recent + 1, logs) - octaves, 0, 63)
    a = (size_row * 32 + size_column) * PHASES
    b = SLOT_B + (prediction_class(goal, centre, odd, shift, logs) * 16 + (size >> 2)) * PHASES
    c = SLOT_C + (signs * 4 + clamp((size - 24) >> 3, 0, 3)) * PHASES
    d = SLOT_D + (size_recent * 2 + (1 if shift > 0 else 0)) * PHASES
    return a, b, c, d
