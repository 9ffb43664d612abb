"""SPEC.md clause 9.6 (informative): loops of the rANS coder, compiled; without numba numpy does the same elsewhere."""

from __future__ import annotations

from typing import Final

import numpy as np

from nncodec.kernel import index, inlined, kernel

STATE_LOW: Final = 1 << 16
"""States are kept from here to 2^16 times as much; all lanes of a payload end here."""

ACTIVITIES: Final = 512
FAST_SHIFT: Final = 2
SLOW_SHIFT: Final = 4
INDEX_SHIFT: Final = 6

NONE: Final = np.uint64(0)
ONE: Final = np.uint64(1)
TWO: Final = np.uint64(2)
THREE: Final = np.uint64(3)

ABREAST: Final = 2
"""Lanes that are coded in turns, so that none waits for its own last step; more crowd each other out (measured)."""


@kernel
def follow_activities(classes, starts, fast, slow, found):  # type: ignore[no-untyped-def]
    """9.6.6: the activity that each class meets; `starts` are those of the lanes, and the end."""
    for lane in range(len(starts) - 1):
        a, b = fast[lane], slow[lane]
        for i in range(starts[lane], starts[lane + 1]):
            found[i] = (a + b) >> INDEX_SHIFT
            a, b = follow(a, b, int(classes[i]))


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
                    fast[lane], slow[lane] = follow(fast[lane], slow[lane], entry >> 48)
    return True


@inlined
def put(state, frequency, inverse, first, scale, words, begin):  # type: ignore[no-untyped-def]
    """9.6.7: one symbol onto a state; `begin` is where the last word of the lane stands.

    There are no branches: which way one would go is not foreseen. The division is by the inverse of the frequency; it
    is exact, for states are below 2^32 and frequencies below 2^16, and half a unit is more than binary64 loses.
    """
    words[index(begin - 1)] = state & 0xFFFF
    full = int(state >= frequency << (32 - scale))
    state >>= full << 4
    whole = int((state + 0.5) * inverse)
    return (whole << scale) + state - whole * frequency + first, begin - full


@kernel
def put_four(tokens, tables, width, frequencies, inverses, firsts, scale, starts, states, words, begins):  # type: ignore[no-untyped-def]
    """As `put_lanes`, four lanes in turns; a table is `width` entries in the three lists."""
    for lane in range(0, len(starts) - 1, 4):
        size = starts[lane + 4] - starts[lane + 3]
        for longer in range(lane, lane + 4):
            if starts[longer + 1] - starts[longer] > size:
                i = starts[longer + 1] - 1
                at = tables[i] * width + tokens[i]
                states[longer], begins[longer] = put(
                    states[longer], frequencies[at], inverses[at], firsts[at], scale, words, begins[longer]
                )
        s0, s1, s2, s3 = states[lane], states[lane + 1], states[lane + 2], states[lane + 3]
        b0, b1, b2, b3 = begins[lane], begins[lane + 1], begins[lane + 2], begins[lane + 3]
        f0, f1, f2, f3 = starts[lane], starts[lane + 1], starts[lane + 2], starts[lane + 3]
        for step in range(size - 1, -1, -1):
            at = index(tables[index(f0 + step)] * width + tokens[index(f0 + step)])
            s0, b0 = put(s0, frequencies[at], inverses[at], firsts[at], scale, words, b0)
            at = index(tables[index(f1 + step)] * width + tokens[index(f1 + step)])
            s1, b1 = put(s1, frequencies[at], inverses[at], firsts[at], scale, words, b1)
            at = index(tables[index(f2 + step)] * width + tokens[index(f2 + step)])
            s2, b2 = put(s2, frequencies[at], inverses[at], firsts[at], scale, words, b2)
            at = index(tables[index(f3 + step)] * width + tokens[index(f3 + step)])
            s3, b3 = put(s3, frequencies[at], inverses[at], firsts[at], scale, words, b3)
        states[lane], states[lane + 1], states[lane + 2], states[lane + 3] = s0, s1, s2, s3
        begins[lane], begins[lane + 1], begins[lane + 2], begins[lane + 3] = b0, b1, b2, b3


@inlined
def take(state, entry, scale, words, used):  # type: ignore[no-untyped-def]
    """9.6.7: the state behind the symbol of a slot, and how many words were used; no branches, as in `put`."""
    state = ((entry >> 16) & 0xFFFF) * (state >> scale) + ((entry >> 32) & 0xFFFF)
    hungry = int(state < STATE_LOW)
    return (state << (hungry << 4)) | (words[index(used)] * hungry), used + hungry


@kernel
def take_four(slots, scale, offsets, rows, words, used, states, starts, tokens):  # type: ignore[no-untyped-def]
    """As `take_lanes`, four lanes in turns, where activities do not matter; `offsets`: first slot by row.

    There may be no `rows`, where that of all is 0. The words of a lane may give out: it goes on with what stands behind
    them, and its number of words used tells.
    """
    mask = (1 << scale) - 1
    is_mixed, first = len(rows) > 0, offsets[0]
    for lane in range(0, len(starts) - 1, 4):
        s0, s1, s2, s3 = states[lane], states[lane + 1], states[lane + 2], states[lane + 3]
        u0, u1, u2, u3 = used[lane], used[lane + 1], used[lane + 2], used[lane + 3]
        f0, f1, f2, f3 = starts[lane], starts[lane + 1], starts[lane + 2], starts[lane + 3]
        size = starts[lane + 4] - f3
        for step in range(size):
            entry = slots[index((offsets[rows[f0 + step]] if is_mixed else first) | (s0 & mask))]
            tokens[index(f0 + step)] = entry & 0xFFFF
            s0, u0 = take(s0, entry, scale, words, u0)
            entry = slots[index((offsets[rows[f1 + step]] if is_mixed else first) | (s1 & mask))]
            tokens[index(f1 + step)] = entry & 0xFFFF
            s1, u1 = take(s1, entry, scale, words, u1)
            entry = slots[index((offsets[rows[f2 + step]] if is_mixed else first) | (s2 & mask))]
            tokens[index(f2 + step)] = entry & 0xFFFF
            s2, u2 = take(s2, entry, scale, words, u2)
            entry = slots[index((offsets[rows[f3 + step]] if is_mixed else first) | (s3 & mask))]
            tokens[index(f3 + step)] = entry & 0xFFFF
            s3, u3 = take(s3, entry, scale, words, u3)
        states[lane], states[lane + 1], states[lane + 2], states[lane + 3] = s0, s1, s2, s3
        used[lane], used[lane + 1], used[lane + 2], used[lane + 3] = u0, u1, u2, u3
        for longer in range(lane, lane + 4):
            if starts[longer + 1] - starts[longer] > size:
                i = starts[longer] + size
                entry = slots[index((offsets[rows[i]] if is_mixed else first) | (states[longer] & mask))]
                tokens[i] = entry & 0xFFFF
                states[longer], used[longer] = take(states[longer], entry, scale, words, used[longer])


@inlined
def slot_of(slots, offsets, row, a, b, place):  # type: ignore[no-untyped-def]
    """The slot at a place of the table for a row and the activity of a lane; `offsets`: first slot by both."""
    return slots[index(offsets[index(row * ACTIVITIES + ((a + b) >> INDEX_SHIFT))] | place)]


@inlined
def follow(a, b, kind):  # type: ignore[no-untyped-def]
    """9.6.6: the fast and the slow mean of a lane behind a token of this class."""
    scaled = kind << 8
    return a + ((scaled - a) >> FAST_SHIFT), b + ((scaled - b) >> SLOW_SHIFT)


@kernel
def take_four_following(slots, scale, offsets, rows, words, used, states, starts, fast, slow, tokens):  # type: ignore[no-untyped-def]
    """As `take_four`, where activities matter; `offsets`: first slot by row and activity."""
    mask = (1 << scale) - 1
    for lane in range(0, len(starts) - 1, 4):
        s0, s1, s2, s3 = states[lane], states[lane + 1], states[lane + 2], states[lane + 3]
        u0, u1, u2, u3 = used[lane], used[lane + 1], used[lane + 2], used[lane + 3]
        f0, f1, f2, f3 = starts[lane], starts[lane + 1], starts[lane + 2], starts[lane + 3]
        a0, a1, a2, a3 = fast[lane], fast[lane + 1], fast[lane + 2], fast[lane + 3]
        b0, b1, b2, b3 = slow[lane], slow[lane + 1], slow[lane + 2], slow[lane + 3]
        size = starts[lane + 4] - f3
        for step in range(size):
            entry = slot_of(slots, offsets, rows[index(f0 + step)], a0, b0, s0 & mask)
            tokens[index(f0 + step)] = entry & 0xFFFF
            s0, u0 = take(s0, entry, scale, words, u0)
            a0, b0 = follow(a0, b0, entry >> 48)
            entry = slot_of(slots, offsets, rows[index(f1 + step)], a1, b1, s1 & mask)
            tokens[index(f1 + step)] = entry & 0xFFFF
            s1, u1 = take(s1, entry, scale, words, u1)
            a1, b1 = follow(a1, b1, entry >> 48)
            entry = slot_of(slots, offsets, rows[index(f2 + step)], a2, b2, s2 & mask)
            tokens[index(f2 + step)] = entry & 0xFFFF
            s2, u2 = take(s2, entry, scale, words, u2)
            a2, b2 = follow(a2, b2, entry >> 48)
            entry = slot_of(slots, offsets, rows[index(f3 + step)], a3, b3, s3 & mask)
            tokens[index(f3 + step)] = entry & 0xFFFF
            s3, u3 = take(s3, entry, scale, words, u3)
            a3, b3 = follow(a3, b3, entry >> 48)
        states[lane], states[lane + 1], states[lane + 2], states[lane + 3] = s0, s1, s2, s3
        used[lane], used[lane + 1], used[lane + 2], used[lane + 3] = u0, u1, u2, u3
        fast[lane], fast[lane + 1], fast[lane + 2], fast[lane + 3] = a0, a1, a2, a3
        slow[lane], slow[lane + 1], slow[lane + 2], slow[lane + 3] = b0, b1, b2, b3
        for longer in range(lane, lane + 4):
            if starts[longer + 1] - starts[longer] > size:
                i = starts[longer] + size
                entry = slot_of(slots, offsets, rows[i], fast[longer], slow[longer], states[longer] & mask)
                tokens[i] = entry & 0xFFFF
                states[longer], used[longer] = take(states[longer], entry, scale, words, used[longer])


@kernel
def tokens_of_floats(words, low, shifted, around, sign, tokens):  # type: ignore[no-untyped-def]
    """9.6.5: the tokens of FLOATING words."""
    low, shifted, around, sign = np.uint64(low), np.uint64(shifted), np.uint64(around), np.uint64(sign)
    for i in range(len(words)):
        word = np.uint64(words[i])
        token = ((((word >> low) - shifted) & around) << ONE) + (word >> sign) + ONE
        tokens[i] = token if word != NONE else NONE


@kernel
def look_up(symbols, table, found):  # type: ignore[no-untyped-def]
    """The entry of `table` for each symbol."""
    for i in range(len(symbols)):
        found[i] = table[symbols[i]]


@kernel
def look_up_within(rows, symbols, table, width, found):  # type: ignore[no-untyped-def]
    """The entry of `table` for each symbol in its row of `width` entries."""
    for i in range(len(symbols)):
        found[i] = table[rows[i] * width + symbols[i]]


@kernel
def extent(symbols):  # type: ignore[no-untyped-def]
    """The least and the greatest of some symbols."""
    least = greatest = symbols[0]
    for i in range(len(symbols)):
        least, greatest = min(least, symbols[i]), max(greatest, symbols[i])
    return least, greatest


@kernel
def count(symbols, first, counts):  # type: ignore[no-untyped-def]
    """Count how often each symbol occurs, from `first` on."""
    for i in range(len(symbols)):
        counts[index(symbols[i] - first)] += 1


@kernel
def count_within(contexts, symbols, counts):  # type: ignore[no-untyped-def]
    """Count how often each symbol occurs in each context."""
    for i in range(len(symbols)):
        counts[contexts[i], symbols[i]] += 1
