"""Plans as PyTorch modules, to be trained, and as ONNX models, to be coded and run; names are the same in both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

import nncodec
from nncodec import Model
from tools.experiments.plans import Layer, Plan

Arrays = Mapping[str, npt.NDArray[np.float32]]

OPSET: Final = 17
IR_VERSION: Final = 8
BN_EPSILON: Final = 1e-5


class Network(nn.Module):
    """A plan, ready to be trained."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.parts = nn.ModuleDict({_key(each): _MODULES[each.kind](each) for each in plan.layers})

    def forward(self, images: Tensor) -> Tensor:
        """The output for `images` of shape (N, 3, size, size)."""
        values = {"image": images}
        for layer in self.plan.layers:
            values[layer.name] = self.parts[_key(layer)](*(values[name] for name in layer.inputs))
        return values[self.plan.output]

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """Weights and statistics by name, such as conv1.weight, in the order of the plan."""
        return {name: value.detach().numpy().copy() for name, value in self._named().items()}

    def load(self, arrays: Arrays) -> None:
        """Take over what has the same name and shape; the rest stays as it is."""
        for name, value in self._named().items():
            if name in arrays and arrays[name].shape == tuple(value.shape):
                value.data.copy_(torch.from_numpy(np.array(arrays[name])))

    def freeze_before(self, stage: str) -> None:
        """Keep all that comes before the first layer whose name begins with `stage`; its statistics too."""
        for layer in self.plan.layers:
            if layer.name.startswith(stage):
                return
            part = self.parts[_key(layer)]
            part.eval()
            part.requires_grad_(requires_grad=False)

    def _named(self) -> dict[str, Tensor]:
        return {
            f"{layer.name}.{name}": value
            for layer in self.plan.layers
            for name, value in self.parts[_key(layer)].state_dict(keep_vars=True).items()
            if name != "num_batches_tracked"
        }


def to_model(plan: Plan, arrays: Arrays) -> Model:
    """The network as a Model with an ONNX graph, from "image" to the output; the number of images is free."""
    graph = helper.make_graph(
        [_node(layer, arrays) for layer in plan.layers],
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, plan.size, plan.size])],
        [helper.make_tensor_value_info(plan.output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nncodec-experiments")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(proto.SerializeToString(deterministic=True))
        return nncodec.load(path)


def arrays_of(model: Model) -> dict[str, npt.NDArray[np.float32]]:
    """The tensors of a model as a network takes them."""
    return {tensor.name: np.asarray(tensor.numpy(), np.float32) for tensor in model.tensors}


class _Add(nn.Module):
    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return one + other


class _Mean(nn.Module):
    def forward(self, value: Tensor) -> Tensor:
        return value.mean(dim=(2, 3), keepdim=True)


class _Normalise(nn.Module):
    def forward(self, value: Tensor) -> Tensor:
        return nn.functional.normalize(value.float(), dim=1)


def _conv(layer: Layer) -> nn.Module:
    return nn.Conv2d(*layer.channels, layer.kernel, layer.stride, layer.padding, bias=layer.has_bias)


_MODULES: Final[dict[str, Callable[[Layer], nn.Module]]] = {
    "conv": _conv,
    "bn": lambda layer: nn.BatchNorm2d(layer.channels[1], eps=BN_EPSILON),
    "linear": lambda layer: nn.Linear(*layer.channels),
    "relu": lambda _: nn.ReLU(),
    "pool": lambda layer: nn.MaxPool2d(layer.kernel, layer.stride),
    "mean": lambda _: _Mean(),
    "flatten": lambda _: nn.Flatten(),
    "add": lambda _: _Add(),
    "normalise": lambda _: _Normalise(),
}

_OPERATORS: Final = {
    "conv": "Conv",
    "bn": "BatchNormalization",
    "linear": "Gemm",
    "relu": "Relu",
    "pool": "MaxPool",
    "mean": "GlobalAveragePool",
    "flatten": "Flatten",
    "add": "Add",
    "normalise": "LpNormalization",
}


def _node(layer: Layer, arrays: Arrays) -> onnx.NodeProto:
    weights = [name for name in arrays if name.rpartition(".")[0] == layer.name]
    return helper.make_node(
        _OPERATORS[layer.kind], [*layer.inputs, *weights], [layer.name], layer.name, **_attributes(layer)
    )


def _attributes(layer: Layer) -> dict[str, Any]:
    window = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2, "pads": [layer.padding] * 4}
    known: dict[str, dict[str, Any]] = {
        "conv": window,
        "pool": window,
        "bn": {"epsilon": BN_EPSILON},
        "linear": {"transB": 1},
        "normalise": {"axis": 1, "p": 2},
    }
    return known.get(layer.kind, {})


def _key(layer: Layer) -> str:
    """The layer's name as PyTorch takes it: without points."""
    return layer.name.replace(".", "/")
