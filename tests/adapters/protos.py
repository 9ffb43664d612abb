"""Random ONNX models, as odd as the format allows, and helpers to compare them."""

from __future__ import annotations

from hypothesis import strategies as st
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from nncodec.adapters.onnx_values import write_list
from nncodec.tables import DType
from tests.strategies import random_data, shapes

UNKNOWN = b"\xca\xf3\x04\x05later"
"""Field 9977, which no version of ONNX has: a length-delimited value."""

NAMES = st.sampled_from(["w", "b", "conv.weight", "w#2", "tensor", "initializer.0", "层", "a\x00b", ""])


def same(first: ModelProto, second: ModelProto) -> bool:
    """Equal in every field, presence and unknown fields included (NaN equals itself in the bytes)."""
    return first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def make_proto(dtype: DType, shape: tuple[int, ...], data: bytes, *, raw: bool) -> TensorProto:
    """TensorProto of the elements `data`, stored raw or in the list field for `dtype`."""
    proto = TensorProto(dims=shape, data_type=dtype)
    if raw and dtype != DType.STRING:
        proto.raw_data = data
    else:
        write_list(proto, dtype, data)
    return proto


@st.composite
def tensor_protos(draw: st.DrawFn, *, named: bool) -> TensorProto:
    """Tensors of every type and storage; with `named` mostly with a name."""
    dtype, shape = draw(st.sampled_from(list(DType))), draw(shapes(40))
    data = random_data(dtype, shape, draw(st.integers(0, 99)), draw(st.sampled_from(["weights", "bits"])))
    proto = make_proto(dtype, shape, data, raw=draw(st.booleans()))
    if draw(st.integers(0, 9)) < (9 if named else 3):
        proto.name = draw(NAMES)
    if draw(st.integers(0, 9)) == 0:
        proto.doc_string = draw(st.sampled_from(["", "why"]))
    if draw(st.integers(0, 9)) == 0:
        proto.data_location = TensorProto.DEFAULT
    if draw(st.integers(0, 9)) == 0:
        proto.MergeFromString(UNKNOWN)
    return proto


@st.composite
def sparse_protos(draw: st.DrawFn) -> SparseTensorProto:
    """Sparse tensors; whether indices suit values is not asked."""
    sparse = SparseTensorProto(dims=draw(shapes()))
    if draw(st.integers(0, 9)):
        sparse.values.CopyFrom(draw(tensor_protos(named=True)))
    if draw(st.integers(0, 9)):
        sparse.indices.CopyFrom(draw(tensor_protos(named=False)))
    return sparse


@st.composite
def attributes(draw: st.DrawFn, depth: int) -> AttributeProto:
    """Attributes of every kind that may hold a tensor or a graph."""
    kind = draw(st.sampled_from(["t", "tensors", "sparse", "sparses", "floats", "ints", "g", "graphs"]))
    attribute = AttributeProto(name=draw(st.sampled_from(["value", "value_floats", "value_ints", "body", ""])))
    if kind == "t":
        attribute.t.CopyFrom(draw(tensor_protos(named=False)))
    elif kind == "tensors":
        attribute.tensors.extend(draw(st.lists(tensor_protos(named=False), max_size=2)))
    elif kind == "sparse":
        attribute.sparse_tensor.CopyFrom(draw(sparse_protos()))
    elif kind == "sparses":
        attribute.sparse_tensors.extend(draw(st.lists(sparse_protos(), max_size=2)))
    elif kind == "floats":
        count = draw(st.integers(0, 4))
        attribute.MergeFromString(b"".join(b"\x3d" + draw(st.binary(min_size=4, max_size=4)) for _ in range(count)))
    elif kind == "ints":
        attribute.ints.extend(draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=12)))
    elif kind == "g" and depth:
        attribute.g.CopyFrom(draw(graphs(depth - 1)))
    elif depth:
        attribute.graphs.extend(draw(st.lists(graphs(depth - 1), max_size=2)))
    return attribute


@st.composite
def nodes(draw: st.DrawFn, depth: int) -> NodeProto:
    """Constant nodes and others, with and without names and outputs."""
    node = NodeProto(op_type=draw(st.sampled_from(["Constant", "Constant", "If", "LSTM", ""])))
    node.attribute.extend(draw(st.lists(attributes(depth), max_size=3)))
    node.output.extend(draw(st.lists(NAMES, max_size=2)))
    if draw(st.booleans()):
        node.name = draw(NAMES)
    if draw(st.booleans()):
        node.domain = draw(st.sampled_from(["", "ai.onnx", "com.example"]))
    return node


@st.composite
def graphs(draw: st.DrawFn, depth: int) -> GraphProto:
    """Graphs of a few initializers and nodes."""
    graph = GraphProto(name=draw(NAMES))
    graph.initializer.extend(draw(st.lists(tensor_protos(named=True), max_size=3)))
    graph.sparse_initializer.extend(draw(st.lists(sparse_protos(), max_size=1)))
    graph.node.extend(draw(st.lists(nodes(depth), max_size=3)))
    return graph


@st.composite
def functions(draw: st.DrawFn) -> FunctionProto:
    """Local functions with default attributes and nodes."""
    function = FunctionProto(name=draw(NAMES))
    function.attribute_proto.extend(draw(st.lists(attributes(0), max_size=1)))
    function.node.extend(draw(st.lists(nodes(0), max_size=2)))
    return function


@st.composite
def model_protos(draw: st.DrawFn) -> ModelProto:
    """Models with graphs in graphs, functions, training graphs and fields from the future."""
    model = ModelProto(graph=draw(graphs(2)))
    if draw(st.booleans()):
        model.ir_version = 10
    if draw(st.integers(0, 3)) == 0:
        model.functions.extend(draw(st.lists(functions(), max_size=2)))
    if draw(st.integers(0, 3)) == 0:
        info = model.training_info.add()
        info.algorithm.CopyFrom(draw(graphs(0)))
    if draw(st.integers(0, 3)) == 0:
        model.MergeFromString(UNKNOWN)
    return model


def small_model(*initializers: TensorProto) -> ModelProto:
    """A model with these initializers and nothing else."""
    model = ModelProto(ir_version=10)
    model.graph.initializer.extend(initializers)
    return model


def float_proto(name: str, count: int, seed: int = 1) -> TensorProto:
    """A raw float32 initializer of `count` elements."""
    proto = make_proto(DType.FLOAT32, (count,), random_data(DType.FLOAT32, (count,), seed), raw=True)
    proto.name = name
    return proto
