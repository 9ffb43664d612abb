"""Valid vectors: the mixing coder and the trellis (SPEC.md clauses 8.2.1 and 9.5)."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from tools.vectors import wire
from tools.vectors.bases import THOUSANDTH
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group
from tools.vectors.mixing import GROUP, TRELLIS, TRELLIS_64, item_of, mixed, spread, zeros

STEP = wire.compact(50 << 10 | 77, -20)


def _one(dims: tuple[int, ...], scale: int) -> Draft:
    count = 1
    for dim in dims:
        count *= dim
    return mixed([item_of("w", dims, spread(count, scale), THOUSANDTH)], THOUSANDTH)


@valid("9.5.8")
def mixing_matrix() -> Draft:
    """A matrix of small levels under the mixing coder."""
    return _one((9, 14), 3)


@valid("9.5.8")
def mixing_kernels() -> Draft:
    """Kernels of 3 x 3: neighbours inside the kernel, in the channel and in the row before."""
    return _one((5, 4, 3, 3), 4)


@valid("9.5.8")
def mixing_one_by_one_kernels() -> Draft:
    """Kernels of 1 x 1 are a matrix, class 1."""
    return _one((6, 9, 1, 1), 4)


@valid("9.5.8")
def mixing_flat_kernels() -> Draft:
    """Kernels of 1 x 5: a row of the kernel is all of it."""
    return _one((4, 3, 1, 5), 5)


@valid("9.5.8")
def mixing_vector() -> Draft:
    """A vector is one row."""
    return _one((40,), 9)


@valid("9.5.8")
def mixing_scalar() -> Draft:
    """A scalar of one level."""
    return _one((), 7)


@valid("9.5.3", "9.5.6", "9.5.7")
def mixing_large_levels() -> Draft:
    """Levels in the thousands: units of 2^shift, and bits below them."""
    return _one((12, 12), 60000)


@valid("9.5.7", "9.5.2")
def mixing_extreme_levels() -> Draft:
    """-2^31 and 2^31 - 1 among zeros, where nothing expects them: Exp-Golomb numbers of 32 bits."""
    levels = [0] * 60
    levels[20], levels[21], levels[45] = -(2**31), 2**31 - 1, -(2**31)
    return mixed([item_of("w", (6, 10), levels, THOUSANDTH)], THOUSANDTH)


@valid("9.5.4", "9.5.5")
def mixing_predictable_levels() -> Draft:
    """Rows that repeat each other: the prediction learns to take them from above."""
    row = spread(12, 40)
    return mixed([item_of("w", (20, 12), row * 20, THOUSANDTH)], THOUSANDTH)


@valid("9.5.1")
def mixing_zeros() -> Draft:
    """Nothing but zeros: 4,000 levels in a few words."""
    return mixed([item_of("w", (40, 100), [0] * 4000, THOUSANDTH)], THOUSANDTH)


@valid("9.5.5", "9.5.8")
def mixing_rows_asleep() -> Draft:
    """Noise over 50 rows of 60: the prediction does not gain, and sleeps in most rows after the eighth."""
    levels = [((n * 2654435761 + n * n * 40503) >> 9) % 7 - 3 for n in range(3000)]
    return mixed([item_of("w", (50, 60), levels, THOUSANDTH)], THOUSANDTH)


@valid("9.5.5", "9.5.8")
def mixing_saturated() -> Draft:
    """Levels of 2^27 in repeating rows: neighbours, predictions, errors and taps all reach their bounds."""
    row = [(-1) ** (n % 3) * (2**27 + 12345 * n) for n in range(10)]
    return mixed([item_of("w", (20, 10), [(-1) ** (n % 2) * x for n in range(20) for x in row], STEP)], STEP)


@valid("9.5.5", "9.5.8")
def mixing_runaway_taps() -> Draft:
    """Zeros, then levels that grow fivefold: taps pass their bounds, and are brought back at column 0 or 16 only."""
    levels = []
    for row in range(40):
        first = ((row * 7919 >> 3) % 37 + 3) * (-1) ** (row * row // 3 % 2)
        levels += [0] * 16 + [first * 5**n for n in range(5)]
    return mixed([item_of("w", (40, 21), levels, THOUSANDTH)], THOUSANDTH)


@valid("9.5.5", "9.5.8")
def mixing_asleep_then_predicted() -> Draft:
    """Noise in 30 rows, in most of which the prediction sleeps; then rows that repeat, and wake it."""
    noise = [(n * 2654435761 * (n % 13 + 7) + n * n * 40503) >> 9 for n in range(80 * 24)]
    quiet = [x % 7 - 3 for x in noise[: 30 * 24]]
    rising = [n // 24 % 9 * 3 + noise[n] % 3 - 1 for n in range(30 * 24, 80 * 24)]
    return mixed([item_of("w", (80, 24), quiet + rising, THOUSANDTH)], THOUSANDTH)


@valid("9.5.5", "9.5.8")
def mixing_taps_live_on() -> Draft:
    """Two tensors alike, of one class: the second finds the taps that the first has left."""
    levels = [n * 7 % 23 + 20 for n in range(20 * 23)]
    return mixed([item_of(name, (20, 23), levels, THOUSANDTH) for name in ("v", "w")], THOUSANDTH)


@valid("9.5.4", "9.5.8")
def mixing_long_row() -> Draft:
    """One row of 300: the rates of the row reach their least."""
    levels = [(n * n * 7919 >> 4) % (3 + n % 29) - n % 11 for n in range(300)]
    return mixed([item_of("w", (1, 300), levels, THOUSANDTH)], THOUSANDTH)


@valid("9.5.8", "9.5.4")
def mixing_three_classes() -> Draft:
    """Tensors of all three classes in one slice: cells live on, taps and scales stay with their class."""
    shapes = {"k": (3, 3, 3, 3), "v": (20,), "m": (7, 9), "k2": (2, 3, 3, 3), "v2": (9,)}
    items = []
    for index, (name, dims) in enumerate(shapes.items()):
        count = 1
        for dim in dims:
            count *= dim
        items.append(item_of(name, dims, spread(count, 3 + 5 * index), THOUSANDTH))
    return mixed(items, THOUSANDTH)


@valid("9.5.6", "9.5.8")
def mixing_falling_silent() -> Draft:
    """Noise in the thousands, then hardly anything: what is expected comes to the ends of its range."""
    levels = []
    for n in range(900):
        row, column = divmod(n, 90)
        loud, some = (column + 5 * row) % 180 < 20, (7 * column + row) % 11 == 0
        levels.append((n * 7919 >> 2) % 6001 - 3000 if loud else int(some))
    return mixed([item_of("w", (10, 90), levels, THOUSANDTH)], THOUSANDTH)


@valid("9.5.4", "9.5.7")
def mixing_magnitudes_of_eight() -> Draft:
    """3,000 levels of 8 and -8, all of two units and no bit: means and probabilities that would be 0 count as 1."""
    levels = [(n * n * 7919 + n * 104729 >> 7) % 2 * 16 - 8 for n in range(3000)]
    return mixed([item_of("w", (50, 60), levels, THOUSANDTH)], THOUSANDTH)


@valid("9.5.8", "9.5.5")
def mixing_classes_of_one_by_one_kernels() -> Draft:
    """Kernels of one element find what matrices have left, and leave it to them; vectors and kernels are apart."""
    row = [n * 7 % 23 + 20 for n in range(12)]
    shapes = {"v": (60,), "m": (9, 12), "o": (9, 4, 3, 1, 1), "k": (5, 3, 2, 2), "o2": (9, 12, 1), "m2": (3, 12)}
    items = []
    for place, (name, dims) in enumerate(shapes.items()):
        count = prod(dims)
        levels = spread(count, 900) if name in "vk" else [x + place for x in row] * (count // 12)
        items.append(item_of(name, dims, levels, THOUSANDTH))
    return mixed(items, THOUSANDTH)


@valid("9.5.8", "7.2")
def mixing_cut_tensors() -> Draft:
    """Slices that cut a tensor inside a row, inside a kernel, and before its last level."""
    items = [item_of("a", (4, 3, 3, 3), spread(108, 6), THOUSANDTH), item_of("b", (5, 5), spread(25, 6), THOUSANDTH)]
    return mixed(items, THOUSANDTH, [1, 43, 70, 18, 1])


@valid("8.2.1", "9.5.6")
def trellis_mixing() -> Draft:
    """Trellis levels under the mixing coder, which takes part in the states; with an offset."""
    levels = spread(108, 4)
    return mixed([item_of("w", (4, 3, 3, 3), levels, STEP, (TRELLIS, [108]))], STEP, trellis=TRELLIS)


@valid("8.2.1", "9.5.6")
def trellis_mixing_large() -> Draft:
    """Large trellis levels under the mixing coder."""
    levels = spread(96, 9000)
    return mixed([item_of("w", (8, 12), levels, STEP, (TRELLIS, [96]))], STEP, trellis=TRELLIS)


@valid("8.2.1")
def trellis_cut() -> Draft:
    """The state of the trellis begins anew in every slice."""
    levels = [1 - n % 4 for n in range(60)]
    return mixed([item_of("w", (6, 10), levels, STEP, (TRELLIS, [7, 33, 20]))], STEP, [7, 33, 20], trellis=TRELLIS)


@valid("8.2.1", "9.5.6")
def trellis_mixing_predicted() -> Draft:
    """Small trellis levels in rows that repeat: in odd states too the prediction tells which cells."""
    levels = [n % 20 * 7919 // 4 % 7 - 3 for n in range(300)]
    return mixed([item_of("w", (15, 20), levels, STEP, (TRELLIS, [300]))], STEP, trellis=TRELLIS)


@valid("8.2.1", "9.5.6")
def trellis_64_mixing() -> Draft:
    """Levels of the trellis of 64 states under the mixing coder."""
    levels = spread(300, 4)
    return mixed([item_of("w", (5, 60), levels, STEP, (TRELLIS_64, [300]))], STEP, trellis=TRELLIS_64)


@valid("8.2.1")
def trellis_64_cut() -> Draft:
    """The state of the trellis of 64 states begins anew in every slice."""
    levels = [1 - n % 4 for n in range(60)]
    return mixed(
        [item_of("w", (6, 10), levels, STEP, (TRELLIS_64, [7, 33, 20]))], STEP, [7, 33, 20], trellis=TRELLIS_64
    )


@valid("8.2.1", "8.2.2")
def trellis_64_raw() -> Draft:
    """Levels without entropy coding that lead through all of the 64 states, both signs, extremes."""
    levels = (*(n * n * 7919 % 5 - 2 for n in range(900)), 2**31 - 1, -(2**31), 1, -1, 0, 3)
    item = item_of("w", (906,), levels, STEP, (TRELLIS_64, [906]))
    return replace(Draft([item], [Group(STEP)]), patches={f"{GROUP}.representation": wire.u8(TRELLIS_64)})


@valid("8.2.1", "8.2.2")
def trellis_raw() -> Draft:
    """Trellis levels without entropy coding: every state, both signs, extremes."""
    levels = (1, -1, 1, 2, -3, 0, 0, 1, -2, 2**31 - 1, -(2**31), 1, -1, 0, 3, -3, 3, 1, 1, 1)
    item = item_of("w", (20,), levels, STEP, (TRELLIS, [20]))
    return replace(Draft([item], [Group(STEP)]), patches={f"{GROUP}.representation": wire.u8(TRELLIS)})


@valid("8.2.1", "9.3")
def trellis_lzma2() -> Draft:
    """Trellis levels under LZMA2."""
    item = item_of("w", (20,), spread(20, 3), STEP, (TRELLIS, [20]))
    return replace(Draft([item], [Group(STEP, wire.stored)]), patches={f"{GROUP}.representation": wire.u8(TRELLIS)})


@valid("9.4", "9.5.1")
def mixing_levels_at_the_bound_by_their_width() -> Draft:
    """81920 levels of INT8 in ten bytes: the most that the bound lets pass, for level_width is what counts."""
    return zeros(8192 * 10, 1)
