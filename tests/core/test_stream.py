"""SPEC.md clause 7: every constraint, broken one at a time in a stream made by hand."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from dataclasses import replace

import pytest

from nncodec.errors import BitstreamError, ErrorClass, LimitExceededError, UnsupportedStreamError
from nncodec.limits import LEVELS
from nncodec.model import Model
from nncodec.stream import read_stream
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.syntax.slice import SliceHeader
from nncodec.syntax.tensor_table import Term, build_tensor_records
from nncodec.syntax.units import build_unit
from nncodec.tables import (
    DType,
    EntropyCoder,
    HeaderCoding,
    LevelWidth,
    Prediction,
    Profile,
    StepKind,
    TopologyFormat,
)
from tests.core.handmade import (
    Draft,
    changed,
    compact,
    copy_record,
    decadic,
    draft,
    group,
    level_record,
    mapping,
    record,
    term,
)

GOOD = draft()
MAIN = GOOD.with_start(profile=Profile.MAIN)
IDS = [bytes([index]) * 32 for index in range(17)]


def caught(data: bytes, references: list[Model] | None = None) -> BitstreamError:
    with pytest.raises(BitstreamError) as info:
        read_stream(data, LEVELS[4], references)
    return info.value


def with_records(*records: object, base: Draft = GOOD) -> Draft:
    """Other records; tensor_count follows, the other totals do not."""
    return replace(base, records=list(records)).with_start(tensor_count=len(records))  # type: ignore[arg-type]


def with_quantiser(quantiser: Quantiser, base: Draft = GOOD) -> Draft:
    return base.with_parameters(groups=[group(quantiser), group()])


def with_topology(base: Draft = GOOD, **fields: object) -> Draft:
    assert base.topology is not None
    return replace(base, topology=replace(base.topology, **fields))


def with_slices(*slices: tuple[int, int, int], base: Draft = GOOD) -> Draft:
    """Other slices: group, first symbol, count of symbols."""
    return replace(base, slices=[(SliceHeader(*item), b"payload") for item in slices])


W, B = GOOD.records
ONE_PARENT = MAIN.with_parameters(parents=IDS[:1])


def predicted(*terms: Term) -> Draft:
    """The first tensor predicted from these terms, in profile MAIN with one parent."""
    fields = {"prediction": Prediction.REFERENCE, "term_count": len(terms), "terms": list(terms)}
    return ONE_PARENT.with_record(0, **fields)


def with_copy(*terms: Term) -> Draft:
    """The second tensor as a copy by these terms."""
    return ONE_PARENT.with_record(
        1,
        prediction=Prediction.COPY,
        term_count=len(terms),
        terms=list(terms),
        slice_group=None,
        level_width=None,
    )


HEADERS = [
    ("R-7.1.2", ErrorClass.DUPLICATE, GOOD.with_start(level=1).with_parameters(parents=[IDS[0], IDS[0]])),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, GOOD.with_parameters(parents=IDS[:2])),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, GOOD.with_parameters(parents=[IDS[0], IDS[0]])),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, GOOD.with_parameters(groups=[group()] * 17)),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, GOOD.with_record(0, name="n" * 65)),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, GOOD.with_record(0, name="é" * 33)),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, GOOD.with_record(0, dims=[1] * 7 + [2, 3])),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, GOOD.with_record(0, dims=[0, 2**18 + 1])),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, GOOD.with_record(0, dims=[2**10, 2**9])),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, with_topology(body_size=2**16 + 1)),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, with_topology(body_size=2**40, header_coding=HeaderCoding.LZMA2)),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, replace(GOOD, table={"body_size": 2**40})),
    ("R-7.1.1", ErrorClass.LIMIT_EXCEEDED, replace(GOOD, table={"body_size": 2**16 - 2})),
    ("R-7.1.3", ErrorClass.VALUE_RANGE, GOOD.with_parameters(topology_parent=1)),
    ("R-7.1.3", ErrorClass.VALUE_RANGE, ONE_PARENT.with_parameters(topology_parent=2)),
    ("R-7.1.3", ErrorClass.VALUE_RANGE, replace(GOOD, table={"table_parent": 1})),
    ("R-7.1.3", ErrorClass.VALUE_RANGE, replace(ONE_PARENT, table={"table_parent": 2})),
    ("R-7.1.3", ErrorClass.VALUE_RANGE, with_records(W, B, copy_record("c", DType.INT8, (), term(1)))),
    ("R-7.1.3", ErrorClass.VALUE_RANGE, with_records(W, copy_record("c", DType.INT8, (), term(2)), base=ONE_PARENT)),
    ("R-7.1.3", ErrorClass.VALUE_RANGE, predicted(term(0), term(1))),
    ("R-7.1.4", ErrorClass.VALUE_RANGE, with_quantiser(decadic(155, s_bits=0))),
    ("R-7.1.4", ErrorClass.VALUE_RANGE, with_quantiser(decadic(0, s_bits=155))),
    ("R-7.1.4", ErrorClass.VALUE_RANGE, GOOD.with_record(0, own_quantiser=True, quantiser=decadic(255, s_bits=0))),
    ("R-7.1.5", ErrorClass.VALUE_RANGE, with_quantiser(decadic(9, 1))),
    ("R-7.1.5", ErrorClass.VALUE_RANGE, with_quantiser(compact(0))),
    ("R-7.1.5", ErrorClass.VALUE_RANGE, with_quantiser(Quantiser(StepKind.BINARY64, None, None, None, 1e-3, 0))),
    ("R-7.1.5", ErrorClass.VALUE_RANGE, GOOD.with_record(0, own_quantiser=True, quantiser=decadic(9, -1))),
    ("R-7.1.5", ErrorClass.VALUE_RANGE, GOOD.with_record(0, own_quantiser=True, quantiser=compact(7))),
    ("R-7.1.6", ErrorClass.DUPLICATE, GOOD.with_record(1, name="w")),
    ("R-7.1.7", ErrorClass.SIZE_MISMATCH, GOOD.with_record(1, dtype=DType.STRING, string_size=11)),
    ("R-7.1.7", ErrorClass.SIZE_MISMATCH, GOOD.with_record(1, dtype=DType.STRING, string_size=0)),
    ("R-7.1.8", ErrorClass.VALUE_RANGE, with_copy()),
    ("R-7.1.8", ErrorClass.VALUE_RANGE, with_copy(term(), term())),
    ("R-7.1.8", ErrorClass.VALUE_RANGE, with_copy(term(gains=[1.0]))),
    ("R-7.1.8", ErrorClass.VALUE_RANGE, predicted()),
    ("R-7.1.9", ErrorClass.VALUE_RANGE, predicted(term(), term()).with_start(profile=Profile.BASELINE)),
    ("R-7.1.9", ErrorClass.VALUE_RANGE, predicted(term(gains=[1.0])).with_start(profile=Profile.BASELINE)),
    ("R-7.1.9", ErrorClass.VALUE_RANGE, predicted(term(0, 0, mapping())).with_start(profile=Profile.BASELINE)),
    ("R-7.1.9", ErrorClass.VALUE_RANGE, with_copy(term(0, 0, mapping())).with_start(profile=Profile.BASELINE)),
    ("R-7.1.10", ErrorClass.VALUE_RANGE, GOOD.with_record(1, slice_group=2)),
    ("R-7.1.11", ErrorClass.VALUE_RANGE, GOOD.with_record(1, slice_group=0)),
    ("R-7.1.11", ErrorClass.VALUE_RANGE, GOOD.with_record(0, slice_group=1)),
    ("R-7.1.12", ErrorClass.VALUE_RANGE, GOOD.with_record(0, dtype=DType.INT32)),
    ("R-7.1.12", ErrorClass.VALUE_RANGE, GOOD.with_record(0, dtype=DType.FLOAT8E5M2)),
    ("R-7.1.12", ErrorClass.VALUE_RANGE, GOOD.with_record(0, dtype=DType.COMPLEX64)),
    ("R-7.1.13", ErrorClass.VALUE_RANGE, with_records(W, B, record("c", DType.UINT16, (0,), slice_group=1))),
    (
        "R-7.1.14",
        ErrorClass.COVERAGE,
        GOOD.with_parameters(groups=[group(decadic(9)), group(), group()]),
    ),
    ("R-7.1.15", ErrorClass.SIZE_MISMATCH, GOOD.with_start(tensor_count=3)),
    ("R-7.1.15", ErrorClass.SIZE_MISMATCH, GOOD.with_start(element_count=10)),
    ("R-7.1.15", ErrorClass.SIZE_MISMATCH, GOOD.with_start(decoded_size=29)),
]

UNITS = [
    ("R-7.2.2", ErrorClass.VALUE_RANGE, with_topology(topology_format=TopologyFormat.NONE)),
    ("9.1", ErrorClass.SIZE_MISMATCH, replace(GOOD, table={"body_size": 2})),
    ("9.1", ErrorClass.SIZE_MISMATCH, with_topology(body_size=4)),
    ("9.1", ErrorClass.SIZE_MISMATCH, with_topology(body=b"abcd")),
    ("9.1", ErrorClass.SIZE_MISMATCH, with_topology(body=b"")),
    ("9.3", ErrorClass.ENTROPY, with_topology(header_coding=HeaderCoding.LZMA2)),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 0, 6))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((1, 0, 3))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices()),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 0, 5), (1, 0, 3))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 0, 7), (1, 0, 3))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 1, 5), (1, 0, 3))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 0, 0), (0, 0, 6), (1, 0, 3))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 0, 3), (0, 2, 4), (1, 0, 3))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 0, 3), (0, 4, 2), (1, 0, 3))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 0, 6), (0, 0, 6), (1, 0, 3))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((1, 0, 3), (0, 0, 6))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 0, 3), (1, 0, 3), (0, 3, 3))),
    ("R-7.2.4", ErrorClass.COVERAGE, with_slices((0, 2**48, 6), (1, 0, 3))),
    ("R-7.2.5", ErrorClass.VALUE_RANGE, with_slices((0, 0, 6), (1, 0, 3), (2, 0, 1))),
    ("R-7.2.6", ErrorClass.INDEX_MISMATCH, replace(GOOD, end={"slice_count": 0, "index": []})),
]


def ids(case: tuple[str, ErrorClass, Draft]) -> None:
    """Parameters are numbered; the rule is in the assertion."""


@pytest.mark.parametrize(("rule", "error_class", "broken"), HEADERS + UNITS, ids=ids)
def test_broken_rule_is_named(rule: str, error_class: ErrorClass, broken: Draft) -> None:
    error = caught(broken.data)
    assert (error.clause, error.error_class) == (rule, error_class)
    assert isinstance(error, LimitExceededError) == (error_class == ErrorClass.LIMIT_EXCEEDED)


def test_every_rule_of_clause_7_is_broken_once() -> None:
    rules = {rule for rule, _, _ in HEADERS + UNITS}
    assert {f"R-7.1.{number}" for number in range(1, 16)} <= rules
    assert {"R-7.2.2", "R-7.2.4", "R-7.2.5", "R-7.2.6"} <= rules  # have tests of their own


VALID = [
    GOOD,
    MAIN,
    with_quantiser(decadic(9, -128), MAIN),
    with_quantiser(compact(65535), MAIN),
    with_quantiser(decadic(154, s_bits=0)),
    GOOD.with_record(0, own_quantiser=True, quantiser=decadic(0)),
    GOOD.with_record(0, name="n" * 64),
    GOOD.with_record(0, dims=[1] * 6 + [2, 3]),
    GOOD.with_start(level=4),
    GOOD.with_start(rewrite_features=1, compatible_features=2**32 - 1),
    GOOD.with_parameters(parents=IDS[:1]),
    ONE_PARENT.with_parameters(topology_parent=0),
    predicted(term()),
    predicted(term(), term(0, 2**20, mapping([0], [1], [2**31]), [1.0, -65504.0])),
    predicted(term()).with_start(profile=Profile.BASELINE),
    ONE_PARENT.with_record(1, prediction=Prediction.REFERENCE, terms=[term()]),
    with_records(W, B, record("e", DType.INT16, (0, 2**18), slice_group=1), level_record("f", (0,), DType.FLOAT16)),
    with_slices((0, 0, 1), (0, 1, 5), (1, 0, 2), (1, 2, 1)),
]


@pytest.mark.parametrize("valid", VALID)
def test_stream_at_the_edge_of_the_rules_is_read(valid: Draft) -> None:
    stream = read_stream(valid.data, LEVELS[4])
    assert stream.records == valid.records
    assert [(part.header, bytes(part.payload)) for part in stream.slices] == valid.slices
    assert stream.content_id == valid.content_id


def test_slices_of_a_level_are_counted() -> None:
    long = with_records(changed(W, dims=[65]), B).with_start(element_count=68, decoded_size=266)
    for size, count in ((2, 34), (1, 66)):
        firsts = range(0, 65, size)
        parts = [(0, first, min(size, 65 - first)) for first in firsts] + [(1, 0, 3)]
        assert len(parts) == count
        data = with_slices(*parts, base=long).data
        if count <= 64:
            assert len(read_stream(data).slices) == count
        else:
            assert (caught(data).error_class, caught(data).clause) == (ErrorClass.LIMIT_EXCEEDED, "R-7.1.1")


def test_bytes_of_a_slice_are_bounded_by_the_level() -> None:
    """Level 1 has 2^24 bytes a slice and 2^26 in all."""
    count = 2**22 + 1
    long = with_records(changed(W, dims=[count], level_width=LevelWidth.INT32), B)
    long = long.with_start(level=1, element_count=count + 3, decoded_size=4 * count + 6)
    assert read_stream(with_slices((0, 0, count - 1), (0, count - 1, 1), (1, 0, 3), base=long).data)
    error = caught(with_slices((0, 0, count), (1, 0, 3), base=long).data)
    assert (error.error_class, error.clause) == (ErrorClass.LIMIT_EXCEEDED, "R-7.1.1")


def moved(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    return replace(GOOD, edit_units=change).data


@pytest.mark.parametrize(
    "order",
    [[], [0], [1, 0, 2, 3, 4], [0, 1, 3, 2, 4], [0, 0, 1, 2, 3, 4], [0, 1, 1, 2, 3, 4], [2, 3, 4]],
)
def test_unit_out_of_order_is_refused(order: list[int]) -> None:
    error = caught(moved(lambda units: [units[index] for index in order]))
    assert (error.error_class, error.clause) == (ErrorClass.UNIT_ORDER, "R-7.2.1")


def test_topology_behind_the_table_is_refused() -> None:
    topology = GOOD.units[1]
    bare = replace(GOOD, topology=None, edit_units=lambda units: [*units[:2], topology, *units[2:]]).with_record(0)
    error = caught(bare.data)
    assert (error.error_class, error.clause) == (ErrorClass.UNIT_ORDER, "R-7.2.1")


def test_second_end_or_table_between_slices_is_refused() -> None:
    table_again = caught(moved(lambda units: [*units[:4], units[2], *units[4:]]))
    assert table_again.error_class == ErrorClass.UNIT_ORDER
    early_end = GOOD.back[:-8]
    assert caught(moved(lambda units: [*units, early_end])).error_class == ErrorClass.BAD_MAGIC


@pytest.mark.parametrize("unit_type", [128, 200, 255])
@pytest.mark.parametrize("place", range(6))
def test_ancillary_unit_may_stand_anywhere_and_is_skipped(unit_type: int, place: int) -> None:
    extra = build_unit(unit_type, b"note")
    data = moved(lambda units: [*units[:place], extra, *units[place:]])
    stream = read_stream(data)
    assert stream.records == GOOD.records
    assert [unit.unit_type for unit in stream.units].index(unit_type) == place


def test_damaged_ancillary_unit_is_refused() -> None:
    extra = build_unit(200, b"note")[:-1] + b"\0"
    assert caught(moved(lambda units: [units[0], extra, *units[1:]])).error_class == ErrorClass.UNIT_CRC


def test_unknown_critical_unit_is_unsupported_wherever_it_stands() -> None:
    for place in range(6):
        extra = build_unit(7, b"")
        error = caught(moved(lambda units, place=place, extra=extra: [*units[:place], extra, *units[place:]]))
        assert isinstance(error, UnsupportedStreamError)
        assert error.error_class == ErrorClass.UNSUPPORTED_UNIT


@pytest.mark.parametrize("field", ["unit_offset", "unit_size", "header"])
def test_index_must_agree_in_every_part(field: str) -> None:
    index = list(read_stream(GOOD.data).end.index)  # type: ignore[union-attr]
    value = getattr(index[1], field)
    other = replace(value, symbol_count=2) if field == "header" else value + 1
    index[1] = replace(index[1], **{field: other})
    assert caught(replace(GOOD, end={"index": index}).data).error_class == ErrorClass.INDEX_MISMATCH
    swapped = list(reversed(read_stream(GOOD.data).end.index))  # type: ignore[union-attr]
    assert caught(replace(GOOD, end={"index": swapped}).data).error_class == ErrorClass.INDEX_MISMATCH


def test_stream_without_topology_has_no_topology_unit() -> None:
    bare = replace(GOOD, topology=None).with_record(0)
    stream = read_stream(bare.data)
    assert (stream.topology.format, stream.topology.data) == (TopologyFormat.NONE, b"")


def lzma2(data: bytes) -> bytes:
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}])


def test_coded_headers_are_read_like_raw_ones() -> None:
    body = build_tensor_records(GOOD.records)
    packed = lzma2(body)
    coded = replace(GOOD, table={"header_coding": HeaderCoding.LZMA2, "body_size": len(body), "body": packed})
    topology = with_topology(coded, header_coding=HeaderCoding.LZMA2, body=lzma2(b"abc"))
    assert read_stream(topology.data).records == GOOD.records
    assert read_stream(topology.data).topology.data == b"abc"


def test_records_must_fill_the_table() -> None:
    body = build_tensor_records(GOOD.records)
    longer = replace(GOOD, table={"body": body + b"\0", "body_size": len(body) + 1})
    assert caught(longer.with_start(tensor_count=3).data).error_class == ErrorClass.UNIT_SIZE
    error = caught(longer.data)  # one more record than the start declares is not even parsed
    assert (error.error_class, error.clause) == (ErrorClass.SIZE_MISMATCH, "6.6")
    assert error.offset == longer.data.index(body) + len(body)


def test_error_in_a_raw_table_names_its_byte() -> None:
    body = bytearray(build_tensor_records(GOOD.records))
    body[2] = 0  # dtype of the first tensor
    data = replace(GOOD, table={"body": bytes(body)}).data
    assert caught(data).offset == data.index(bytes(body)) + 2


def test_payloads_are_not_read() -> None:
    nonsense = GOOD.with_parameters(groups=[group(decadic(9), EntropyCoder.LZMA2), group()])
    assert len(read_stream(nonsense.data).slices) == 2


def test_units_are_listed_with_their_place() -> None:
    stream = read_stream(GOOD.data)
    assert [unit.unit_type for unit in stream.units] == [1, 2, 3, 4, 4, 5]
    position = len(GOOD.front)
    for unit in stream.units:
        assert unit.offset == position
        position = unit.end
    assert position + 8 == len(GOOD.data)
