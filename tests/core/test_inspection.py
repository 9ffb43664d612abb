"""SPEC.md clause 7 (informative view): what inspection says adds up, and its trace leaves no byte of a header out."""

from __future__ import annotations

import lzma
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode, encode_with_report
from nncodec.encoder.sets.writer import write_set
from nncodec.errors import BitstreamError
from nncodec.inspection import inspect, inspect_set
from nncodec.limits import LEVELS
from nncodec.model import Model, Topology
from nncodec.set_decoder import SetReader
from nncodec.stream import read_stream
from nncodec.syntax.units import build_unit
from nncodec.tables import DType, HeaderCoding, Profile, TopologyFormat, UnitType
from tests.core.handmade import draft, weights
from tests.strategies import models

REQUESTS = st.one_of(
    st.just({}),
    st.just({"lossless": True}),
    st.builds(lambda q_bits: {"q_bits": q_bits}, st.integers(7, 11)),
)
CONFIGS = st.builds(
    lambda profile, request, include, slice_symbols: EncoderConfig(
        profile, include=() if "lossless" in request else include, slice_symbols=slice_symbols, **request
    ),
    st.sampled_from(Profile),
    REQUESTS,
    st.sampled_from([(), ("*",)]),
    st.sampled_from([9, 2**22]),
)
MODEL = Model((weights("a", (8, 8)), weights("b", (3,))), Topology(TopologyFormat.ONNX, b"graph" * 50))
DATA = encode(MODEL)


def unread(data: bytes, references: list[Model] | None) -> list[tuple[int, int]]:
    """Offset and size of what the syntax does not describe: payloads of slices and of ancillary units."""
    stream = read_stream(data, LEVELS[4], references)
    spans = [(part.payload_offset, len(part.payload)) for part in stream.slices]
    return spans + [(unit.payload_offset, len(unit.payload)) for unit in stream.units if unit.unit_type >= 128]


def check_trace(data: bytes, references: list[Model] | None = None) -> None:
    """Every byte of the stream is in exactly one element, but for `unread`; so is every byte of a coded table."""
    info = inspect(data, references, LEVELS[4])
    table = next(element for element in info.elements if element.path == "TensorTableUnit.header_coding")
    outside = [element for element in info.elements if element.region == "stream"]
    inside = [element for element in info.elements if element.region != "stream"]
    spans = [(element.offset, element.size) for element in outside]
    if table.value == HeaderCoding.RAW:  # the records stand in the body itself
        assert inside == []
        spans = [(element.offset, element.size) for element in outside if element.path != "TensorTableUnit.body"]
    else:
        size = next(element.value for element in info.elements if element.path == "TensorTableUnit.body_size")
        check_gapless([(element.offset, element.size) for element in inside], size)
    check_gapless(spans + unread(data, references), len(data))


def check_gapless(spans: list[tuple[int, int]], size: object) -> None:
    position = 0
    for offset, length in sorted(spans):
        assert offset == position
        position += length
    assert position == size


@settings(max_examples=60, deadline=None)
@given(models(), CONFIGS)
@example(Model(()), EncoderConfig())
@example(MODEL, EncoderConfig())
def test_elements_cover_every_byte_once(model: Model, config: EncoderConfig) -> None:
    check_trace(encode_with_report(model, config).data)


def test_elements_cover_a_stream_with_references_and_unknown_units() -> None:
    check_trace(encode(MODEL, EncoderConfig(), [MODEL]), [MODEL])
    extra = build_unit(200, b"note")
    check_trace(replace(draft(), edit_units=lambda units: [extra, *units, extra]).data)


def test_values_of_elements_are_those_of_the_bytes() -> None:
    for element in inspect(DATA).elements:
        raw = DATA[element.offset : element.offset + element.size]
        if element.region == "stream" and element.descriptor.startswith(("u(", "e(")):
            assert int.from_bytes(raw, "little") == element.value
        elif element.region == "stream" and element.descriptor.startswith("b("):
            assert raw == element.value


@settings(max_examples=40, deadline=None)
@given(models(), CONFIGS)
def test_numbers_add_up_to_the_file(model: Model, config: EncoderConfig) -> None:
    data = encode_with_report(model, config).data
    info = inspect(data, limits=LEVELS[4])
    start = info.units[0].offset
    assert start == 14 + data[9]
    assert info.size == len(data) == start + sum(unit.size for unit in info.units) + 8
    assert (info.element_count, info.decoded_size) == (sum(t.size for t in model.tensors), model.nbytes)
    assert info.bits_per_weight == (8 * len(data) / info.element_count if info.element_count else 0.0)
    slices = [unit for unit in info.units if unit.unit_type == "slice"]
    assert len(slices) == len(info.slices)
    for unit, part in zip(slices, info.slices, strict=True):
        assert 0 < unit.size - part.payload_bytes < 32
    assert [(t.name, t.dtype, t.shape) for t in info.tensors] == [
        (t.name, t.dtype.name.lower(), t.shape) for t in model.tensors
    ]


def test_stream_made_by_hand_is_described() -> None:
    info = inspect(draft().data)
    w, b = info.tensors
    assert (info.version, info.profile, info.level, info.parents) == (0, "baseline", 0, ())
    assert (info.topology_format, info.topology_bytes) == ("onnx", 3)
    assert info.content_id == draft().content_id.hex()
    assert (w.representation, w.prediction, w.slice_group, w.step, w.reconstruction_offset) == (
        "levels",
        "none",
        0,
        1e-3,
        0.0,
    )
    assert (b.representation, b.slice_group, b.step, b.reconstruction_offset) == ("exact", 1, None, None)
    names = ["model_parameter_set", "topology", "tensor_table", "slice", "slice", "end"]
    assert [unit.unit_type for unit in info.units] == names
    assert [
        (part.representation, part.entropy_coder, part.symbol_count, part.payload_bytes) for part in info.slices
    ] == [
        ("levels", "raw", 6, 6),
        ("exact", "raw", 3, 6),
    ]


def test_ancillary_unit_is_listed_by_its_number() -> None:
    data = replace(draft(), edit_units=lambda units: [build_unit(130, b""), *units]).data
    assert inspect(data).units[0].unit_type == "ancillary 130"


def test_copied_tensors_have_no_step() -> None:
    info = inspect(encode(MODEL, EncoderConfig(), [MODEL]), [MODEL])
    assert info.parents == (MODEL.content_id.hex(),)
    assert {(t.prediction, t.representation, t.step, t.slice_group) for t in info.tensors} == {
        ("copy", "exact", None, None)
    }


def test_weights_are_not_decoded() -> None:
    nonsense = draft().with_slice(0, payload=b"").data
    assert inspect(nonsense).slices[0].payload_bytes == 0


def test_what_is_no_stream_is_refused() -> None:
    with pytest.raises(BitstreamError):
        inspect(DATA[:-1])
    with pytest.raises(BitstreamError, match="LIMIT_EXCEEDED"):
        inspect(draft().with_start(level=4).data)


def test_element_values_of_a_coded_table_are_those_of_its_body() -> None:
    model = Model(tuple(weights(f"layer.{index}", (2, 2), index, dtype=DType.FLOAT16) for index in range(20)))
    data = encode(model)
    stream = read_stream(data)
    unit = next(unit for unit in stream.units if unit.unit_type == UnitType.TENSOR_TABLE)
    packed = next(e for e in inspect(data).elements if e.path == "TensorTableUnit.body").value
    assert bytes(unit.payload).endswith(packed)  # type: ignore[arg-type]
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]
    body = lzma.decompress(packed, format=lzma.FORMAT_RAW, filters=filters)  # type: ignore[arg-type]
    inside = [element for element in inspect(data).elements if element.region != "stream"]
    assert {element.region for element in inside} == {"tensor table body"}
    names = [element for element in inside if element.descriptor == "st"]
    assert [body[e.offset + 1 : e.offset + e.size].decode() for e in names] == [t.name for t in model.tensors]


SETS = sorted((Path(__file__).resolve().parents[2] / "conformance" / "valid").glob("set-*.nmc"))


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_trace_of_a_set_leaves_no_byte_of_its_headers_out(path: Path) -> None:
    reader = SetReader(BytesIO(path.read_bytes()), (), LEVELS[4])
    info = inspect_set(reader)
    assert info.elements[0].path == "StartPrefix.magic"
    covered = [place for element in info.elements for place in range(element.offset, element.offset + element.size)]
    assert len(covered) == len(set(covered))
    left_out = set(range(reader.members[0].offset)) - set(covered)
    assert set(covered) <= set(range(reader.members[0].offset))
    assert bool(left_out) == ("ancillary-before" in path.stem or "looks-like-an-index" in path.stem)
    assert info.size == path.stat().st_size
    assert info.element_count == sum(model.element_count for model in info.models)
    assert info.decoded_size == sum(model.decoded_size for model in info.models)
    assert reader.members[0].offset + sum(model.size for model in info.models) == info.size


def test_a_set_says_who_is_predicted_from_whom() -> None:
    old, outside = decode(DATA), decode(encode(Model((weights("a", (8, 8), 2), *MODEL.tensors[1:]))))
    new = Model((*old.tensors[:1], weights("b", (3,), 1)), old.topology)
    config = EncoderConfig(lossless=True)
    other = encode(Model((*outside.tensors[:1], weights("b", (3,), 2))), config, [outside])
    streams = {"old": DATA, "new": encode(new, config, [old]), "out": other}
    info = inspect_set(SetReader(BytesIO(write_set(streams))))
    assert [model.parents for model in info.models] == [(), ("old",), ()]
    assert [model.parents_outside for model in info.models] == [(), (), (outside.content_id.hex(),)]
    assert info.bits_per_weight == 8 * info.size / (3 * 67)


def test_damage_of_a_member_is_told_at_its_place_in_the_set() -> None:
    data = bytearray(write_set({"a": DATA, "b": DATA}))
    data[-1] ^= 1
    with pytest.raises(BitstreamError) as caught:
        inspect_set(SetReader(BytesIO(data)))
    assert caught.value.offset == len(data) - 4


def test_a_set_of_empty_models_has_no_bits_per_weight() -> None:
    empty = encode(Model(()))
    assert inspect_set(SetReader(BytesIO(write_set({"a": empty, "b": empty})))).bits_per_weight == 0.0
