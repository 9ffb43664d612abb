"""SPEC.md clauses 6.3, 6.7 and 6.8: units, slices, the end unit and the footer, each error in its order."""

from __future__ import annotations

import pytest

from nncodec.errors import BitstreamError, ErrorClass, UnsupportedStreamError
from nncodec.syntax.descriptors import Element, Session
from nncodec.syntax.door import crc32c
from nncodec.syntax.end import End, IndexEntry, build_end, parse_end_unit, parse_footer
from nncodec.syntax.slice import SliceHeader, build_slice_unit, parse_slice_unit
from nncodec.syntax.units import Unit, build_unit, parse_unit
from nncodec.tables import UnitType

FRONT = b"front"


def unit_at(data: bytes, offset: int = 0, trace: list[Element] | None = None) -> Unit:
    return parse_unit(memoryview(data), offset, trace)


def caught(data: bytes, offset: int = 0) -> BitstreamError:
    with pytest.raises(BitstreamError) as info:
        unit_at(data, offset)
    return info.value


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 16384])
@pytest.mark.parametrize("unit_type", [1, 4, 5, 128, 255])
def test_unit_is_found_where_it_stands(unit_type: int, size: int) -> None:
    payload = bytes(index % 251 for index in range(size))
    data = build_unit(unit_type, payload)
    unit = unit_at(FRONT + data + b"behind", len(FRONT))
    assert (unit.unit_type, bytes(unit.payload)) == (unit_type, payload)
    assert (unit.offset, unit.size, unit.end) == (len(FRONT), len(data), len(FRONT) + len(data))
    assert unit.payload_offset == unit.end - 4 - size


def test_unit_has_these_bytes() -> None:
    assert build_unit(UnitType.SLICE, b"abc") == b"\x04\x03abc" + crc32c(b"\x04\x03abc")


@pytest.mark.parametrize("size", [0, 3, 200])
def test_every_truncation_of_a_unit_is_reported_as_such(size: int) -> None:
    data = FRONT + build_unit(UnitType.SLICE, bytes(size))
    for length in range(len(FRONT), len(data)):
        error = caught(data[:length], len(FRONT))
        assert (error.error_class, error.offset, error.clause) == (ErrorClass.TRUNCATED, length, "6.3")


def test_every_flipped_bit_of_a_unit_is_refused() -> None:
    good = FRONT + build_unit(UnitType.SLICE, b"payload")
    for bit in range(8 * len(FRONT), 8 * len(good)):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        error = caught(bytes(data) + bytes(300), len(FRONT))
        allowed = [ErrorClass.UNIT_CRC, ErrorClass.TRUNCATED]
        assert error.error_class in (allowed if bit // 8 == len(FRONT) + 1 else allowed[:1])


@pytest.mark.parametrize("unit_type", [0, 7, 8, 127])
def test_unknown_critical_unit_is_unsupported(unit_type: int) -> None:
    error = caught(FRONT + build_unit(unit_type, b"x"), len(FRONT))
    assert isinstance(error, UnsupportedStreamError)
    assert (error.error_class, error.offset) == (ErrorClass.UNSUPPORTED_UNIT, len(FRONT))


def test_damage_is_reported_before_an_unknown_type() -> None:
    data = bytearray(build_unit(7, b"x"))
    data[-1] ^= 1
    assert caught(bytes(data)).error_class == ErrorClass.UNIT_CRC


@pytest.mark.parametrize(
    ("size", "error_class"),
    [
        (b"\x80\x00", ErrorClass.NONCANONICAL),
        (b"\x81\x80\x80\x80\x80\x20", ErrorClass.VALUE_RANGE),
        (b"\x80\x80\x80\x80\x80\x80\x01", ErrorClass.VALUE_RANGE),
        (b"\x80\x80\x80\x80\x80\x20", ErrorClass.TRUNCATED),
    ],
)
def test_size_of_a_unit_is_held_to_its_form(size: bytes, error_class: ErrorClass) -> None:
    assert caught(b"\x04" + size + bytes(20)).error_class == error_class


def test_trace_of_a_unit_gives_header_and_crc() -> None:
    data, trace = FRONT + build_unit(UnitType.SLICE, b"abc"), []
    unit_at(data, len(FRONT), trace)
    crc = int.from_bytes(data[-4:], "little")
    assert trace == [
        Element("UnitHeader.unit_type", 5, 1, "u(8)", 4, "6.3"),
        Element("UnitHeader.payload_size", 6, 1, "leb128", 3, "6.3"),
        Element("UnitHeader.crc32c", 10, 4, "u(32)", crc, "6.3"),
    ]


@pytest.mark.parametrize("header", [SliceHeader(0, 0, 1), SliceHeader(4096, 2**48, 2**26)])
@pytest.mark.parametrize("payload", [b"", b"\x80" * 20])
def test_slice_unit_is_header_and_payload(header: SliceHeader, payload: bytes) -> None:
    unit = unit_at(build_slice_unit(header, payload))
    found, rest = parse_slice_unit(unit, Session(unit.payload_offset, "6.7"))
    assert (found, bytes(rest)) == (header, payload)


def test_slice_unit_too_short_for_its_header_is_refused() -> None:
    unit = unit_at(build_unit(UnitType.SLICE, b"\x00\x80"))
    with pytest.raises(BitstreamError, match="UNIT_SIZE at byte 3"):
        parse_slice_unit(unit, Session(unit.payload_offset, "6.7"))


END = End(1, [IndexEntry(40, 20, SliceHeader(1, 2, 3))], b"\xcc" * 32)


def test_end_unit_and_footer_have_these_bytes() -> None:
    payload = bytes.fromhex("01 28 14 010203") + b"\xcc" * 32
    unit = build_unit(UnitType.END, payload)
    assert build_end(END) == unit + len(unit).to_bytes(4, "little") + b"NMC\x1a"


def test_end_unit_is_parsed() -> None:
    unit = unit_at(build_end(END))
    assert parse_end_unit(unit, Session(unit.payload_offset, "6.8")) == END


def footer_error(change: bytes | None = None, cut: int = 0, more: bytes = b"") -> BitstreamError:
    data = FRONT + build_end(END)
    unit = unit_at(data, len(FRONT))
    footer = data[unit.end :] if change is None else change
    with pytest.raises(BitstreamError) as info:
        parse_footer(memoryview(data[: unit.end] + footer[: len(footer) - cut] + more), unit)
    return info.value


SIZE = (len(build_end(END)) - 8).to_bytes(4, "little")


def test_errors_of_the_footer_come_in_order() -> None:
    end = len(FRONT) + len(build_end(END)) - 8
    for cut in range(1, 9):
        error = footer_error(cut=cut)
        assert (error.error_class, error.offset) == (ErrorClass.TRUNCATED, end + 8 - cut)
    wrong_both = footer_error(b"\0\0\0\0NMC\x1b", more=b"x")
    assert (wrong_both.error_class, wrong_both.offset) == (ErrorClass.BAD_MAGIC, end + 4)
    wrong_size = footer_error(b"\0\0\0\0NMC\x1a", more=b"x")
    assert (wrong_size.error_class, wrong_size.offset) == (ErrorClass.SIZE_MISMATCH, end)
    trailing = footer_error(SIZE + b"NMC\x1a", more=b"x")
    assert (trailing.error_class, trailing.offset) == (ErrorClass.TRAILING_DATA, end + 8)
