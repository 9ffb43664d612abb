"""SPEC.md clause 9.6.7 (informative): loops over lanes under one table, eight in turns, where most symbols go through.

One rule: all that such a loop reads and writes has one address, so that no state has to leave its register.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from nncodec.entropy.rans.kernels import ONE, STATE_LOW, THREE, TWO
from nncodec.kernel import index, inlined, kernel

AHEAD: Final = 512
"""Tokens of a lane that wait for those of the lanes beside it."""

LOW_BITS: Final = np.uint64(0xFFFF)
WORD_BITS: Final = np.uint64(16)
LOWEST: Final = np.uint64(STATE_LOW)
SLOT_SHIFT: Final = np.uint64(2)
"""A slot is four numbers: token, frequency, distance, class."""


@inlined
def take_of(state, memory, slot, scale, used):  # type: ignore[no-untyped-def]
    """9.6.7: the state behind the symbol of a slot, which begins at `slot`, and how many words were used."""
    state = np.uint64(memory[slot + ONE]) * (state >> scale) + np.uint64(memory[slot + TWO])
    fed = (state << WORD_BITS) | np.uint64(memory[used])
    is_hungry = state < LOWEST
    return fed if is_hungry else state, used + np.uint64(is_hungry)


@kernel
def take_eight(memory, rows, scale, used, states, starts, tokens):  # type: ignore[no-untyped-def]
    """As `take_four`.

    memory: the slots, the words, and behind them, from `rows` on, room for AHEAD tokens of each lane. `used` counts
    from the beginning of the memory.
    """
    scale, mask = np.uint64(scale), (ONE << np.uint64(scale)) - ONE
    for lane in range(0, len(starts) - 1, 8):
        size = starts[lane + 8] - starts[lane + 7]
        for begin in range(0, size, AHEAD):
            count = min(AHEAD, size - begin)
            s0, u0 = index(states[lane + 0]), index(used[lane + 0])
            s1, u1 = index(states[lane + 1]), index(used[lane + 1])
            s2, u2 = index(states[lane + 2]), index(used[lane + 2])
            s3, u3 = index(states[lane + 3]), index(used[lane + 3])
            s4, u4 = index(states[lane + 4]), index(used[lane + 4])
            s5, u5 = index(states[lane + 5]), index(used[lane + 5])
            s6, u6 = index(states[lane + 6]), index(used[lane + 6])
            s7, u7 = index(states[lane + 7]), index(used[lane + 7])
            at, end = np.uint64(rows), np.uint64(rows + count)
            while at < end:
                slot = (s0 & mask) << SLOT_SHIFT
                memory[at + np.uint64(0 * AHEAD)] = memory[slot]
                s0, u0 = take_of(s0, memory, slot, scale, u0)
                slot = (s1 & mask) << SLOT_SHIFT
                memory[at + np.uint64(1 * AHEAD)] = memory[slot]
                s1, u1 = take_of(s1, memory, slot, scale, u1)
                slot = (s2 & mask) << SLOT_SHIFT
                memory[at + np.uint64(2 * AHEAD)] = memory[slot]
                s2, u2 = take_of(s2, memory, slot, scale, u2)
                slot = (s3 & mask) << SLOT_SHIFT
                memory[at + np.uint64(3 * AHEAD)] = memory[slot]
                s3, u3 = take_of(s3, memory, slot, scale, u3)
                slot = (s4 & mask) << SLOT_SHIFT
                memory[at + np.uint64(4 * AHEAD)] = memory[slot]
                s4, u4 = take_of(s4, memory, slot, scale, u4)
                slot = (s5 & mask) << SLOT_SHIFT
                memory[at + np.uint64(5 * AHEAD)] = memory[slot]
                s5, u5 = take_of(s5, memory, slot, scale, u5)
                slot = (s6 & mask) << SLOT_SHIFT
                memory[at + np.uint64(6 * AHEAD)] = memory[slot]
                s6, u6 = take_of(s6, memory, slot, scale, u6)
                slot = (s7 & mask) << SLOT_SHIFT
                memory[at + np.uint64(7 * AHEAD)] = memory[slot]
                s7, u7 = take_of(s7, memory, slot, scale, u7)
                at += ONE
            states[lane + 0], used[lane + 0] = s0, u0
            states[lane + 1], used[lane + 1] = s1, u1
            states[lane + 2], used[lane + 2] = s2, u2
            states[lane + 3], used[lane + 3] = s3, u3
            states[lane + 4], used[lane + 4] = s4, u4
            states[lane + 5], used[lane + 5] = s5, u5
            states[lane + 6], used[lane + 6] = s6, u6
            states[lane + 7], used[lane + 7] = s7, u7
            for row in range(8):
                first, behind = index(rows + row * AHEAD), index(starts[lane + row] + begin)
                for step in range(count):
                    tokens[behind + index(step)] = memory[first + index(step)]
        for longer in range(lane, lane + 8):
            if starts[longer + 1] - starts[longer] > size:
                slot = (index(states[longer]) & mask) << SLOT_SHIFT
                tokens[starts[longer] + size] = memory[slot]
                states[longer], used[longer] = take_of(index(states[longer]), memory, slot, scale, index(used[longer]))


@inlined
def put_of(state, memory, table, entry, shift, begin):  # type: ignore[no-untyped-def]
    """9.6.7: one symbol onto a state, as `put`; `entry` is where its four numbers stand in the table.

    They are the least state that gives a word away first, 2^shift over the frequency, rounded up, what the frequency
    lacks to 2^scale, and the first slot. With a shift of 32 + scale the division is exact, and nothing leaves 64 bits.
    """
    memory[begin - ONE] = state & LOW_BITS
    is_full = state >= table[entry]
    state = state >> WORD_BITS if is_full else state
    whole = (state * table[entry + ONE]) >> shift
    return state + table[entry + THREE] + whole * table[entry + TWO], begin - np.uint64(is_full)


@inlined
def put_turns(memory, rows, count, table, shift, lane, begins, states):  # type: ignore[no-untyped-def]
    """Code `count` tokens of each of four lanes, last ones first, which stand in rows as in `take_eight`."""
    s0, b0 = index(states[lane + 0]), index(begins[lane + 0])
    s1, b1 = index(states[lane + 1]), index(begins[lane + 1])
    s2, b2 = index(states[lane + 2]), index(begins[lane + 2])
    s3, b3 = index(states[lane + 3]), index(begins[lane + 3])
    at, end = np.uint64(rows + count), np.uint64(rows)
    while at > end:
        at -= ONE
        entry = np.uint64(memory[at + np.uint64(0 * AHEAD)]) << SLOT_SHIFT
        s0, b0 = put_of(s0, memory, table, entry, shift, b0)
        entry = np.uint64(memory[at + np.uint64(1 * AHEAD)]) << SLOT_SHIFT
        s1, b1 = put_of(s1, memory, table, entry, shift, b1)
        entry = np.uint64(memory[at + np.uint64(2 * AHEAD)]) << SLOT_SHIFT
        s2, b2 = put_of(s2, memory, table, entry, shift, b2)
        entry = np.uint64(memory[at + np.uint64(3 * AHEAD)]) << SLOT_SHIFT
        s3, b3 = put_of(s3, memory, table, entry, shift, b3)
    states[lane + 0], begins[lane + 0] = s0, b0
    states[lane + 1], begins[lane + 1] = s1, b1
    states[lane + 2], begins[lane + 2] = s2, b2
    states[lane + 3], begins[lane + 3] = s3, b3


@kernel
def put_eight(memory, rows, table, scale, starts, states, begins):  # type: ignore[no-untyped-def]
    """As `put_four`, of tokens at the beginning of the memory, into places of tokens that were coded already.

    Of the memory, what stands from `rows` on is room for the rows of `put_turns`.
    """
    shift = np.uint64(32 + scale)
    for lane in range(0, len(starts) - 1, 8):
        size = starts[lane + 8] - starts[lane + 7]
        for longer in range(lane, lane + 8):
            if starts[longer + 1] - starts[longer] > size:
                entry = np.uint64(memory[starts[longer] + size]) << SLOT_SHIFT
                given = index(states[longer]), memory, table, entry, shift, index(begins[longer])
                states[longer], begins[longer] = put_of(*given)
        for end in range(size, 0, -AHEAD):
            count = min(AHEAD, end)
            for row in range(8):
                first, behind = index(rows + row * AHEAD), index(starts[lane + row] + end - count)
                for step in range(count):
                    memory[first + index(step)] = memory[behind + index(step)]
            for half in (0, 4):  # of eight, some states would leave their registers
                put_turns(memory, rows + half * AHEAD, count, table, shift, lane + half, begins, states)
