"""SPEC.md clauses 9.6.6 and 9.6.7: activities, and the interleaved rANS states, both directions side by side.

Every function has two forms that give the same: one over all lanes at once, by numpy, and one compiled loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans import eightfold, kernels
from nncodec.kernel import numba

Integers = npt.NDArray[np.int64]
Rows = npt.NDArray[np.uint16]
Tokens = npt.NDArray[np.uint16]
Coded = npt.NDArray[np.uint16]
Activities = npt.NDArray[np.uint16]

NO_ROWS: Final = np.zeros(0, np.uint16)
_BLOCK: Final = 1 << 16
"""Tokens that are decoded at a time."""


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
    begins = starts[1:].copy()
    frequencies, firsts = intervals
    if numba() is not None and lanes % 8 == 0 and len(frequencies) == 1:
        words = _put_eight(tokens, intervals, scale, (starts, states, begins))
        return _lanes(words, states, begins, starts)
    words = np.zeros(count, np.uint16)
    if numba() is not None and lanes % 4 == 0:
        inverses = 1 / np.maximum(frequencies, 1)
        flat = frequencies.ravel(), inverses.ravel(), firsts.ravel()
        kernels.put_four(tokens, tables, frequencies.shape[1], *flat, scale, starts, states, words, begins)
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
    return _lanes(words, states, begins, starts)


def _lanes(words: Coded, states: Integers, begins: Integers, starts: Integers) -> Lanes:
    """Lanes whose words stand at their ends."""
    kept = [words[begin:end] for begin, end in zip(begins.tolist(), starts[1:].tolist(), strict=True)]
    return Lanes(states, starts[1:] - begins, np.concatenate(kept))


def _put_eight(
    tokens: Tokens, intervals: tuple[Integers, Integers], scale: int, walk: tuple[Integers, Integers, Integers]
) -> Coded:
    """The words that tokens under one table leave at the ends of their lanes; walk: starts, states, begins."""
    frequencies, firsts = (each[0].astype(np.uint64) for each in intervals)
    known = np.maximum(frequencies, np.uint64(1))
    inverses = ((np.uint64(1) << np.uint64(32 + scale)) + known - np.uint64(1)) // known
    limits, lacking = frequencies << np.uint64(32 - scale), np.uint64(1 << scale) - frequencies
    table = np.stack([limits, inverses, lacking, firsts], 1).ravel()
    memory = np.empty(len(tokens) + 8 * eightfold.AHEAD, np.uint16)
    memory[: len(tokens)] = tokens
    eightfold.put_eight(memory, len(tokens), table, scale, *walk)
    return memory


@dataclass(frozen=True)
class Slots:
    """The slots of all tables (clause 9.6.4)."""

    entries: Integers
    scale: int


class Walk:
    """9.6.7: decodes lanes, so many at a time that a cache holds their tokens."""

    def __init__(self, lanes: Lanes, slots: Slots, contexts: Contexts) -> None:
        self._words, self._slots, self._contexts = lanes.words, slots, contexts
        self._ends = np.cumsum(lanes.counts)
        self._used = self._ends - lanes.counts
        self._states = lanes.states.copy()
        self._starts = lane_starts(len(contexts.rows), len(self._states))
        self._fast, self._slow = (np.full(len(self._states), contexts.start << 8, np.int64) for _ in range(2))
        self._is_fed = True

    @property
    def is_right(self) -> bool:
        """Whether no lane wanted or left words, and all states ended where they must."""
        return self._is_fed and bool((self._used == self._ends).all() and (self._states == kernels.STATE_LOW).all())

    def blocks(self) -> Iterator[tuple[int, Tokens]]:
        """All tokens, in order: where some begin, and they themselves, which the next ones overwrite."""
        if numba() is None:
            yield 0, self._all_steps()
            return
        lanes, take = len(self._states), self._taker()
        most = max(_BLOCK // max(int(self._starts[1]), 1) // 8 * 8, 8)
        room = np.empty(self._starts[min(most, lanes)], np.uint16)
        for first in range(0, lanes, most):
            part = slice(first, min(first + most, lanes))
            begin = int(self._starts[part.start])
            tokens = room[: self._starts[part.stop] - begin]
            take(part, tokens)
            yield begin, tokens

    def _taker(self) -> Callable[[slice, Tokens], None]:
        """The fastest loop that can decode some of these lanes."""
        lanes, tables = len(self._states), self._contexts.tables
        if lanes % 4:
            return self._take_any
        if self._contexts.is_dynamic:
            return self._following(tables.astype(np.int64) << self._slots.scale)
        offsets = tables[:: kernels.ACTIVITIES].astype(np.int64) << self._slots.scale
        return self._eight() if len(offsets) == 1 and lanes % 8 == 0 else self._four(offsets)

    def _eight(self) -> Callable[[slice, Tokens], None]:
        """For one table: its slots and the words in one piece of memory."""
        slots, words = self._slots.entries.astype("<i8", copy=False).view("<u2"), len(self._words)
        behind = len(slots) + words
        memory = np.empty(behind + int(self._starts[1]) + 1 + 8 * eightfold.AHEAD, np.uint16)
        memory[: len(slots)], memory[len(slots) : behind], memory[behind:] = slots, self._words, 0
        self._used += len(slots)
        self._ends += len(slots)
        given = memory, len(memory) - 8 * eightfold.AHEAD, self._slots.scale
        return lambda part, tokens: eightfold.take_eight(*given, *self._standing(part), tokens)

    def _four(self, offsets: Integers) -> Callable[[slice, Tokens], None]:
        """Where activities do not matter; `offsets`: first slot by row."""
        given, words = (self._slots.entries, self._slots.scale, offsets), self._padded()
        is_mixed = len(offsets) > 1

        def take(part: slice, tokens: Tokens) -> None:
            kernels.take_four(*given, self._rows(part) if is_mixed else NO_ROWS, words, *self._standing(part), tokens)

        return take

    def _following(self, offsets: Integers) -> Callable[[slice, Tokens], None]:
        """Where activities matter; `offsets`: first slot by row and activity."""
        given, words = (self._slots.entries, self._slots.scale, offsets), self._padded()

        def take(part: slice, tokens: Tokens) -> None:
            activity = self._fast[part], self._slow[part]
            kernels.take_four_following(*given, self._rows(part), words, *self._standing(part), *activity, tokens)

        return take

    def _take_any(self, part: slice, tokens: Tokens) -> None:
        used, states, starts = self._standing(part)
        contexts = self._contexts
        given = self._slots.entries, self._slots.scale, contexts.tables, self._rows(part), contexts.is_dynamic
        lanes = self._words, used, self._ends[part], states, starts, self._fast[part], self._slow[part]
        if not kernels.take_lanes(*given, *lanes, tokens):
            self._is_fed = False
            tokens[:] = 0  # what is left of them need not be tokens at all, and something is looked up for each

    def _standing(self, part: slice) -> tuple[Integers, Integers, Integers]:
        """Of some lanes: the next word of each, its state, and where it begins among their symbols."""
        starts = self._starts[part.start : part.stop + 1]
        return self._used[part], self._states[part], starts - starts[0]

    def _rows(self, part: slice) -> Rows:
        return self._contexts.rows[self._starts[part.start] : self._starts[part.stop]]

    def _padded(self) -> Coded:
        """The words, and what a lane may read that goes on behind the last one."""
        return np.pad(self._words, (0, int(self._starts[1]) + 1))

    def _all_steps(self) -> Tokens:
        """All tokens, of all lanes at once."""
        count, lanes = len(self._contexts.rows), len(self._states)
        tokens = np.zeros(count, np.uint16)
        self._is_fed = all(self._step(step, active, tokens) for step, active in enumerate(_steps(count, lanes)))
        return tokens

    def _step(self, step: int, active: int, tokens: Tokens) -> bool:
        """One token of every lane that has one at this step; False where the words of a lane give out."""
        contexts, slots = self._contexts, self._slots
        places, state = self._starts[:active] + step, self._states[:active]
        rows = contexts.rows[places].astype(np.int64) * kernels.ACTIVITIES
        fast, slow = self._fast[:active], self._slow[:active]
        if contexts.is_dynamic:
            rows += (fast + slow) >> kernels.INDEX_SHIFT
        entries = slots.entries[contexts.tables[rows].astype(np.int64) << slots.scale | state & (1 << slots.scale) - 1]
        state = (entries >> 16 & 0xFFFF) * (state >> slots.scale) + (entries >> 32 & 0xFFFF)
        (hungry,) = np.nonzero(state < kernels.STATE_LOW)
        used = self._used[hungry]
        if (used == self._ends[hungry]).any():
            return False
        state[hungry] = state[hungry] << 16 | self._words[used]
        self._used[hungry] += 1
        self._states[:active] = state
        tokens[places] = entries & 0xFFFF
        if contexts.is_dynamic:
            _follow(entries >> 48, fast, slow)
        return True
