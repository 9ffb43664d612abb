"""SPEC.md Annex D.1 (informative): the places of an ONNX graph that may hold a tensor, in a fixed order.

Loading and saving walk the same places. That is what lets a topology say nothing about which tensor goes where.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from nncodec.errors import ModelFileError

MAX_DEPTH: Final = 32
"""Graphs within graphs at most. protobuf itself parses 100 messages deep, which is 33 graphs."""

FLOATS_FROM: Final = 2
INTS_FROM: Final = 9
"""A Constant's `value_floats` / `value_ints` of at least so many elements is a tensor. A placeholder is so many zeros:
with fewer it would look like an attribute that was never taken out."""


class Kind(Enum):
    """What a place is; it decides whether its tensor is always taken out and where its name is kept."""

    INITIALIZER = "initializer"
    SPARSE = "sparse initializer"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True)
class Site:
    """A TensorProto; `label` is what the graph calls it (not always unique)."""

    holder: TensorProto
    label: str
    kind: Kind


@dataclass(frozen=True)
class ListSite:
    """A Constant node's attribute `value_floats` or `value_ints`."""

    holder: AttributeProto
    label: str
    is_float: bool


@dataclass
class Names:
    """Hands out tensor names: a label as it is, or with `#2`, `#3` ... where it was used before."""

    _used: set[str] = field(default_factory=set)
    _count: dict[str, int] = field(default_factory=dict)

    def claim(self, label: str) -> str:
        """A name that no earlier call got."""
        label = label or "tensor"
        name, count = label, self._count.get(label, 1)
        while name in self._used:
            count += 1
            name = f"{label}#{count}"
        self._count[label] = count
        self._used.add(name)
        return name


def model_sites(model: ModelProto) -> Iterator[Site | ListSite]:
    """Every place of `model`: the main graph, then training graphs, then functions, each in its own order.

    Raises ModelFileError where graphs are nested too deep or a name is not UTF-8.
    """
    if model.HasField("graph"):
        yield from _graph_sites(model.graph, 1)
    for info in model.training_info:
        if info.HasField("initialization"):
            yield from _graph_sites(info.initialization, 1)
        if info.HasField("algorithm"):
            yield from _graph_sites(info.algorithm, 1)
    for function in model.functions:
        yield from _function_sites(function)


def text(value: str | bytes) -> str:
    """A string field of a message; protobuf gives bytes where it was not UTF-8."""
    if isinstance(value, bytes):
        raise ModelFileError(f"the ONNX graph holds a name that is not UTF-8: {value[:40]!r}; export the model again")
    return value


def _graph_sites(graph: GraphProto, depth: int) -> Iterator[Site | ListSite]:
    if depth > MAX_DEPTH:
        raise ModelFileError(f"the ONNX model nests graphs more than {MAX_DEPTH} deep; nncodec reads none like that")
    for index, initializer in enumerate(graph.initializer):
        yield Site(initializer, text(initializer.name) or f"initializer.{index}", Kind.INITIALIZER)
    for index, sparse in enumerate(graph.sparse_initializer):
        label = text(sparse.values.name) or f"sparse_initializer.{index}"
        yield from _sparse_sites(sparse, Kind.SPARSE, label)
    for node in graph.node:
        yield from _node_sites(node, depth)


def _sparse_sites(sparse: SparseTensorProto, kind: Kind, label: str) -> Iterator[Site]:
    if sparse.HasField("values"):
        yield Site(sparse.values, label, kind)
    if sparse.HasField("indices"):
        yield Site(sparse.indices, f"{label}.indices", kind)


def _function_sites(function: FunctionProto) -> Iterator[Site | ListSite]:
    for attribute in function.attribute_proto:
        yield from _attribute_sites(attribute, f"{text(function.name)}.{text(attribute.name)}", 0)
    for node in function.node:
        yield from _node_sites(node, 0)


def _node_sites(node: NodeProto, depth: int) -> Iterator[Site | ListSite]:
    output = text(node.output[0]) if node.output else ""
    constant = text(node.op_type) == "Constant" and text(node.domain) in {"", "ai.onnx"}
    for attribute in node.attribute:
        label = output if constant and output else f"{text(node.name) or output or node.op_type}.{text(attribute.name)}"
        yield from _attribute_sites(attribute, label, depth)
        if constant:
            yield from _list_sites(attribute, label)


def _attribute_sites(attribute: AttributeProto, label: str, depth: int) -> Iterator[Site | ListSite]:
    """Places in one attribute. Its `type` is not asked: old exporters left it out."""
    if attribute.HasField("t"):
        yield Site(attribute.t, label, Kind.ATTRIBUTE)
    for index, tensor in enumerate(attribute.tensors):
        yield Site(tensor, f"{label}.{index}", Kind.ATTRIBUTE)
    if attribute.HasField("sparse_tensor"):
        yield from _sparse_sites(attribute.sparse_tensor, Kind.ATTRIBUTE, label)
    for index, sparse in enumerate(attribute.sparse_tensors):
        yield from _sparse_sites(sparse, Kind.ATTRIBUTE, f"{label}.{index}")
    if attribute.HasField("g"):
        yield from _graph_sites(attribute.g, depth + 1)
    for graph in attribute.graphs:
        yield from _graph_sites(graph, depth + 1)


def _list_sites(attribute: AttributeProto, label: str) -> Iterator[ListSite]:
    """A list of numbers in a Constant node; the counts are the same before values are taken out and after."""
    name = text(attribute.name)
    if name == "value_floats" and len(attribute.floats) >= FLOATS_FROM:
        yield ListSite(attribute, label, is_float=True)
    if name == "value_ints" and len(attribute.ints) >= INTS_FROM:
        yield ListSite(attribute, label, is_float=False)
