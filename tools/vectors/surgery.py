"""Operations on finished streams: finding regions, cutting, flipping, repairing CRCs (SPEC.md clauses 6.2 and 6.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tools.vectors import wire


@dataclass(frozen=True)
class Region:
    """Bytes under one CRC, which are the last four of them; the footer has none."""

    name: str
    start: int
    end: int


def regions(data: bytes) -> list[Region]:
    """The regions of a stream whose framing is in order."""
    position = 10 + data[9] + 4
    found = [Region("start", 0, position)]
    while position < len(data) - 8:
        size, head = _size(data, position + 1)
        end = position + 1 + head + size + 4
        found.append(Region(f"unit{data[position]}", position, end))
        position = end
    return [*found, Region("footer", position, len(data))]


def _size(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(6):
        value |= (data[at + index] & 127) << 7 * index
        if data[at + index] < 128:
            return value, index + 1
    return value, 6


def repaired(data: bytes) -> bytes:
    """`data` with every CRC made right again, as far as the framing can be followed."""
    out = bytearray(data)
    for start, end in _spans(data):
        out[end - 4 : end] = wire.crc32c(bytes(out[start : end - 4]))
    return bytes(out)


def _spans(data: bytes) -> Iterator[tuple[int, int]]:
    position = 10 + data[9] + 4 if len(data) > 9 else len(data) + 1
    if position <= len(data):
        yield 0, position
    while position + 8 < len(data):
        size, head = _size(data, position + 1)
        end = position + 1 + head + size + 4
        if end > len(data):
            return
        yield position, end
        position = end


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    """`data` with one bit of the byte at `position` turned over; positions may count from the end."""
    out = bytearray(data)
    out[position] ^= 1 << bit
    return bytes(out)
