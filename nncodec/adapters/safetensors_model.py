"""SPEC.md Annex D.2 (informative): safetensors files. The only file that imports safetensors.

The package checks every header, of files read and of files written. It writes tensors only in an order of its own,
though, and order is part of a model's content id; so the header is laid out here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open

from nncodec.adapters.atomic import replace_on_success
from nncodec.adapters.mapping import map_file
from nncodec.adapters.placed import PlacedFile
from nncodec.adapters.reports import damaged, make_tensor
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import NO_TOPOLOGY, Model, Tensor, TensorHeader, Topology
from nncodec.tables import DTYPE_BITS, DType, TopologyFormat

METADATA: Final = "__metadata__"
"""Key of the header that is no tensor."""

DTYPE_NAMES: Final = {
    DType.FLOAT64: "F64",
    DType.FLOAT32: "F32",
    DType.FLOAT16: "F16",
    DType.BFLOAT16: "BF16",
    DType.FLOAT8E4M3FN: "F8_E4M3",
    DType.FLOAT8E4M3FNUZ: "F8_E4M3FNUZ",
    DType.FLOAT8E5M2: "F8_E5M2",
    DType.FLOAT8E5M2FNUZ: "F8_E5M2FNUZ",
    DType.FLOAT8E8M0: "F8_E8M0",
    DType.FLOAT4E2M1: "F4",
    DType.INT64: "I64",
    DType.INT32: "I32",
    DType.INT16: "I16",
    DType.INT8: "I8",
    DType.UINT64: "U64",
    DType.UINT32: "U32",
    DType.UINT16: "U16",
    DType.UINT8: "U8",
    DType.BOOL: "BOOL",
    DType.COMPLEX64: "C64",
}
"""Element types that both have; shapes count elements, also for F4, of which two share a byte."""

_DTYPES: Final = {name: dtype for dtype, name in DTYPE_NAMES.items()}

_LENGTH_BYTES: Final = 8


def load(path: Path) -> Model:
    """Model in the safetensors file `path`: tensors in the order of their data, which stays in the (mapped) file.

    The metadata becomes the topology: canonical JSON in UTF-8, keys sorted, no spaces.
    Raises ModelFileError where the file is damaged, UnsupportedModelError for an element type outside table 4.1.
    """
    if (fault := _fault(path)) is not None:
        raise damaged(path, "safetensors", fault)
    view = map_file(path)
    end = _LENGTH_BYTES + int.from_bytes(view[:_LENGTH_BYTES], "little")
    header = json.loads(bytes(view[_LENGTH_BYTES:end]), object_pairs_hook=lambda pairs: without_repeats(path, pairs))
    metadata = header.pop(METADATA, None)
    ordered = sorted(header.items(), key=lambda item: tuple(item[1]["data_offsets"]))
    return Model(tuple(_tensor(name, entry, view[end:]) for name, entry in ordered), topology_of(metadata))


@contextmanager
def writing(tensors: Sequence[TensorHeader], topology: Topology, path: Path) -> Iterator[PlacedFile]:
    """Context manager: yields the sink for the data of `tensors`, which become the safetensors file `path`, in order.

    The file appears when the block ends; an ONNX topology is left out. Raises UnsupportedModelError for an element type
    or a name that safetensors lacks, ModelFileError where the file cannot be written or the topology is not metadata.
    """
    entries = dict(_entries(tensors))
    header = _header(entries, topology)
    begin = _LENGTH_BYTES + len(header)
    offsets = [entry["data_offsets"] for entry in entries.values()]
    places = {place: (begin + first, end - first) for place, (first, end) in enumerate(offsets)}
    with replace_on_success(path) as fresh:
        with fresh.open("w+b") as file:
            file.write(len(header).to_bytes(_LENGTH_BYTES, "little"))
            file.write(header)
            yield PlacedFile(file, places)
        if (fault := _fault(fresh)) is not None:
            raise UnsupportedModelError(f"safetensors cannot hold this model: {fault}; write .onnx or .npz")


def _fault(path: Path) -> str | None:
    """What the package finds wrong with a header: sizes, offsets with holes, element types, JSON; None if nothing."""
    try:
        with safe_open(path, framework="numpy"):
            return None
    except SafetensorError as error:
        return str(error)


def without_repeats(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Object of the header; a key given twice would let two readers see two different models."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise damaged(path, "safetensors", "a name occurs twice in its header")
    return found


def _tensor(name: str, entry: dict[str, Any], data: memoryview) -> Tensor:
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        what = f"tensor {name!r}: element type {entry['dtype']} has no place in a model (SPEC.md table 4.1)"
        raise UnsupportedModelError(f"{what}; convert it to another type first")
    begin, end = entry["data_offsets"]
    return make_tensor(name, dtype, tuple(entry["shape"]), data[begin:end])


def topology_of(metadata: dict[str, str] | None) -> Topology:
    """Metadata of a file as a topology; none where there are none."""
    if metadata is None:
        return NO_TOPOLOGY
    return Topology(TopologyFormat.SAFETENSORS_METADATA, _compact(metadata, sort_keys=True))


def _compact(value: object, *, sort_keys: bool = False) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ModelFileError("the metadata or a name holds half a surrogate pair, which UTF-8 cannot code") from error


def _header(entries: Mapping[str, Mapping[str, Any]], topology: Topology) -> bytes:
    """The header, padded with spaces so that the data start at a multiple of 8 bytes."""
    metadata = metadata_of(topology)
    header = _compact({**({} if metadata is None else {METADATA: metadata}), **entries})
    return header + b" " * (-len(header) % _LENGTH_BYTES)


def _entries(tensors: Sequence[TensorHeader]) -> Iterator[tuple[str, dict[str, Any]]]:
    begin = 0
    for tensor in tensors:
        end = begin + tensor.nbytes
        yield tensor.name, {"dtype": _dtype_name(tensor), "shape": tensor.shape, "data_offsets": [begin, end]}
        begin = end


def _dtype_name(tensor: TensorHeader) -> str:
    """Name of the element type, after a check that safetensors has a place for the tensor."""
    if tensor.name == METADATA:
        raise UnsupportedModelError(f"safetensors keeps the name {METADATA!r} for itself; rename the tensor")
    name = DTYPE_NAMES.get(tensor.dtype)
    if name is None:
        what = f"tensor {tensor.name!r}: safetensors has no element type for {tensor.dtype.name}"
        raise UnsupportedModelError(f"{what}; write .onnx, or .npz for strings and complex numbers")
    if tensor.size * DTYPE_BITS[tensor.dtype] % 8:
        what = f"tensor {tensor.name!r}: safetensors needs an even number of {tensor.dtype.name} elements"
        raise UnsupportedModelError(f"{what}, not {tensor.size}; write .onnx")
    return name


def metadata_of(topology: Topology) -> dict[str, str] | None:
    """Metadata in a topology, which may come from a stranger's bitstream; None where there are none."""
    if topology.format != TopologyFormat.SAFETENSORS_METADATA:
        return None
    try:
        found = json.loads(topology.data)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"the topology should be safetensors metadata but is not JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ModelFileError("the topology should be safetensors metadata but is not an object of strings")
    return found
