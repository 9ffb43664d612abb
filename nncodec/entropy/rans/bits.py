"""SPEC.md clause 9.6.2: bits, from the least significant of each byte on, and Exp-Golomb codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans import head_kernels
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.kernel import numba, sequence

Integers = npt.NDArray[np.int64]

CLAUSE = "9.6"
_MOST_ZEROS = 64
_LONGEST_BYTES = 17
"""Of a Golomb code of 64 zeros, from any bit of a byte on."""
_KEPT_BITS = 512
"""Of what is written in one number, before it goes to bytes."""
_CELL = (1 << 32) - 1
_LARGE = (1 << 16) - 1
"""A number whose code has more than 31 bits."""
_KEPT = (1 << _KEPT_BITS) - 1


def folded(numbers: Integers) -> Integers:
    """What stands for signed numbers: 0, -1, 1, -2, 2 and so on as 0, 1, 2, 3, 4."""
    return np.where(numbers < 0, -2 * numbers - 1, 2 * numbers)


def golomb_codes(numbers: Integers) -> tuple[Integers, Integers]:
    """Exp-Golomb codes of numbers below 2^16 - 1, and how many bits each has."""
    zeros = np.frexp(numbers + 1)[1].astype(np.int64) - 1
    return (numbers + 1 - (1 << zeros)) << (zeros + 1) | 1 << zeros, 2 * zeros + 1


def damaged(what: str, offset: int) -> InvalidStreamError:
    """The error for a payload that the rANS coder cannot have written; `offset` is its place in the stream."""
    return InvalidStreamError(ErrorClass.ENTROPY, what, clause=CLAUSE, offset=offset)


class BitReader:
    """Reads numbers from `data`; `offset` is its place in the stream, for messages."""

    def __init__(self, data: memoryview, offset: int) -> None:
        self.offset = offset
        self._data = data
        self._position = 0

    def bits(self, count: int) -> int:
        """A number of `count` bits, the least significant first. Raises InvalidStreamError where data ends."""
        first, shift = self._position >> 3, self._position & 7
        self.skip(count)
        number = int.from_bytes(self._data[first : (self._position + 7) >> 3], "little") >> shift
        return number & ((1 << count) - 1)

    def skip(self, count: int) -> None:
        """Pass over bits. Raises InvalidStreamError where data ends."""
        if self._position + count > 8 * len(self._data):
            raise damaged("the payload ends inside its head", self.offset)
        self._position += count

    def golomb(self, most: int) -> int:
        """An Exp-Golomb code of at most `most`. Raises InvalidStreamError beyond it, or where data ends."""
        first = self._position >> 3
        ahead = int.from_bytes(self._data[first : first + _LONGEST_BYTES], "little") >> (self._position & 7)
        left = 8 * len(self._data) - self._position
        zeros = (ahead & -ahead).bit_length() - 1 if ahead else left
        if zeros > _MOST_ZEROS:
            raise damaged("a Golomb code of more than 64 zeros", self.offset)
        if 2 * zeros + 1 > left:
            raise damaged("the payload ends inside its head", self.offset)
        self._position += 2 * zeros + 1
        number = (1 << zeros) - 1 + (ahead >> (zeros + 1) & ((1 << zeros) - 1))
        if number > most:
            raise damaged(f"{number} in the head of the payload, where at most {most} can stand", self.offset)
        return number

    def signed(self, most: int) -> int:
        """A Golomb code that stands for 0, -1, 1, -2, 2 and so on; of at most `most` before that."""
        folded = self.golomb(most)
        return -(folded + 1) // 2 if folded & 1 else folded // 2

    def signed_numbers(self, count: int, most: int) -> Integers:
        """`count` numbers as by `signed`."""
        numbers = sequence(np.zeros(count, np.int64))
        self.go_to(head_kernels.read_signed_golombs(*self.ahead(), most, numbers), f"or with a number over {most}")
        return np.asarray(numbers, np.int64)

    def ahead(self) -> tuple[Any, int, int]:
        """For kernels: the data, which bit comes next, and how many there are."""
        data = self._data if numba() is None else np.frombuffer(self._data, np.uint8)
        return data, self._position, 8 * len(self._data)

    def go_to(self, position: int, flaw: str) -> None:
        """Go on from bit `position`, which a kernel gave back. Raises InvalidStreamError where it found a `flaw`."""
        if position < 0:
            raise damaged(f"a list that ends early, {flaw}", self.offset)
        self._position = position

    def ascending(self, count: int, most: int) -> tuple[int, ...]:
        """`count` numbers, each greater than the one before, up to `most`. Raises InvalidStreamError."""
        numbers: list[int] = []
        behind = 0
        for _ in range(count):
            numbers.append(behind + self.golomb(most))
            behind = numbers[-1] + 1
        if behind > most + 1:
            raise damaged(f"{behind - 1} at the end of a list that goes up to {most}", self.offset)
        return tuple(numbers)

    def finish(self) -> int:
        """Bytes read up to here; the rest of the last one must be 0. Raises InvalidStreamError."""
        if self.bits(-self._position % 8):
            raise damaged("a head of the payload that is not padded with 0", self.offset)
        return self._position >> 3


class BitWriter:
    """The inverse of BitReader."""

    def __init__(self) -> None:
        self._written = bytearray()
        self._number = 0
        self._count = 0

    def bits(self, number: int, count: int) -> None:
        """Append `number`, which has at most `count` bits."""
        self._number |= number << self._count
        self._count += count
        while self._count >= _KEPT_BITS:  # a number that grew on would be copied ever again
            self._written += (self._number & _KEPT).to_bytes(_KEPT_BITS // 8, "little")
            self._number >>= _KEPT_BITS
            self._count -= _KEPT_BITS

    def fields(self, numbers: Integers, widths: Integers) -> None:
        """Append `numbers`, of which none has more bits than its width says, of 32 at most."""
        starts = np.cumsum(widths) - widths
        cells = np.zeros(int(widths.sum()) // 32 + 2, np.int64)
        wide = numbers << (starts & 31)
        np.add.at(cells, starts >> 5, wide & _CELL)
        np.add.at(cells, (starts >> 5) + 1, wide >> 32)
        self.bits(int.from_bytes(cells.astype("<u4").tobytes(), "little"), int(widths.sum()))

    def golombs(self, numbers: Integers) -> None:
        """Append Exp-Golomb codes."""
        if numbers.max(initial=0) >= _LARGE:
            for number in numbers.tolist():
                self.golomb(number)
            return
        self.fields(*golomb_codes(numbers))

    def golomb(self, number: int) -> None:
        """Append an Exp-Golomb code."""
        zeros = (number + 1).bit_length() - 1
        self.bits((number + 1 - (1 << zeros)) << (zeros + 1) | 1 << zeros, 2 * zeros + 1)

    def signed(self, number: int) -> None:
        """Append a signed number."""
        self.golomb(-2 * number - 1 if number < 0 else 2 * number)

    def signed_numbers(self, numbers: Integers) -> None:
        """Append numbers as by `signed`."""
        self.golombs(folded(numbers))

    def ascending(self, numbers: Sequence[int]) -> None:
        """Append numbers each of which is greater than the one before."""
        behind = 0
        for number in numbers:
            self.golomb(number - behind)
            behind = number + 1

    def finish(self) -> bytes:
        """All that was written, padded with 0 to whole bytes."""
        return bytes(self._written) + self._number.to_bytes((self._count + 7) // 8, "little")
