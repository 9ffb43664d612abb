"""SPEC.md clause 5: tensors, models and content ids, against the documented layout written out again."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.model import NO_TOPOLOGY, Model, Tensor, Topology, data_bytes, strings_are_well_formed
from nncodec.tables import DTYPE_BITS, DType, TopologyFormat
from tests.core.handmade import content_id_of_draft
from tests.strategies import models, tensors, topologies

STRUCT_CODES = {
    DType.FLOAT32: "f",
    DType.UINT8: "B",
    DType.INT8: "b",
    DType.UINT16: "H",
    DType.INT16: "h",
    DType.INT32: "i",
    DType.INT64: "q",
    DType.BOOL: "?",
    DType.FLOAT16: "e",
    DType.FLOAT64: "d",
    DType.UINT32: "I",
    DType.UINT64: "Q",
}
NUMPY_NAMES = {**{dtype: code.replace("q", "i8").replace("Q", "u8") for dtype, code in STRUCT_CODES.items()}}
NUMPY_NAMES |= {DType.INT32: "i4", DType.UINT32: "u4", DType.COMPLEX64: "c8", DType.COMPLEX128: "c16"}
VALUES = [0, 1, 0, 1, 1, 1]


def packed(dtype: DType, values: list[Any]) -> bytes:
    """Elements one after another, little-endian, by the struct module."""
    if dtype in STRUCT_CODES:
        return struct.pack(f"<{len(values)}{STRUCT_CODES[dtype]}", *values)
    code = "ff" if dtype == DType.COMPLEX64 else "dd"
    return b"".join(struct.pack(f"<{code}", value.real, value.imag) for value in map(complex, values))


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def tensor_id(tensor: Tensor) -> bytes:
    dims = b"".join(dim.to_bytes(8, "little") for dim in tensor.shape)
    return sha256(b"NMC tensor\0", bytes([tensor.dtype, len(tensor.shape)]), dims, bytes(tensor.data))


def topology_id(topology: Topology) -> bytes:
    return sha256(b"NMC topology\0", bytes([topology.format]), topology.data)


def model_id(model: Model) -> bytes:
    parts = [b"NMC model\0", topology_id(model.topology), len(model.tensors).to_bytes(8, "little")]
    for tensor in model.tensors:
        name = tensor.name.encode("utf-8")
        parts += [len(name).to_bytes(4, "little"), name, tensor_id(tensor)]
    return sha256(*parts)


@given(tensors())
def test_tensor_id_is_the_documented_hash(tensor: Tensor) -> None:
    assert tensor.content_id == tensor_id(tensor)


@given(topologies())
def test_topology_id_is_the_documented_hash(topology: Topology) -> None:
    assert topology.content_id == topology_id(topology)


@settings(deadline=None)
@given(models())
def test_model_id_is_the_documented_hash(model: Model) -> None:
    assert model.content_id == model_id(model)


def test_model_id_of_the_example_is_this() -> None:
    w = Tensor("w", DType.FLOAT32, (2, 3), np.array([0.001, -0.001, 0, 0.002, 0.003, -0.004], "<f4").tobytes())
    b = Tensor("b", DType.INT16, (3,), struct.pack("<3h", -2, 0, 513))
    assert Model((w, b), Topology(TopologyFormat.ONNX, b"abc")).content_id == content_id_of_draft()


TENSOR = Tensor("w", DType.INT16, (2, 3), bytes(range(12)))
MODEL = Model((TENSOR, replace(TENSOR, name="v")), Topology(TopologyFormat.ONNX, b"graph"))


@pytest.mark.parametrize(
    "other",
    [
        replace(TENSOR, dtype=DType.UINT16),
        replace(TENSOR, dtype=DType.FLOAT16),
        replace(TENSOR, shape=(3, 2)),
        replace(TENSOR, shape=(6,)),
        replace(TENSOR, shape=(1, 2, 3)),
        replace(TENSOR, data=bytes(range(11)) + b"\xff"),
    ],
)
def test_other_type_shape_or_data_is_another_tensor_id(other: Tensor) -> None:
    assert other.content_id != TENSOR.content_id


def test_name_and_kind_of_buffer_do_not_change_a_tensor_id() -> None:
    assert replace(TENSOR, name="else").content_id == TENSOR.content_id
    assert replace(TENSOR, data=memoryview(bytearray(TENSOR.data))).content_id == TENSOR.content_id


@pytest.mark.parametrize(
    "other",
    [
        replace(MODEL, tensors=MODEL.tensors[:1]),
        replace(MODEL, tensors=MODEL.tensors[::-1]),
        replace(MODEL, tensors=(TENSOR, replace(TENSOR, name="V"))),
        replace(MODEL, tensors=(TENSOR, replace(TENSOR, name="v", shape=(6,)))),
        replace(MODEL, topology=NO_TOPOLOGY),
        replace(MODEL, topology=Topology(TopologyFormat.SAFETENSORS_METADATA, b"graph")),
        replace(MODEL, topology=Topology(TopologyFormat.ONNX, b"grapH")),
    ],
)
def test_other_content_is_another_model_id(other: Model) -> None:
    assert other.content_id != MODEL.content_id


def test_names_that_only_normalise_alike_are_different() -> None:
    composed, combining = replace(TENSOR, name="\u00e9"), replace(TENSOR, name="e\u0301")
    assert Model((composed, combining)).content_id != Model((combining, composed)).content_id


@settings(max_examples=60)
@given(st.lists(tensors(), min_size=2, max_size=2), st.booleans())
def test_tensor_ids_are_equal_exactly_if_the_content_is(pair: list[Tensor], same: bool) -> None:
    left, right = pair if not same else (pair[0], replace(pair[0], name="other"))
    equal = (left.dtype, left.shape, left.data) == (right.dtype, right.shape, right.data)
    assert (left.content_id == right.content_id) == equal


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two tensors are named 'w'"):
        Model((replace(TENSOR, name="a"), TENSOR, TENSOR))


def test_topology_without_format_holds_no_bytes() -> None:
    with pytest.raises(ValueError, match="NONE"):
        Topology(TopologyFormat.NONE, b"x")
    assert Topology(TopologyFormat.NONE, b"") == NO_TOPOLOGY


def test_values_do_not_change() -> None:
    for value in (TENSOR, MODEL, NO_TOPOLOGY):
        with pytest.raises(FrozenInstanceError):
            value.data = b""  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        TENSOR.numpy()[0, 0] = 1


@pytest.mark.parametrize("dtype", NUMPY_NAMES)
@pytest.mark.parametrize("order", ["<", ">"])
def test_from_numpy_gives_little_endian_row_major_bytes(dtype: DType, order: str) -> None:
    array = np.array(VALUES).reshape(2, 3).astype(np.dtype(NUMPY_NAMES[dtype]).newbyteorder(order))
    tensor = Tensor.from_numpy("t", array)
    assert (tensor.name, tensor.dtype, tensor.shape) == ("t", dtype, (2, 3))
    assert tensor.data == packed(dtype, VALUES)
    assert (tensor.size, tensor.nbytes) == (6, 6 * DTYPE_BITS[dtype] // 8)


@pytest.mark.parametrize("dtype", NUMPY_NAMES)
def test_numpy_gives_back_what_from_numpy_took(dtype: DType) -> None:
    array = np.array(VALUES).reshape(1, 6, 1).astype(NUMPY_NAMES[dtype])
    again = Tensor.from_numpy("t", array).numpy()
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.tobytes() == array.tobytes()


BASE = np.arange(24, dtype="<i4").reshape(2, 3, 4)


@pytest.mark.parametrize("array", [BASE.T, BASE[:, ::2, ::-1], np.asfortranarray(BASE), BASE[1:1], BASE[1, 2, 3]])
def test_layout_in_memory_does_not_matter(array: Any) -> None:
    tensor = Tensor.from_numpy("t", array)
    assert tensor.shape == np.shape(array)
    assert tensor.data == struct.pack(f"<{tensor.size}i", *np.asarray(array).ravel(order="C").tolist())
    assert np.array_equal(tensor.numpy(), array)


def test_from_numpy_keeps_every_bit_of_special_values() -> None:
    bits = np.array([0x7F800001, 0xFFC00000, 0x80000000, 0x00000001, 0xFF800000], "<u4")
    assert Tensor.from_numpy("t", bits.view("<f4")).data == bits.tobytes()


@pytest.mark.parametrize("code", ["S3", "U2", "O", "M8[s]", "m8[s]", "V4", "g"])
def test_numpy_type_outside_the_table_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match=r"table 4\.1"):
        Tensor.from_numpy("t", np.zeros(2, code))


@pytest.mark.parametrize("dtype", sorted(set(DType) - set(NUMPY_NAMES)))
def test_type_that_numpy_lacks_has_no_array(dtype: DType) -> None:
    with pytest.raises(ValueError, match=dtype.name):
        Tensor("t", dtype, (0,), b"").numpy()


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [
        (DType.FLOAT32, (), 4),
        (DType.FLOAT32, (0, 5), 0),
        (DType.COMPLEX128, (3,), 48),
        (DType.UINT4, (3,), 2),
        (DType.INT4, (4,), 2),
        (DType.FLOAT4E2M1, (1, 1), 1),
        (DType.UINT2, (4,), 1),
        (DType.INT2, (5,), 2),
        (DType.FLOAT8E8M0, (2**40, 2**40), 2**80),
        (DType.STRING, (3,), None),
    ],
)
def test_size_of_data_follows_from_type_and_shape(dtype: DType, shape: tuple[int, ...], size: int | None) -> None:
    assert data_bytes(dtype, shape) == size


@pytest.mark.parametrize("dtype", sorted(set(DType) - {DType.STRING}))
@pytest.mark.parametrize("excess", [-1, 1])
def test_data_of_the_wrong_size_is_refused(dtype: DType, excess: int) -> None:
    size = -(-9 * DTYPE_BITS[dtype] // 8)
    assert Tensor("t", dtype, (3, 3), bytes(size)).size == 9
    with pytest.raises(ValueError, match=f"{size + excess} bytes"):
        Tensor("t", dtype, (3, 3), bytes(size + excess))


def test_negative_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Tensor("t", DType.INT8, (-1, -1), b"\0")


def string_data(*texts: bytes) -> bytes:
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


@given(st.lists(st.binary(max_size=9), max_size=6))
def test_strings_are_counted_by_their_prefixes(texts: list[bytes]) -> None:
    data, count = string_data(*texts), len(texts)
    assert strings_are_well_formed(data, count)
    assert Tensor("t", DType.STRING, (count, 1), data).nbytes == len(data)
    for wrong in (data + b"\0", data[:-1]):
        assert not strings_are_well_formed(wrong, count) or wrong == data
    assert not strings_are_well_formed(data, count + 1)
    assert not strings_are_well_formed(data, 2**60)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"\0\0\0", 1),
        (b"\1\0\0\0", 1),
        (b"\xff\xff\xff\xff", 1),
        (string_data(b"a", b"b"), 1),
        (string_data(b"a"), 0),
        (b"", 1),
        (b"\0", 0),
    ],
)
def test_malformed_strings_are_refused(data: bytes, count: int) -> None:
    assert not strings_are_well_formed(data, count)
    with pytest.raises(ValueError, match="strings"):
        Tensor("t", DType.STRING, (count,), data)


def test_scalar_string_is_one_string() -> None:
    assert Tensor("t", DType.STRING, (), string_data(b"hi")).size == 1


def test_models_find_tensors_by_name_in_order() -> None:
    assert list(MODEL.by_name) == ["w", "v"]
    assert MODEL.by_name["v"] is MODEL.tensors[1]
    assert MODEL.nbytes == 24
