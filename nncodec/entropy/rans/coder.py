"""SPEC.md clause 9.6.1: the payload of a slice under the rANS coder: areas of words to bytes and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans.binarisation import Tokens, Words, tokens_of
from nncodec.entropy.rans.bits import damaged
from nncodec.entropy.rans.head import Head, read_head, write_head
from nncodec.entropy.rans.kernels import ACTIVITIES, STATE_LOW
from nncodec.entropy.rans.lanes import Activities, Lanes, Walk, activities, encode_lanes
from nncodec.entropy.rans.narrow import looked_up, looked_up_within
from nncodec.entropy.rans.raw import RawReader, pack_words
from nncodec.memory import room

Integers = npt.NDArray[np.int64]
Exponents = npt.NDArray[np.uint16]

STATE_BYTES = 4
_WORD_BYTES = 2


@dataclass(frozen=True)
class WordArea:
    """The part of one tensor that one slice holds: `count` words; exponents: those of its prediction (clause 8.4)."""

    count: int
    exponents: Exponents | None = None


@dataclass(frozen=True)
class Known:
    """What whoever made a head has found out: the token of each word, and the activity it meets if that matters."""

    tokens: Tokens
    met: Activities | None


def encode_words(words: Words, areas: Sequence[WordArea], head: Head, known: Known | None = None) -> bytes:
    """Payload of a slice; `words` are those of all areas, `head` says how they are coded (its `words` is set here)."""
    counts = tuple(area.count for area in areas)
    spans = [(head.sets[number].how, base, slice(begin, end)) for number, base, begin, end in _spans(head, counts)]
    if known is None:
        parts = [tokens_of(words[part], how, base) for how, base, part in spans]
        tokens = np.concatenate([*parts, np.zeros(0, np.uint16)])
        known = Known(tokens, activities(token_classes(tokens, counts, head), head.lanes, head.start))
    tokens = known.tokens
    raw = pack_words([(how, base, words[part], tokens[part]) for how, base, part in spans])
    tables = _tables_met(known, counts, head, [area.exponents for area in areas])
    lanes = encode_lanes(tokens, tables, _intervals(head), head.scale, head.lanes)
    front = write_head(replace(head, words=tuple(lanes.counts.tolist())))
    words_of_lanes = lanes.words.astype("<u2", copy=False).view(np.uint8).data
    return b"".join((front, lanes.states.astype("<u4").tobytes(), words_of_lanes, raw))


def decode_words(
    payload: memoryview, areas: Sequence[WordArea], width: int, offset: int, given: Words | None = None
) -> Words:
    """The words of a slice, in what is `given` for them; `offset` is the payload's place in the stream, for messages.

    Raises InvalidStreamError (ENTROPY) where the payload is damaged, ends early or goes on.
    """
    counts = tuple(area.count for area in areas)
    head, size = read_head(payload, width, counts, offset)
    lanes, rest = _split(payload[size:], head, offset)
    contexts = head.contexts(counts, [area.exponents for area in areas])
    walk, spans = Walk(lanes, head.slots(), contexts), _spans(head, counts)
    raw, words = RawReader(rest), room(sum(counts) * width).view(f"u{width}") if given is None else given
    is_whole = True
    for number, base, begin, tokens in _pieces(walk.blocks(), spans):
        part = words[begin : begin + len(tokens)]
        its = head.sets[number]
        complete = raw.complete_uniform if its.is_uniform else raw.complete
        is_whole = is_whole and complete(tokens, its.how, base, part)
    if not walk.is_right:
        raise damaged("the lanes do not end as they must", offset)
    if not is_whole:
        raise damaged("the raw bits give out", offset)
    if not raw.is_finished:
        raise damaged("more than the raw bits follows, or they are not padded with 0", offset)
    return words


def _split(data: memoryview, head: Head, offset: int) -> tuple[Lanes, memoryview]:
    """The lanes, and the raw bits behind them."""
    middle = STATE_BYTES * head.lanes
    end = middle + _WORD_BYTES * sum(head.words)
    if end > len(data):
        raise damaged(f"{len(data)} bytes for {head.lanes} states and {sum(head.words)} words", offset)
    states = np.frombuffer(data[:middle], "<u4").astype(np.int64)
    if (states < STATE_LOW).any():
        raise damaged("a state below all that an encoder leaves", offset)
    words = np.frombuffer(data[middle:end], "<u2").astype(np.uint16, copy=False)
    return Lanes(states, np.array(head.words, np.int64), words), data[end:]


def _spans(head: Head, counts: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """For each run of areas of one set and base: set, base, where its symbols begin, where they end."""
    ends = [0, *accumulate(counts)]
    for (number, base), run in groupby(range(len(counts)), key=lambda place: head.areas[place]):
        areas = list(run)
        yield number, base, ends[areas[0]], ends[areas[-1] + 1]


def _pieces(
    blocks: Iterator[tuple[int, Tokens]], spans: Iterator[tuple[int, int, int, int]]
) -> Iterator[tuple[int, int, int, Tokens]]:
    """The tokens of `blocks`, cut where a span ends: set, base, where they begin, and they themselves."""
    number = base = stop = 0
    for first, tokens in blocks:
        begin, end = first, first + len(tokens)
        while begin < end:
            while stop <= begin:
                number, base, _, stop = next(spans)
            yield number, base, begin, tokens[begin - first : stop - first]
            begin = min(stop, end)


def token_classes(tokens: Tokens, counts: Sequence[int], head: Head) -> npt.NDArray[np.uint8]:
    """The class of every token."""
    classes = np.empty(len(tokens), np.uint8)
    of_token = [each.how.classes().astype(np.uint8) for each in head.sets]
    for number, _, begin, end in _spans(head, counts):
        classes[begin:end] = looked_up(of_token[number], tokens[begin:end])
    return classes


def _tables_met(
    known: Known, counts: tuple[int, ...], head: Head, exponents: Sequence[Exponents | None]
) -> npt.NDArray[np.int32]:
    """The number of the table that each token stands under."""
    if sum(len(each.tables) for each in head.sets) == 1:
        return np.zeros(len(known.tokens), np.int32)
    contexts = head.contexts(counts, exponents)
    met = known.met if contexts.is_dynamic else None
    if met is None:
        return looked_up(contexts.tables[::ACTIVITIES], contexts.rows)
    return looked_up_within(contexts.tables, ACTIVITIES, contexts.rows, met)


def _intervals(head: Head) -> tuple[Integers, Integers]:
    """Frequency and first slot by table and token."""
    alphabet = max(each.how.alphabet for each in head.sets)
    listed = [table for each in head.sets for table in each.tables]
    frequencies = np.zeros((len(listed), alphabet), np.int64)
    firsts = np.zeros_like(frequencies)
    for number, table in enumerate(listed):
        frequencies[number, table.tokens] = table.frequencies
        firsts[number, table.tokens] = np.cumsum(table.frequencies) - table.frequencies
    return frequencies, firsts
