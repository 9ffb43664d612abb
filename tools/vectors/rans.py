"""Drafts whose words are coded by the rANS coder (SPEC.md clause 9.6), under heads that are said in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from nncodec.entropy.rans.binarisation import Binarisation, tokenise, work_dtype
from nncodec.entropy.rans.coder import WordArea, encode_words
from nncodec.entropy.rans.head import CodingSet, Head
from nncodec.entropy.rans.tables import FrequencyTable, cut
from tools.vectors import wire
from tools.vectors.draft import Draft, Group, Item

RANS: Final = 3
GROUP: Final = "parameters.groups0"


@dataclass(frozen=True)
class Plan:
    """How a slice is coded: the binarisation of each set, the set and base of each area, contexts, lanes.

    given: the frequencies of the tokens of the only table, where they are not made from what occurs.
    """

    sets: Sequence[Binarisation]
    areas: Sequence[tuple[int, int]] = ((0, 0),)
    sides: int = 1
    thresholds: tuple[int, ...] = ()
    tables: int = 1
    lanes: int = 1
    scale: int = 10
    precision: int = 3
    start: int = 0
    given: Mapping[int, int] = field(default_factory=dict)


def coded(words: Sequence[int], counts: Sequence[int], plan: Plan, exponents: Sequence[int] = ()) -> bytes:
    """The payload of `words` in areas of `counts`; `exponents`: those of the predictions of all of them, if any."""
    numbers = np.array(words, np.uint64).astype(work_dtype(plan.sets[0].width))
    known, areas, first = np.array(exponents, np.uint16), [], 0
    for count in counts:
        areas.append(WordArea(count, known[first : first + count] if exponents else None))
        first += count
    sets = tuple(_set(plan, number, numbers, counts) for number in range(len(plan.sets)))
    head = Head(plan.lanes, plan.scale, plan.precision, plan.start, sets, tuple(plan.areas), ())
    return encode_words(numbers, areas, head)


def _set(plan: Plan, number: int, words: np.ndarray, counts: Sequence[int]) -> CodingSet:
    """A set with tables for all tokens of its areas, no two tables alike."""
    how, first = plan.sets[number], 0
    counted = np.zeros(how.alphabet, np.int64)
    for (its, base), count in zip(plan.areas, counts, strict=True):
        if its == number:
            tokens, _ = tokenise(words[first : first + count], how, base)
            counted += np.bincount(tokens, minlength=how.alphabet)
        first += count
    contexts = plan.sides * (len(plan.thresholds) + 1)
    spread = np.arange(how.alphabet)
    unlike = [counted * (3 + (spread * (1 + index)) % 5) for index in range(plan.tables)]
    tables = [_given(plan.given)] if plan.given else [_table(counts, plan.scale, plan.precision) for counts in unlike]
    chosen = tuple(context % plan.tables for context in range(contexts))
    return CodingSet(how, plan.sides, plan.thresholds, chosen, tuple(tables))


def _given(frequencies: Mapping[int, int]) -> FrequencyTable:
    return FrequencyTable(np.array(list(frequencies), np.int64), np.array(list(frequencies.values()), np.int64))


def _table(counts: np.ndarray, scale: int, precision: int) -> FrequencyTable:
    """A quarter of all slots by how often tokens occur, the rest to the most frequent one, which so is the longest."""
    tokens = np.flatnonzero(counts) if counts.any() else np.zeros(1, np.int64)
    total = max(int(counts.sum()), 1)
    frequencies = cut(np.maximum((counts[tokens].astype(np.int64) << scale) // (4 * total), 1), precision)
    most = np.argmax(frequencies)
    frequencies[most] += (1 << scale) - frequencies.sum()
    return FrequencyTable(tokens, frequencies)


def folded(levels: Sequence[int]) -> list[int]:
    """9.2.3: levels as words."""
    return [2 * level if level >= 0 else -2 * level - 1 for level in levels]


def with_payloads(
    items: Sequence[Item], *payloads: bytes, group: Group | None = None, cuts: Sequence[int] = ()
) -> Draft:
    """One group of `items` under the rANS coder, its slices with these payloads."""
    patches = {f"{GROUP}.entropy_coder": wire.u8(RANS)}
    patches |= {f"slice{index}.payload": payload for index, payload in enumerate(payloads)}
    return Draft(items, [group or Group()], patches=patches, cuts={0: list(cuts)} if cuts else {})


def with_payload_of(item: Item, plan: Plan, *, width: int) -> Draft:
    """An exact tensor whose words are coded by `plan`."""
    data = item.data if item.coded is None else item.coded
    words = [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]
    return with_payloads([item], coded(words, [len(words)], plan))
