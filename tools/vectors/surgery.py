"""Operations on finished streams: finding regions, cutting, flipping, repairing CRCs (SPEC.md clauses 6.2 and 6.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tools.vectors import wire

_FOOTER: Final = 8


@dataclass(frozen=True)
class Region:
    """Bytes under one CRC, which are the last four of them; the footer has none."""

    name: str
    start: int
    end: int


def regions(data: bytes) -> list[Region]:
    """The regions of a stream, or of a set and its members, whose framing is in order."""
    return [Region(_name(data, start, end), start, end) for start, end in _spans(data, with_footers=True)]


def _name(data: bytes, start: int, end: int) -> str:
    if data.startswith(wire.MAGIC, start):
        return "start"
    return "footer" if end - start == _FOOTER and data.startswith(wire.FOOTER_MAGIC, end - 4) else f"unit{data[start]}"


def repaired(data: bytes) -> bytes:
    """`data` with every CRC made right again, as far as the framing can be followed, also that of members of a set."""
    out = bytearray(data)
    for start, end in _spans(data):
        out[end - 4 : end] = wire.crc32c(bytes(out[start : end - 4]))
    return bytes(out)


def _spans(data: bytes, *, with_footers: bool = False) -> Iterator[tuple[int, int]]:
    """Where the regions under a CRC begin and end, and the footers if asked for."""
    position = 0
    while position < len(data):
        starts = position == 0 or data.startswith(wire.MAGIC, position)
        end = _end_of_start(data, position) if starts else _end_of_unit(data, position)
        if end > len(data):
            return
        yield position, end
        if not starts and data[position] == wire.END:
            if with_footers:
                yield end, min(end + _FOOTER, len(data))
            end += _FOOTER
        position = end


def _end_of_start(data: bytes, position: int) -> int:
    return position + 14 + data[position + 9] if len(data) > position + 9 else len(data) + 1


def _end_of_unit(data: bytes, position: int) -> int:
    value = 0
    for index, byte in enumerate(data[position + 1 : position + 7]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return position + 1 + index + 1 + value + 4
    return len(data) + 1


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    """`data` with one bit of the byte at `position` turned over; positions may count from the end."""
    out = bytearray(data)
    out[position] ^= 1 << bit
    return bytes(out)
