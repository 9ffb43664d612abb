"""SPEC.md clause 9.6.4: frequency tables: how often, of 2^scale times, each token of a context is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans.bits import BitReader, BitWriter, damaged

Integers = npt.NDArray[np.int64]

FIRST_CLASS: Final = 8
"""The class that the class of the first token is told from."""


@dataclass(frozen=True)
class FrequencyTable:
    """Tokens that occur, ascending, and their frequencies, which sum up to 2^scale."""

    tokens: Integers
    frequencies: Integers


def cut(frequency: int, precision: int) -> int:
    """`frequency` with all but its leading bit and the `precision` bits behind it set to 0."""
    spare = max(frequency.bit_length() - 1 - precision, 0)
    return frequency >> spare << spare


def free_place(frequencies: Sequence[int]) -> int:
    """The first of the longest frequencies: the one that is not told, for the sum is known."""
    lengths = [frequency.bit_length() for frequency in frequencies]
    return lengths.index(max(lengths))


def write_table(writer: BitWriter, table: FrequencyTable, precision: int) -> None:
    """Write a table whose frequencies, but for the free one, are `cut` already."""
    frequencies = table.frequencies.tolist()
    writer.golomb(len(frequencies) - 1)
    behind, previous = 0, FIRST_CLASS
    for token, frequency in zip(table.tokens.tolist(), frequencies, strict=True):
        length = frequency.bit_length()
        writer.golomb(token - behind)
        writer.signed(length - previous)
        behind, previous = token + 1, length
    free = free_place(frequencies)
    for place, frequency in enumerate(frequencies):
        if place != free:
            spare = frequency.bit_length() - 1
            told = min(spare, precision)
            writer.bits((frequency >> (spare - told)) - (1 << told), told)


def read_table(reader: BitReader, alphabet: int, scale: int, precision: int) -> FrequencyTable:
    """Inverse of `write_table` for tokens below `alphabet`. Raises InvalidStreamError."""
    count = reader.golomb(min(alphabet, 1 << scale) - 1) + 1
    tokens, lengths = reader.table_entries(count, alphabet, FIRST_CLASS)
    if not 1 <= min(lengths) <= max(lengths) <= scale + 1:
        raise damaged(f"frequencies of {min(lengths)} to {max(lengths)} bits", reader.offset)
    frequencies = [1 << (length - 1) for length in lengths]
    free = free_place(frequencies)
    told = [0 if place == free else min(length - 1, precision) for place, length in enumerate(lengths)]
    for place, bits in enumerate(reader.fields(told)):
        frequencies[place] += bits << (lengths[place] - 1 - told[place])
    frequencies[free] = (1 << scale) - (sum(frequencies) - frequencies[free])
    if frequencies[free] < 1:
        raise damaged("frequencies that sum up to more than all", reader.offset)
    return FrequencyTable(np.array(tokens, np.int64), np.array(frequencies, np.int64))


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
