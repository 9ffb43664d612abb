"""SPEC.md clause 9.6.4: frequency tables: how often, of 2^scale times, each token of a context is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans import head_kernels
from nncodec.entropy.rans.bits import BitReader, BitWriter, folded, golomb_codes
from nncodec.kernel import sequence

Integers = npt.NDArray[np.int64]

FIRST_CLASS: Final = 8
"""The class that the class of the first token is told from."""

_FLAWS: Final = {
    head_kernels.ENDS_EARLY: "or with a token beyond the last",
    head_kernels.NO_LENGTH: "or with a frequency of too few or too many bits",
    head_kernels.TOO_MUCH: "or with frequencies that sum up to more than all",
}


@dataclass(frozen=True)
class FrequencyTable:
    """Tokens that occur, ascending, and their frequencies, which sum up to 2^scale."""

    tokens: Integers
    frequencies: Integers


def lengths_of(frequencies: Integers) -> Integers:
    """How many bits each frequency has."""
    return np.frexp(frequencies)[1].astype(np.int64)


def cut(frequencies: Integers, precision: int) -> Integers:
    """`frequencies` with all but their leading bits and the `precision` bits behind these set to 0."""
    spare = np.maximum(lengths_of(frequencies) - 1 - precision, 0)
    return frequencies >> spare << spare


def free_place(frequencies: Integers) -> int:
    """The first of the longest frequencies: the one that is not told, for the sum is known."""
    return int(np.argmax(lengths_of(frequencies)))


def write_tables(writer: BitWriter, tables: Sequence[FrequencyTable], precision: int) -> None:
    """Write tables whose frequencies, but for the free ones, are `cut` already."""
    frequencies, tokens, firsts = _joined(tables)
    lengths = lengths_of(frequencies)
    before, behind = np.roll(lengths, 1), np.roll(tokens, 1) + 1
    before[firsts], behind[firsts] = FIRST_CLASS, 0
    pairs = golomb_codes(np.stack([tokens - behind, folded(lengths - before)], 1))
    counts = golomb_codes(np.array([len(table.tokens) - 1 for table in tables], np.int64))
    told = np.minimum(lengths - 1, precision)
    told[[first + free_place(table.frequencies) for first, table in zip(firsts, tables, strict=True)]] = 0
    fractions = (frequencies >> (lengths - 1 - told)) & ((1 << told) - 1), told
    codes = (_in_turns(*parts, [*firsts, len(tokens)]) for parts in zip(counts, pairs, fractions, strict=True))
    writer.fields(*codes)


def _joined(tables: Sequence[FrequencyTable]) -> tuple[Integers, Integers, list[int]]:
    """All frequencies, all tokens, and where those of each table begin."""
    ends = [0, *accumulate(len(table.tokens) for table in tables)]
    frequencies = np.concatenate([table.frequencies for table in tables])
    return frequencies, np.concatenate([table.tokens for table in tables]), ends[:-1]


def _in_turns(counts: Integers, pairs: Integers, fractions: Integers, ends: Sequence[int]) -> Integers:
    """Table by table the count, the pairs, and the fractions."""
    parts = []
    for place, (first, last) in enumerate(pairwise(ends)):
        parts += [counts[place : place + 1], pairs[first:last].ravel(), fractions[first:last]]
    return np.concatenate(parts)


def read_tables(reader: BitReader, count: int, alphabet: int, grid: tuple[int, int]) -> list[FrequencyTable]:
    """Inverse of `write_tables` for `count` tables of tokens below `alphabet`; grid: scale and precision.

    Raises InvalidStreamError.
    """
    most = count * min(alphabet, 1 << grid[0])
    sizes, tokens, frequencies = (sequence(np.empty(size, np.int64)) for size in (count, most, most))
    bounds = alphabet, *grid, FIRST_CLASS
    end = head_kernels.read_tables(*reader.ahead(), bounds, sizes, tokens, frequencies)
    reader.go_to(end, _FLAWS.get(end, ""))
    ends = [0, *accumulate(map(int, sizes))]
    found = (np.array(each[: ends[-1]], np.int64) for each in (tokens, frequencies))
    return [FrequencyTable(*parts) for parts in zip(*(np.split(each, ends[1:-1]) for each in found), strict=True)]


def slots(tables: Sequence[FrequencyTable], classes: Integers, gives: npt.NDArray[np.integer[Any]]) -> Integers:
    """What a decoder finds in each slot of each table, the slots of one table after those of another.

    Each entry holds what a token gives, its frequency, the distance of the slot from the token's first one, and the
    token's class, 16 bits each (`gives`, `classes`: those of every token).
    """
    frequencies, tokens, _ = _joined(tables)
    entries: Integers = gives.astype(np.int64)[tokens] | frequencies << 16 | classes[tokens] << 48
    total = int(frequencies.sum())
    distances = np.arange(total) - np.repeat(np.cumsum(frequencies) - frequencies, frequencies)
    return np.repeat(entries, frequencies) | distances << 32
