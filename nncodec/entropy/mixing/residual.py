"""SPEC.md clause 9.5.7: binarisation: the distance of a level from its prediction, as decisions and raw bits.

Where the expected magnitude is small (shift 0), it is zero or not, its sign, and one decision for each unit of its
magnitude. Elsewhere it is its sign, the decisions for whole units of 2^shift, and the rest in bits.
"""

from __future__ import annotations

from typing import Final

from nncodec.entropy.mixing.contexts import LOW_BIT, TAIL
from nncodec.entropy.mixing.engine import code_raw
from nncodec.entropy.mixing.mixer import code_mean, code_pair, code_plain, code_summed
from nncodec.kernel import inlined

UNITS: Final = 13
"""Units that have a decision each; what is beyond follows as an Exp-Golomb number."""

_SIGN = 1
_UNIT = 2
_ZERO_ODD = 31
_SCALED_SIGN = 32
_SCALED_UNIT = 33
SUMMED: Final = (0, _SIGN, _ZERO_ODD, _SCALED_UNIT, _SCALED_UNIT + 1)
"""Phases whose cells hold log-odds."""


@inlined
def code_number(decoding, number, bits, high, coder, words):  # type: ignore[no-untyped-def]
    """Append `bits` raw bits to `high`, upper ones first, 16 at most at a time; `number` holds them in its low bits."""
    while bits > 0:
        part = min(bits, 16)
        bits -= part
        low, coder = code_raw(decoding, (number >> bits) & ((1 << part) - 1), part, coder, words)
        high = high << part | low
    return high, coder


@inlined
def code_beyond(decoding, number, model, coder, words):  # type: ignore[no-untyped-def]
    """A number of 0 to 2^32 - 1 as Exp-Golomb: its length in decisions, its bits raw. Returns the number."""
    number += 1
    length = 0
    while length < 32:
        longer = 1 if number >> (length + 1) > 0 else 0
        longer, coder = code_plain(decoding, longer, TAIL + length, model, coder, words)
        if longer == 0:
            break
        length += 1
    number, coder = code_number(decoding, number, length, 1, coder, words)
    return number - 1, coder


@inlined
def code_units(decoding, units, limit, done, phase, a, b, d, model, coder, words):  # type: ignore[no-untyped-def]
    """Count units from `done` on, a decision each up to `limit`. Returns the number of units."""
    while done < limit:
        more = 1 if units > done else 0
        more, coder = code_mean(decoding, more, a + phase, b + phase, d + phase, model, coder, words)
        if more == 0:
            return done, coder
        done += 1
        phase += 2
    beyond, coder = code_beyond(decoding, units - done, model, coder, words)
    return done + beyond, coder


@inlined
def code_small(decoding, residual, trellis_bit, a, b, c, d, dither, model, coder, words):  # type: ignore[no-untyped-def]
    """A residual at shift 0. Returns it."""
    magnitude = abs(residual)
    negative = 1 if residual < 0 else 0
    phase = _ZERO_ODD * trellis_bit
    some = 1 if magnitude > 0 else 0
    some, coder = code_summed(decoding, some, a + phase, b + phase, c + phase, d + phase, dither, model, coder, words)
    if some == 0:
        return 0, coder
    negative, coder = code_pair(decoding, negative, b + _SIGN, c + _SIGN, dither, model, coder, words)
    phase = _UNIT + negative
    magnitude, coder = code_units(decoding, magnitude, UNITS + 1, 1, phase, a, b, d, model, coder, words)
    return -magnitude if negative else magnitude, coder


@inlined
def code_scaled(decoding, residual, shift, place, a, b, c, d, dither, model, coder, words):  # type: ignore[no-untyped-def]
    """A residual at shift 1 or more; `place` is where the expected magnitude lies in its octave. Returns it."""
    negative = 1 if residual < 0 else 0
    magnitude = -residual - 1 if residual < 0 else residual
    negative, coder = code_plain(decoding, negative, c + _SCALED_SIGN, model, coder, words)
    phase = _SCALED_UNIT + negative
    units = magnitude >> shift
    some = 1 if units > 0 else 0
    some, coder = code_summed(decoding, some, a + phase, b + phase, c + phase, d + phase, dither, model, coder, words)
    if some:
        units, coder = code_units(decoding, units, UNITS, 1, phase + 2, a, b, d, model, coder, words)
    else:
        units = 0
    cell = LOW_BIT + place * 8 + min(units, 3) * 2 + negative
    low, coder = code_plain(decoding, (magnitude >> (shift - 1)) & 1, cell, model, coder, words)
    magnitude, coder = code_number(decoding, magnitude, shift - 1, units << 1 | low, coder, words)
    return -magnitude - 1 if negative else magnitude, coder
