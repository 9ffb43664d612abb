"""SPEC.md clause 9.6.5 (informative): loops over raw bits, compiled; without numba numpy does the same elsewhere."""

from __future__ import annotations

from typing import Final

import numpy as np

from nncodec.entropy.rans.kernels import NONE, ONE, THREE, TWO
from nncodec.kernel import inlined, kernel

CELL_SHIFT: Final = np.uint64(6)
CELL_MASK: Final = np.uint64(63)
THIRD: Final = np.uint64(21)
"""Bits of a word of which three are no more than a cell."""


@inlined
def appended(cells, cell, place, filled, value, width):  # type: ignore[no-untyped-def]
    """Put `width` bits behind the `filled` ones of the cell at `place`. Returns cell, place and what is filled."""
    cell |= value << filled
    filled += width
    if filled > CELL_MASK:
        cells[place] = cell
        place += ONE
        filled &= CELL_MASK
        cell = (value >> ONE) >> (width - ONE - filled)  # in two steps: none of 64, which is none at all
    return cell, place, filled


@kernel
def pack_numbers(words, tokens, origins, widths, is_folded, position, cells):  # type: ignore[no-untyped-def]
    """9.6.5: put the raw bits of words that are numbers into cells of 64 bits, of which one is spare.

    A word is so much above the origin of its token; twice that, if folded, or if signed so much below where it is less
    than 0, as it is for even tokens. They begin at bit `position`, behind which there is 0. Returns where they end.
    """
    place, filled = np.uint64(position) >> CELL_SHIFT, np.uint64(position) & CELL_MASK
    cell = cells[place]
    for i in range(len(tokens)):
        token = tokens[i]
        apart = np.uint64(words[i]) - np.uint64(origins[token])
        if is_folded:
            apart >>= ONE
        elif token & 1 == 0:
            apart = NONE - apart
        cell, place, filled = appended(cells, cell, place, filled, apart, np.uint64(widths[token]))
    cells[place] = cell
    return (place << CELL_SHIFT) + filled


@kernel
def pack_floats(words, low, zeros, position, cells):  # type: ignore[no-untyped-def]
    """9.6.5: put the raw bits of FLOATING words into cells as `pack_numbers` does; returns where they end."""
    zeros, mask, full = np.uint64(zeros), (ONE << np.uint64(low)) - ONE, np.uint64(low) - np.uint64(zeros)
    place, filled = np.uint64(position) >> CELL_SHIFT, np.uint64(position) & CELL_MASK
    cell = cells[place]
    for i in range(len(words)):
        word = np.uint64(words[i])
        width = full if word != NONE else NONE
        cell, place, filled = appended(cells, cell, place, filled, (word & mask) >> zeros, width)
    cells[place] = cell
    return (place << CELL_SHIFT) + filled


@kernel
def pack_uniform(words, low, zeros, position, cells):  # type: ignore[no-untyped-def]
    """As `pack_floats`, of words of which none is 0, with 21 raw bits at most: three words make one field."""
    zeros, mask, width = np.uint64(zeros), (ONE << np.uint64(low)) - ONE, np.uint64(low) - np.uint64(zeros)
    place, filled, step = np.uint64(position) >> CELL_SHIFT, np.uint64(position) & CELL_MASK, width * THREE
    cell, count, i = cells[place], np.uint64(len(words)), np.uint64(0)
    while i < count:
        value = (np.uint64(words[i]) & mask) >> zeros
        if i + TWO < count:
            value |= ((np.uint64(words[i + ONE]) & mask) >> zeros) << width
            value |= ((np.uint64(words[i + TWO]) & mask) >> zeros) << (width + width)
            i += THREE
        else:
            step = width
            i += ONE
        cell, place, filled = appended(cells, cell, place, filled, value, step)
    cells[place] = cell
    return (place << CELL_SHIFT) + filled


@inlined
def joined(cells, at):  # type: ignore[no-untyped-def]
    """The 64 bits of `cells` from bit `at` on."""
    place, shift = at >> CELL_SHIFT, at & CELL_MASK
    return (cells[place] >> shift) | ((cells[place + ONE] << ONE) << (shift ^ CELL_MASK))


@kernel
def complete(tokens, origins, factors, widths, cells, position, end, words):  # type: ignore[no-untyped-def]
    """9.6.5: the words of `tokens` from their raw bits on; returns where these end, -1 where they give out."""
    for i in range(len(tokens)):
        token = tokens[i]
        width = widths[token]
        if position + width > end:
            return -1
        raw = joined(cells, np.uint64(position)) & ((ONE << width) - ONE)
        words[i] = origins[token] + factors[token] * raw
        position += width
    return position


@kernel
def complete_uniform(uppers, shift, around, cells, position, width, low, zeros, words):  # type: ignore[no-untyped-def]
    """9.6.5: words of `width` raw bits each, `zeros` above 0, and of what stands above bit `low` but for the base.

    First the raw bits alone, three words at a time where 64 bits hold so many; then the rest, by vectors.
    """
    width, at = np.uint64(width), np.uint64(position)
    mask = (ONE << width) - ONE
    count, i = np.uint64(len(uppers)), np.uint64(0)
    threefold = count - count % THREE if width <= THIRD else i
    while i < threefold:
        bits = joined(cells, at)
        words[i] = bits & mask
        bits >>= width
        words[i + ONE] = bits & mask
        bits >>= width
        words[i + TWO] = bits & mask
        at += width * THREE
        i += THREE
    while i < count:
        words[i] = joined(cells, at) & mask
        at += width
        i += ONE
    shift, around = np.uint64(shift), np.uint64(around)
    low, zeros, sign = np.uint64(low), np.uint64(zeros), around + ONE
    for place in range(len(uppers)):
        upper = np.uint64(uppers[place])
        upper = ((upper + shift) & around) | (upper & sign)
        words[place] = (upper << low) | (np.uint64(words[place]) << zeros)
