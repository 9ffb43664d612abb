"""SPEC.md clause E.9 (informative): trellis-coded quantisation: the sequence of levels with the least cost.

Two quantisers lie half a step apart; which one codes a level follows from the parities of the levels before it (clause
8.2.1). A Viterbi search over the 8 or 64 states weighs squared error against the bits that the mixing coder will need,
by the Laplace model of the magnitude that the row and the column of each weight let expect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from nncodec.entropy.binarisation import Levels
from nncodec.kernel import inlined, kernel
from nncodec.rounding import Float64s
from nncodec.tables import TRELLISES, Representation, Trellis

LAGRANGIAN: Final = 0.7
"""What a bit may cost, in squared steps of half the spacing of a quantiser."""
OUTPUT_LAGRANGIAN: Final = 0.15
"""The same for differences that are scaled (clause E.6): what is left out of these costs more than its energy."""

SMALL: Final = TRELLISES[Representation.TRELLIS_8]
_LARGE = TRELLISES[Representation.TRELLIS_64]
_STATES, _DRIVE = _LARGE.states, _LARGE.drive
_LOW_FEEDBACK = _LARGE.feedback % (_STATES // 2)

_CLASSES: Final = 96
_CLASS_OF_ONE: Final = 32
_CLASSES_AN_OCTAVE: Final = 4
_SMALLEST_ROWS: Final = 4
_HUGE: Final = 1e30
_NOTHING: Final = 1e-30


@dataclass(frozen=True)
class Search:
    """What is searched for: levels of this `step` and `trellis`; lagrangian: see `LAGRANGIAN`."""

    step: float
    trellis: Trellis
    lagrangian: float = LAGRANGIAN


def quantise_trellis(residual: Float64s, shape: tuple[int, ...], start: int, wanted: Search) -> Levels:
    """Levels of `residual`, the elements from `start` on of a tensor of this `shape` (flat), from trellis state 0 on.

    A bit of working memory for each state and element, and a byte, in one run.
    """
    magnitudes = np.abs(residual)
    magnitudes /= wanted.step
    columns = max(math.prod(shape[1:]), 1)
    rows, of_columns = expected_octaves(magnitudes, columns, start)
    is_small = wanted.trellis == SMALL
    parities = np.zeros(residual.size, np.uint8 if is_small else np.uint64)
    below = np.zeros(residual.size, np.uint8)
    place = np.array([columns, start % columns], np.int64)
    given = magnitudes, place, rows, of_columns, *rate_tables(wanted.lagrangian), parities, below
    state = search_8(*given) if is_small else search_64(*given, np.full(_STATES, _HUGE), np.full(_STATES, _HUGE))
    levels = np.zeros(residual.size, np.int32)
    trace(residual, magnitudes, parities, below, state, wanted.trellis.states // 2, *wanted.trellis, levels)
    return levels


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

    Bits of a Laplace variable of mean magnitude m steps in cells of the two quantisers, times `lagrangian`. The last
    class is that of what is 0: it stays so.
    """
    means = 2.0 ** ((np.arange(_CLASSES) - _CLASS_OF_ONE) / _CLASSES_AN_OCTAVE)
    unit = 1 / (means * np.log(2))
    cell = -np.expm1(-1 / means) / 2
    zero = [-np.log2(-np.expm1(-edge / means)) for edge in (0.5, 0.25)]
    base = [
        -np.log2(np.exp(-0.5 / means) * cell + 1e-300) - unit,
        -np.log2(np.exp(-1.0 / means) * cell + 1e-300) - 2 * unit,
    ]
    of_zero = [[0.0], [0.0], [_HUGE], [_HUGE]]
    return np.append(lagrangian * np.stack([*zero, *base]), of_zero, 1), np.append(lagrangian * unit, 0.0)


@inlined
def cost_of(x, level, quantiser, kind, bases, unit):  # type: ignore[no-untyped-def]
    """Of coding a magnitude as `level`: its squared error, and its bits. Without jumps, which none could foresee."""
    error = x - max(level - 0.5 * quantiser, 0)
    return 4 * error * error + bases[2 * min(level, 1) + quantiser, kind] + unit * level


@inlined
def cheapest_moves(x, quantiser, kind, bases, unit):  # type: ignore[no-untyped-def]
    """Costs of the cheapest even level and of the cheapest odd one, and 1 if the one of them above x is below instead.

    One is the nearest level from x downwards; of the other parity are the next ones on both sides (0 has but one).
    """
    low = int(x + 0.5 * quantiser)
    here = cost_of(x, low, quantiser, kind, bases, unit)
    above = cost_of(x, low + 1, quantiser, kind, bases, unit)
    below = cost_of(x, abs(low - 1), quantiser, kind, bases, unit)
    other = min(below, above)
    is_odd = low & 1
    return other if is_odd else here, here if is_odd else other, 1 if below < above else 0


@inlined
def cheaper(one, other):  # type: ignore[no-untyped-def]
    """The lower cost, and 1 if that is the other's."""
    return min(one, other), 1 if other < one else 0


@inlined
def moves(magnitude, octaves, bases, units):  # type: ignore[no-untyped-def]
    """Costs of even and odd levels of quantiser 0, then of 1, and which are below, a bit for each quantiser.

    octaves: what is expected of the magnitude, which tells its class; what is 0 has a class of its own.
    """
    kind = min(max(int(octaves + 0.5), 0), _CLASSES - 1) if magnitude > 0 else _CLASSES
    even, odd, below = cheapest_moves(magnitude, 0, kind, bases, units[kind])
    even1, odd1, below1 = cheapest_moves(magnitude, 1, kind, bases, units[kind])
    return even, odd, even1, odd1, below | below1 << 1


@inlined
def behind(row, column, columns):  # type: ignore[no-untyped-def]
    """The place that follows in row-major order."""
    return (row + 1, 0) if column + 1 == columns else (row, column + 1)


@kernel
def search_8(magnitudes, place, rows, of_columns, bases, units, parities, below):  # type: ignore[no-untyped-def]
    """Viterbi search, which writes what `trace` needs. Returns the state of least cost behind the last element.

    `place` is the length of a row and where in it the first element stands; a to h are the costs of states 0 to 7. Bit
    s of an element's `parities` is the parity by which state s is reached at the least cost; see `cheapest_moves` for
    `below`, a bit for each quantiser.
    """
    columns, column, row = place[0], place[1], 0
    a = 0.0
    b = c = d = e = f = g = h = _HUGE
    for i in range(len(magnitudes)):
        even, odd, even1, odd1, below[i] = moves(magnitudes[i], rows[row] + of_columns[column], bases, units)
        row, column = behind(row, column, columns)
        # State s moves by parity p to (s >> 1) ^ 5 (s & 1) ^ 2 p: even states reach 0 to 3, odd ones 4 to 7.
        next_a, by_a = cheaper(a + even, e + odd)
        next_b, by_b = cheaper(c + even, g + odd)
        next_c, by_c = cheaper(e + even, a + odd)
        next_d, by_d = cheaper(g + even, c + odd)
        next_e, by_e = cheaper(d + even1, h + odd1)
        next_f, by_f = cheaper(b + even1, f + odd1)
        next_g, by_g = cheaper(h + even1, d + odd1)
        next_h, by_h = cheaper(f + even1, b + odd1)
        a, b, c, d, e, f, g, h = next_a, next_b, next_c, next_d, next_e, next_f, next_g, next_h
        of_even, of_odd = by_a | by_b << 1 | by_c << 2 | by_d << 3, by_e | by_f << 1 | by_g << 2 | by_h << 3
        parities[i] = of_even | of_odd << 4
    least = min(a, b, c, d, e, f, g, h)
    ends = (a, b, c, d, e, f, g, h)
    state = 0
    while ends[state] != least:
        state += 1
    return state


@kernel
def search_64(magnitudes, place, rows, of_columns, bases, units, parities, below, costs, nexts):  # type: ignore[no-untyped-def]
    """As `search_8`, for 64 states, whose `costs` are high at first: even ones reach 0 to 31, odd ones 32 to 63."""
    half = _STATES // 2
    costs[0] = 0.0
    columns, column, row = place[0], place[1], 0
    for i in range(len(magnitudes)):
        even, odd, even1, odd1, below[i] = moves(magnitudes[i], rows[row] + of_columns[column], bases, units)
        row, column = behind(row, column, columns)
        found = 0
        for s in range(half):
            nexts[s], by = cheaper(costs[2 * s] + even, costs[2 * (s ^ _DRIVE)] + odd)
            found |= by << s
            before = s ^ _LOW_FEEDBACK
            cost, by = cheaper(costs[2 * before + 1] + even1, costs[2 * (before ^ _DRIVE) + 1] + odd1)
            nexts[half + s] = cost
            found |= by << (half + s)
        costs, nexts = nexts, costs
        parities[i] = found
    state = 0
    for s in range(1, _STATES):
        if costs[s] < costs[state]:
            state = s
    return state


@kernel
def trace(residual, magnitudes, parities, below, state, half, feedback, drive, levels):  # type: ignore[no-untyped-def]
    """Walk back along the cheapest path, which ends in `state` of twice `half` states, and write its levels."""
    for i in range(len(magnitudes) - 1, -1, -1):
        parity = int(parities[i] >> state) & 1
        quantiser = 1 if state >= half else 0
        state = 2 * ((state ^ (feedback * quantiser) ^ (drive * parity)) & (half - 1)) + quantiser
        low = int(magnitudes[i] + 0.5 * quantiser)
        step = 1 - 2 * ((below[i] >> quantiser) & 1)
        sign = 1 - 2 * (residual[i] < 0)
        levels[i] = sign * (low + step * ((low & 1) ^ parity))
