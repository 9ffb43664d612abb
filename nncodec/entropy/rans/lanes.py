"""SPEC.md clauses 9.6.6 and 9.6.7: activities, and the interleaved rANS states, both directions side by side.

Every function has two forms that give the same: one over all lanes at once, by numpy, and one compiled loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans import kernels
from nncodec.kernel import numba

Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.uint16]
Tokens = npt.NDArray[np.uint16]
Coded = npt.NDArray[np.uint16]
Activities = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Contexts:
    """Which table each symbol stands under: tables[rows[i] * 512 + activity], with `start` the class before any."""

    rows: Rows
    tables: npt.NDArray[np.int32]
    start: int
    is_dynamic: bool


def lane_starts(count: int, lanes: int) -> Integers:
    """First symbol of each lane, and `count`: where it does not divide, the first lanes are longer by one."""
    size, longer = divmod(count, lanes)
    lane = np.arange(lanes + 1)
    return lane * size + np.minimum(lane, longer)


def _steps(count: int, lanes: int) -> list[int]:
    """How many lanes have a symbol at each step."""
    size, longer = divmod(count, lanes)
    return [lanes] * size + [longer] * (longer > 0)


def activities(classes: npt.NDArray[np.integer[Any]], lanes: int, start: int) -> Activities:
    """9.6.6: the activity that each symbol meets: what the classes before it in its lane were like."""
    found = np.zeros(len(classes), np.uint16)
    fast, slow = (np.full(lanes, start << 8, np.int64) for _ in range(2))
    starts = lane_starts(len(classes), lanes)
    if numba() is not None:
        kernels.follow_activities(classes, starts, fast, slow, found)
        return found
    for step, active in enumerate(_steps(len(classes), lanes)):
        places = starts[:active] + step
        found[places] = (fast[:active] + slow[:active]) >> kernels.INDEX_SHIFT
        _follow(classes[places].astype(np.int64), fast[:active], slow[:active])
    return found


def _follow(classes: Integers, fast: Integers, slow: Integers) -> None:
    fast += ((classes << 8) - fast) >> kernels.FAST_SHIFT
    slow += ((classes << 8) - slow) >> kernels.SLOW_SHIFT


@dataclass(frozen=True)
class Lanes:
    """Coded lanes: the state of each, how many words each has, and the words, lane after lane."""

    states: Integers
    counts: Integers
    words: Coded


def encode_lanes(
    tokens: Tokens, tables: npt.NDArray[np.int32], intervals: tuple[Integers, Integers], scale: int, lanes: int
) -> Lanes:
    """9.6.7: the lanes of `tokens`, under their `tables`; `intervals`: frequency and first slot by table and token."""
    count = len(tokens)
    starts = lane_starts(count, lanes)
    states = np.full(lanes, kernels.STATE_LOW, np.int64)
    words, begins = np.zeros(count, np.uint16), starts[1:].copy()
    frequencies, firsts = intervals
    if numba() is not None and lanes % 4 == 0:
        places = tokens if len(frequencies) == 1 else tables * frequencies.shape[1] + tokens
        inverses = 1 / np.maximum(frequencies, 1)
        flat = frequencies.ravel(), inverses.ravel(), firsts.ravel()
        kernels.put_four(places, *flat, scale, starts, states, words, begins)
    elif numba() is not None:
        kernels.put_lanes(tokens, tables, frequencies, firsts, scale, starts, states, words, begins)
    else:
        for step, active in reversed(list(enumerate(_steps(count, lanes)))):
            places, state = starts[:active] + step, states[:active]
            frequency = frequencies[tables[places], tokens[places]]
            (full,) = np.nonzero(state >= frequency << (32 - scale))
            begins[full] -= 1
            words[begins[full]] = state[full] & 0xFFFF
            state[full] >>= 16
            states[:active] = (state // frequency << scale) + state % frequency + firsts[tables[places], tokens[places]]
    kept = [words[begin:end] for begin, end in zip(begins, starts[1:], strict=True)]
    return Lanes(states, starts[1:] - begins, np.concatenate(kept))


@dataclass(frozen=True)
class Slots:
    """The slots of all tables (clause 9.6.4)."""

    entries: Integers
    scale: int


def decode_lanes(lanes: Lanes, slots: Slots, contexts: Contexts) -> Tokens | None:
    """9.6.7: the tokens; None where words of a lane give out or are left over, or its state does not end right."""
    tokens = np.zeros(len(contexts.rows), np.uint16)
    walk = _Walk(lanes, contexts)
    if numba() is not None and len(walk.states) % 4 == 0 and not contexts.is_dynamic:
        good = walk.take_four(slots, tokens)
    elif numba() is not None and len(walk.states) % 2 == 0:
        good = walk.take_two_following(slots, tokens)
    elif numba() is not None:
        given = slots.entries, slots.scale, contexts.tables, contexts.rows, contexts.is_dynamic, lanes.words
        good = kernels.take_lanes(*given, walk.used, walk.ends, walk.states, walk.starts, walk.fast, walk.slow, tokens)
    else:
        good = all(walk.take(step, active, slots, tokens) for step, active in enumerate(walk.steps))
    good = good and (walk.used == walk.ends).all() and (walk.states == kernels.STATE_LOW).all()
    return tokens if good else None


class _Walk:
    """Where the decoder stands in each lane."""

    def __init__(self, lanes: Lanes, contexts: Contexts) -> None:
        self.lanes, self.contexts = lanes, contexts
        self.ends = np.cumsum(lanes.counts)
        self.used = self.ends - lanes.counts
        self.states = lanes.states.copy()
        self.starts = lane_starts(len(contexts.rows), len(self.states))
        self.steps = _steps(len(contexts.rows), len(self.states))
        self.fast, self.slow = (np.full(len(self.states), contexts.start << 8, np.int64) for _ in range(2))

    def take_four(self, slots: Slots, tokens: Tokens) -> bool:
        """All tokens where activities do not matter; True, for `used` says whether the words of a lane gave out."""
        offsets = self.contexts.tables[:: kernels.ACTIVITIES].astype(np.int64) << slots.scale
        rows = self.contexts.rows if len(offsets) > 1 else self.contexts.rows[:0]
        given = slots.entries, slots.scale, offsets, rows, self._padded()
        kernels.take_four(*given, self.used, self.states, self.starts, tokens)
        return True

    def take_two_following(self, slots: Slots, tokens: Tokens) -> bool:
        """The same where activities matter."""
        offsets = self.contexts.tables.astype(np.int64) << slots.scale
        given = slots.entries, slots.scale, offsets, self.contexts.rows, self._padded()
        kernels.take_two_following(*given, self.used, self.states, self.starts, self.fast, self.slow, tokens)
        return True

    def _padded(self) -> Coded:
        """The words, and what a lane may read that goes on behind the last one."""
        return np.pad(self.lanes.words, (0, int(self.starts[1]) + 1))

    def take(self, step: int, active: int, slots: Slots, tokens: Tokens) -> bool:
        """One token of every lane that has one at this step; False where the words of a lane give out."""
        places, state = self.starts[:active] + step, self.states[:active]
        rows = self.contexts.rows[places].astype(np.int64) * kernels.ACTIVITIES
        fast, slow = self.fast[:active], self.slow[:active]
        if self.contexts.is_dynamic:
            rows += (fast + slow) >> kernels.INDEX_SHIFT
        entries = slots.entries[
            self.contexts.tables[rows].astype(np.int64) << slots.scale | state & (1 << slots.scale) - 1
        ]
        state = (entries >> 16 & 0xFFFF) * (state >> slots.scale) + (entries >> 32 & 0xFFFF)
        (hungry,) = np.nonzero(state < kernels.STATE_LOW)
        used = self.used[hungry]
        if (used == self.ends[hungry]).any():
            return False
        state[hungry] = state[hungry] << 16 | self.lanes.words[used]
        self.used[hungry] += 1
        self.states[:active] = state
        tokens[places] = entries & 0xFFFF
        if self.contexts.is_dynamic:
            _follow(entries >> 48, fast, slow)
        return True
