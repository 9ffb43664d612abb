"""SPEC.md Annex D.1 (informative): putting tensors back into an ONNX graph, which may come from a stranger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
from onnx import ModelProto, TensorProto

from nncodec.adapters.onnx_external import Location, SideFile
from nncodec.adapters.onnx_sites import Kind, ListSite, Names, Site, model_sites
from nncodec.adapters.onnx_values import LIST_FIELDS, is_external, list_field, write_floats, write_list
from nncodec.errors import ModelFileError
from nncodec.model import Tensor, TensorHeader
from nncodec.tables import DType

SPILL_BYTES_MIN: Final = 1024
"""Tensors of at least this many bytes leave a file that would grow too large; the onnx package has the same bound."""

_INTEGER_BYTES: Final = 11
"""Bytes of one integer in a list at most: its key and 10 bytes of 7 bits."""


class Filling:
    """Puts `tensors`, in order, where the placeholders of `proto` are.

    External data goes to `side`, or inside where that is None. Where `proto` would exceed `proto_bytes_max` bytes,
    every large tensor goes to `side`. Raises ModelFileError where placeholders and tensors do not match.

    outside: the tensors that go to the side file, and where in it.
    """

    def __init__(
        self, proto: ModelProto, tensors: Sequence[TensorHeader], side: SideFile | None, proto_bytes_max: int
    ) -> None:
        self.outside: dict[int, Location] = {}
        self._inside: list[tuple[int, Site | ListSite, TensorHeader]] = []
        pairs = list(_pairs(proto, tensors))
        spill = proto.ByteSize() + sum(_bytes_at_most(*pair) for pair in pairs) > proto_bytes_max
        names = Names()
        for place, (site, tensor) in enumerate(pairs):
            with _fitting(tensor):
                _name(site, tensor, names)
                if side is not None and _is_outside(site, tensor, spill=spill):
                    self.outside[place] = side.place(tensor.nbytes)
                    _put_outside(site.holder, tensor, self.outside[place])
                else:
                    self._inside.append((place, site, tensor))

    def put(self, data: Callable[[int], bytes | memoryview]) -> None:
        """Put in the tensors that are not in the side file; `data` gives that of the tensor at a place."""
        for place, site, header in self._inside:
            with _fitting(header):
                tensor = Tensor(header.name, header.dtype, header.shape, data(place))
                if isinstance(site, ListSite):
                    _put_list(site, tensor)
                else:
                    _put_inside(site.holder, tensor)


@contextmanager
def _fitting(tensor: TensorHeader) -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError) as error:  # a dimension of 64 bits or more, half a surrogate pair
        raise ModelFileError(f"tensor {tensor.name!r} does not fit an ONNX file: {error}") from error


def _pairs(proto: ModelProto, tensors: Sequence[TensorHeader]) -> Iterator[tuple[Site | ListSite, TensorHeader]]:
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


def _bytes_at_most(site: Site | ListSite, tensor: TensorHeader) -> int:
    """Bytes that `tensor` adds to the serialised graph, never too few."""
    frame = 64 + 4 * len(tensor.name) + _INTEGER_BYTES * len(tensor.shape)
    if isinstance(site, ListSite):
        return frame + tensor.size * (5 if site.is_float else _INTEGER_BYTES)
    if is_external(site.holder):
        return frame
    if site.holder.HasField("raw_data") or list_field(tensor.dtype) in {"float_data", "double_data"}:
        return frame + tensor.nbytes
    return frame + (2 * tensor.nbytes if tensor.dtype == DType.STRING else _INTEGER_BYTES * tensor.size)


def _name(site: Site | ListSite, tensor: TensorHeader, names: Names) -> None:
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


def _is_outside(site: Site | ListSite, tensor: TensorHeader, *, spill: bool) -> bool:
    """Whether a tensor goes to the side file: where its placeholder shows so, or it has to spill."""
    if isinstance(site, ListSite) or tensor.dtype == DType.STRING:
        return False
    return is_external(site.holder) or (spill and tensor.nbytes >= SPILL_BYTES_MIN)


def _put_outside(proto: TensorProto, tensor: TensorHeader, place: Location) -> None:
    _clear(proto, tensor)
    proto.data_location = TensorProto.EXTERNAL
    for key, value in (("location", place.file), ("offset", place.offset), ("length", place.length)):
        proto.external_data.add(key=key, value=str(value))


def _put_inside(proto: TensorProto, tensor: Tensor) -> None:
    """Put `tensor` into a placeholder, stored as the placeholder shows."""
    external, raw = is_external(proto), proto.HasField("raw_data")
    if tensor.dtype == DType.STRING and (raw or external):
        raise ModelFileError(f"tensor {tensor.name!r} holds strings, but its place in the ONNX graph holds raw bytes")
    _clear(proto, tensor.header)
    if raw or external:
        proto.raw_data = bytes(tensor.data)
        if external:
            proto.ClearField("data_location")
    else:
        write_list(proto, tensor.dtype, tensor.data)


def _clear(proto: TensorProto, tensor: TensorHeader) -> None:
    """Empty a placeholder but for the element type and the shape of `tensor`."""
    for name in ("dims", "raw_data", "external_data", *LIST_FIELDS):
        proto.ClearField(name)
    proto.dims.extend(tensor.shape)
    proto.data_type = tensor.dtype
