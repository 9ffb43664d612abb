"""SPEC.md clause 9.5.8: the levels of a tensor, or of a part of it, one after another in row-major order.

One loop is both the encoder and the decoder: what it knows of a level before coding it comes from levels before it.
"""

from __future__ import annotations

from typing import Final

from nncodec.entropy.mixing.contexts import (
    SHIFT_BIAS,
    cells_of,
    direction,
    expected_magnitude,
    sign,
)
from nncodec.entropy.mixing.engine import POSITION, VALUE, WIDTH
from nncodec.entropy.mixing.predictor import NEAR_LIMIT, bound, clamp, train, weighted
from nncodec.entropy.mixing.residual import code_scaled, code_small
from nncodec.entropy.mixing.tables import logarithm
from nncodec.kernel import index, inlined, kernel

MARGIN: Final = 2
"""Zeros before the first neighbour that can be asked for."""

LEVEL_MAX: Final = 2**31 - 1
ERROR_LIMIT: Final = 1 << 24

START, PLAIN_ERROR, TAPPED_ERROR = range(3)
"""Where `carried` holds the mean error that a row starts from, and the mean errors without and with prediction."""

COUNT, FIRST, COLUMNS, PLANE, ACROSS, FEEDBACK, DRIVE = range(7)
"""Where `area` holds what clause 9.5.8 calls by these names."""


@kernel
def encode_tensor(levels, area, near, errors, column_errors, carried, taps, model, kept, words, end):  # type: ignore[no-untyped-def]
    """Encode the levels of `area` (all arguments are flat). Returns how many were coded before `words` gave out."""
    return code_tensor(False, levels, area, near, errors, column_errors, carried, taps, model, kept, words, end)


@kernel
def decode_tensor(levels, area, near, errors, column_errors, carried, taps, model, kept, words, end):  # type: ignore[no-untyped-def]
    """Decode the levels of `area`. Returns how many were decoded before `words` gave out."""
    return code_tensor(True, levels, area, near, errors, column_errors, carried, taps, model, kept, words, end)


@inlined
def code_tensor(decoding, levels, area, near, errors, column_errors, carried, taps, model, kept, words, end):  # type: ignore[no-untyped-def]
    """Encode or decode: `decoding` is a constant for either caller, so compilers make a function for each."""
    count, columns, plane, across = area[COUNT], area[COLUMNS], area[PLANE], area[ACROSS]
    feedback, drive = area[FEEDBACK], area[DRIVE]
    lap, behind_plane, behind_across = min(columns, count), min(plane, count), min(across, count)
    rates, logs = model[3], model[4]
    column = area[FIRST] % columns
    place = column % plane
    cross = place % across
    row = position = laps = in_row = state = 0
    start = slow = recent = carried[START]
    plain_error, tapped_error = carried[PLAIN_ERROR], carried[TAPPED_ERROR]
    awake = True
    coder = (kept[VALUE], kept[WIDTH], kept[POSITION])
    for i in range(count):
        h = lap + MARGIN + i
        x0 = near[index(h - 1)] if cross > 0 else 0
        x2 = near[index(h - behind_across)] if place >= across else 0
        x3 = near[index(h - behind_plane)] if column >= plane else 0
        x4 = near[index(h - lap)]
        x1 = x5 = tapped = prediction = 0
        if awake:
            x1 = near[index(h - 2)] if cross > 1 else 0
            x5 = near[index(h - behind_across - 1)] if place >= across and cross > 0 else 0
            tapped = weighted(taps, x0, x1, x2, x3, x4, x5)
            if tapped_error < plain_error - (plain_error >> 5):
                prediction = tapped
        odd = state & 1
        goal = prediction
        goal += 8 * odd * direction(goal)  # levels of quantiser 1 lie half a step further out
        centre = (goal + 8) >> 4

        of_column = column_errors[index(position)] if laps > 0 else slow
        around = (
            errors[index(h - 1)]
            + errors[index(h - behind_across)]
            + errors[index(h - behind_plane)]
            + errors[index(h - lap)]
        )
        size = logarithm(expected_magnitude(slow, of_column, recent, around) + 1, logs)
        shift = max((size - SHIFT_BIAS) >> 3, 0)
        signs = ((sign(x0) * 3 + sign(x2)) * 3 + sign(x3)) * 3 + sign(x4)
        dither = (199 * i) & 511
        residual = 0 if decoding else levels[index(i)] - centre
        if shift == 0:
            a, b, c, d = cells_of(0, size, slow, of_column, recent, goal, centre, odd, signs, logs)
            residual, coder = code_small(decoding, residual, odd, a, b, c, d, dither, model, coder, words)
        else:
            a, b, c, d = cells_of(shift, size, slow, of_column, recent, goal, centre, odd, signs, logs)
            residual, coder = code_scaled(decoding, residual, shift, size & 7, a, b, c, d, dither, model, coder, words)
        level = centre + residual
        if decoding:
            if level > LEVEL_MAX or level < -LEVEL_MAX - 1:
                return i
            levels[index(i)] = level
        if coder[POSITION] > end:
            return i

        half = clamp(level, -NEAR_LIMIT, NEAR_LIMIT) * 2
        half -= odd * direction(half)
        state = (state >> 1) ^ (feedback * odd) ^ (drive * (level & 1))
        error = min(abs((half << 3) - prediction), ERROR_LIMIT)
        near[index(h)] = half
        errors[index(h)] = error
        recent += ((error - recent) * 24) >> 8
        slow += ((error - slow) * rates[index(min(in_row + 5, 49))]) >> 16
        if laps == 0:
            column_errors[index(position)] = (error + slow) >> 1
        else:
            column_errors[index(position)] = of_column + (((error - of_column) * rates[index(min(laps, 10))]) >> 16)
        if awake:
            if in_row % 16 == 0:
                bound(taps)
            miss = (half << 3) - tapped
            plain_error += ((abs(half) << 11) - plain_error) >> 7
            tapped_error += ((abs(miss) << 8) - tapped_error) >> 7
            train(taps, miss, ((slow * slow) >> 6) + 1, logs, x0, x1, x2, x3, x4, x5)

        in_row += 1
        column += 1
        place += 1
        cross += 1
        if cross == across:
            cross = 0
            if place == plane:
                place = 0
        position += 1
        if position == lap:
            position = 0
            laps += 1
        if column == columns:
            column = place = cross = in_row = 0
            row += 1
            start += (slow - start) // 3
            slow = start
            awake = row < 8 or row & 7 == 0 or tapped_error < plain_error - (plain_error >> 5)
    kept[VALUE], kept[WIDTH], kept[POSITION] = coder
    carried[START], carried[PLAIN_ERROR], carried[TAPPED_ERROR] = start, plain_error, tapped_error
    return count
