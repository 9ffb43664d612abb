"""SPEC.md clause 9.6.2: bits, from the least significant of each byte on, and Exp-Golomb codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nncodec.entropy.rans import kernels
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.kernel import numba

CLAUSE = "9.6"
_MOST_ZEROS = 64
_MOST_FOLDED = (1 << 32) - 2
_LONGEST_BYTES = 17
"""Of a Golomb code of 64 zeros, from any bit of a byte on."""
_AT_ONCE = 64
"""Numbers that are read in one piece: of a longer one every part that is cut off would cost as much as all the rest."""
_KEPT_BITS = 512
"""Of what is written in one number, before it goes to bytes."""
_KEPT = (1 << _KEPT_BITS) - 1


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
        end = self._position + count
        if end > 8 * len(self._data):
            raise damaged("the payload ends inside its head", self.offset)
        first = self._position >> 3
        number = int.from_bytes(self._data[first : (end + 7) >> 3], "little") >> (self._position & 7)
        self._position = end
        return number & ((1 << count) - 1)

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

    def signed_numbers(self, count: int, most: int) -> list[int]:
        """`count` numbers as by `signed`."""
        if numba() is None:
            return [self.signed(most) for _ in range(count)]
        numbers = np.zeros(count, np.int64)
        data = np.frombuffer(self._data, np.uint8)
        end = kernels.read_signed_golombs(data, self._position, 8 * len(data), most, numbers)
        if end < 0:
            raise damaged(f"a list that ends early, or with a number over {most}", self.offset)
        self._position = end
        found: list[int] = numbers.tolist()
        return found

    def fields(self, widths: Sequence[int]) -> list[int]:
        """Numbers of as many bits as `widths` say, one behind another. Raises InvalidStreamError where data ends."""
        found = []
        for begin in range(0, len(widths), _AT_ONCE):
            some = widths[begin : begin + _AT_ONCE]
            packed = self.bits(sum(some))
            for width in some:
                found.append(packed & ((1 << width) - 1))
                packed >>= width
        return found

    def table_entries(self, count: int, most: int, base: int) -> tuple[list[int], list[int]]:
        """`count` ascending numbers below `most`, each with a length, told from that before it or from `base`.

        Raises InvalidStreamError where a number is too large, or data ends.
        """
        if numba() is None:
            return self._table_entries(count, most, base)
        numbers, lengths = np.zeros(count, np.int64), np.zeros(count, np.int64)
        data = np.frombuffer(self._data, np.uint8)
        end = kernels.read_golomb_pairs(data, self._position, 8 * len(data), most, base, numbers, lengths)
        if end < 0:
            raise damaged("a table that ends early, or with a token beyond the last", self.offset)
        self._position = end
        return numbers.tolist(), lengths.tolist()

    def _table_entries(self, count: int, most: int, base: int) -> tuple[list[int], list[int]]:
        """The same without compiled code."""
        numbers, lengths = [], []
        behind, length = 0, base
        for _ in range(count):
            numbers.append(behind + self.golomb(most - 1))
            behind, length = numbers[-1] + 1, length + self.signed(_MOST_FOLDED)
            lengths.append(length)
        if behind > most:
            raise damaged("a table with a token beyond the last", self.offset)
        return numbers, lengths

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
        if self._count >= _KEPT_BITS:  # a number that grew on would be copied ever again
            self._written += (self._number & _KEPT).to_bytes(_KEPT_BITS // 8, "little")
            self._number >>= _KEPT_BITS
            self._count -= _KEPT_BITS

    def golomb(self, number: int) -> None:
        """Append an Exp-Golomb code."""
        zeros = (number + 1).bit_length() - 1
        self.bits((number + 1 - (1 << zeros)) << (zeros + 1) | 1 << zeros, 2 * zeros + 1)

    def signed(self, number: int) -> None:
        """Append a signed number."""
        self.golomb(-2 * number - 1 if number < 0 else 2 * number)

    def ascending(self, numbers: Sequence[int]) -> None:
        """Append numbers each of which is greater than the one before."""
        behind = 0
        for number in numbers:
            self.golomb(number - behind)
            behind = number + 1

    def finish(self) -> bytes:
        """All that was written, padded with 0 to whole bytes."""
        return bytes(self._written) + self._number.to_bytes((self._count + 7) // 8, "little")
