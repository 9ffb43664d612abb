"""SPEC.md clauses 9.6.2 and 9.6.4 (informative): loops over numbers of the head, and over its frequency tables.

Both read any sequence of bytes. A place is told in bits; -1 or less in its stead says that there is none.
"""

from __future__ import annotations

from typing import Final

from nncodec.kernel import inlined, kernel

ENDS_EARLY: Final = -1
NO_LENGTH: Final = -2
TOO_MUCH: Final = -3
"""What is wrong with a table: it ends early, or has a token beyond the last; lengths out of range; too great a sum."""


@inlined
def read_golomb(data, position, end):  # type: ignore[no-untyped-def]
    """9.6.2: a Golomb code from bit `position` of `data` on, and where it ends; -1 where there is none, or 2^32."""
    zeros = 0
    while position < end and (data[position >> 3] >> (position & 7)) & 1 == 0:
        zeros += 1
        position += 1
    if zeros > 31 or position + 1 + zeros > end:
        return 0, ENDS_EARLY
    bits = read_bits(data, position + 1, zeros)
    return (1 << zeros) - 1 + bits, position + 1 + zeros


@inlined
def read_bits(data, position, count):  # type: ignore[no-untyped-def]
    """9.6.2: a number of `count` bits, all of which are there."""
    number = 0
    for bit in range(count):
        number |= ((int(data[position >> 3]) >> (position & 7)) & 1) << bit
        position += 1
    return number


@inlined
def unfolded(number):  # type: ignore[no-untyped-def]
    """9.6.2: what a Golomb code of a signed number stands for."""
    return -((number + 1) >> 1) if number & 1 else number >> 1


@kernel
def read_signed_golombs(data, position, end, most, numbers):  # type: ignore[no-untyped-def]
    """9.6.2: signed numbers (`most` at most before they are unfolded); -1 where one cannot be so."""
    for i in range(len(numbers)):
        number, position = read_golomb(data, position, end)
        if position < 0 or number > most:
            return ENDS_EARLY
        numbers[i] = unfolded(number)
    return position


@kernel
def read_tables(data, position, end, bounds, sizes, tokens, frequencies):  # type: ignore[no-untyped-def]
    """9.6.4: as many tables as there are `sizes`, one behind the other. Returns where they end, or what is wrong.

    bounds: alphabet, scale, precision, length that the first one is told from.
    """
    alphabet, scale, precision, usual = bounds
    first = 0
    for table in range(len(sizes)):
        number, position = read_golomb(data, position, end)
        if position < 0 or number >= min(alphabet, 1 << scale):
            return ENDS_EARLY
        last = first + number + 1
        position = read_lengths(data, position, end, (alphabet, scale, usual), first, last, tokens, frequencies)
        if position < 0:
            return position
        position = read_frequencies(data, position, end, (scale, precision), first, last, frequencies)
        if position < 0:
            return position
        sizes[table] = last - first
        first = last
    return position


@inlined
def read_lengths(data, position, end, bounds, first, last, tokens, lengths):  # type: ignore[no-untyped-def]
    """9.6.4: the tokens of one table and the length of each."""
    alphabet, scale, length = bounds
    behind = 0
    for i in range(first, last):
        number, position = read_golomb(data, position, end)
        behind += number
        if position < 0 or behind >= alphabet:
            return ENDS_EARLY
        tokens[i] = behind
        behind += 1
        number, position = read_golomb(data, position, end)
        if position < 0:
            return ENDS_EARLY
        length += unfolded(number)
        if length < 1 or length > scale + 1:
            return NO_LENGTH
        lengths[i] = length
    return position


@inlined
def read_frequencies(data, position, end, bounds, first, last, frequencies):  # type: ignore[no-untyped-def]
    """9.6.4: the frequencies of one table, in place of their lengths."""
    scale, precision = bounds
    free = first
    for i in range(first + 1, last):
        if frequencies[i] > frequencies[free]:
            free = i
    left = 1 << scale
    for i in range(first, last):
        if i != free:
            behind = frequencies[i] - 1
            told = min(behind, precision)
            if position + told > end:
                return ENDS_EARLY
            frequencies[i] = (1 << behind) + (read_bits(data, position, told) << (behind - told))
            position += told
            left -= frequencies[i]
    frequencies[free] = left
    return position if left > 0 else TOO_MUCH
