"""SPEC.md clause 9.5.4: a decision under one cell or more: mixed by a row of weights, a mean, or as it stands.

A cell holds a probability of 1 (22 bits) above a count (7 bits). A weight of 1.0 is 65536. No step of a weight passes
7,680, and a slice of 2^26 symbols has at most 2^32 decisions: so weights stay below 2^45, their sums below 2^60.
"""

from __future__ import annotations

from typing import Final

from nncodec.entropy.mixing.engine import code_bit
from nncodec.entropy.mixing.tables import COUNT_LIMIT, SQUASH_LIMIT
from nncodec.kernel import index, inlined

INPUTS: Final = 4
FRESH_CELL: Final = 1 << 28
"""Probability one half, count 0."""

FRESH_WEIGHT: Final = 19660
"""0.3: four inputs that agree are believed a little more than each of them."""

LEARNING_RATE: Final = 10
"""How far weights move, in 2^-18; 6 to 14 lie within 0.1 % of each other."""

_COUNT_BITS = 7
_COUNT_MASK = (1 << _COUNT_BITS) - 1
_TOP = (1 << 22) - 1


@inlined
def adapted(cell, bit, rates):  # type: ignore[no-untyped-def]
    """The cell after `bit`: its probability has moved by the rate of its count, its count has grown to its limit."""
    count = cell & _COUNT_MASK
    step = ((-bit & _TOP) - (cell >> _COUNT_BITS)) * rates[index(count)] >> 16
    return cell + (step << _COUNT_BITS) + (1 if count < COUNT_LIMIT else 0)


@inlined
def code_mixed(decoding, bit, a, b, c, d, row, model, coder, words):  # type: ignore[no-untyped-def]
    """One decision under cells a, b, c, d and the four weights from `row` on. Returns the bit and the coder."""
    cells, weights, stretch, squash, rates, _ = model
    cell_a, cell_b, cell_c, cell_d = cells[index(a)], cells[index(b)], cells[index(c)], cells[index(d)]
    in_a, in_b = stretch[index(cell_a >> 17)], stretch[index(cell_b >> 17)]
    in_c, in_d = stretch[index(cell_c >> 17)], stretch[index(cell_d >> 17)]
    w_a, w_b, w_c, w_d = weights[index(row)], weights[index(row + 1)], weights[index(row + 2)], weights[index(row + 3)]
    mixed = (w_a * in_a + w_b * in_b + w_c * in_c + w_d * in_d) >> 16
    probability = squash[index(min(max(mixed, -SQUASH_LIMIT), SQUASH_LIMIT) + SQUASH_LIMIT)]
    bit, coder = code_bit(decoding, bit, probability, coder, words)
    error = ((bit << 16) - probability) * LEARNING_RATE
    weights[index(row)] = w_a + ((in_a * error + (1 << 17)) >> 18)
    weights[index(row + 1)] = w_b + ((in_b * error + (1 << 17)) >> 18)
    weights[index(row + 2)] = w_c + ((in_c * error + (1 << 17)) >> 18)
    weights[index(row + 3)] = w_d + ((in_d * error + (1 << 17)) >> 18)
    cells[index(a)] = adapted(cell_a, bit, rates)
    cells[index(b)] = adapted(cell_b, bit, rates)
    cells[index(c)] = adapted(cell_c, bit, rates)
    cells[index(d)] = adapted(cell_d, bit, rates)
    return bit, coder


@inlined
def code_paired(decoding, bit, a, b, row, model, coder, words):  # type: ignore[no-untyped-def]
    """As `code_mixed`, under two cells and the first two weights from `row` on."""
    cells, weights, stretch, squash, rates, _ = model
    cell_a, cell_b = cells[index(a)], cells[index(b)]
    in_a, in_b = stretch[index(cell_a >> 17)], stretch[index(cell_b >> 17)]
    w_a, w_b = weights[index(row)], weights[index(row + 1)]
    mixed = (w_a * in_a + w_b * in_b) >> 16
    probability = squash[index(min(max(mixed, -SQUASH_LIMIT), SQUASH_LIMIT) + SQUASH_LIMIT)]
    bit, coder = code_bit(decoding, bit, probability, coder, words)
    error = ((bit << 16) - probability) * LEARNING_RATE
    weights[index(row)] = w_a + ((in_a * error + (1 << 17)) >> 18)
    weights[index(row + 1)] = w_b + ((in_b * error + (1 << 17)) >> 18)
    cells[index(a)] = adapted(cell_a, bit, rates)
    cells[index(b)] = adapted(cell_b, bit, rates)
    return bit, coder


@inlined
def code_mean(decoding, bit, a, b, c, model, coder, words):  # type: ignore[no-untyped-def]
    """One decision under the mean of cells a, b twice, and c: nearly as good as mixing, at half the time."""
    cells, _, _, _, rates, _ = model
    cell_a, cell_b, cell_c = cells[index(a)], cells[index(b)], cells[index(c)]
    total = (cell_a >> _COUNT_BITS) + 2 * (cell_b >> _COUNT_BITS) + (cell_c >> _COUNT_BITS)
    bit, coder = code_bit(decoding, bit, max(total >> 8, 1), coder, words)
    cells[index(a)] = adapted(cell_a, bit, rates)
    cells[index(b)] = adapted(cell_b, bit, rates)
    cells[index(c)] = adapted(cell_c, bit, rates)
    return bit, coder


@inlined
def code_plain(decoding, bit, a, model, coder, words):  # type: ignore[no-untyped-def]
    """One decision under cell a alone. Returns the bit and the coder."""
    cells, _, _, _, rates, _ = model
    cell = cells[index(a)]
    bit, coder = code_bit(decoding, bit, max(cell >> 13, 1), coder, words)
    cells[index(a)] = adapted(cell, bit, rates)
    return bit, coder
