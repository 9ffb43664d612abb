"""SPEC.md clause 6.2: the start: what is reported, in the order that the clause fixes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nncodec.errors import BitstreamError, ErrorClass, InvalidStreamError, LimitExceededError, UnsupportedStreamError
from nncodec.limits import LEVELS
from nncodec.syntax.door import crc32c
from nncodec.syntax.start import Start, build_start, parse_start
from nncodec.tables import Profile

GOOD = Start(Profile.MAIN, 0, 0, 0, 0, 1, 2, 3, 4)
DATA = build_start(GOOD)


def caught(data: bytes, level: int = 3) -> BitstreamError:
    with pytest.raises(BitstreamError) as info:
        parse_start(memoryview(data), LEVELS[level])
    return info.value


def repaired(body: bytes, size: int | None = None) -> bytes:
    region = DATA[:9] + bytes([len(body) if size is None else size]) + body
    return region + crc32c(region)


def test_start_has_these_bytes() -> None:
    assert DATA[:-4] == b"\x89NMC\r\n\x1a\n" + b"\x00\x09" + bytes([1, 0, 0, 0, 0, 1, 2, 3, 4])


def test_start_is_parsed_and_its_end_found() -> None:
    assert parse_start(memoryview(DATA + b"more"), LEVELS[0]) == (GOOD, len(DATA))


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("level", range(5))
def test_start_at_the_bounds_of_its_level_is_accepted(profile: Profile, level: int) -> None:
    bounds = LEVELS[level]
    totals = (bounds.tensors, bounds.elements, bounds.decoded_bytes)
    start = Start(profile, level, 0, 2**32 - 1, 2**32 - 1, 1, *totals)
    assert parse_start(memoryview(build_start(start)), LEVELS[4])[0] == start


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize(
    ("field", "bound"),
    [
        ("tensor_count", "tensors"),
        ("element_count", "elements"),
        ("decoded_size", "decoded_bytes"),
    ],
)
def test_total_over_the_level_of_the_stream_is_refused(level: int, field: str, bound: str) -> None:
    start = replace(GOOD, level=level, **{field: getattr(LEVELS[level], bound) + 1})
    error = caught(build_start(start), 4)
    assert isinstance(error, LimitExceededError)
    assert (error.error_class, error.clause) == (ErrorClass.LIMIT_EXCEEDED, "A.2")
    assert field in str(error)


@pytest.mark.parametrize("level", range(1, 5))
def test_level_over_that_of_the_decoder_is_refused(level: int) -> None:
    data = build_start(replace(GOOD, level=level))
    assert caught(data, level - 1).error_class == ErrorClass.LIMIT_EXCEEDED
    assert parse_start(memoryview(data), LEVELS[level])[0].level == level


@pytest.mark.parametrize("length", range(len(DATA)))
def test_every_truncation_is_reported_as_such(length: int) -> None:
    error = caught(DATA[:length])
    assert (error.error_class, error.offset, error.clause) == (ErrorClass.TRUNCATED, length, "6.2")


@pytest.mark.parametrize("bit", range(8 * len(DATA)))
def test_every_flipped_bit_is_refused_by_the_first_rule_it_breaks(bit: int) -> None:
    data = bytearray(DATA)
    data[bit // 8] ^= 1 << bit % 8
    error, place = caught(bytes(data)), bit // 8
    if place < 8:
        assert (error.error_class, error.offset) == (ErrorClass.BAD_MAGIC, 0)
    elif place == 8:
        assert (error.error_class, error.offset) == (ErrorClass.UNSUPPORTED_VERSION, 8)
    elif place == 9:
        assert error.error_class in (ErrorClass.TRUNCATED, ErrorClass.HEADER_CRC)
    else:
        assert (error.error_class, error.offset) == (ErrorClass.HEADER_CRC, len(DATA) - 4)


@pytest.mark.parametrize("data", [b"x", b"\x89NMD", b"PK\x03\x04" + bytes(30), DATA[1:], b"\x89NMC\n\x1a\n" + DATA[8:]])
def test_other_magic_is_reported_even_if_cut_off(data: bytes) -> None:
    assert caught(data).error_class == ErrorClass.BAD_MAGIC


def test_other_version_is_reported_before_anything_else() -> None:
    error = caught(DATA[:8] + b"\x01")
    assert isinstance(error, UnsupportedStreamError)
    assert error.error_class == ErrorClass.UNSUPPORTED_VERSION


BODY = DATA[10:-4]


@pytest.mark.parametrize(
    ("data", "error_class", "offset"),
    [
        (repaired(b"\x02" + BODY[1:]), ErrorClass.VALUE_RANGE, 10),
        (repaired(BODY[:1] + b"\x05" + BODY[2:]), ErrorClass.VALUE_RANGE, 11),
        (repaired(BODY[:2] + b"\x80\x00" + BODY[3:]), ErrorClass.NONCANONICAL, 12),
        (repaired(BODY[:-1]), ErrorClass.UNIT_SIZE, 18),
        (repaired(BODY + b"\0"), ErrorClass.UNIT_SIZE, 19),
        (repaired(b""), ErrorClass.UNIT_SIZE, 10),
        (build_start(replace(GOOD, incompatible_features=1)), ErrorClass.UNSUPPORTED_FEATURE, 12),
        (build_start(replace(GOOD, model_count=LEVELS[GOOD.level].models + 1)), ErrorClass.LIMIT_EXCEEDED, None),
        (build_start(replace(GOOD, model_count=0)), ErrorClass.VALUE_RANGE, None),
        (build_start(replace(GOOD, incompatible_features=1, model_count=0)), ErrorClass.UNSUPPORTED_FEATURE, 12),
        (build_start(replace(GOOD, incompatible_features=1, level=9)), ErrorClass.UNSUPPORTED_FEATURE, 12),
        (build_start(replace(GOOD, level=5, element_count=2**48)), ErrorClass.VALUE_RANGE, 11),
    ],
)
def test_broken_element_is_reported_where_it_stands(data: bytes, error_class: ErrorClass, offset: int | None) -> None:
    error = caught(data)
    assert error.error_class == error_class
    assert offset is None or error.offset == offset


def test_unsupported_and_invalid_are_different_branches() -> None:
    unsupported = caught(build_start(replace(GOOD, incompatible_features=4)))
    invalid = caught(build_start(replace(GOOD, level=200)))
    assert isinstance(unsupported, UnsupportedStreamError)
    assert isinstance(invalid, InvalidStreamError)
