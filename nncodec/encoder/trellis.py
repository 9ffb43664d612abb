"""SPEC.md clause E.9 (informative): trellis-coded quantisation: the sequence of levels with the least cost.

Two quantisers lie half a step apart; which one codes a level follows from the parities of the levels before it (clause
8.2.1). A Viterbi search over the 8 or 64 states weighs squared error against the bits that the mixing coder will need,
by the Laplace model of the magnitude that the row and the column of each weight let expect.
"""

from __future__ import annotations

import math
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
_NOTHING: Final = 1e-30

_HISTORY: Final = 24
"""Elements of a block. The cost of a path stands above so many bits, one for the parity of each level in its block."""
_PARITIES: Final = (1 << _HISTORY) - 1
_WORK_ROWS: Final = 11
_X, _ZERO, _MORE, _ZERO_1, _MORE_1, _UNIT, _EVEN, _ODD, _EVEN_1, _ODD_1, _BELOW = (
    row * _HISTORY for row in range(_WORK_ROWS)
)
"""Where the rows of a block's working memory begin: see `expect` and `weigh`."""
_PARTS: Final = float(1 << 20)
"""Costs are squared steps, and counted in so many parts of one. Those of a block stay below 2^39."""
_NEVER: Final = float(1 << 12)
"""The cost of what must not be: above that of any six elements, within which all states can be reached."""
_FAR: Final = int(_NEVER * _PARTS) << _HISTORY
"""The same, of a path."""


def quantise_trellis(
    residual: Float64s, shape: tuple[int, ...], start: int, trellis: Trellis, lagrangian: float = LAGRANGIAN
) -> Levels:
    """Levels of `residual`, in steps: the elements from `start` on of a tensor of this `shape` (flat), from state 0 on.

    lagrangian: see `LAGRANGIAN`. Takes a sixth of a byte for each state and element, and a byte, in one run.
    """
    columns = max(math.prod(shape[1:]), 1)
    rows, of_columns = expected_octaves(residual, columns, start)
    paths = np.zeros((-(-residual.size // _HISTORY), trellis.states), np.int32)
    below = np.zeros(residual.size, np.uint8)
    work = np.zeros(_WORK_ROWS * _HISTORY)
    given = residual, start % columns, rows, of_columns, rate_table(lagrangian), work, paths, below
    state = search_8(*given) if trellis == SMALL else search_64(*given, *np.full((2, trellis.states), _FAR))
    levels = np.zeros(residual.size, np.int32)
    trace(residual, paths, below, state, trellis.states // 2, *trellis, levels)
    return levels


def expected_octaves(residual: Float64s, columns: int, start: int) -> tuple[Float64s, Float64s]:
    """For each row and each column what it says of the class of a magnitude: four an octave; their sum is the class."""
    first = start % columns
    sums = np.zeros((first + residual.size - 1) // columns + 1), np.zeros(columns)
    add_up(residual, first, *sums)
    overall = sums[0].sum() / max(residual.size, 1)
    before, behind = first, -(first + residual.size) % columns
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
def add_up(residual, column, row_sums, column_sums):  # type: ignore[no-untyped-def]
    """Add every magnitude to the sums of its row and of its column; the first one lies in `column`.

    Columns by vectors, rows by four sums that need not wait for one another.
    """
    i = 0
    for row in range(len(row_sums)):
        count = min(len(column_sums) - column, len(residual) - i)
        for j in range(count):
            column_sums[column + j] += abs(residual[i + j])
        fours = count // 4 * 4
        a = b = c = d = 0.0
        for j in range(i, i + fours, 4):
            a += abs(residual[j])
            b += abs(residual[j + 1])
            c += abs(residual[j + 2])
            d += abs(residual[j + 3])
        for j in range(i + fours, i + count):
            a += abs(residual[j])
        row_sums[row] = (a + b) + (c + d)
        i += count
        column = 0


@cache
def rate_table(lagrangian: float) -> Float64s:
    """Costs by class (rows): of a zero and how much more the base of others of quantiser 0, as of 1; of each unit.

    Bits of a Laplace variable of mean magnitude m steps in cells of the two quantisers, times `lagrangian`, in squared
    steps. The last class is that of what is 0: it stays so.
    """
    means = 2.0 ** ((np.arange(_CLASSES) - _CLASS_OF_ONE) / _CLASSES_AN_OCTAVE)
    unit = 1 / (means * np.log(2))
    cell = -np.expm1(-1 / means) / 2
    zero = [-np.log2(-np.expm1(-edge / means)) for edge in (0.5, 0.25)]
    base = [
        -np.log2(np.exp(-0.5 / means) * cell + 1e-300) - unit,
        -np.log2(np.exp(-1.0 / means) * cell + 1e-300) - 2 * unit,
    ]
    costs = np.stack([zero[0], base[0] - zero[0], zero[1], base[1] - zero[1], unit], 1) * (lagrangian / 4)
    return np.append(costs, [[0.0, _NEVER, 0.0, _NEVER, 0.0]], 0)


@inlined
def expect(work, first, last, residual, rows, of_columns, rates, at):  # type: ignore[no-untyped-def]
    """Fill the first six rows of `work` for a block: its magnitudes, and the rates of the class of each.

    What is 0 has a class of its own. at: row and column of the first element, given back as those behind the last.
    """
    row, column = at
    columns = len(of_columns)
    for i in range(first, last):
        octaves = rows[row] + of_columns[column]
        magnitude = abs(residual[i])
        kind = min(max(int(octaves + 0.5), 0), _CLASSES - 1) if magnitude > 0 else _CLASSES
        work[_X + i - first] = magnitude
        work[_ZERO + i - first] = rates[kind, 0]
        work[_MORE + i - first] = rates[kind, 1]
        work[_ZERO_1 + i - first] = rates[kind, 2]
        work[_MORE_1 + i - first] = rates[kind, 3]
        work[_UNIT + i - first] = rates[kind, 4]
        column += 1
        if column == columns:
            row, column = row + 1, 0
    return row, column


@inlined
def weigh(work):  # type: ignore[no-untyped-def]
    """Fill the other rows of `work`: costs of moves in parts, and which are below, a bit for each quantiser.

    All of one array, at distances that compilers know: so they take several elements at once.
    """
    for i in range(_HISTORY):
        x, unit = work[_X + i], work[_UNIT + i]
        low = np.floor(x)
        even, odd, below = cheapest_moves(x, 0, low, work[_ZERO + i], work[_MORE + i], unit)
        even_1, odd_1, below_1 = cheapest_moves(x, 1, low, work[_ZERO_1 + i], work[_MORE_1 + i], unit)
        work[_EVEN + i], work[_ODD + i] = even * _PARTS, odd * _PARTS
        work[_EVEN_1 + i], work[_ODD_1 + i] = even_1 * _PARTS, odd_1 * _PARTS
        work[_BELOW + i] = below + 2.0 * below_1


@inlined
def cheapest_moves(x, quantiser, low, zero, more, unit):  # type: ignore[no-untyped-def]
    """Costs of the cheapest even level and of the cheapest odd one, and 1 if the one of them above x is below instead.

    One is the nearest level from x downwards; of the other parity are the next ones on both sides (0 has but one). A
    cost is the squared error and the bits: `zero`, from level 1 on so many `more`, and a `unit` for each of the level,
    counted from `low` on: the rest is common to all levels of an element. All numbers are binary64, and nothing jumps.
    """
    level = np.floor(x + 0.5 * quantiser)
    is_some = min(level, 1.0)
    is_more = min(max(level - 1.0, 0.0), 1.0)
    error = x - max(level - 0.5 * quantiser, 0.0)
    up = error - 1.0 + 0.5 * quantiser * (1.0 - is_some)
    down = error + 1.0 - 0.5 * quantiser * (1.0 - is_more)
    here = error * error + zero + more * is_some
    above = up * up + zero + more + unit
    below = down * down + zero + more * is_more - unit + _NEVER * (1.0 - is_some)
    common = unit * (level - low)
    here, other = here + common, min(below, above) + common
    of_odd = (other - here) * (level - 2.0 * np.floor(0.5 * level))
    return here + of_odd, other - of_odd, 1.0 if below < above else 0.0


@inlined
def prepare(block, residual, rows, of_columns, rates, at, work):  # type: ignore[no-untyped-def]
    """Fill `work` for a block; `at`: see `expect`. Returns its first element, their number, and `at` behind them."""
    first = block * _HISTORY
    last = min(first + _HISTORY, len(residual))
    at = expect(work, first, last, residual, rows, of_columns, rates, at)
    weigh(work)
    return first, last - first, at


@inlined
def moves(work, i, below, place):  # type: ignore[no-untyped-def]
    """Costs of the moves of the element at `i` of its block, above the bits of a history; odd ones begin one.

    Keeps in `below`, at `place`, what `trace` needs of them.
    """
    below[place] = int(work[_BELOW + i])
    parity = 1 << i
    even, odd = int(work[_EVEN + i]) << _HISTORY, int(work[_ODD + i]) << _HISTORY
    even_1, odd_1 = int(work[_EVEN_1 + i]) << _HISTORY, int(work[_ODD_1 + i]) << _HISTORY
    return even, odd + parity, even_1, odd_1 + parity


@kernel
def search_8(residual, column, rows, of_columns, rates, work, paths, below):  # type: ignore[no-untyped-def]
    """Viterbi search, which writes what `trace` needs. Returns the state of least cost behind the last element.

    The first element stands in `column`. a to h are the costs of the paths to states 0 to 7 and, in their lowest bits,
    the parities that these took in the block, which `paths` keeps. See `weigh` for `below`.
    """
    at = 0, column
    a = 0
    b = c = d = e = f = g = h = _FAR
    for block in range(len(paths)):
        first, count, at = prepare(block, residual, rows, of_columns, rates, at, work)
        for i in range(count):
            even, odd, even1, odd1 = moves(work, i, below, first + i)
            # State s moves by parity p to (s >> 1) ^ 5 (s & 1) ^ 2 p: even states reach 0 to 3, odd ones 4 to 7.
            next_a, next_b = min(a + even, e + odd), min(c + even, g + odd)
            next_c, next_d = min(e + even, a + odd), min(g + even, c + odd)
            next_e, next_f = min(d + even1, h + odd1), min(b + even1, f + odd1)
            next_g, next_h = min(h + even1, d + odd1), min(f + even1, b + odd1)
            a, b, c, d, e, f, g, h = next_a, next_b, next_c, next_d, next_e, next_f, next_g, next_h
        for state, cost in enumerate((a, b, c, d, e, f, g, h)):
            paths[block, state] = cost & _PARITIES
        least = min(a, b, c, d, e, f, g, h) >> _HISTORY
        a, b, c, d = afresh(a, least), afresh(b, least), afresh(c, least), afresh(d, least)
        e, f, g, h = afresh(e, least), afresh(f, least), afresh(g, least), afresh(h, least)
    ends = (a, b, c, d, e, f, g, h)
    state = 0
    while ends[state] != 0:
        state += 1
    return state


@inlined
def afresh(cost, least):  # type: ignore[no-untyped-def]
    """The cost of a path at the start of a block, relative to the `least` of all, with no history."""
    return ((cost >> _HISTORY) - least) << _HISTORY


@kernel
def search_64(residual, column, rows, of_columns, rates, work, paths, below, costs, nexts):  # type: ignore[no-untyped-def]
    """As `search_8`, for 64 states, whose `costs` are high at first: even ones reach 0 to 31, odd ones 32 to 63."""
    at = 0, column
    half = _STATES // 2
    costs[0] = 0
    for block in range(len(paths)):
        first, count, at = prepare(block, residual, rows, of_columns, rates, at, work)
        for i in range(count):
            even, odd, even1, odd1 = moves(work, i, below, first + i)
            for s in range(half):
                nexts[s] = min(costs[2 * s] + even, costs[2 * (s ^ _DRIVE)] + odd)
                before = s ^ _LOW_FEEDBACK
                nexts[half + s] = min(costs[2 * before + 1] + even1, costs[2 * (before ^ _DRIVE) + 1] + odd1)
            costs, nexts = nexts, costs
        least = costs[0]
        for s in range(_STATES):
            paths[block, s] = costs[s] & _PARITIES
            least = min(least, costs[s])
        for s in range(_STATES):
            costs[s] = afresh(costs[s], least >> _HISTORY)
    state = 0
    while costs[state] != 0:
        state += 1
    return state


@kernel
def trace(residual, paths, below, state, half, feedback, drive, levels):  # type: ignore[no-untyped-def]
    """Walk back along the cheapest path, which ends in `state` of twice `half` states, and write its levels."""
    for block in range(len(paths) - 1, -1, -1):
        first = block * _HISTORY
        parities = int(paths[block, state])  # without numba numpy would go on in narrow types
        for i in range(min(first + _HISTORY, len(levels)) - 1, first - 1, -1):
            parity = (parities >> (i - first)) & 1
            quantiser = 1 if state >= half else 0
            state = 2 * ((state ^ (feedback * quantiser) ^ (drive * parity)) & (half - 1)) + quantiser
            magnitude = abs(residual[i])
            low = int(magnitude)
            low += quantiser & (1 if magnitude - low >= 0.5 else 0)
            step = 1 - 2 * ((int(below[i]) >> quantiser) & 1)
            level = low + step * ((low & 1) ^ parity)
            negative = -(1 if residual[i] < 0 else 0)
            levels[i] = (level ^ negative) - negative
