"""SPEC.md Annex D.1 (informative): the elements of an ONNX TensorProto as the bytes of a Tensor, and back, exactly.

Floating-point lists are moved as the bytes of the protobuf wire format, which are little-endian IEEE numbers already:
a Python float would turn a signalling NaN into a quiet one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
from onnx import AttributeProto, TensorProto

from nncodec.adapters.strings import join_strings, split_strings
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.tables import DType

LIST_FIELDS: Final = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")

_FIELD_OF: Final = {
    DType.FLOAT32: "float_data",
    DType.COMPLEX64: "float_data",
    DType.FLOAT64: "double_data",
    DType.COMPLEX128: "double_data",
    DType.INT64: "int64_data",
    DType.UINT32: "uint64_data",
    DType.UINT64: "uint64_data",
    DType.STRING: "string_data",
}
"""Field of lists for each element type; int32_data for every other."""

_CARRIER_OF: Final[dict[DType, np.dtype[np.generic]]] = {
    DType.INT64: np.dtype("<i8"),
    DType.UINT64: np.dtype("<u8"),
    DType.UINT32: np.dtype("<u4"),
    DType.INT32: np.dtype("<i4"),
    DType.INT16: np.dtype("<i2"),
    DType.INT8: np.dtype("i1"),
    DType.UINT16: np.dtype("<u2"),
    DType.FLOAT16: np.dtype("<u2"),
    DType.BFLOAT16: np.dtype("<u2"),
}
"""Integer that one entry of a list of integers stands for; a byte for every other element type."""

_FLOAT_TAG: Final = b"\x22"
_DOUBLE_TAG: Final = b"\x52"
_ATTRIBUTE_FLOAT_TAG: Final = 0x3D
"""Keys of the wire format: TensorProto.float_data and double_data, packed; AttributeProto.floats, one by one."""


def list_field(dtype: DType) -> str:
    """Name of the TensorProto field that holds elements of `dtype` where they are not raw."""
    return _FIELD_OF.get(dtype, "int32_data")


def is_external(proto: TensorProto) -> bool:
    """Whether the bytes are in a file beside the model."""
    return proto.data_location == TensorProto.EXTERNAL


def check_storage(proto: TensorProto, label: str) -> None:
    """Refuse a tensor that could be read in two ways, or that names a file without using it."""
    if proto.HasField("segment"):
        raise UnsupportedModelError(f"tensor {label!r} is one segment of a tensor; export the model without segments")
    if not is_external(proto) and proto.external_data:
        raise ModelFileError(f"tensor {label!r} names an external file but says that its data is in the model")
    filled = [name for name in LIST_FIELDS if getattr(proto, name)]
    if len(filled) + proto.HasField("raw_data") + is_external(proto) > 1:
        raise ModelFileError(f"tensor {label!r} holds data in more than one place; export the model again")


def stored_bytes(proto: TensorProto, dtype: DType) -> int:
    """Bytes that the elements found inside `proto` take as Tensor data."""
    if proto.HasField("raw_data"):
        return len(proto.raw_data)
    if dtype == DType.STRING:
        return sum(4 + len(value) for value in proto.string_data)
    name = list_field(dtype)
    size = {"float_data": 4, "double_data": 8}.get(name) or _carrier(dtype).itemsize
    return size * len(getattr(proto, name))


def read_inside(proto: TensorProto, dtype: DType, label: str) -> bytes:
    """Tensor data of the elements inside `proto`. Raises ModelFileError where they do not fit `dtype`."""
    if proto.HasField("raw_data"):
        if dtype == DType.STRING:
            raise ModelFileError(f"tensor {label!r} holds strings as raw bytes, which ONNX has no rule for")
        return proto.raw_data
    name = list_field(dtype)
    if any(getattr(proto, other) for other in LIST_FIELDS if other != name):
        raise ModelFileError(f"tensor {label!r} is {dtype.name}, whose elements belong in {name}, but are elsewhere")
    if dtype == DType.STRING:
        return join_strings(proto.string_data)
    if name in {"float_data", "double_data"}:
        return _wire_floats(proto, name)
    return pack_integers(getattr(proto, name), _carrier(dtype), label)


def write_list(proto: TensorProto, dtype: DType, data: bytes | memoryview) -> None:
    """Put Tensor data into the list field of `proto`, which is empty; the reverse of `read_inside`."""
    name = list_field(dtype)
    if dtype == DType.STRING:
        proto.string_data.extend(split_strings(data))
    elif name in {"float_data", "double_data"}:
        tag = _FLOAT_TAG if name == "float_data" else _DOUBLE_TAG
        proto.MergeFromString(tag + _varint(len(data)) + bytes(data))
    else:
        getattr(proto, name).extend(np.frombuffer(data, _carrier(dtype)).tolist())


def read_floats(attribute: AttributeProto) -> bytes:
    """float32 data of `attribute.floats`."""
    only = AttributeProto()
    only.CopyFrom(attribute)
    _keep_only(only, "floats")
    records = np.frombuffer(only.SerializeToString(), np.uint8).reshape(-1, 5)
    return records[:, 1:].tobytes()


def write_floats(attribute: AttributeProto, data: bytes | memoryview) -> None:
    """Set `attribute.floats` to the float32 numbers in `data`."""
    values = np.frombuffer(data, np.uint8).reshape(-1, 4)
    records = np.full((len(values), 5), _ATTRIBUTE_FLOAT_TAG, np.uint8)
    records[:, 1:] = values
    attribute.ClearField("floats")
    attribute.MergeFromString(records.tobytes())


def pack_integers(values: Iterable[int], carrier: np.dtype[np.generic], label: str) -> bytes:
    """Little-endian bytes of integers, each as wide as `carrier`. Raises ModelFileError where one does not fit."""
    unsigned = carrier in {np.dtype("<u8"), np.dtype("<u4")}  # from uint64_data; bytes and <u2 come from int32_data
    wide = np.fromiter(values, np.uint64 if unsigned else np.int64)
    narrow = wide.astype(carrier)
    if not _same(wide, narrow):
        raise ModelFileError(f"tensor {label!r} lists an integer that does not fit {carrier.name}; export it again")
    return narrow.tobytes()


def _same(wide: npt.NDArray[np.generic], narrow: npt.NDArray[np.generic]) -> bool:
    return bool(np.array_equal(narrow.astype(wide.dtype), wide))


def _carrier(dtype: DType) -> np.dtype[np.generic]:
    return _CARRIER_OF.get(dtype, np.dtype("u1"))


def _wire_floats(proto: TensorProto, name: str) -> bytes:
    """Payload of the packed field `name`: the last bytes of a message that holds nothing else."""
    count = len(getattr(proto, name))
    if not count:
        return b""
    only = TensorProto()
    only.CopyFrom(proto)
    _keep_only(only, name)
    wire: bytes = only.SerializeToString()
    return wire[-count * (4 if name == "float_data" else 8) :]


def _keep_only(message: TensorProto | AttributeProto, name: str) -> None:
    for field, _ in message.ListFields():
        if field.name != name:
            message.ClearField(field.name)
    message.DiscardUnknownFields()


def _varint(value: int) -> bytes:
    """`value` in the variable-length form of the wire format: 7 bits a byte, low ones first, bit 7 says 'more'."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
