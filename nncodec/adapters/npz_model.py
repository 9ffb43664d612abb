"""SPEC.md Annex D.3 (informative): numpy .npz archives. Nothing in them is ever unpickled."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from nncodec.adapters.atomic import replace_on_success
from nncodec.adapters.npz_strings import pack_strings, unpack_strings
from nncodec.adapters.reports import damaged, make_tensor, reason
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import DTYPE_OF_NUMPY, NUMPY_DTYPES, Model, Tensor, TensorHeader, Topology, element_count
from nncodec.sink import Gathered, Sink
from nncodec.tables import DType

_SUFFIX: Final = ".npy"

_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""Every member gets the earliest date that zip can write: one model gives one file."""

_NAME_BYTES_MAX: Final = 0xFFFF - len(_SUFFIX)
"""A zip archive counts the bytes of a name in 16 bits."""

_CHUNK: Final = 1 << 20

_ALLOCATE_AT_ONCE: Final = 1 << 26
"""Bytes that are allocated on the word of a header alone; what is larger grows with what really is in the archive."""

_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)
"""What zipfile raises on damaged, encrypted or exotic archives; ValueError comes from a header that numpy refuses."""


class _Header(NamedTuple):
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[np.generic]


def load(path: Path) -> Model:
    """Model in the .npz file `path`: arrays in the order of the archive, without a topology.

    Raises ModelFileError where the archive is damaged or says one size and holds another, UnsupportedModelError for
    element types outside table 4.1 (objects, records, dates, longdouble).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_names(path, members)
            return Model(tuple(_read(archive, member) for member in members))
    except _ZIP_ERRORS as error:
        raise damaged(path, "npz", error) from error


@contextmanager
def writing(tensors: Sequence[TensorHeader], topology: Topology, path: Path) -> Iterator[Sink]:  # noqa: ARG001
    """Context manager: yields the sink for the data of `tensors`, which become the .npz file `path`, in order.

    Stored without compression, the topology left out. The data are kept in memory until the block ends: an archive is
    written from front to back, and data may come in another order. Raises UnsupportedModelError for what numpy or a zip
    archive lacks, ModelFileError where `path` cannot be written.
    """
    for tensor in tensors:
        _check_member_name(tensor.name)
        _check_numpy_has(tensor)
    gathered = Gathered()
    yield gathered
    with replace_on_success(path) as fresh, zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED) as archive:
        for place, tensor in enumerate(tensors):
            _write(archive, Tensor(tensor.name, tensor.dtype, tensor.shape, gathered.data(place)))


def _check_names(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise damaged(path, "npz", "two members have the same name")
    for name in names:
        if not name.endswith(_SUFFIX):
            raise damaged(path, "npz", f"member {name!r} is no .npy array")


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Tensor:
    """Tensor in one member of the archive."""
    name = member.filename[: -len(_SUFFIX)]
    with archive.open(member) as file:
        header = _read_header(file, name)
        size = header.dtype.itemsize * element_count(header.shape)
        left = member.file_size - file.tell()
        if size != left:
            raise ModelFileError(f"array {name!r}: its header asks for {size} bytes but the archive holds {left}")
        return _tensor(name, header, _read_exactly(file, size, name))


def _read_header(file: IO[bytes], name: str) -> _Header:
    """Header of a .npy array, which numpy reads as a Python literal: there is no end of what may be wrong with one."""
    try:
        return _checked_header(file, name)
    except (SyntaxError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise ValueError(f"array {name!r} has a header that is none: {reason(error)}") from error


def _checked_header(file: IO[bytes], name: str) -> _Header:
    """The header, checked to be of a type that a model can hold."""
    version = npy.read_magic(file)
    if version == (1, 0):
        header = _Header(*npy.read_array_header_1_0(file))
    elif version == (2, 0):
        header = _Header(*npy.read_array_header_2_0(file))
    else:  # (3, 0) exists for records with field names outside Latin-1
        raise UnsupportedModelError(f"array {name!r}: .npy version {version} (records) has no place in a model")
    _check_dtype(header.dtype, name)
    return header


def _check_dtype(dtype: np.dtype[np.generic], name: str) -> None:
    if (dtype.kind in "US" and dtype.itemsize) or dtype.newbyteorder("<") in DTYPE_OF_NUMPY:
        return  # strings of no width could be counted by the billion in a file of 200 bytes; numpy writes none
    kinds = {"O": "Python objects (unsafe to read)", "V": "records", "M": "dates", "m": "time spans"}
    what = f"array {name!r}: {kinds.get(dtype.kind, 'elements')} of numpy type {dtype}"
    raise UnsupportedModelError(f"{what} have no place in a model (SPEC.md table 4.1); convert the array first")


def _read_exactly(file: IO[bytes], size: int, name: str) -> bytes | memoryview:
    """Exactly `size` bytes, to the end of the member, where zipfile checks the CRC."""
    data = file.read(size) if size <= _ALLOCATE_AT_ONCE else _read_growing(file)
    if len(data) != size or file.read(1):
        raise ModelFileError(f"array {name!r}: {size} bytes are declared but not all are in the archive")
    return data


def _read_growing(file: IO[bytes]) -> memoryview:
    data = bytearray()
    while chunk := file.read(_CHUNK):
        data += chunk
    return memoryview(data).toreadonly()


def _tensor(name: str, header: _Header, data: bytes | memoryview) -> Tensor:
    """Tensor of the elements, little-endian and row-major whatever they are in the archive."""
    if header.dtype.kind in "US":
        return make_tensor(name, DType.STRING, header.shape, pack_strings(_array(header, data), name))
    little = header.dtype.newbyteorder("<")
    if header.fortran or header.dtype != little:
        data = _array(header, data).astype(little, order="C").tobytes()
    return make_tensor(name, DTYPE_OF_NUMPY[little], header.shape, data)


def _array(header: _Header, data: bytes | memoryview) -> npt.NDArray[np.generic]:
    return np.frombuffer(data, header.dtype).reshape(header.shape, order="F" if header.fortran else "C")


def _check_member_name(name: str) -> None:
    """A zip archive cuts a name at a NUL, and numpy and zipfile turn a backslash into a slash on some systems."""
    size = len(name.encode(errors="surrogatepass"))
    if "\x00" in name or "\\" in name or size > _NAME_BYTES_MAX:
        raise UnsupportedModelError(f"tensor {name[:80]!r}: .npz has no such name; write .safetensors or .onnx")


def _check_numpy_has(tensor: TensorHeader) -> None:
    if tensor.dtype not in NUMPY_DTYPES and tensor.dtype != DType.STRING:
        what = f"tensor {tensor.name!r}: numpy has no element type for {tensor.dtype.name}"
        raise UnsupportedModelError(f"{what}; write .safetensors or .onnx")


def _write(archive: zipfile.ZipFile, tensor: Tensor) -> None:
    """Add one member; the header is made from the shape, as numpy limits the shapes of arrays more than of files."""
    array = unpack_strings(tensor) if tensor.dtype == DType.STRING else None
    dtype = NUMPY_DTYPES[tensor.dtype] if array is None else array.dtype
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": tensor.shape}
    member = zipfile.ZipInfo(f"{tensor.name}{_SUFFIX}", date_time=_DATE)
    with archive.open(member, "w", force_zip64=True) as file:
        npy.write_array_header_1_0(file, header)
        file.write(tensor.data if array is None else array.tobytes())
