"""SPEC.md Annex D.1 (informative): putting tensors back into an ONNX graph, which may come from a stranger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from onnx import ModelProto, TensorProto

from nncodec.adapters.onnx_external import SideFile
from nncodec.adapters.onnx_sites import Kind, ListSite, Names, Site, model_sites
from nncodec.adapters.onnx_values import LIST_FIELDS, is_external, list_field, write_floats, write_list
from nncodec.errors import ModelFileError
from nncodec.model import Tensor
from nncodec.tables import DType

SPILL_BYTES_MIN: Final = 1024
"""Tensors of at least this many bytes leave a file that would grow too large; the onnx package has the same bound."""

_INTEGER_BYTES: Final = 11
"""Bytes of one integer in a list at most: its key and 10 bytes of 7 bits."""


def fill(proto: ModelProto, tensors: Sequence[Tensor], side: SideFile | None, proto_bytes_max: int) -> None:
    """Put `tensors`, in order, where the placeholders of `proto` are.

    External data goes to `side`, or inside where that is None. Where `proto` would exceed `proto_bytes_max` bytes,
    every large tensor goes to `side`. Raises ModelFileError where placeholders and tensors do not match.
    """
    pairs = list(_pairs(proto, tensors))
    spill = proto.ByteSize() + sum(_bytes_at_most(*pair) for pair in pairs) > proto_bytes_max
    names = Names()
    for site, tensor in pairs:
        try:
            _name(site, tensor, names)
            if isinstance(site, ListSite):
                _put_list(site, tensor)
            else:
                _put(site.holder, tensor, side, spill=spill and tensor.nbytes >= SPILL_BYTES_MIN)
        except (ValueError, OverflowError) as error:  # a dimension of 64 bits or more, half a surrogate pair
            raise ModelFileError(f"tensor {tensor.name!r} does not fit an ONNX file: {error}") from error


def _pairs(proto: ModelProto, tensors: Sequence[Tensor]) -> Iterator[tuple[Site | ListSite, Tensor]]:
    """Each placeholder with its tensor; neither may be left over."""
    rest = iter(tensors)
    for site in model_sites(proto):
        if isinstance(site, Site) and site.holder.HasField("data_type"):
            _check_kept(site)
            continue
        tensor = next(rest, None)
        if tensor is None:
            raise ModelFileError(f"the ONNX graph needs more than the {len(tensors)} tensors of the model")
        yield site, tensor
    if (extra := next(rest, None)) is not None:
        raise ModelFileError(f"the ONNX graph has no place for tensor {extra.name!r} and those after it")


def _check_kept(site: Site) -> None:
    """A constant in the topology must not send whoever reads the written file to another file."""
    if is_external(site.holder) or site.holder.external_data:
        raise ModelFileError(f"the ONNX graph names a file for its constant {site.label!r}, which is unsafe")


def _bytes_at_most(site: Site | ListSite, tensor: Tensor) -> int:
    """Bytes that `tensor` adds to the serialised graph, never too few."""
    frame = 64 + 4 * len(tensor.name) + _INTEGER_BYTES * len(tensor.shape)
    if isinstance(site, ListSite):
        return frame + tensor.size * (5 if site.is_float else _INTEGER_BYTES)
    if is_external(site.holder):
        return frame
    if site.holder.HasField("raw_data") or list_field(tensor.dtype) in {"float_data", "double_data"}:
        return frame + tensor.nbytes
    return frame + (2 * tensor.nbytes if tensor.dtype == DType.STRING else _INTEGER_BYTES * tensor.size)


def _name(site: Site | ListSite, tensor: Tensor, names: Names) -> None:
    """Give an initializer its name back, and check that the graph and the model mean the same tensor."""
    label = site.label
    if isinstance(site, Site) and site.kind == Kind.INITIALIZER:
        if not site.holder.HasField("name") and not site.holder.HasField("segment"):
            site.holder.name = label = tensor.name
        site.holder.ClearField("segment")
    expected = names.claim(label)
    if expected != tensor.name:
        raise ModelFileError(f"the ONNX graph has tensor {expected!r} where the model has {tensor.name!r}")


def _put_list(site: ListSite, tensor: Tensor) -> None:
    """Put the elements of a 1-D tensor into a Constant node's list."""
    dtype = DType.FLOAT32 if site.is_float else DType.INT64
    if tensor.dtype != dtype or len(tensor.shape) != 1:
        raise ModelFileError(f"tensor {tensor.name!r} must be {dtype.name} and 1-D to fit its ONNX node")
    if site.is_float:
        write_floats(site.holder, tensor.data)
    else:
        site.holder.ints[:] = np.frombuffer(tensor.data, "<i8").tolist()


def _put(proto: TensorProto, tensor: Tensor, side: SideFile | None, *, spill: bool) -> None:
    """Put `tensor` into a placeholder, stored as the placeholder shows, or to `side` where it has to `spill`."""
    external, raw = is_external(proto), proto.HasField("raw_data")
    for name in ("dims", "raw_data", "external_data", *LIST_FIELDS):
        proto.ClearField(name)
    proto.dims.extend(tensor.shape)
    proto.data_type = tensor.dtype
    if tensor.dtype == DType.STRING and (raw or external):
        raise ModelFileError(f"tensor {tensor.name!r} holds strings, but its place in the ONNX graph holds raw bytes")
    if side is not None and (external or (spill and tensor.dtype != DType.STRING)):
        _put_outside(proto, tensor, side)
    elif raw or external:
        proto.raw_data = bytes(tensor.data)
        if external:
            proto.ClearField("data_location")
    else:
        write_list(proto, tensor.dtype, tensor.data)


def _put_outside(proto: TensorProto, tensor: Tensor, side: SideFile) -> None:
    place = side.place(tensor.data)
    proto.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place.file), ("offset", place.offset), ("length", place.length)):
        proto.external_data.add(key=key, value=str(value))
