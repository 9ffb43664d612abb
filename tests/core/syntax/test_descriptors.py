"""SPEC.md clause 3.3: every descriptor against one table of values and their bytes, both ways."""

from __future__ import annotations

import dataclasses
import io
import math
import struct
import tracemalloc
from typing import Any

import pytest
from construct import Container
from construct_typed import DataclassMixin, DataclassStruct, csfield
from hypothesis import given
from hypothesis import strategies as st

from nncodec.errors import EncodeError, ErrorClass, InvalidStreamError
from nncodec.syntax.descriptors import (
    ByteString,
    Descriptor,
    Element,
    Enumerated,
    Flag,
    FlawError,
    Half,
    Leb128,
    Rest,
    Session,
    Signed,
    Step,
    Text,
    Unsigned,
    ZigZag,
)
from nncodec.syntax.door import build, parse
from nncodec.syntax.runs import Run
from nncodec.syntax.tensor_table import CHANNEL_MAP, ChannelMap
from nncodec.tables import DType, LevelWidth, StepKind

BASE = 100
CLAUSE = "6.99"
BIG = Leb128(2**48)

CASES = [
    (Unsigned(8), 0, "00"),
    (Unsigned(8), 255, "ff"),
    (Unsigned(16), 0x1234, "3412"),
    (Unsigned(16), 65535, "ffff"),
    (Unsigned(32), 1, "01000000"),
    (Unsigned(32), 2**32 - 1, "ffffffff"),
    (Signed(8), 0, "00"),
    (Signed(8), 127, "7f"),
    (Signed(8), -1, "ff"),
    (Signed(8), -128, "80"),
    (BIG, 0, "00"),
    (BIG, 1, "01"),
    (BIG, 127, "7f"),
    (BIG, 128, "8001"),
    (BIG, 300, "ac02"),
    (BIG, 16383, "ff7f"),
    (BIG, 16384, "808001"),
    (BIG, 2**48 - 1, "ffffffffffff3f"),
    (BIG, 2**48, "80808080808040"),
    (Leb128(0), 0, "00"),
    (Leb128(16), 16, "10"),
    (Leb128(127), 127, "7f"),
    (Leb128(128), 128, "8001"),
    (Enumerated(DType), DType.FLOAT32, "01"),
    (Enumerated(DType), DType.INT2, "1a"),
    (Enumerated(LevelWidth), LevelWidth.INT32, "04"),
    (Flag(), False, "00"),
    (Flag(), True, "01"),
    (ByteString(0, "0"), b"", ""),
    (ByteString(4, "4"), b"\x00\xff\x80\x01", "00ff8001"),
    (Rest(), b"", ""),
    (Rest(), b"\x00abc", "00616263"),
    (Text(4096), "", "00"),
    (Text(4096), "a", "0161"),
    (Text(4096), "é\0", "03c3a900"),
    (Text(4096), "🙂", "04f09f9982"),
    (Text(4096), "\U0010ffff", "04f48fbfbf"),
    (Text(4096), "x" * 128, "8001" + "78" * 128),
    (Text(2), "ab", "026162"),
    (Step(), 1.0, "000000000000f03f"),
    (Step(), 1e-4, "2d431cebe2361a3f"),
    (Step(), 2.0**-512, "000000000000f01f"),
    (Step(), 2.0**512, "000000000000f05f"),
    (ZigZag(2**32), 0, "00"),
    (ZigZag(2**32), -1, "01"),
    (ZigZag(2**32), 1, "02"),
    (ZigZag(2**32), -64, "7f"),
    (ZigZag(2**32), 64, "8001"),
    (ZigZag(2**32), -(2**31), "ffffffff0f"),
    (ZigZag(2**32), 2**31, "8080808010"),
    (Half(), 1.0, "003c"),
    (Half(), 0.0, "0000"),
    (Half(), -2.0, "00c0"),
    (Half(), 65504.0, "ff7b"),
    (Half(), -(2.0**-24), "0180"),
]

BROKEN = [
    (Unsigned(8), "", ErrorClass.UNIT_SIZE),
    (Unsigned(16), "00", ErrorClass.UNIT_SIZE),
    (Unsigned(32), "000000", ErrorClass.UNIT_SIZE),
    (Signed(8), "", ErrorClass.UNIT_SIZE),
    (BIG, "", ErrorClass.UNIT_SIZE),
    (BIG, "80", ErrorClass.UNIT_SIZE),
    (BIG, "808080808080", ErrorClass.UNIT_SIZE),
    (BIG, "8000", ErrorClass.NONCANONICAL),
    (BIG, "ff00", ErrorClass.NONCANONICAL),
    (BIG, "80808080808000", ErrorClass.NONCANONICAL),
    (BIG, "81808080808040", ErrorClass.VALUE_RANGE),
    (BIG, "8080808080808001", ErrorClass.VALUE_RANGE),
    (BIG, "8080808080808000", ErrorClass.VALUE_RANGE),
    (Leb128(0), "01", ErrorClass.VALUE_RANGE),
    (Leb128(0), "8000", ErrorClass.VALUE_RANGE),
    (Leb128(16), "11", ErrorClass.VALUE_RANGE),
    (Leb128(16), "80", ErrorClass.VALUE_RANGE),
    (Leb128(127), "8001", ErrorClass.VALUE_RANGE),
    (Leb128(128), "8101", ErrorClass.VALUE_RANGE),
    (Enumerated(DType), "", ErrorClass.UNIT_SIZE),
    (Enumerated(DType), "00", ErrorClass.VALUE_RANGE),
    (Enumerated(DType), "1b", ErrorClass.VALUE_RANGE),
    (Enumerated(LevelWidth), "03", ErrorClass.VALUE_RANGE),
    (Enumerated(StepKind), "ff", ErrorClass.VALUE_RANGE),
    (Flag(), "", ErrorClass.UNIT_SIZE),
    (Flag(), "02", ErrorClass.RESERVED_NONZERO),
    (Flag(), "80", ErrorClass.RESERVED_NONZERO),
    (Flag(), "ff", ErrorClass.RESERVED_NONZERO),
    (ByteString(4, "4"), "000000", ErrorClass.UNIT_SIZE),
    (Text(4096), "", ErrorClass.UNIT_SIZE),
    (Text(4096), "0261", ErrorClass.UNIT_SIZE),
    (Text(4096), "01ff", ErrorClass.BAD_NAME),
    (Text(4096), "02c080", ErrorClass.BAD_NAME),
    (Text(4096), "03eda080", ErrorClass.BAD_NAME),
    (Text(4096), "04f4908080", ErrorClass.BAD_NAME),
    (Text(4096), "8000", ErrorClass.NONCANONICAL),
    (Text(4096), "8120", ErrorClass.VALUE_RANGE),
    (Text(2), "03616263", ErrorClass.VALUE_RANGE),
    (Step(), "000000000000f0", ErrorClass.UNIT_SIZE),
    *[
        (Step(), struct.pack("<d", value).hex(), ErrorClass.VALUE_RANGE)
        for value in (0.0, -0.0, -1.0, math.inf, -math.inf, math.nan, 5e-324)
    ],
    (ZigZag(2**32), "", ErrorClass.UNIT_SIZE),
    (ZigZag(2**32), "8000", ErrorClass.NONCANONICAL),
    (ZigZag(2**32), "8180808010", ErrorClass.VALUE_RANGE),
    (ZigZag(2**32), "808080808001", ErrorClass.VALUE_RANGE),
    (Half(), "00", ErrorClass.UNIT_SIZE),
    *[(Half(), text, ErrorClass.VALUE_RANGE) for text in ("007c", "00fc", "007e", "017c", "ffff")],
    (Step(), struct.pack("<d", math.nextafter(2.0**512, math.inf)).hex(), ErrorClass.VALUE_RANGE),
    (Step(), struct.pack("<d", math.nextafter(2.0**-512, 0)).hex(), ErrorClass.VALUE_RANGE),
]

UNWRITABLE = [
    (Unsigned(8), 256),
    (Unsigned(8), -1),
    (Unsigned(16), 65536),
    (Signed(8), 128),
    (Signed(8), -129),
    (BIG, -1),
    (BIG, 2**48 + 1),
    (Enumerated(DType), 0),
    (Enumerated(LevelWidth), 3),
    (ByteString(4, "4"), b"abc"),
    (Text(4096), "\ud800"),
    (Text(4096), "é" * 2049),
    (Step(), 0.0),
    (Step(), math.nan),
    (Step(), math.inf),
    (Step(), -1.0),
    (Step(), 2.0**513),
    (ZigZag(2**32), 2**31 + 1),
    (ZigZag(2**32), -(2**31) - 1),
    (Half(), math.inf),
    (Half(), math.nan),
    (Half(), 65520.0),
]


def box(descriptor: Descriptor) -> DataclassStruct[Any]:
    """A record with one element."""
    fields = [("value", object, csfield(descriptor))]
    return DataclassStruct(dataclasses.make_dataclass("Box", fields, bases=(DataclassMixin,), frozen=True))


def parse_one(descriptor: Descriptor, data: bytes, trace: list[Element] | None = None) -> object:
    return parse(box(descriptor), data, Session(BASE, CLAUSE, trace)).value


def build_one(descriptor: Descriptor, value: object) -> bytes:
    declaration = box(descriptor)
    return build(declaration, declaration.dc_type(value=value))


@pytest.mark.parametrize(("descriptor", "value", "text"), CASES)
def test_value_has_these_bytes(descriptor: Descriptor, value: object, text: str) -> None:
    assert build_one(descriptor, value).hex() == text


@pytest.mark.parametrize(("descriptor", "value", "text"), CASES)
def test_bytes_have_this_value(descriptor: Descriptor, value: object, text: str) -> None:
    parsed = parse_one(descriptor, bytes.fromhex(text))
    assert (type(parsed), parsed) == (type(value), value)


@pytest.mark.parametrize(("descriptor", "value", "text"), CASES)
def test_trace_says_what_was_read_and_where(descriptor: Descriptor, value: object, text: str) -> None:
    trace: list[Element] = []
    parse_one(descriptor, bytes.fromhex(text), trace)
    assert trace == [Element("Box.value", BASE, len(text) // 2, descriptor.text, value, CLAUSE, "stream")]


@pytest.mark.parametrize(("descriptor", "text", "error_class"), BROKEN)
def test_broken_bytes_are_refused_by_class_place_and_clause(
    descriptor: Descriptor, text: str, error_class: ErrorClass
) -> None:
    with pytest.raises(InvalidStreamError) as caught:
        parse_one(descriptor, bytes.fromhex(text))
    error = caught.value
    assert (error.error_class, error.offset, error.clause) == (error_class, BASE, CLAUSE)
    assert "Box.value" in str(error)


@pytest.mark.parametrize(("descriptor", "value"), UNWRITABLE)
def test_value_without_an_encoding_is_refused(descriptor: Descriptor, value: object) -> None:
    with pytest.raises(EncodeError, match="value"):
        build_one(descriptor, value)


def test_descriptor_names_are_those_of_the_specification() -> None:
    descriptors = [Unsigned(32), Signed(8), BIG, Enumerated(DType), Flag(), ByteString(8, "8"), Text(9), Step(), Rest()]
    descriptors += [ZigZag(9), Half()]
    names = ["u(32)", "i(8)", "leb128", "e(DType)", "flag", "b(8)", "st", "f(64)", "rest"]
    names += ["zz", "f(16)"]
    assert [descriptor.text for descriptor in descriptors] == names


def leb128_by_hand(value: int) -> bytes:
    digits = []
    while True:
        value, digit = divmod(value, 128)
        digits.append(digit)
        if value == 0:
            return bytes([digit + 128 for digit in digits[:-1]] + digits[-1:])


@given(st.integers(0, 2**48))
def test_leb128_is_the_shortest_form(value: int) -> None:
    data = leb128_by_hand(value)
    assert build_one(BIG, value) == data
    assert parse_one(BIG, data) == value


@given(st.integers(0, 2**20), st.binary(max_size=5))
def test_leb128_takes_a_value_exactly_if_it_is_canonical_and_in_range(maximum: int, data: bytes) -> None:
    value = sum((byte & 127) << 7 * index for index, byte in enumerate(data))
    valid = value <= maximum and leb128_by_hand(value) == data
    try:
        assert parse_one(Leb128(maximum), data) == value
    except InvalidStreamError:
        assert not valid
    else:
        assert valid


@given(st.integers(-(2**31), 2**31))
def test_zigzag_is_the_leb128_of_the_folded_value(value: int) -> None:
    data = leb128_by_hand(2 * value if value >= 0 else -2 * value - 1)
    assert build_one(ZigZag(2**32), value) == data
    assert parse_one(ZigZag(2**32), data) == value


def test_every_pattern_of_a_half_is_its_value_or_refused() -> None:
    half = Half()
    for bits in range(2**16):
        data = bits.to_bytes(2, "little")
        if bits >> 10 & 31 == 31:
            with pytest.raises(FlawError):
                half.read(io.BytesIO(data), Container())
        else:
            value = half.read(io.BytesIO(data), Container())
            assert value == (-1) ** (bits >> 15) * half_by_hand(bits & 0x7FFF)
            assert half.write(value) == data


def half_by_hand(bits: int) -> float:
    exponent, fraction = bits >> 10, bits & 1023
    return (fraction + 1024 * (exponent > 0)) * 2.0 ** (max(exponent, 1) - 25)


@given(st.text(max_size=40))
def test_text_is_utf8_led_by_its_size_in_bytes(text: str) -> None:
    encoded = text.encode()
    assert build_one(Text(4096), text) == leb128_by_hand(len(encoded)) + encoded
    assert parse_one(Text(4096), leb128_by_hand(len(encoded)) + encoded) == text


@given(st.sampled_from([case[0] for case in CASES]), st.binary(max_size=12))
def test_accepted_bytes_are_built_again(descriptor: Descriptor, data: bytes) -> None:
    try:
        value = parse_one(descriptor, data)
    except InvalidStreamError as error:
        assert BASE <= (error.offset or 0) <= BASE + len(data)
    else:
        assert build_one(descriptor, value) == data


def test_session_is_required() -> None:
    with pytest.raises(TypeError, match="door"):
        BIG.parse(b"\x00", session=None)


def one_by_one(element: ZigZag | Half, data: bytes, count: int) -> tuple[list[Any], int] | ErrorClass:
    """Elements as their own descriptor reads them, and where the next one begins; or what is wrong with one."""
    stream = io.BytesIO(data)
    try:
        return [element.read(stream, Container()) for _ in range(count)], stream.tell()
    except FlawError as flaw:
        return flaw.error_class


@given(
    st.sampled_from([ZigZag(2**32), ZigZag(300), Half()]),
    st.lists(st.sampled_from([b"\0", b"\1", b"\x7f", b"\x80", b"\xff", b"\x3c", b"\x7c"]), max_size=40).map(b"".join),
    st.integers(0, 20),
    st.integers(1, 5),
)
def test_run_is_its_elements(element: ZigZag | Half, data: bytes, count: int, together: int) -> None:
    stream, run = io.BytesIO(data), Run(lambda _: count, element)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nncodec.syntax.runs.AT_A_TIME", together)
        try:
            found = list(run.read(stream, Container())), stream.tell()
        except FlawError as flaw:
            assert flaw.error_class == one_by_one(element, data, count)
            return
    assert found == one_by_one(element, data, count)
    assert run.write(found[0]) == data[: found[1]]


def test_long_run_takes_little_memory() -> None:
    count = 1 << 20
    run = Run(lambda _: count, ZigZag(2**32))
    tracemalloc.start()
    found = run.read(io.BytesIO(bytes(count)), Container())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == count
    assert peak < 16 * count
    tracemalloc.start()
    assert run.write(found) == bytes(count)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * count


def test_run_in_a_trace() -> None:
    rows = [*range(-5, 5), *range(-5, 5)]
    session = Session(0, CLAUSE, [])
    parse(CHANNEL_MAP, build(CHANNEL_MAP, ChannelMap(0, [], 20, rows, 2, [1, -1])), session)
    assert [(element.path, element.size, element.value) for element in session.trace or ()] == [
        ("ChannelMap.axis_count", 1, 0),
        ("ChannelMap.row_count", 1, 20),
        ("ChannelMap.rows", 20, "20 values from -5 to 4"),
        ("ChannelMap.column_count", 1, 2),
        ("ChannelMap.columns", 2, [1, -1]),
    ]
    with pytest.raises(EncodeError, match="columns"):
        build(CHANNEL_MAP, ChannelMap(0, [], 0, [], 2, [1]))
