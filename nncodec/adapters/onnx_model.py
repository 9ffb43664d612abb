"""SPEC.md Annex D.1 (informative): ONNX files. Weights become tensors; what is left of the graph is the topology.

The topology is the ModelProto with a placeholder where each tensor was: a TensorProto without `data_type`, which no
valid tensor lacks, so that saving needs no list of what was taken out. A placeholder keeps what shows how its data was
stored: an empty `raw_data`, no data field at all (a list such as `float_data`), or `data_location` EXTERNAL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError, EncodeError  # type: ignore[import-untyped]
from onnx import ModelProto

from nncodec.adapters.atomic import replace_on_success
from nncodec.adapters.onnx_external import ExternalFolder, SideFile
from nncodec.adapters.onnx_fill import fill
from nncodec.adapters.onnx_strip import strip
from nncodec.adapters.reports import unknown_format
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import Model, Topology
from nncodec.tables import TopologyFormat

PROTO_BYTES_MAX: Final = 2**31 - 1
"""protobuf neither writes nor reads a message of more bytes than this."""


def load(path: Path) -> Model:
    """Model in the ONNX file `path` and the external data files in its folder, which stay on disk where large.

    Raises ModelFileError where the file is no ONNX model, is damaged or uses files outside its folder,
    UnsupportedModelError where it holds an element type outside table 4.1 or a segmented tensor.
    """
    if path.stat().st_size > PROTO_BYTES_MAX:
        raise unknown_format(path, "; it is larger than any ONNX file can be (2 GiB)")
    proto = ModelProto()
    try:
        proto.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise unknown_format(path, f" ({error})") from error
    if not proto.HasField("graph"):
        raise unknown_format(path)
    return _model(proto, ExternalFolder(path.parent))


def save(model: Model, path: Path, *, proto_bytes_max: int = PROTO_BYTES_MAX) -> None:
    """Write `model` as the ONNX file `path`; external data goes to one file beside it, `<name of path>.data`.

    Where the file would exceed `proto_bytes_max` bytes, all large tensors become external data.
    Raises UnsupportedModelError where `model` holds no ONNX graph, ModelFileError where its graph and its tensors do
    not belong together or a file cannot be written.
    """
    side = SideFile(f"{path.name}.data")
    data = _serialised(_filled(model, side, proto_bytes_max))
    if len(data) > proto_bytes_max:
        what = f"the ONNX file would take {len(data)} bytes, of at most {proto_bytes_max}"
        raise ModelFileError(f"{what}; write .safetensors")
    with replace_on_success(path) as fresh:
        fresh.write_bytes(data)
        if side.used:  # in place before the model that names it
            with replace_on_success(path.with_name(side.name)) as fresh_side, fresh_side.open("wb") as file:
                side.write(file)


def model_from_proto(proto: ModelProto, folder: Path | None = None) -> Model:
    """Model of `proto`, which is not changed. `folder` is where its external data may be. Raises as `load`."""
    own = ModelProto()
    own.CopyFrom(proto)
    return _model(own, ExternalFolder(folder))


def proto_from_model(model: Model) -> ModelProto:
    """ModelProto of `model`, with all data inside, also what was external. Raises as `save`."""
    return _filled(model, None, PROTO_BYTES_MAX)


def _model(proto: ModelProto, folder: ExternalFolder) -> Model:
    tensors = tuple(strip(proto, folder))
    return Model(tensors, Topology(TopologyFormat.ONNX, _serialised(proto)))


def _filled(model: Model, side: SideFile | None, proto_bytes_max: int) -> ModelProto:
    """The graph of `model` with its tensors in place."""
    if model.topology.format != TopologyFormat.ONNX:
        raise UnsupportedModelError("the model holds no ONNX graph; write .safetensors or .npz instead")
    proto = ModelProto()
    try:
        proto.ParseFromString(model.topology.data)
    except DecodeError as error:
        raise ModelFileError(f"the topology should be an ONNX graph but is not: {error}") from error
    if not proto.HasField("graph"):
        raise ModelFileError("the topology should be an ONNX graph but holds none")
    fill(proto, model.tensors, side, proto_bytes_max)
    return proto


def _serialised(proto: ModelProto) -> bytes:
    try:
        data: bytes = proto.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise ModelFileError(f"protobuf cannot write this ONNX model (larger than 2 GiB?): {error}") from error
    return data
