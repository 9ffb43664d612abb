"""SPEC.md clause 9.6 (informative): loops of the rANS coder, compiled; without numba numpy does the same elsewhere."""

from __future__ import annotations

from typing import Final

import numpy as np

from nncodec.kernel import kernel

STATE_LOW: Final = 1 << 16
"""States are kept from here to 2^16 times as much; all lanes of a payload end here."""

ACTIVITIES: Final = 512
FAST_SHIFT: Final = 2
SLOW_SHIFT: Final = 4
INDEX_SHIFT: Final = 6

ONE: Final = np.uint64(1)

ABREAST: Final = 2
"""Lanes that are coded in turns, so that none waits for its own last step; more crowd each other out (measured)."""


@kernel
def follow_activities(classes, starts, fast, slow, found):  # type: ignore[no-untyped-def]
    """9.6.6: the activity that each class meets; `starts` are those of the lanes, and the end."""
    for lane in range(len(starts) - 1):
        a, b = fast[lane], slow[lane]
        for i in range(starts[lane], starts[lane + 1]):
            found[i] = (a + b) >> INDEX_SHIFT
            scaled = int(classes[i]) << 8
            a += (scaled - a) >> FAST_SHIFT
            b += (scaled - b) >> SLOW_SHIFT


@kernel
def put_lanes(tokens, tables, frequencies, firsts, scale, starts, states, words, begins):  # type: ignore[no-untyped-def]
    """9.6.7: code the lanes, last symbol first; the words of a lane end where its symbols do, and begin at `begins`."""
    lanes = len(starts) - 1
    for first in range(0, lanes, ABREAST):
        last = min(first + ABREAST, lanes)
        for step in range(starts[first + 1] - starts[first] - 1, -1, -1):
            for lane in range(first, last):
                i = starts[lane] + step
                if i >= starts[lane + 1]:
                    continue
                state = states[lane]
                frequency = frequencies[tables[i], tokens[i]]
                if state >= frequency << (32 - scale):
                    begins[lane] -= 1
                    words[begins[lane]] = state & 0xFFFF
                    state >>= 16
                whole = state // frequency
                states[lane] = (whole << scale) + state - whole * frequency + firsts[tables[i], tokens[i]]


@kernel
def take_lanes(slots, scale, tables, rows, is_dynamic, words, used, ends, states, starts, fast, slow, tokens):  # type: ignore[no-untyped-def]
    """9.6.7: decode the lanes; False where the words of one give out."""
    mask = (1 << scale) - 1
    lanes = len(starts) - 1
    for first in range(0, lanes, ABREAST):
        last = min(first + ABREAST, lanes)
        for step in range(starts[first + 1] - starts[first]):
            for lane in range(first, last):
                i = starts[lane] + step
                if i >= starts[lane + 1]:
                    continue
                state = states[lane]
                row = rows[i] * ACTIVITIES
                if is_dynamic:
                    row += (fast[lane] + slow[lane]) >> INDEX_SHIFT
                entry = slots[(tables[row] << scale) | (state & mask)]
                state = ((entry >> 16) & 0xFFFF) * (state >> scale) + ((entry >> 32) & 0xFFFF)
                if state < STATE_LOW:
                    if used[lane] == ends[lane]:
                        return False
                    state = (state << 16) | words[used[lane]]
                    used[lane] += 1
                states[lane] = state
                tokens[i] = entry & 0xFFFF
                if is_dynamic:
                    scaled = (entry >> 48) << 8
                    fast[lane] += (scaled - fast[lane]) >> FAST_SHIFT
                    slow[lane] += (scaled - slow[lane]) >> SLOW_SHIFT
    return True


@kernel
def pack_fields(values, widths, cells):  # type: ignore[no-untyped-def]
    """9.6.5: put the fields one behind the other into cells of 64 bits that are 0."""
    position = 0
    for i in range(len(widths)):
        place, shift = position >> 6, position & 63
        value = np.uint64(values[i])
        cells[place] |= value << shift
        cells[place + 1] |= (value >> 1) >> (63 - shift)
        position += widths[i]


@kernel
def complete(tokens, origins, factors, widths, cells, position, end, words):  # type: ignore[no-untyped-def]
    """9.6.5: the words of `tokens` from their raw bits on; returns where these end, -1 where they give out."""
    for i in range(len(tokens)):
        token = tokens[i]
        width = widths[token]
        if position + width > end:
            return -1
        place, shift = position >> 6, position & 63
        joined = (cells[place] >> shift) | ((cells[place + 1] << 1) << (63 - shift))
        raw = joined & ((ONE << width) - ONE)
        words[i] = origins[token] + factors[token] * raw
        position += width
    return position
