"""Valid vectors: the taps of the mixing coder, where they pass their bounds (SPEC.md clauses 9.5.5 and 9.5.8).

A level that is many times one of its neighbours, all else being 0, moves the tap of that neighbour most. Levels that
repeat each other come last: of them the coder makes a prediction, which shows where the taps have been.
"""

from __future__ import annotations

from math import prod
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import THOUSANDTH
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Item
from tools.vectors.mixing import TRELLIS, TRELLIS_64, item_of, mixed

Dims = tuple[int, ...]

STEP: Final = wire.compact(50 << 10 | 77, -20)
KERNELS: Final = (4, 4, 5, 5)
REPEATING: Final = (6, 4, 5, 5)


def _pushes(dims: Dims, tap: int, gap: int, factor: int) -> list[int]:
    """Kernels of pairs of levels, `gap` or more apart: the first is the neighbour of that tap of the second."""
    columns, plane, across = prod(dims[1:]), prod(dims[2:]), dims[-1]
    back = (1, 2, across, plane, columns, across + 1)[tap]
    levels = [0] * prod(dims)
    at = gap
    for second in range(back, len(levels)):
        column = second % columns
        place, cross = column % plane, column % across
        sees = (cross > 0, cross > 1, place >= across, column >= plane, True, place >= across and cross > 0)[tap]
        if sees and second - back >= at and not levels[second - back]:
            first = (3 + at % 5) * (-1) ** (at % 3)
            levels[second - back : second + 1 : back] = first, factor * first
            at = second - back + gap + (1 if tap == 4 else back)
    return levels


def _repeating(dims: Dims, scale: int) -> Item:
    """Rows that are all alike."""
    columns = prod(dims[1:])
    levels = [(n % columns * 7919 >> 2) % (2 * scale + 1) - scale for n in range(prod(dims))]
    return item_of("repeating", dims, levels, THOUSANDTH)


def _taps(factor: int) -> Draft:
    pushed = [item_of(f"x{tap}", KERNELS, _pushes(KERNELS, tap, 30, factor), THOUSANDTH) for tap in range(6)]
    return mixed([*pushed, _repeating(REPEATING, 100)], THOUSANDTH)


@valid("9.5.5", "9.5.8")
def mixing_taps_above_their_bound() -> Draft:
    """Each of the six taps passes 2^17 and is brought back; then rows that repeat, and are predicted."""
    return _taps(20)


@valid("9.5.5", "9.5.8")
def mixing_taps_below_their_bound() -> Draft:
    """Each of the six taps passes -2^17 and is brought back; then rows that repeat, and are predicted."""
    return _taps(-20)


@valid("9.5.5", "9.5.8")
def mixing_taps_bound_by_the_row() -> Draft:
    """A slice that begins at level 6 of a vector: taps are bounded at every sixteenth level of the slice's row."""
    levels = [0] * 500
    for at in range(29, 471, 29):
        first = 3 + at % 5
        levels[at], levels[at + 1] = first, first * (20 if at < 250 else -20)
        levels[at + 8], levels[at + 13] = 1, -2
    wave = [abs(9 * n % 400 - 200) - 100 for n in range(200)]
    return mixed([item_of("w", (700,), levels + wave, THOUSANDTH)], THOUSANDTH, [6, 694])


def _asleep(columns: int) -> list[int]:
    """Nine rows, the even ones 20 times those above; then a row 15 whose levels a seventeenth row sees."""
    some = [3 + 7 * n % 5 if n % 10 == 0 else 0 for n in range(columns)]
    rows = [[0] * columns if row == 0 else [x * (1 if row % 2 else 20) for x in some] for row in range(9)]
    return [x for row in (*rows, *[[0] * columns] * 6, [*some[:8], *[0] * (columns - 8)], [0] * columns) for x in row]


@valid("9.5.5", "9.5.8")
def mixing_taps_beyond_bound_asleep() -> Draft:
    """A tap is beyond its bound when the prediction falls asleep, and still when it wakes; slices cut the first row."""
    levels = _asleep(90)
    matrix = item_of("w", (17, 90), levels, THOUSANDTH)
    repeating = [n % 90 * 7919 % 201 - 100 for n in range(8 * 90)]
    items = [matrix, item_of("repeating", (8, 90), repeating, THOUSANDTH)]
    return mixed(items, THOUSANDTH, [7, 25 * 90 - 7])


def _far(trellis: int) -> Draft:
    row = [(n * 7919 >> 2) % 401 - 200 for n in range(12)]
    levels = row * 20
    return mixed([item_of("w", (20, 12), levels, STEP, (trellis, [240]))], STEP, trellis=trellis)


@valid("9.5.6", "8.2.1")
def trellis_mixing_far() -> Draft:
    """Large levels, predicted well, in odd states too: `far` is taken from the goal, not from the prediction."""
    return _far(TRELLIS)


@valid("9.5.6", "8.2.1")
def trellis_64_mixing_far() -> Draft:
    """The same under the trellis of 64 states."""
    return _far(TRELLIS_64)


@valid("9.5.8")
def mixing_rows_of_the_slice() -> Draft:
    """The second slice begins at row 13: the prediction is awake in its first eight rows, and learns in these."""
    noise = [((n * 2654435761 + n * n * 40503) >> 9) % 7 - 3 for n in range(13 * 24)]
    repeating = [n % 24 * 7919 % 201 - 100 for n in range(7 * 24)]
    return mixed([item_of("w", (20, 24), noise + repeating, THOUSANDTH)], THOUSANDTH, [13 * 24, 7 * 24])
