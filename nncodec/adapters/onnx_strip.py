"""SPEC.md Annex D.1 (informative): taking the tensors out of an ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from onnx import ModelProto, TensorProto

from nncodec.adapters.onnx_external import ExternalFolder, parse_entries
from nncodec.adapters.onnx_sites import FLOATS_FROM, INTS_FROM, Kind, ListSite, Names, Site, model_sites
from nncodec.adapters.onnx_values import (
    check_storage,
    is_external,
    list_field,
    pack_integers,
    read_floats,
    read_inside,
    stored_bytes,
)
from nncodec.adapters.reports import make_tensor
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import Tensor, data_bytes
from nncodec.tables import DType

KEPT_BYTES_MAX: Final = 64
"""An attribute tensor that is not floating point and takes no more bytes is part of the graph (axes, shapes, pads)."""

FLOATING: Final = frozenset(
    {
        DType.FLOAT64,
        DType.FLOAT32,
        DType.FLOAT16,
        DType.BFLOAT16,
        DType.FLOAT8E4M3FN,
        DType.FLOAT8E4M3FNUZ,
        DType.FLOAT8E5M2,
        DType.FLOAT8E5M2FNUZ,
        DType.FLOAT8E8M0,
        DType.FLOAT4E2M1,
        DType.COMPLEX64,
        DType.COMPLEX128,
    }
)


def strip(proto: ModelProto, folder: ExternalFolder) -> Iterator[Tensor]:
    """Tensors of `proto` in the order of its places; each place becomes a placeholder as its tensor is yielded.

    Raises ModelFileError where a tensor is damaged or its file is out of reach, UnsupportedModelError for an element
    type outside table 4.1.
    """
    names = Names()
    for site in model_sites(proto):
        tensor = _take_list(site, names) if isinstance(site, ListSite) else _take(site, names, folder)
        if tensor is not None:
            yield tensor


def _take_list(site: ListSite, names: Names) -> Tensor:
    """Tensor of the floats or ints of a Constant node; as many zeros as make a placeholder stay behind."""
    attribute, name = site.holder, names.claim(site.label)
    if site.is_float:
        tensor = make_tensor(name, DType.FLOAT32, (len(attribute.floats),), read_floats(attribute))
        attribute.floats[:] = [0.0] * FLOATS_FROM
    else:
        data = pack_integers(attribute.ints, np.dtype("<i8"), name)
        tensor = make_tensor(name, DType.INT64, (len(attribute.ints),), data)
        attribute.ints[:] = [0] * INTS_FROM
    return tensor


def _take(site: Site, names: Names, folder: ExternalFolder) -> Tensor | None:
    """Tensor at a place; None where the place is a small constant, which stays."""
    proto = site.holder
    dtype, shape = _element_type(proto, site.label), _shape(proto, site.label)
    check_storage(proto, site.label)
    if site.kind == Kind.ATTRIBUTE and not _is_weight(proto, dtype):
        return None
    name = names.claim(site.label)
    data: bytes | memoryview
    if is_external(proto):
        data = _read_outside(proto, data_bytes(dtype, shape), folder, name)
    else:
        data = read_inside(proto, dtype, name)
    tensor = make_tensor(name, dtype, shape, data)
    _empty(proto, dtype)
    if site.kind == Kind.INITIALIZER:
        _drop_name(proto, name)
    return tensor


def _is_weight(proto: TensorProto, dtype: DType) -> bool:
    return dtype in FLOATING or is_external(proto) or stored_bytes(proto, dtype) > KEPT_BYTES_MAX


def _element_type(proto: TensorProto, label: str) -> DType:
    if not proto.HasField("data_type"):
        raise ModelFileError(f"tensor {label!r} has no data_type; export the model again")
    try:
        return DType(proto.data_type)
    except ValueError as error:
        known = proto.data_type in TensorProto.DataType.values()
        name = TensorProto.DataType.Name(proto.data_type) if known else str(proto.data_type)
        what = f"tensor {label!r} has ONNX data type {name}, which has no place in a model (SPEC.md table 4.1)"
        raise UnsupportedModelError(what) from error


def _shape(proto: TensorProto, label: str) -> tuple[int, ...]:
    shape = tuple(proto.dims)
    if any(dim < 0 for dim in shape):
        raise ModelFileError(f"tensor {label!r} has a negative dimension: {shape}; export the model again")
    return shape


def _read_outside(proto: TensorProto, nbytes: int | None, folder: ExternalFolder, name: str) -> memoryview:
    if nbytes is None:
        raise ModelFileError(f"tensor {name!r} holds strings in an external file, which ONNX has no rule for")
    return folder.read(parse_entries(((entry.key, entry.value) for entry in proto.external_data), name), nbytes, name)


def _empty(proto: TensorProto, dtype: DType) -> None:
    """Make a placeholder: without what the Tensor holds, but still showing how the data was stored."""
    if proto.HasField("raw_data"):
        proto.raw_data = b""
    for name in ("dims", "data_type", "external_data", list_field(dtype)):
        proto.ClearField(name)


def _drop_name(proto: TensorProto, name: str) -> None:
    """An initializer's name is not kept twice. One that never had a name is marked, by a field that is free here."""
    if not proto.HasField("name"):
        proto.segment.SetInParent()
    elif proto.name == name:
        proto.ClearField("name")
