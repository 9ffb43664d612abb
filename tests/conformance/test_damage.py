"""Every single-bit flip and every truncation of every valid vector, and bytes behind its end, are refused."""

from __future__ import annotations

import pytest

from nncodec.errors import ErrorClass
from tests.conformance.streams import VALID, data_of, error_of, references_of, remembered_records

EXHAUSTIVE = 1024
"""Streams of up to so many bytes are damaged in every place, larger ones in a sample of places."""
SAMPLE = 2000
UNAIDED = (
    *("valid/everything-small", "valid/empty-model", "valid/inherited-every-edit", "valid/map-of-two-terms"),
    *("valid/set-of-two", "valid/set-chain"),
)
"""Streams whose flips are also decoded without remembering records."""

FLIP_CLASSES = {
    *(ErrorClass.BAD_MAGIC, ErrorClass.UNSUPPORTED_VERSION, ErrorClass.HEADER_CRC, ErrorClass.UNIT_CRC),
    *(ErrorClass.TRUNCATED, ErrorClass.SIZE_MISMATCH),
    *(ErrorClass.NONCANONICAL, ErrorClass.VALUE_RANGE),  # of the size of a unit, which is read before its CRC is found
}


def flips(size: int) -> list[int]:
    """Which bits of a stream of `size` bytes are flipped, one at a time."""
    if size <= EXHAUSTIVE:
        return list(range(8 * size))
    return list(range(0, 8 * size, 8 * size // SAMPLE | 1))  # an odd stride: all bits of a byte have their turn


def undetected_flips(name: str) -> list[tuple[int, ErrorClass | None]]:
    """Flipped bits that were accepted, or refused with a class that such damage cannot have."""
    data, references = bytearray(data_of(name)), references_of(name)
    found = []
    for bit in flips(len(data)):
        data[bit // 8] ^= 1 << bit % 8
        error = error_of(data, references)
        data[bit // 8] ^= 1 << bit % 8
        if error not in FLIP_CLASSES:
            found.append((bit, error))
    return found


@pytest.mark.parametrize("name", VALID)
def test_every_flipped_bit_is_refused(name):
    with remembered_records():
        assert undetected_flips(name) == []


@pytest.mark.parametrize("name", UNAIDED)
def test_every_flipped_bit_is_refused_when_all_is_parsed_anew(name):
    assert undetected_flips(name) == []


@pytest.mark.parametrize("name", VALID)
def test_every_truncation_is_refused_as_truncated(name):
    data, references = memoryview(data_of(name)), references_of(name)
    sizes = range(0, len(data), 1 + len(data) // EXHAUSTIVE)
    with remembered_records():
        wrong = {size: error for size in sizes if (error := error_of(data[:size], references)) != ErrorClass.TRUNCATED}
    assert wrong == {}


@pytest.mark.parametrize("name", VALID)
def test_bytes_behind_the_end_are_refused_as_trailing(name):
    data, references = data_of(name), references_of(name)
    with remembered_records():
        errors = [error_of(data + tail, references) for tail in (b"\0", b"\n", b"\xff", data[-8:], data)]
    assert errors == [ErrorClass.TRAILING_DATA] * len(errors)
