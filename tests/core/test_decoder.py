"""SPEC.md clause 8.5: what a decoder gives for a stream made by hand, for damaged ones, and for some tensors only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.decoder import decode, decode_tensors
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode
from nncodec.errors import BitstreamError, ErrorClass
from nncodec.limits import LEVELS
from nncodec.model import NO_TOPOLOGY, Model, Tensor
from nncodec.stream import read_stream
from nncodec.syntax.door import crc32c
from nncodec.tables import DType, LevelWidth, Prediction, Profile
from nncodec.work import Work
from tests.core.handmade import (
    VALUES_OF_B,
    VALUES_OF_W,
    compact,
    copy_record,
    draft,
    level_record,
    same_tensors,
    term,
    weights,
)

DATA = draft().data
REFERENCE = Model((weights("p", (2, 2)), weights("w", (3, 3), 1), Tensor("b", DType.INT16, (3,), b"\1\0\2\0\3\0")))


def caught(data: bytes, references: list[Model] | None = None, **options: Any) -> BitstreamError:
    with pytest.raises(BitstreamError) as info:
        decode(data, references or [], **options)
    return info.value


def test_stream_made_by_hand_decodes_to_what_clause_8_says() -> None:
    model = decode(DATA)
    w, b = model.tensors
    assert (w.name, w.dtype, w.shape, bytes(w.data)) == ("w", DType.FLOAT32, (2, 3), VALUES_OF_W.tobytes())
    assert (b.name, b.dtype, b.shape, b.numpy().tolist()) == ("b", DType.INT16, (3,), list(VALUES_OF_B))
    assert model.topology.data == b"abc"
    assert same_tensors(decode(memoryview(bytearray(DATA))), model)


@pytest.mark.parametrize("length", range(len(DATA)))
def test_every_truncation_is_refused_as_such(length: int) -> None:
    error = caught(DATA[:length])
    assert error.error_class == ErrorClass.TRUNCATED
    assert error.offset == length


def test_appended_bytes_are_refused() -> None:
    for more in (b"\0", DATA[-8:], DATA):
        error = caught(DATA + more)
        assert (error.error_class, error.offset) == (ErrorClass.TRAILING_DATA, len(DATA))


def test_every_flipped_bit_is_refused() -> None:
    for bit in range(8 * len(DATA)):
        data = bytearray(DATA)
        data[bit // 8] ^= 1 << bit % 8
        caught(bytes(data))


def regions(data: bytes) -> list[tuple[int, int]]:
    """Begin and end of every region that a CRC follows."""
    found, position = [(0, 10 + data[9])], 14 + data[9]
    while position + 8 < len(data):
        size, end = data[position + 1], position + 2
        if size > 127:
            size, end = (size & 127) + (data[end] << 7), end + 1
        found.append((position, end + size))
        position = end + size + 4
    return found


def repaired(data: bytes, region: tuple[int, int]) -> bytes:
    begin, end = region
    return data[:end] + crc32c(data[begin:end]) + data[end + 4 :]


def outcome(data: bytes, references: list[Model] | None = None) -> Model | BitstreamError:
    try:
        return decode(data, references or [])
    except BitstreamError as error:
        return error


def test_every_flipped_bit_with_its_crc_made_good_is_another_model_or_refused() -> None:
    """All that a CRC does not find: the content id or a rule must."""
    original = decode(DATA)
    for region in regions(DATA):
        for bit in range(8 * region[0], 8 * region[1]):
            data = bytearray(DATA)
            data[bit // 8] ^= 1 << bit % 8
            result = outcome(repaired(bytes(data), region))
            assert isinstance(result, BitstreamError) or same_tensors(result, original)


@pytest.mark.parametrize("config", [EncoderConfig(step=1e-2), EncoderConfig(step=1e-2, fast=True)])
def test_payloads_are_judged_before_reconstruction(config: EncoderConfig) -> None:
    """Clause 8.5: a prediction that cannot be made comes behind the damage of a later slice."""
    old = Model((weights("a", (40, 40)), weights("b", (40, 40), 1)))
    rises = [Tensor.from_numpy(t.name, t.numpy() + np.float32(0.02)) for t in old.tensors]
    stream = read_stream(encode(Model(tuple(rises)), replace(config, slice_symbols=1600), [old]), references=[old])
    first = stream.records[0]
    assert first.coding.prediction == Prediction.REFERENCE
    wrong = replace(first, coding=replace(first.coding, terms=[replace(first.coding.terms[0], reference_tensor=9)]))
    stream = replace(stream, records=[wrong, *stream.records[1:]])
    with pytest.raises(BitstreamError, match=r"R-8\.3\.1"):
        decode_tensors(stream, None, Work())
    last = stream.slices[-1]
    damaged = replace(stream, slices=[*stream.slices[:-1], replace(last, payload=last.payload[:-3])])
    with pytest.raises(BitstreamError) as found:
        decode_tensors(damaged, None, Work())
    assert found.value.error_class == ErrorClass.ENTROPY


SAMPLES = [
    DATA,
    encode(Model((weights("a", (8, 9)), weights("b", (3,)))), EncoderConfig(step=1e-3, slice_symbols=30)),
    encode(Model((weights("w", (3, 3), 7), REFERENCE.tensors[2])), EncoderConfig(include=("*",)), [REFERENCE]),
    encode(Model((Tensor("s", DType.STRING, (2,), b"\1\0\0\0x\0\0\0\0"), weights("n", (0, 3)))), EncoderConfig()),
]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_bytes_changed_at_will_are_a_model_or_our_error(sample: bytes, data: st.DataObject) -> None:
    region = data.draw(st.sampled_from(regions(sample)))
    changed = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(region[0], region[1] - 1))] = data.draw(st.integers(0, 255))
    outcome(repaired(bytes(changed), region), [REFERENCE])


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([0, 8, 9, 14]))
def test_any_bytes_are_our_error(data: bytes, kept: int) -> None:
    assert isinstance(outcome(DATA[:kept] + data), BitstreamError)


MODEL = Model((weights("a", (8, 8)), weights("b", (3,), 1), weights("c", (16, 8), 2), weights("d", (0,))))
CONFIG = EncoderConfig(slice_symbols=50)
STREAM = encode(MODEL, CONFIG)
WHOLE = decode(STREAM)


@pytest.mark.parametrize("names", [[], ["a"], ["c", "b"], ["d"], {"a", "b", "c", "d"}, ("c", "c")])
def test_some_tensors_come_in_the_order_of_the_stream_without_topology(names: Any) -> None:
    some = decode(STREAM, tensors=names)
    expected = [tensor for tensor in WHOLE.tensors if tensor.name in names]
    assert same_tensors(some, Model(tuple(expected)))
    assert decode(DATA, tensors=["b"]).topology == NO_TOPOLOGY


def test_unknown_tensor_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="'z'"):
        decode(STREAM, tensors=["a", "z"])
    with pytest.raises(KeyError):
        decode(STREAM, tensors=["A"])


def test_damage_to_other_slices_does_not_touch_some_tensors() -> None:
    """Only the CRC of a slice stands in the way; the entropy coder of the others is never asked."""
    broken = draft().with_slice(0, payload=b"\0" * 5).data
    assert decode(broken, tensors=["b"]).tensors[0].numpy().tolist() == list(VALUES_OF_B)
    assert caught(broken, tensors=["w"]).error_class == ErrorClass.SIZE_MISMATCH


@pytest.mark.parametrize("names", [None, ["a"], ["c"], ["b", "d"]])
def test_progress_rises_to_the_total_of_what_is_decoded(names: list[str] | None) -> None:
    calls: list[tuple[int, int]] = []
    decode(STREAM, tensors=names, work=Work(progress=lambda done, total: calls.append((done, total))))
    done = [call[0] for call in calls]
    assert done == sorted(set(done))
    assert len({total for _, total in calls}) == 1
    assert done[-1] == calls[-1][1]
    if names == ["b", "d"]:
        assert calls == [(12, 12)]


def test_level_over_the_limit_is_refused() -> None:
    data = draft().with_start(level=3).data
    assert same_tensors(decode(data), decode(DATA))
    assert caught(draft().with_start(level=4).data).error_class == ErrorClass.LIMIT_EXCEEDED
    assert caught(data, limits=LEVELS[2]).error_class == ErrorClass.LIMIT_EXCEEDED


@pytest.mark.parametrize(("field", "value"), [("tensors", 1), ("elements", 8), ("decoded_bytes", 29)])
def test_total_over_the_callers_limits_is_refused(field: str, value: int) -> None:
    assert same_tensors(decode(DATA, limits=replace(LEVELS[3], **{field: 1000})), decode(DATA))
    assert caught(DATA, limits=replace(LEVELS[3], **{field: value})).error_class == ErrorClass.LIMIT_EXCEEDED


def test_content_id_that_does_not_agree_is_refused() -> None:
    error = caught(replace(draft(), content_id=bytes(32)).data)
    assert (error.error_class, error.clause) == (ErrorClass.CONTENT_ID, "R-8.5.1")
    changed = caught(draft().with_slice(0, payload=b"\1\xff\0\2\3\xfd").data)
    assert changed.error_class == ErrorClass.CONTENT_ID


def with_parent(item: Any) -> bytes:
    """A stream of one tensor that is predicted from REFERENCE; its content id is not that of its model."""
    blank = draft()
    slices = blank.slices[:1] if item.coding.slice_group is not None else []
    groups = blank.parameters.groups[: len(slices)]
    one = replace(blank, records=[item], slices=slices, topology=None)
    one = one.with_parameters(parents=[REFERENCE.content_id], groups=groups)
    count = int(np.prod(item.shape, dtype=int))
    size = {DType.INT16: 2, DType.FLOAT32: 4, DType.FLOAT16: 2}[item.dtype] * count
    return one.with_record(0).with_start(tensor_count=1, element_count=count, decoded_size=size).data


def copy_of(name: str, dtype: DType, dims: tuple[int, ...], place: int = 0) -> Any:
    return copy_record(name, dtype, dims, term(0, place))


def difference(name: str, dims: tuple[int, ...], place: int = 0) -> Any:
    return level_record(name, dims, prediction=Prediction.REFERENCE, terms=[term(0, place)])


def test_copy_by_name_and_by_place() -> None:
    for item in (copy_of("b", DType.INT16, (3,)), copy_of("new", DType.INT16, (3,), 3)):
        (tensor,) = decode(with_parent(item), [REFERENCE], tensors=[item.name]).tensors
        assert (tensor.name, tensor.content_id) == (item.name, REFERENCE.tensors[2].content_id)


def test_difference_adds_levels_to_the_padded_reference() -> None:
    (tensor,) = decode(with_parent(difference("x", (2, 3), 1)), [REFERENCE], tensors=["x"]).tensors
    padded = np.zeros((2, 3))
    padded[:, :2] = REFERENCE.tensors[0].numpy()
    expected = (padded.ravel() + np.array([1, -1, 0, 2, 3, -4]) * 1e-3).astype("<f4")
    assert bytes(tensor.data) == expected.tobytes()


@pytest.mark.parametrize(
    ("item", "clause"),
    [
        (copy_of("b", DType.FLOAT16, (3,)), "R-8.3.4"),
        (copy_of("b", DType.INT16, (3, 1)), "R-8.3.2"),
        (copy_of("z", DType.INT16, (3,)), "R-8.3.1"),
        (copy_of("b", DType.INT16, (3,), 4), "R-8.3.1"),
        (difference("z", (2, 3)), "R-8.3.1"),
        (difference("w", (6,)), "R-8.3.2"),
        (difference("w", (2, 3), 4), "R-8.3.1"),
        (difference("b", (6,)), "R-8.3.3"),
    ],
)
def test_prediction_that_the_parent_cannot_give_is_refused(item: Any, clause: str) -> None:
    error = caught(with_parent(item), [REFERENCE])
    assert (error.error_class, error.clause) == (ErrorClass.VALUE_RANGE, clause)


def test_references_are_asked_for_before_anything_is_decoded() -> None:
    broken = with_parent(difference("w", (2, 3)))
    assert caught(broken).error_class == ErrorClass.REF_MISSING
    assert caught(broken, [Model(())]).error_class == ErrorClass.REF_MISMATCH
    assert caught(broken, tensors=[]).error_class == ErrorClass.REF_MISSING


def test_strings_that_are_none_are_refused() -> None:
    good = Model((Tensor("s", DType.STRING, (2,), b"\1\0\0\0x\0\0\0\0"),))
    data = encode(good)
    assert same_tensors(decode(data), good)
    place = data.index(b"\1\0\0\0x\0\0\0\0")
    broken = data[:place] + b"\2" + data[place + 1 :]
    region = next(item for item in regions(data) if item[0] < place < item[1])
    error = caught(repaired(broken, region))
    assert (error.error_class, error.clause) == (ErrorClass.SIZE_MISMATCH, "R-8.5.2")


def test_own_quantiser_goes_before_that_of_the_group() -> None:
    two = draft().with_start(profile=Profile.MAIN)
    own = two.with_record(0, own_quantiser=True, quantiser=compact(58 << 10, -128))
    (w,) = decode(own.data, tensors=["w"]).tensors
    assert w.numpy().ravel().tolist() == [512.0, -512.0, 0.0, 1536.0, 2560.0, -3584.0]


@pytest.mark.parametrize(
    ("width", "payload"),
    [
        (LevelWidth.INT16, "0100ffff0000020003000480"),
        (LevelWidth.INT32, "01000000ffffffff000000000200000003000000000000 80"),
    ],
)
def test_levels_of_every_width(width: LevelWidth, payload: str) -> None:
    data = bytes.fromhex(payload)
    made = draft().with_record(0, level_width=width).with_slice(0, payload=data)
    (w,) = decode(made.data, tensors=["w"]).tensors
    last = np.frombuffer(data, f"<i{width}")[-1]
    assert w.numpy().ravel().tolist()[:5] == VALUES_OF_W[:5].tolist()
    assert w.numpy().ravel()[5] == np.float32(float(last) * 1e-3)


CHECK = """
import json, sys
from nncodec.decoder import decode, decode_tensors
from nncodec.errors import BitstreamError
results = []
for text in json.load(sys.stdin):
    try:
        results.append(decode(bytes.fromhex(text)).content_id.hex())
    except BitstreamError as error:
        results.append(str(error))
assert not results, "python -O does not run this"
print(json.dumps(results))
"""


def test_python_without_assertions_decides_the_same() -> None:
    cases = [DATA, STREAM, *SAMPLES]
    for region in regions(DATA):
        changed = (DATA[:place] + bytes([DATA[place] ^ 0x11]) + DATA[place + 1 :] for place in range(*region))
        cases += [repaired(data, region) for data in changed]
    cases += [DATA[:60], DATA + b"x", b""]
    expected = [result.content_id.hex() if isinstance(result, Model) else str(result) for result in map(outcome, cases)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-O", "-c", CHECK],
        input=json.dumps([case.hex() for case in cases]),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert json.loads(done.stdout) == expected
