"""SPEC.md Annex D.1 (informative): ONNX files. Weights become tensors; what is left of the graph is the topology.

The topology is the ModelProto with a placeholder where each tensor was: a TensorProto without `data_type`, which no
valid tensor lacks, so that saving needs no list of what was taken out. A placeholder keeps what shows how its data was
stored: an empty `raw_data`, no data field at all (a list such as `float_data`), or `data_location` EXTERNAL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError, EncodeError  # type: ignore[import-untyped]
from onnx import ModelProto

from nncodec.adapters.atomic import replace_on_success
from nncodec.adapters.onnx_external import ExternalFolder, SideFile
from nncodec.adapters.onnx_fill import Filling
from nncodec.adapters.onnx_strip import strip
from nncodec.adapters.placed import PlacedFile
from nncodec.adapters.reports import unknown_format
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.memory import Octets
from nncodec.model import Model, TensorHeader, Topology
from nncodec.sink import Gathered, Sink
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


@contextmanager
def writing(
    tensors: Sequence[TensorHeader], topology: Topology, path: Path, *, proto_bytes_max: int = PROTO_BYTES_MAX
) -> Iterator[Sink]:
    """Context manager: yields the sink for the data of `tensors`, which become the ONNX file `path`.

    External data goes to one file beside it, `<name of path>.data`. Where the file would exceed `proto_bytes_max`
    bytes, all large tensors become external data. Both files appear when the block ends.
    Raises UnsupportedModelError where `topology` is no ONNX graph, ModelFileError where graph and tensors do not belong
    together or a file cannot be written.
    """
    proto = _graph(topology)
    side = SideFile(f"{path.name}.data")
    filling = Filling(proto, tensors, side, proto_bytes_max)
    # Two files, and the one with the data is in place before the model that names it.
    with replace_on_success(path) as fresh, _side_file(path.with_name(side.name), filling) as outside:
        sink = _OnnxSink(outside, filling)
        yield sink
        filling.put(sink.inside.data)
        fresh.write_bytes(_within(proto, proto_bytes_max))


def _within(proto: ModelProto, proto_bytes_max: int) -> bytes:
    data = _serialised(proto)
    if len(data) > proto_bytes_max:
        what = f"the ONNX file would take {len(data)} bytes, of at most {proto_bytes_max}"
        raise ModelFileError(f"{what}; write .safetensors")
    return data


@contextmanager
def _side_file(path: Path, filling: Filling) -> Iterator[PlacedFile | None]:
    """The file for external data, where there is any."""
    if not filling.outside:
        yield None
        return
    with replace_on_success(path) as fresh, fresh.open("w+b") as file:
        places = {place: (found.offset, found.length or 0) for place, found in filling.outside.items()}
        yield PlacedFile(file, places)


class _OnnxSink:
    """Sends external data to their file, and keeps the rest until it is put into the graph."""

    def __init__(self, outside: PlacedFile | None, filling: Filling) -> None:
        self.inside = Gathered()
        self._outside, self._places = outside, filling.outside

    def write(self, place: int, data: bytes | memoryview) -> None:
        """Take the next bytes of a tensor."""
        if self._outside is not None and place in self._places:
            self._outside.write(place, data)
        else:
            self.inside.write(place, data)

    def room(self, place: int, size: int) -> Octets | None:
        """Memory for a tensor that is kept."""
        return None if self._outside is not None and place in self._places else self.inside.room(place, size)

    def copy(self, place: int, original: int) -> None:
        """Take a tensor that has the bytes of another one."""
        if self._outside is not None and original in self._places:
            for data in self._outside.read(original):
                self.write(place, data)
        else:
            self.write(place, self.inside.data(original))


def model_from_proto(proto: ModelProto, folder: Path | None = None) -> Model:
    """Model of `proto`, which is not changed. `folder` is where its external data may be. Raises as `load`."""
    own = ModelProto()
    own.CopyFrom(proto)
    return _model(own, ExternalFolder(folder))


def proto_from_model(model: Model) -> ModelProto:
    """ModelProto of `model`, with all data inside, also what was external. Raises as `save`."""
    proto = _graph(model.topology)
    headers = [tensor.header for tensor in model.tensors]
    Filling(proto, headers, None, PROTO_BYTES_MAX).put(lambda place: model.tensors[place].data)
    return proto


def _model(proto: ModelProto, folder: ExternalFolder) -> Model:
    tensors = tuple(strip(proto, folder))
    return Model(tensors, Topology(TopologyFormat.ONNX, _serialised(proto)))


def _graph(topology: Topology) -> ModelProto:
    """The graph, without its tensors."""
    if topology.format != TopologyFormat.ONNX:
        raise UnsupportedModelError("the model holds no ONNX graph; write .safetensors or .npz instead")
    proto = ModelProto()
    try:
        proto.ParseFromString(topology.data)
    except DecodeError as error:
        raise ModelFileError(f"the topology should be an ONNX graph but is not: {error}") from error
    if not proto.HasField("graph"):
        raise ModelFileError("the topology should be an ONNX graph but holds none")
    return proto


def _serialised(proto: ModelProto) -> bytes:
    try:
        data: bytes = proto.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise ModelFileError(f"protobuf cannot write this ONNX model (larger than 2 GiB?): {error}") from error
    return data
