"""SPEC.md clause 9.5.4: a decision under one cell or more: by the sum of their log-odds, by a mean, or as it stands.

A cell holds a number above a count (7 bits). In cells that are summed the number is the log-odds of 1, in 1/4096 nat
(25 bits with sign), in all others a probability of 1 (22 bits). Clause 9.5.4 says why no log-odds pass 4096 nats.
"""

from __future__ import annotations

from typing import Final

from nncodec.entropy.mixing.engine import code_bit
from nncodec.entropy.mixing.tables import COUNT_LIMIT, PACE_LIMIT, SQUASH_LIMIT
from nncodec.kernel import index, inlined

FRESH_CELL: Final = 1 << 28
"""Probability one half, count 0."""

FRESH_ODDS: Final = 0
"""Log-odds 0, count 0."""

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
def corrected(cell, error, paces):  # type: ignore[no-untyped-def]
    """The cell after a decision that missed by `error`: its log-odds have moved, its count has grown to its limit."""
    count = cell & _COUNT_MASK
    step = error * paces[index(count)] >> 20
    return cell + (step << _COUNT_BITS) + (1 if count < PACE_LIMIT else 0)


@inlined
def squashed(odds, squash):  # type: ignore[no-untyped-def]
    """The probability, in 1/65536, of log-odds in 1/4096 nat."""
    return squash[index(min(max(odds >> 4, -SQUASH_LIMIT), SQUASH_LIMIT) + SQUASH_LIMIT)]


@inlined
def code_summed(decoding, bit, a, b, c, d, dither, model, coder, words):  # type: ignore[no-untyped-def]
    """One decision under the sum of the log-odds of cells a, b, c, d. Returns the bit and the coder.

    `dither`, 0 to 511, varies from level to level: so steps that are no whole numbers are right in the mean.
    """
    cells, squash, paces, _, _ = model
    cell_a, cell_b, cell_c, cell_d = cells[index(a)], cells[index(b)], cells[index(c)], cells[index(d)]
    odds = (cell_a >> _COUNT_BITS) + (cell_b >> _COUNT_BITS) + (cell_c >> _COUNT_BITS) + (cell_d >> _COUNT_BITS)
    probability = squashed(odds, squash)
    bit, coder = code_bit(decoding, bit, probability, coder, words)
    error = (bit << 16) - probability + dither
    cells[index(a)] = corrected(cell_a, error, paces)
    cells[index(b)] = corrected(cell_b, error, paces)
    cells[index(c)] = corrected(cell_c, error, paces)
    cells[index(d)] = corrected(cell_d, error, paces)
    return bit, coder


@inlined
def code_pair(decoding, bit, a, b, dither, model, coder, words):  # type: ignore[no-untyped-def]
    """As `code_summed`, under two cells."""
    cells, squash, paces, _, _ = model
    cell_a, cell_b = cells[index(a)], cells[index(b)]
    probability = squashed((cell_a >> _COUNT_BITS) + (cell_b >> _COUNT_BITS), squash)
    bit, coder = code_bit(decoding, bit, probability, coder, words)
    error = (bit << 16) - probability + dither
    cells[index(a)] = corrected(cell_a, error, paces)
    cells[index(b)] = corrected(cell_b, error, paces)
    return bit, coder


@inlined
def code_mean(decoding, bit, a, b, c, model, coder, words):  # type: ignore[no-untyped-def]
    """One decision under the mean of cells a, b twice, and c: which follows faster than a sum."""
    cells, _, _, rates, _ = model
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
    cells, _, _, rates, _ = model
    cell = cells[index(a)]
    bit, coder = code_bit(decoding, bit, max(cell >> 13, 1), coder, words)
    cells[index(a)] = adapted(cell, bit, rates)
    return bit, coder
