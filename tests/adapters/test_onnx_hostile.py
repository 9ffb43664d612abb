"""Damaged ONNX files and topologies from strangers: a named refusal, never another exception, never a wrong model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from nncodec.adapters import files
from nncodec.adapters.onnx_model import model_from_proto, proto_from_model
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import Model, Tensor, Topology
from nncodec.tables import DType, TopologyFormat
from tests.adapters.protos import float_proto, model_protos, same, small_model
from tests.strategies import models

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def with_topology(data: bytes, tensors: tuple[Tensor, ...] = ()) -> Model:
    """A model whose topology is `data`."""
    return Model(tensors, Topology(TopologyFormat.ONNX, data))


@QUICK
@given(st.binary(max_size=200), models())
def test_any_bytes_as_topology(data: bytes, model: Model) -> None:
    with suppress(ModelFileError):
        proto_from_model(with_topology(data, model.tensors))


@QUICK
@given(model_protos(), st.data())
def test_damaged_topology(proto: ModelProto, data: st.DataObject) -> None:
    model = model_from_proto(proto)
    damaged = bytearray(model.topology.data)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(ModelFileError):
        again = proto_from_model(with_topology(bytes(damaged), model.tensors))
        assert again.graph is not None


@QUICK
@given(model_protos(), st.data())
def test_damaged_file(tmp_path_factory: pytest.TempPathFactory, proto: ModelProto, data: st.DataObject) -> None:
    damaged = bytearray(proto.SerializeToString())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(damaged)
    with suppress(ModelFileError):
        model = files.load(path)
        assert same(proto_from_model(model), ModelProto.FromString(bytes(damaged)))


@QUICK
@given(model_protos(), models(max_tensors=3))
def test_tensors_of_another_model(proto: ModelProto, other: Model) -> None:
    topology = model_from_proto(proto).topology
    with suppress(ModelFileError):
        proto_from_model(Model(other.tensors, topology))


def taken() -> Model:
    """A model of three initializers."""
    return model_from_proto(small_model(*(float_proto(name, 4) for name in "abc")))


def test_too_few_and_too_many_tensors() -> None:
    model = taken()
    with pytest.raises(ModelFileError, match="needs more than the 2 tensors"):
        proto_from_model(Model(model.tensors[:2], model.topology))
    extra = Tensor("d", DType.UINT8, (1,), b"\x00")
    with pytest.raises(ModelFileError, match="no place for tensor 'd'"):
        proto_from_model(Model((*model.tensors, extra), model.topology))


def test_attribute_tensors_in_another_order() -> None:
    proto = small_model()
    for name in ("x", "y"):
        node = proto.graph.node.add(op_type="Constant", output=[name])
        node.attribute.append(helper.make_attribute("value", float_proto("", 4)))
    model = model_from_proto(proto)
    with pytest.raises(ModelFileError, match="tensor 'x' where the model has 'y'"):
        proto_from_model(Model(model.tensors[::-1], model.topology))


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("w", DType.STRING, (0,), b""),
        Tensor("w", DType.FLOAT32, (0, 2**63), b""),
        Tensor("\ud800", DType.UINT8, (0,), b""),
    ],
    ids=["strings as raw bytes", "dimension", "surrogate"],
)
def test_tensors_that_onnx_cannot_hold(tensor: Tensor) -> None:
    topology = model_from_proto(small_model(TensorProto(name="w", data_type=1, dims=[0], raw_data=b""))).topology
    with pytest.raises(ModelFileError):
        proto_from_model(Model((tensor,), topology))


@pytest.mark.parametrize("entry", [True, False], ids=["external", "stale entry"])
def test_topology_that_points_at_files(entry: bool) -> None:
    proto = small_model()
    kept = TensorProto(data_type=7, dims=[1])
    kept.external_data.add(key="location", value="../../.ssh/id_ed25519")
    if entry:
        kept.data_location = TensorProto.EXTERNAL
    proto.graph.node.add(op_type="Constant", output=["x"]).attribute.append(helper.make_attribute("value", kept))
    with pytest.raises(ModelFileError, match="unsafe"):
        proto_from_model(with_topology(proto.SerializeToString()))


def test_value_lists_need_a_fitting_tensor() -> None:
    proto = small_model()
    node = proto.graph.node.add(op_type="Constant", output=["scale"])
    node.attribute.append(helper.make_attribute("value_floats", [0.5, 1.5]))
    topology = model_from_proto(proto).topology
    for wrong in (Tensor("scale", DType.INT32, (2,), bytes(8)), Tensor("scale", DType.FLOAT32, (2, 1), bytes(8))):
        with pytest.raises(ModelFileError, match="FLOAT32 and 1-D"):
            proto_from_model(Model((wrong,), topology))


def nested(depth: int) -> ModelProto:
    """`depth` graphs, each inside the one before."""
    proto = small_model()
    graph = proto.graph
    for _ in range(depth - 1):
        graph = graph.node.add(op_type="If").attribute.add(name="body").g
        graph.name = "inner"
    graph.initializer.append(float_proto("deep", 2))
    return proto


def test_nesting_has_a_bound(tmp_path: Path) -> None:
    assert same(proto_from_model(model_from_proto(nested(32))), nested(32))
    with pytest.raises(ModelFileError, match="32 deep"):
        model_from_proto(nested(33))
    (tmp_path / "m.onnx").write_bytes(nested(200).SerializeToString())
    with pytest.raises(ModelFileError, match="is no model file"):
        files.load(tmp_path / "m.onnx")
    with pytest.raises(ModelFileError, match="32 deep"):
        proto_from_model(with_topology(nested(33).SerializeToString()))


BAD_TENSORS: dict[str, tuple[Callable[[], TensorProto], str]] = {
    "short raw data": (lambda: TensorProto(name="w", data_type=1, dims=[2], raw_data=bytes(7)), "7 bytes"),
    "long raw data": (lambda: TensorProto(name="w", data_type=22, dims=[2], raw_data=bytes(2)), "2 bytes"),
    "no data": (lambda: TensorProto(name="w", data_type=1, dims=[2]), "0 bytes"),
    "negative dimension": (lambda: TensorProto(name="w", data_type=1, dims=[-1]), "negative"),
    "vast": (lambda: TensorProto(name="w", data_type=1, dims=[2**62, 2**62]), "0 bytes"),
    "no data type": (lambda: TensorProto(name="w", dims=[0]), "no data_type"),
    "raw strings": (lambda: TensorProto(name="w", data_type=8, dims=[0], raw_data=b"a"), "strings"),
    "byte out of range": (lambda: TensorProto(name="w", data_type=2, dims=[1], int32_data=[256]), "does not fit"),
    "int8 out of range": (lambda: TensorProto(name="w", data_type=3, dims=[1], int32_data=[-129]), "does not fit"),
    "half out of range": (lambda: TensorProto(name="w", data_type=10, dims=[1], int32_data=[-1]), "does not fit"),
    "uint32 out of range": (lambda: TensorProto(name="w", data_type=12, dims=[1], uint64_data=[2**64 - 1]), "not fit"),
    "wrong list": (lambda: TensorProto(name="w", data_type=1, dims=[1], int32_data=[1]), "belong in float_data"),
    "two lists": (
        lambda: TensorProto(name="w", data_type=1, dims=[1], float_data=[1], int32_data=[1]),
        "more than one",
    ),
    "list and raw": (
        lambda: TensorProto(name="w", data_type=1, dims=[0], float_data=[1], raw_data=b""),
        "more than one",
    ),
    "name not UTF-8": (lambda: TensorProto.FromString(b"\x42\x01\xff"), "not UTF-8"),
}


@pytest.mark.parametrize(("make", "words"), BAD_TENSORS.values(), ids=BAD_TENSORS)
def test_damaged_tensors_are_refused(make: Callable[[], TensorProto], words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        model_from_proto(small_model(make()))


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        (TensorProto(name="w", data_type=1, segment=TensorProto.Segment(begin=0)), "segment"),
        (TensorProto(name="w", data_type=27), "FLOAT6E2M3"),
        (TensorProto(name="w", data_type=99), "99"),
        (TensorProto(name="w", data_type=0), "UNDEFINED"),
    ],
    ids=["segment", "float6", "future type", "undefined"],
)
def test_unsupported_tensors_are_named(proto: TensorProto, words: str) -> None:
    with pytest.raises(UnsupportedModelError, match=words):
        model_from_proto(small_model(proto))


def test_other_topologies_are_no_onnx(tmp_path: Path) -> None:
    for topology in (Topology(TopologyFormat.NONE, b""), Topology(TopologyFormat.SAFETENSORS_METADATA, b"{}")):
        with pytest.raises(UnsupportedModelError, match=r"no ONNX graph; write \.safetensors or \.npz"):
            files.save(Model((), topology), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
