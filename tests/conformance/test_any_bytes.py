"""Any bytes give a model or a BitstreamError, in bounded memory: made of nothing, and of vectors with repaired CRCs."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conformance.adapter_nncodec import decode_given
from nncodec.errors import BitstreamError, ErrorClass
from nncodec.limits import LEVELS
from nncodec.model import Model
from tests.conformance.streams import INVALID, VALID, VECTORS, data_of, error_of, references_of
from tools.vectors import wire
from tools.vectors.bases import plain
from tools.vectors.draft import Surgeon, assemble, build_start
from tools.vectors.surgery import regions, repaired

SMALL = [name for name in VALID if len(data_of(name)) <= 600]
MEBIBYTE = 2**20
KIBIBYTE = 2**10
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)


def decodes_or_refuses(data, references=()):
    """Decode within level 1; anything but a model and a BitstreamError comes through."""
    try:
        for _, model in decode_given(data, references, LEVELS[1]):
            assert isinstance(model, Model)
    except BitstreamError as error:
        assert isinstance(error.error_class, ErrorClass)
        assert error.clause


@UNHURRIED
@example(b"")
@given(st.binary(max_size=300))
def test_any_bytes(data):
    decodes_or_refuses(data)


@UNHURRIED
@given(st.binary(max_size=120), st.integers(0, 255))
def test_any_bytes_behind_a_good_prefix(data, size):
    decodes_or_refuses(repaired(wire.MAGIC + bytes([0, size]) + data))


@UNHURRIED
@given(st.sampled_from([*range(1, 7), 128]), st.binary(max_size=60))
def test_any_payload_in_a_good_unit(unit_type, payload):
    stream = assemble(plain())
    for region in regions(stream)[:-1]:
        decodes_or_refuses(stream[: region.end] + wire.unit(unit_type, payload) + stream[region.end :])
        if region.start:
            decodes_or_refuses(stream[: region.start] + wire.unit(unit_type, payload) + stream[region.end :])


@UNHURRIED
@given(st.integers(2, 4), st.binary(max_size=60), st.booleans())
def test_any_payload_in_a_good_index_of_models(count, payload, with_streams):
    stream = assemble(plain())
    front = build_start(Surgeon({}), wire.MAIN, 0, plain().items * count, count)
    decodes_or_refuses(front + wire.unit(wire.INDEX, payload) + stream * count * with_streams)


@UNHURRIED
@given(st.lists(st.tuples(st.binary(max_size=8), st.integers(0, 300)), min_size=2, max_size=5))
def test_any_entries_in_a_good_index_of_models(entries):
    stream = assemble(plain())
    index = b"".join(wire.leb(len(name)) + name + wire.leb(size) for name, size in entries)
    front = build_start(Surgeon({}), wire.MAIN, 0, plain().items * len(entries), len(entries))
    decodes_or_refuses(front + wire.unit(wire.INDEX, wire.leb(len(entries)) + index) + stream * len(entries))


@UNHURRIED
@given(st.lists(st.binary(max_size=80), min_size=2, max_size=4))
def test_any_bytes_as_members_of_a_good_set(members):
    starts = build_start(Surgeon({}), wire.MAIN, 0, plain().items, 1)
    streams = [starts + member for member in members]
    index = b"".join(wire.text(f"{place}") + wire.leb(len(stream)) for place, stream in enumerate(streams))
    front = build_start(Surgeon({}), wire.MAIN, 0, plain().items * len(streams), len(streams))
    decodes_or_refuses(front + wire.unit(wire.INDEX, wire.leb(len(streams)) + index) + b"".join(streams))


@st.composite
def mutated(draw):
    """A vector with some bytes changed, taken out, doubled or put in, the sizes of units left, CRCs made right."""
    name = draw(st.sampled_from(SMALL))
    data = bytearray(data_of(name))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(10, len(data) - 1))
        kind = draw(st.sampled_from(["set", "bit", "copy", "leb"]))
        if kind == "set":
            data[place] = draw(st.sampled_from([0, 1, 2, 127, 128, 255]))
        elif kind == "bit":
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "copy":
            data[place] = data[draw(st.integers(0, len(data) - 1))]
        else:
            data[place : place + 2] = b"\xff\x7f"
    return name, repaired(bytes(data))


@settings(UNHURRIED, max_examples=1500)
@given(mutated())
def test_mutated_vector_with_repaired_crcs(case):
    name, data = case
    decodes_or_refuses(data, references_of(name))


@st.composite
def resized(draw):
    """A vector with another payload in one unit, made from the old one; size and CRC are in order."""
    name = draw(st.sampled_from(SMALL))
    data = data_of(name)
    units = [region for region in regions(data) if region.name.startswith("unit")]
    region = draw(st.sampled_from(units))
    old = data[region.start + 2 : region.end - 4]
    start, end = sorted((draw(st.integers(0, len(old))), draw(st.integers(0, len(old)))))
    new = old[:start] + draw(st.binary(max_size=6)) * draw(st.integers(0, 3)) + old[end:]
    return name, data[: region.start] + wire.unit(data[region.start], new) + data[region.end :]


@settings(UNHURRIED, max_examples=1000)
@given(resized())
def test_vector_with_one_other_payload(case):
    name, data = case
    decodes_or_refuses(data, references_of(name))


def peak_of(data, references=()):
    """Bytes that decoding holds at most, and the class of its error; code loaded on first use is not counted."""
    error_of(data, references)
    tracemalloc.start()
    try:
        error = error_of(data, references)
        return tracemalloc.get_traced_memory()[1], error
    finally:
        tracemalloc.stop()


LIMITED = [name for name in INVALID if VECTORS[name].classes[0] == ErrorClass.LIMIT_EXCEEDED.value]


@pytest.mark.parametrize("name", LIMITED)
def test_a_stream_over_a_limit_costs_no_memory(name):
    peak, error = peak_of(data_of(name), references_of(name))
    assert error == ErrorClass.LIMIT_EXCEEDED
    assert peak <= MEBIBYTE


def test_no_invalid_vector_of_a_kibibyte_costs_a_mebibyte():
    peaks = {}
    for name in INVALID:
        data, references = data_of(name), references_of(name)
        if len(data) <= KIBIBYTE:
            peak, _ = peak_of(data, references)
            peaks[name] = peak
    assert {name: peak for name, peak in peaks.items() if peak > MEBIBYTE} == {}


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("name", ["tensor_count", "element_count", "decoded_size"])
def test_the_largest_declared_total_costs_no_memory(level, name):
    bound = {"tensor_count": "tensors", "element_count": "elements", "decoded_size": "decoded_bytes"}[name]
    patches = {f"start.{name}": wire.leb(getattr(LEVELS[level], bound))}
    peak, error = peak_of(assemble(replace(plain(), level=level, patches=patches)))
    assert error == ErrorClass.SIZE_MISMATCH
    assert peak <= MEBIBYTE


@settings(UNHURRIED, max_examples=150)
@given(mutated())
def test_a_mutated_start_costs_no_memory(case):
    name, data = case
    peak, error = peak_of(data, references_of(name))
    # What was decoded before an error in or behind the payloads is as large as Annex F says.
    if error not in (None, ErrorClass.ENTROPY, ErrorClass.CONTENT_ID) and len(data) <= KIBIBYTE:
        assert peak <= MEBIBYTE


def test_regions_and_repairs_follow_a_set_into_its_members():
    data = data_of("valid/set-difference")
    names = [region.name for region in regions(data)]
    assert names[:2] == ["start", "unit6"]
    assert names[2:] == ["start", "unit1", "unit3", "unit4", "unit5", "footer"] * 2
    assert [region.start for region in regions(data)][1:] == [region.end for region in regions(data)][:-1]
    damaged = bytearray(data)
    for region in regions(data):
        if region.name != "footer":
            damaged[region.end - 4 : region.end] = bytes(4)
    assert repaired(bytes(damaged)) == data
