"""SPEC.md Annex D.0 (informative), files: the data of STRING tensors as lists of byte strings, and back."""

from __future__ import annotations

from collections.abc import Iterable

_COUNT_BYTES = 4


def join_strings(values: Iterable[bytes]) -> bytes:
    """Data of a STRING tensor (clause 5.1): before each string its byte count, little-endian, 32 bits."""
    return b"".join(len(value).to_bytes(_COUNT_BYTES, "little") + value for value in values)


def split_strings(data: bytes | memoryview) -> list[bytes]:
    """The strings in the data of a STRING tensor; the reverse of `join_strings`."""
    found, position = [], 0
    while position < len(data):
        start = position + _COUNT_BYTES
        position = start + int.from_bytes(data[position:start], "little")
        found.append(bytes(data[start:position]))
    return found
