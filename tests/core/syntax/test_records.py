"""SPEC.md clauses 6.1 to 6.9: every record both ways through the one door, and nothing of construct's beyond it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import construct
import crc32c as fast_crc32c
import pytest
from construct_typed import DataclassStruct
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec import syntax
from nncodec.errors import EncodeError, ErrorClass, InvalidStreamError
from nncodec.syntax import end, model_index, model_parameter_set, shortcut, slice, start, tensor_table, topology, units
from nncodec.syntax.descriptors import Element, Session
from nncodec.syntax.door import build, crc32c, parse, parse_all, parse_front
from nncodec.syntax.model_parameter_set import MODEL_PARAMETER_SET, QUANTISER, ModelParameterSet
from nncodec.syntax.slice import SLICE_HEADER, SliceHeader
from nncodec.syntax.start import START, Start
from nncodec.syntax.tensor_table import TABLE_EDIT, TENSOR_RECORD, TableEdit
from nncodec.tables import DType, Edit, LevelWidth, Prediction, Profile
from tests.core.handmade import compact, copy_record, decadic, level_record, mapping, record, term
from tests.core.strategies_core import RECORDS, tensor_records

BASE = 1000
CASES = pytest.mark.parametrize(("declaration", "values"), RECORDS, ids=[item.dc_type.__name__ for item, _ in RECORDS])
ROOMS = (start, units, model_index, model_parameter_set, topology, tensor_table, slice, end)


def session(trace: list[Element] | None = None) -> Session:
    return Session(BASE, "6.99", trace)


def test_every_declared_record_is_tested() -> None:
    declared = {id(value) for room in ROOMS for value in vars(room).values() if isinstance(value, DataclassStruct)}
    assert declared == {id(declaration) for declaration, _ in RECORDS}
    assert syntax.__doc__


@CASES
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_record_that_is_built_is_parsed_again(
    declaration: DataclassStruct[Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(values)
    region = build(declaration, value)
    assert parse(declaration, region, session()) == value
    assert build(declaration, parse(declaration, region, session())) == region


@CASES
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_shortcut_reads_and_writes_as_construct_does(
    declaration: DataclassStruct[Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(values)
    region = declaration.build(value)
    assert shortcut.writer(declaration)(value, None) == region
    assert shortcut.reader(declaration)(io.BytesIO(region), None) == value
    assert parse(declaration, region, session([])) == value


@CASES
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_trace_covers_a_record_byte_by_byte(
    declaration: DataclassStruct[Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    region = build(declaration, data.draw(values))
    trace: list[Element] = []
    parse(declaration, region, session(trace))
    position = BASE
    for element in trace:
        assert element.offset == position
        assert element.path.startswith(f"{declaration.dc_type.__name__}.")
        position += element.size
    assert position == BASE + len(region)


@CASES
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_record_is_another_record_or_our_error(
    declaration: DataclassStruct[Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    region = bytearray(build(declaration, data.draw(values)))
    for _ in range(data.draw(st.integers(0, 3))):
        region[data.draw(st.integers(0, len(region) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(region[: data.draw(st.integers(0, len(region)))])
    try:
        value = parse(declaration, damaged, session())
    except InvalidStreamError as error:
        assert BASE <= (error.offset or 0) <= BASE + len(damaged)
    else:
        assert build(declaration, value) == damaged


@CASES
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_record_with_a_byte_behind_it_is_refused(
    declaration: DataclassStruct[Any], values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    region = build(declaration, data.draw(values))
    if declaration.dc_type.__name__ in ("TopologyUnit", "TensorTableUnit"):
        return  # their last element takes all there is
    with pytest.raises(InvalidStreamError) as caught:
        parse(declaration, region + b"\0", session())
    assert (caught.value.error_class, caught.value.offset) == (ErrorClass.UNIT_SIZE, BASE + len(region))
    assert parse_front(declaration, region + b"\0", session())[1] == len(region)


@settings(max_examples=50, deadline=None)
@given(st.lists(tensor_records(), max_size=5))
def test_records_follow_one_another_without_gaps(records: list[Any]) -> None:
    body = b"".join(build(TENSOR_RECORD, item) for item in records)
    trace: list[Element] = []
    assert list(parse_all(TENSOR_RECORD, body, len(records), session(trace))) == records
    assert list(parse_all(TENSOR_RECORD, body, len(records) + 1, session())) == records
    assert sum(element.size for element in trace) == len(body)
    assert {element.path.partition(".")[0] for element in trace} == {
        f"TensorRecord[{index}]" for index in range(len(records))
    }
    if records:
        with pytest.raises(InvalidStreamError, match="SIZE_MISMATCH") as caught:
            list(parse_all(TENSOR_RECORD, body, len(records) - 1, session()))
        assert caught.value.offset == BASE + len(body) - len(build(TENSOR_RECORD, records[-1]))
        with pytest.raises(InvalidStreamError, match="UNIT_SIZE"):
            list(parse_all(TENSOR_RECORD, body[:-1], len(records), session()))


B = record("b", DType.INT16, (3,), slice_group=1)
EXAMPLES = [
    (START, Start(Profile.MAIN, 2, 0, 0, 1, 1, 300, 5, 20), "01020000 0101ac020514"),
    (QUANTISER, decadic(9), "000c0900"),
    (QUANTISER, compact(0x1234, -1), "013412ff"),
    (SLICE_HEADER, SliceHeader(1, 128, 3), "01800103"),
    (TENSOR_RECORD, record("b", DType.INT16, (3,), slice_group=1), "0162 05 01 03 00 01 00"),
    (TENSOR_RECORD, level_record("w", (2, 3)), "0177 01 02 0203 00 00 01 00"),
    (
        TENSOR_RECORD,
        level_record("", (), level_width=LevelWidth.INT32, own_quantiser=True, quantiser=decadic(8, 5)),
        "00 01 00 00 00 04 01 000c0805",
    ),
    (
        MODEL_PARAMETER_SET,
        ModelParameterSet(1, [b"\xaa" * 32], 1, 0, []),
        "01" + "aa" * 32 + "01 00",
    ),
    (TENSOR_RECORD, copy_record("b", DType.INT16, (3,), term(1, 200)), "0162 05 01 03 01 01 01c801 00 00"),
    (
        TENSOR_RECORD,
        level_record(
            "w",
            (2, 3),
            prediction=Prediction.REFERENCE,
            terms=[term(0, 0, mapping([1, 0], [2, -1], [-1, 0, 0]), [1.0, -2.0]), term(1, 0, None, [0.5])],
        ),
        "0177 01 02 0203 02 02 00 00 01 02 0100 02 0401 03 010000 02 003c 00c0 01 00 00 01 0038 00 01 00",
    ),
    (TABLE_EDIT, TableEdit(300, Edit.DELETE, None, None), "ac02 03"),
    (TABLE_EDIT, TableEdit(0, Edit.CHANGE, None, record("", DType.INT8, ()).coding), "00 00 00 00 00"),
    (TABLE_EDIT, TableEdit(1, Edit.REPLACE, B.identity, B.coding), "01 01 0162 05 01 03 00 01 00"),
    (TABLE_EDIT, TableEdit(1, Edit.INSERT, B.identity, B.coding), "01 02 0162 05 01 03 00 01 00"),
]


@pytest.mark.parametrize(("declaration", "value", "text"), EXAMPLES)
def test_record_has_the_bytes_of_the_syntax_table(declaration: Any, value: object, text: str) -> None:
    assert build(declaration, value) == bytes.fromhex(text)


UNWRITABLE = [
    (START, replace(EXAMPLES[0][1], element_count=2**48 + 1)),
    (QUANTISER, decadic(256)),
    (QUANTISER, decadic(9, offset=128)),
    (MODEL_PARAMETER_SET, ModelParameterSet(2, [bytes(32)], 0, 0, [])),
    (MODEL_PARAMETER_SET, ModelParameterSet(1, [bytes(31)], 0, 0, [])),
    (MODEL_PARAMETER_SET, ModelParameterSet(17, [bytes(32)] * 17, 0, 0, [])),
    (TENSOR_RECORD, record("n" * 4097, DType.INT8, ())),
    (TENSOR_RECORD, record("n", DType.INT8, (1,) * 256)),
    (TENSOR_RECORD, record("n", DType.INT8, (2**48 + 1,))),
    (TENSOR_RECORD, record("n", DType.INT8, (1, 2), rank=3)),
    (MODEL_PARAMETER_SET, ModelParameterSet(0, [], 17, 0, [])),
    (TENSOR_RECORD, copy_record("n", DType.INT8, (), term(17))),
    (TENSOR_RECORD, copy_record("n", DType.INT8, (), term(0, 2**20 + 1))),
    (TENSOR_RECORD, copy_record("n", DType.INT8, (), term(gains=[1e6]))),
    (TENSOR_RECORD, copy_record("n", DType.INT8, (), term(channel_map=mapping(rows=[2**31 + 1])))),
    (TABLE_EDIT, TableEdit(2**20 + 1, Edit.DELETE, None, None)),
]


@pytest.mark.parametrize(("declaration", "value"), UNWRITABLE)
def test_record_without_an_encoding_is_our_error(declaration: Any, value: object) -> None:
    with pytest.raises(EncodeError):
        build(declaration, value)


def test_error_of_construct_becomes_ours() -> None:
    class Failing(construct.Construct):
        dc_type = Start

        def _parse(self, stream: Any, context: Any, path: str) -> None:
            raise construct.StreamError("planted")

        def _build(self, obj: Any, stream: Any, context: Any, path: str) -> None:
            raise construct.StreamError("planted")

    with pytest.raises(InvalidStreamError, match="planted") as caught:
        parse(Failing(), b"", session())
    assert (caught.value.error_class, caught.value.offset) == (ErrorClass.NONCANONICAL, BASE)
    with pytest.raises(EncodeError, match="planted"):
        build(Failing(), None)


def test_region_whose_values_build_to_other_bytes_is_refused() -> None:
    class Slack(construct.Construct):
        dc_type = Start

        def _parse(self, stream: Any, context: Any, path: str) -> bytes:
            return stream.read(1)

        def _build(self, obj: Any, stream: Any, context: Any, path: str) -> bytes:
            stream.write(b"\0")
            return obj

    assert parse(Slack(), b"\0", session()) == b"\0"
    with pytest.raises(InvalidStreamError) as caught:
        parse(Slack(), b"\1", session())
    assert (caught.value.error_class, caught.value.clause) == (ErrorClass.NONCANONICAL, "6.1")


def test_element_names_lead_through_nested_records() -> None:
    trace: list[Element] = []
    parse(SLICE_HEADER, build(SLICE_HEADER, SliceHeader(1, 2, 3)), session(trace))
    assert [element.path for element in trace] == [
        "SliceHeader.slice_group",
        "SliceHeader.first_symbol",
        "SliceHeader.symbol_count",
    ]


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_crc_over_parts_is_that_of_the_whole(parts: list[bytes]) -> None:
    assert crc32c(*parts) == fast_crc32c.crc32c(b"".join(parts)).to_bytes(4, "little")


def test_crc_is_castagnoli() -> None:
    def bit_by_bit(data: bytes) -> int:
        value = 0xFFFFFFFF
        for byte in data:
            value ^= byte
            for _ in range(8):
                value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        return value ^ 0xFFFFFFFF

    assert crc32c(b"123456789") == bytes.fromhex("839206e3")
    assert crc32c(b"NMC", b"\0\xff") == bit_by_bit(b"NMC\0\xff").to_bytes(4, "little")
