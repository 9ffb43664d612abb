"""SPEC.md clause E.9 (informative): trellis-coded quantisation: the sequence of levels with the least cost.

Two quantisers lie half a step apart; which one codes a level follows from the parities of the levels before it (clause
8.2.1). A Viterbi search over the eight states weighs squared error against the bits that the mixing coder will need,
by the Laplace model of the magnitude that the row and the column of each weight let expect.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np

from nncodec.entropy.binarisation import Levels
from nncodec.kernel import kernel
from nncodec.rounding import Float64s

LAGRANGIAN: Final = 0.5
"""What a bit may cost, in squared steps of half the spacing of a quantiser."""

_CLASSES: Final = 96
_CLASS_OF_ONE: Final = 32
_CLASSES_AN_OCTAVE: Final = 4
_SMALLEST_ROWS: Final = 4
_MOVE: Final = 16
_WORK: Final = 20
_HUGE: Final = 1e30
_NOTHING: Final = 1e-30


def quantise_trellis(residual: Float64s, shape: tuple[int, ...], step: float, start: int) -> Levels:
    """Levels of `residual`, the elements from `start` on of a tensor of this `shape` (flat), from trellis state 0 on.

    Two bytes of working memory an element, in one run.
    """
    magnitudes = np.abs(residual)
    magnitudes /= step
    columns = max(math.prod(shape[1:]), 1)
    rows, of_columns = expected_octaves(magnitudes, columns, start)
    levels = np.zeros(residual.size, np.int32)
    choices = np.zeros(residual.size, np.uint16)
    place = np.array([columns, start % columns], np.int64)
    search(magnitudes, place, rows, of_columns, *rate_tables(LAGRANGIAN), np.zeros(_WORK), choices, levels)
    return np.negative(levels, out=levels, where=residual < 0)


def expected_octaves(magnitudes: Float64s, columns: int, start: int) -> tuple[Float64s, Float64s]:
    """For each row and each column what it says of the class of a magnitude: four an octave; their sum is the class."""
    first = start % columns
    sums = np.zeros((first + magnitudes.size - 1) // columns + 1), np.zeros(columns)
    add_up(magnitudes, columns, first, *sums)
    overall = magnitudes.mean()
    before, behind = first, -(first + magnitudes.size) % columns
    lengths = np.full(sums[0].size, columns)
    lengths[0] -= before
    lengths[-1] -= behind
    rows = _octaves(sums[0] / lengths + overall / 10)
    if rows.size <= _SMALLEST_ROWS:
        return _CLASS_OF_ONE + rows, np.zeros(columns)
    heights = np.full(columns, rows.size)
    heights[:before] -= 1
    heights[columns - behind :] -= 1
    return _CLASS_OF_ONE + rows / 2, _octaves(sums[1] / heights + overall / 10) / 2


def _octaves(means: Float64s) -> Float64s:
    return np.asarray(_CLASSES_AN_OCTAVE * np.log2(np.maximum(means, _NOTHING)))


@kernel
def add_up(magnitudes, columns, column, row_sums, column_sums):  # type: ignore[no-untyped-def]
    """Add every magnitude to the sums of its row and of its column; the first one lies in `column`."""
    row = 0
    for magnitude in magnitudes:
        row_sums[row] += magnitude
        column_sums[column] += magnitude
        column += 1
        if column == columns:
            column = 0
            row += 1


@cache
def rate_tables(lagrangian: float) -> tuple[Float64s, Float64s]:
    """Costs by class and quantiser: of a zero and of the base of other levels (rows 0 to 3), and of each unit.

    Bits of a Laplace variable of mean magnitude m steps in cells of the two quantisers, times `lagrangian`.
    """
    means = 2.0 ** ((np.arange(_CLASSES) - _CLASS_OF_ONE) / _CLASSES_AN_OCTAVE)
    unit = 1 / (means * np.log(2))
    cell = -np.expm1(-1 / means) / 2
    zero = [-np.log2(-np.expm1(-edge / means)) for edge in (0.5, 0.25)]
    base = [
        -np.log2(np.exp(-0.5 / means) * cell + 1e-300) - unit,
        -np.log2(np.exp(-1.0 / means) * cell + 1e-300) - 2 * unit,
    ]
    return lagrangian * np.stack([*zero, *base]), lagrangian * unit


@kernel
def search(magnitudes, place, rows, of_columns, bases, units, costs, choices, levels):  # type: ignore[no-untyped-def]
    """Viterbi search; costs are in squared half steps. `costs` (8 states, 8 next, 4 moves) and `choices` work.

    `place` is the length of a row and where in it the first element stands.
    """
    columns, column, row = place[0], place[1], 0
    for state in range(1, 8):
        costs[state] = _HUGE
    for i in range(len(magnitudes)):
        x = magnitudes[i]
        kind = min(max(int(rows[row] + of_columns[column] + 0.5), 0), _CLASSES - 1)
        column += 1
        if column == columns:
            column = 0
            row += 1
        unit = units[kind]
        bits = 0
        for quantiser in range(2):
            zero, base = bases[quantiser][kind], bases[2 + quantiser][kind]
            back = 0.5 * quantiser
            low = int(x + back)
            rest = x + back - low
            here = 4 * rest * rest + base + unit * low
            if low == 0:
                here = 4 * x * x + zero
            above = 4 * (1 - rest) * (1 - rest) + base + unit * (low + 1)
            if low > 0:  # the other parity may also be had below
                below = 4 * (1 + rest) * (1 + rest) + base + unit * (low - 1)
                if low == 1:
                    below = 4 * x * x + zero
                if below < above:
                    above = below
                    bits |= 256 << quantiser
            odd = low & 1
            costs[_MOVE + 2 * quantiser + odd] = here
            costs[_MOVE + 2 * quantiser + 1 - odd] = above
        # State s moves by parity p to (s >> 1) ^ 5 (s & 1) ^ 2 p: even states reach 0 to 3, odd ones 4 to 7.
        for state in range(8):
            quantiser = state >> 2
            parity = (state >> 1) & 1
            first = 2 * (state & 1) if quantiser == 0 else 3 - 2 * (state & 1)
            one = costs[first] + costs[_MOVE + 2 * quantiser + parity]
            other = costs[first + 4] + costs[_MOVE + 2 * quantiser + 1 - parity]
            if other < one:
                one = other
                bits |= 1 << state
            costs[8 + state] = one
        for state in range(8):
            costs[state] = costs[8 + state]
        choices[i] = bits
    trace(magnitudes, choices, levels, costs)


@kernel
def trace(magnitudes, choices, levels, costs):  # type: ignore[no-untyped-def]
    """Walk back along the cheapest path and write its levels, without signs."""
    state = 0
    for other in range(1, 8):
        if costs[other] < costs[state]:
            state = other
    for i in range(len(magnitudes) - 1, -1, -1):
        bits = choices[i]
        other = (bits >> state) & 1
        quantiser = state >> 2
        parity = ((state >> 1) & 1) ^ other
        first = 2 * (state & 1) if quantiser == 0 else 3 - 2 * (state & 1)
        state = first + 4 * other
        low = int(magnitudes[i] + 0.5 * quantiser)
        if low & 1 != parity:
            low += -1 if (bits >> (8 + quantiser)) & 1 else 1
        levels[i] = low
