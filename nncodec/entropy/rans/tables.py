"""SPEC.md clause 9.6.4: frequency tables: how often, of 2^scale times, each token of a context is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans.bits import BitReader, BitWriter, damaged, folded

Integers = npt.NDArray[np.int64]

FIRST_CLASS: Final = 8
"""The class that the class of the first token is told from."""


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


def write_table(writer: BitWriter, table: FrequencyTable, precision: int) -> None:
    """Write a table whose frequencies, but for the free one, are `cut` already."""
    frequencies, tokens = table.frequencies, table.tokens
    writer.golomb(len(frequencies) - 1)
    lengths = lengths_of(frequencies)
    steps, gaps = np.diff(lengths, prepend=FIRST_CLASS), np.diff(tokens, prepend=-1) - 1
    writer.golombs(np.stack([gaps, folded(steps)], 1).ravel())
    told = _told(lengths, free_place(frequencies), precision)
    writer.fields((frequencies >> (lengths - 1 - told)) & ((1 << told) - 1), told)


def _told(lengths: Integers, free: int, precision: int) -> Integers:
    """How many bits behind the leading one are told of every frequency: of that at `free` none."""
    told = np.minimum(lengths - 1, precision)
    told[free] = 0
    return told


def read_table(reader: BitReader, alphabet: int, scale: int, precision: int) -> FrequencyTable:
    """Inverse of `write_table` for tokens below `alphabet`. Raises InvalidStreamError."""
    count = reader.golomb(min(alphabet, 1 << scale) - 1) + 1
    tokens, lengths = reader.table_entries(count, alphabet, FIRST_CLASS)
    if not 1 <= lengths.min() <= lengths.max() <= scale + 1:
        raise damaged(f"frequencies of {lengths.min()} to {lengths.max()} bits", reader.offset)
    frequencies = np.int64(1) << (lengths - 1)
    free = free_place(frequencies)
    told = _told(lengths, free, precision)
    frequencies += reader.fields(told) << (lengths - 1 - told)
    frequencies[free] += (1 << scale) - frequencies.sum()
    if frequencies[free] < 1:
        raise damaged("frequencies that sum up to more than all", reader.offset)
    return FrequencyTable(tokens, frequencies)


def slots(tables: Sequence[FrequencyTable], classes: Sequence[Any], gives: Sequence[Any]) -> Integers:
    """What a decoder finds in the 2^scale slots of each table, one table after another.

    Each entry holds what a token gives, its frequency, the distance of the slot from the token's first one, and the
    token's class, 16 bits each (`gives`, `classes`: for each table, those of every token).
    """
    filled = []
    for table, of_token, given in zip(tables, classes, gives, strict=True):
        frequencies = table.frequencies
        first = np.cumsum(frequencies) - frequencies
        entry = np.asarray(given, np.int64)[table.tokens] | frequencies << 16 | np.asarray(of_token)[table.tokens] << 48
        filled.append(np.repeat(entry - (first << 32), frequencies) + (np.arange(frequencies.sum()) << 32))
    return np.concatenate(filled)
