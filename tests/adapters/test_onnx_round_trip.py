"""ONNX files: what is loaded and saved again is the same model in every field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, example, given, settings
from onnx import ModelProto, TensorProto, helper

from nncodec.adapters import files
from nncodec.adapters.onnx_model import model_from_proto, proto_from_model
from nncodec.model import Model
from nncodec.tables import DType, TopologyFormat
from tests.adapters.protos import float_proto, make_proto, model_protos, same, small_model
from tests.conftest import shared_data_folder
from tests.strategies import random_data

REAL = sorted(path.relative_to(shared_data_folder()) for path in shared_data_folder().rglob("*.onnx"))


@pytest.mark.parametrize("path", REAL or [Path("no-models.onnx")], ids=str)
def test_real_model_comes_back_byte_for_byte(shared_data: Path, path: Path, tmp_path: Path) -> None:
    model = files.load(shared_data / path)
    files.save(model, tmp_path / "again.onnx")
    first, second = (onnx.load(name) for name in (shared_data / path, tmp_path / "again.onnx"))
    assert first == second
    assert same(first, second)
    assert files.load(tmp_path / "again.onnx").content_id == model.content_id


@pytest.mark.parametrize("path", REAL or [Path("no-models.onnx")], ids=str)
def test_real_model_leaves_no_weights_in_its_topology(shared_data: Path, path: Path) -> None:
    model = files.load(shared_data / path)
    left = ModelProto.FromString(model.topology.data)
    assert not any(tensor.raw_data or tensor.float_data for tensor in left.graph.initializer)
    constants = [attribute.t for node in left.graph.node for attribute in node.attribute if attribute.HasField("t")]
    assert all(tensor.ByteSize() < 200 for tensor in constants)


def test_real_model_computes_the_same(shared_data: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    source = shared_data / "onnx" / "super-resolution-a1d28397.onnx"
    files.save(files.load(source), tmp_path / "again.onnx")
    image = np.random.default_rng(3).random((1, 1, 224, 224), np.float32)
    outputs = []
    for path in (source, tmp_path / "again.onnx"):
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        outputs.append(session.run(None, {session.get_inputs()[0].name: image})[0])
    assert np.array_equal(*outputs)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(model_protos())
@example(small_model(TensorProto(data_type=1, dims=[0])))
def test_any_model_comes_back(proto: ModelProto) -> None:
    before = proto.SerializeToString(deterministic=True)
    model = model_from_proto(proto)
    assert proto.SerializeToString(deterministic=True) == before
    again = proto_from_model(model)
    assert same(again, proto)
    assert model_from_proto(again).content_id == model.content_id


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(model_protos())
def test_topology_does_not_depend_on_the_weights(proto: ModelProto) -> None:
    model = model_from_proto(proto)
    zeros = tuple(
        type(tensor)(tensor.name, tensor.dtype, tensor.shape, bytes(tensor.nbytes))
        for tensor in model.tensors
        if tensor.dtype != DType.STRING
    )
    if len(zeros) != len(model.tensors):
        return
    other = model_from_proto(proto_from_model(Model(zeros, model.topology)))
    assert other.topology == model.topology
    assert [tensor.name for tensor in other.tensors] == [tensor.name for tensor in model.tensors]


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "list"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (7,)], ids=str)
@pytest.mark.parametrize("dtype", list(DType), ids=lambda dtype: dtype.name)
def test_every_element_type(dtype: DType, shape: tuple[int, ...], raw: bool) -> None:
    data = random_data(dtype, shape, seed=5, kind="bits")
    proto = make_proto(dtype, shape, data, raw=raw)
    proto.name = "w"
    model = model_from_proto(small_model(proto))
    tensor = model.by_name["w"]
    assert (tensor.dtype, tensor.shape, bytes(tensor.data)) == (dtype, shape, data)
    assert same(proto_from_model(model), small_model(proto))


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16, DType.INT8, DType.UINT8, DType.BOOL])
def test_elements_are_those_the_onnx_package_reads(dtype: DType) -> None:
    values = np.array([0, 1, 1, 0]) if dtype == DType.BOOL else np.array([0, 1, 3, 100])
    for raw in (True, False):
        array = values.astype(helper.tensor_dtype_to_np_dtype(dtype))
        elements = array.tobytes() if raw else array
        if dtype == DType.BFLOAT16 and not raw:
            elements = values.astype(np.float32)
        proto = helper.make_tensor("w", dtype, (4,), elements, raw=raw)
        assert bytes(model_from_proto(small_model(proto)).tensors[0].data) == array.tobytes()


def test_padding_bits_are_kept() -> None:
    proto = TensorProto(name="w", data_type=DType.INT4, dims=[3], raw_data=b"\x21\xf3")
    assert same(proto_from_model(model_from_proto(small_model(proto))), small_model(proto))


def test_signalling_nan_in_a_list_is_kept() -> None:
    proto = TensorProto(name="w", data_type=1, dims=[1])
    proto.MergeFromString(b"\x22\x04\x01\x00\x80\x7f")
    model = model_from_proto(small_model(proto))
    assert bytes(model.tensors[0].data) == b"\x01\x00\x80\x7f"
    assert same(proto_from_model(model), small_model(proto))


def test_constant_nodes() -> None:
    model = small_model()
    node = model.graph.node.add(op_type="Constant", output=["scale"])
    node.attribute.append(helper.make_attribute("value_floats", [0.5, 1.5]))
    node = model.graph.node.add(op_type="Constant", output=["axes"])
    node.attribute.append(helper.make_attribute("value_ints", list(range(9))))
    node = model.graph.node.add(op_type="Constant", output=["one"])
    node.attribute.append(helper.make_attribute("value_float", 1.0))
    taken = model_from_proto(model)
    assert [(tensor.name, tensor.dtype, tensor.shape) for tensor in taken.tensors] == [
        ("scale", DType.FLOAT32, (2,)),
        ("axes", DType.INT64, (9,)),
    ]
    assert same(proto_from_model(taken), model)


def test_small_integer_constants_stay_in_the_graph() -> None:
    model = small_model()
    for name, count in (("few", 8), ("many", 9)):
        node = model.graph.node.add(op_type="Constant", output=[name])
        node.attribute.append(helper.make_attribute("value", helper.make_tensor("", 7, [count], range(count))))
    taken = model_from_proto(model)
    assert list(taken.by_name) == ["many"]
    assert same(proto_from_model(taken), model)


def test_weights_are_found_wherever_they_are() -> None:
    proto = small_model(float_proto("main", 2))
    proto.graph.sparse_initializer.add(values=float_proto("sparse", 2), indices=TensorProto(data_type=7, dims=[0]))
    node = proto.graph.node.add(op_type="If", name="if")
    node.attribute.add(name="then_branch").g.initializer.append(float_proto("branch", 2))
    node.attribute.add(name="branches").graphs.add().initializer.append(float_proto("list of graphs", 2))
    node.attribute.add(name="list").tensors.append(float_proto("", 2))
    node.attribute.add(name="sparse").sparse_tensor.values.CopyFrom(float_proto("", 2))
    node.attribute.add(name="sparses").sparse_tensors.add().values.CopyFrom(float_proto("", 2))
    proto.training_info.add().initialization.initializer.append(float_proto("initialization", 2))
    proto.training_info.add().algorithm.initializer.append(float_proto("algorithm", 2))
    function = proto.functions.add(name="f")
    function.attribute_proto.add(name="default").t.CopyFrom(float_proto("", 2))
    function.node.add(op_type="Constant", output=["in function"]).attribute.add(name="value").t.CopyFrom(
        float_proto("", 2)
    )
    model = model_from_proto(proto)
    found = ["main", "sparse", "sparse.indices", "branch", "list of graphs", "if.list.0", "if.sparse", "if.sparses.0"]
    found += ["initialization", "algorithm", "f.default", "in function"]
    assert list(model.by_name) == found
    assert same(proto_from_model(model), proto)


def test_names_are_unique_and_not_kept_twice() -> None:
    model = small_model(
        float_proto("conv.weight", 2), float_proto("conv.weight", 3), TensorProto(data_type=1, dims=[0])
    )
    taken = model_from_proto(model)
    assert list(taken.by_name) == ["conv.weight", "conv.weight#2", "initializer.2"]
    assert taken.topology.format == TopologyFormat.ONNX
    assert taken.topology.data.count(b"conv.weight") == 1
    assert same(proto_from_model(taken), model)


def test_saved_file_is_the_serialised_proto(tmp_path: Path) -> None:
    proto = small_model(float_proto("w", 5))
    files.save(model_from_proto(proto), tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == proto.SerializeToString(deterministic=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
