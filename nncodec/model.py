"""SPEC.md clause 5: tensors, topologies, models and their content ids. Numpy and hashing only.

One rule: a value here never changes after it was made, and its bytes are always little-endian and row-major.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.memory import RELEASE_EVERY, Releaser
from nncodec.tables import DTYPE_BITS, DType, TopologyFormat

NUMPY_DTYPES: dict[DType, np.dtype[Any]] = {
    DType.FLOAT32: np.dtype("<f4"),
    DType.UINT8: np.dtype("u1"),
    DType.INT8: np.dtype("i1"),
    DType.UINT16: np.dtype("<u2"),
    DType.INT16: np.dtype("<i2"),
    DType.INT32: np.dtype("<i4"),
    DType.INT64: np.dtype("<i8"),
    DType.BOOL: np.dtype("?"),
    DType.FLOAT16: np.dtype("<f2"),
    DType.FLOAT64: np.dtype("<f8"),
    DType.UINT32: np.dtype("<u4"),
    DType.UINT64: np.dtype("<u8"),
    DType.COMPLEX64: np.dtype("<c8"),
    DType.COMPLEX128: np.dtype("<c16"),
}
"""The element types that numpy has; the others are handled as bytes."""

DTYPE_OF_NUMPY: dict[np.dtype[Any], DType] = {dtype: code for code, dtype in NUMPY_DTYPES.items()}
"""The inverse: element types by little-endian numpy type."""


def element_count(shape: tuple[int, ...]) -> int:
    """Number of elements of `shape`, exact at any size; 1 for a 0-d tensor."""
    return math.prod(shape)


def data_bytes(dtype: DType, shape: tuple[int, ...]) -> int | None:
    """Bytes that a tensor takes; None for strings, whose size depends on their values."""
    if dtype == DType.STRING:
        return None
    return (element_count(shape) * DTYPE_BITS[dtype] + 7) // 8


class TensorDigest:
    """Content id of a tensor (clause 5.3) whose data come piece by piece."""

    def __init__(self, dtype: DType, shape: tuple[int, ...]) -> None:
        self._digest = hashlib.sha256(b"NMC tensor\x00")
        self._digest.update(struct.pack(f"<BB{len(shape)}Q", dtype, len(shape), *shape))
        self._releaser = Releaser()

    def update(self, data: bytes | memoryview) -> None:
        """The next bytes of the data."""
        for start in range(0, memoryview(data).nbytes, RELEASE_EVERY):
            part = data[start : start + RELEASE_EVERY]
            self._digest.update(part)
            self._releaser.used(part)

    def content_id(self) -> bytes:
        """SHA-256 over dtype, shape and data; the name is not part of it."""
        self._releaser.all()
        return self._digest.digest()


@dataclass(frozen=True)
class TensorHeader:
    """All of a tensor but its elements; nbytes: of its data."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    nbytes: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return element_count(self.shape)


def _check_kinds(name: object, dtype: object, shape: object) -> None:
    if not (isinstance(name, str) and isinstance(dtype, DType) and isinstance(shape, tuple)):
        raise TypeError(f"tensor {name!r}: needs a str, a DType and a tuple of dimensions, not {dtype!r} and {shape!r}")


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named array (clause 5.1).

    `data` holds the elements little-endian and row-major (any buffer of bytes; not copied). Elements of 4 and 2 bits
    are packed, the first element in the lowest bits, as in ONNX `raw_data`. A string element is a little-endian
    32-bit byte count followed by that many bytes.

    Raises ValueError where `data` does not have the size that `dtype` and `shape` ask for.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    data: bytes | memoryview = field(repr=False)

    def __post_init__(self) -> None:
        """Check every field, and the size of `data`; string data is checked element by element."""
        _check_kinds(self.name, self.dtype, self.shape)
        if any(dim < 0 for dim in self.shape):
            raise ValueError(f"tensor {self.name!r}: negative dimension in shape {self.shape}")
        expected = data_bytes(self.dtype, self.shape)
        if expected is None:
            if not strings_are_well_formed(self.data, element_count(self.shape)):
                raise ValueError(f"tensor {self.name!r}: string data does not hold {element_count(self.shape)} strings")
        elif memoryview(self.data).nbytes != expected:
            size = memoryview(self.data).nbytes
            raise ValueError(f"tensor {self.name!r}: {size} bytes for {self.dtype.name} {self.shape}, not {expected}")

    def __reduce__(self) -> tuple[type[Tensor], tuple[object, ...]]:
        """For pickling: a view of data that others have parts of has to be copied then."""
        return Tensor, (self.name, self.dtype, self.shape, bytes(self.data))

    @classmethod
    def from_numpy(cls, name: str, array: npt.NDArray[np.generic]) -> Tensor:
        """Tensor with the elements of `array`. Raises ValueError for a numpy dtype outside table 4.1."""
        array = np.asarray(array)
        little = array.dtype.newbyteorder("<")
        dtype = DTYPE_OF_NUMPY.get(little)
        if dtype is None:
            raise ValueError(f"tensor {name!r}: numpy dtype {array.dtype} has no element type (SPEC.md table 4.1)")
        return cls(name, dtype, tuple(int(n) for n in array.shape), array.astype(little, copy=False).tobytes())

    @cached_property
    def size(self) -> int:
        """Number of elements."""
        return element_count(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes of `data`."""
        return memoryview(self.data).nbytes

    def numpy(self) -> npt.NDArray[np.generic]:
        """The elements as a read-only numpy array of shape `shape`. Raises ValueError where numpy lacks the dtype."""
        dtype = NUMPY_DTYPES.get(self.dtype)
        if dtype is None:
            raise ValueError(f"tensor {self.name!r}: numpy has no type for {self.dtype.name}")
        array = np.frombuffer(self.data, dtype=dtype).reshape(self.shape)
        array.flags.writeable = False
        return array

    @cached_property
    def content_id(self) -> bytes:
        """SHA-256 over dtype, shape and data (clause 5.3); the name is not part of it."""
        digest = TensorDigest(self.dtype, self.shape)
        digest.update(self.data)
        return digest.content_id()

    def known_as(self, content_id: bytes) -> Tensor:
        """This tensor, whose content id was found on the way and is not computed again."""
        vars(self)["content_id"] = content_id
        return self

    @property
    def header(self) -> TensorHeader:
        """All but the elements."""
        return TensorHeader(self.name, self.dtype, self.shape, self.nbytes)


def strings_are_well_formed(data: bytes | memoryview, count: int) -> bool:
    """Whether `data` is exactly `count` length-prefixed strings (clause 5.1)."""
    position, size = 0, memoryview(data).nbytes
    for _ in range(min(count, size // 4 + 1)):
        if position + 4 > size:
            return False
        position += 4 + int.from_bytes(data[position : position + 4], "little")
    return position == size and count <= size // 4


@dataclass(frozen=True)
class Topology:
    """The graph without its weights, as opaque bytes (clause 5.2); only the adapter that wrote them reads them.

    Raises ValueError for bytes of format NONE, which no stream carries.
    """

    format: TopologyFormat
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Check that format NONE goes with no bytes."""
        if self.format == TopologyFormat.NONE and self.data:
            raise ValueError(f"{len(self.data)} bytes of topology of format NONE")

    @cached_property
    def content_id(self) -> bytes:
        """SHA-256 over the format tag and the bytes (clause 5.3)."""
        return hashlib.sha256(b"NMC topology\x00" + bytes([self.format]) + self.data).digest()


NO_TOPOLOGY = Topology(TopologyFormat.NONE, b"")


@dataclass(frozen=True, eq=False)
class Model:
    """Ordered tensors with distinct names, and a topology (clause 5.2). Raises ValueError on a repeated name."""

    tensors: tuple[Tensor, ...]
    topology: Topology = NO_TOPOLOGY

    def __post_init__(self) -> None:
        """Check that names are distinct."""
        if len(self.by_name) != len(self.tensors):
            names = [tensor.name for tensor in self.tensors]
            repeated = next(name for index, name in enumerate(names) if name in names[:index])
            raise ValueError(f"two tensors are named {repeated!r}")

    @cached_property
    def by_name(self) -> dict[str, Tensor]:
        """Tensors by name, in order."""
        return {tensor.name: tensor for tensor in self.tensors}

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors together."""
        return sum(tensor.nbytes for tensor in self.tensors)

    @cached_property
    def content_id(self) -> bytes:
        """SHA-256 that names this model as a reference (clause 5.3)."""
        return model_content_id(self.topology, [(tensor.name, tensor.content_id) for tensor in self.tensors])


def model_content_id(topology: Topology, tensors: Sequence[tuple[str, bytes]]) -> bytes:
    """The same, from the names and the content ids of the tensors, in order."""
    digest = hashlib.sha256(b"NMC model\x00")
    digest.update(topology.content_id)
    digest.update(struct.pack("<Q", len(tensors)))
    for name, content_id in tensors:
        encoded = name.encode()
        digest.update(struct.pack("<I", len(encoded)) + encoded + content_id)
    return digest.digest()
