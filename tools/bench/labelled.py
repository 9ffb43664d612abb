"""Networks with a labelled data set: top-1 of the example networks, and of ResNet-56 on CIFAR-10 images of DATA.

The ResNet is stored as weights alone; its graph is written here. Its images are JPEG files, which need Pillow.
"""

from __future__ import annotations

import importlib.util
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import nncodec
from nncodec import Model
from nncodec.model import NUMPY_DTYPES

EXAMPLES = Path(__file__).parents[2] / "examples"
_BATCH = 500
_RESNET = "models/resnet56-4bfd9763.safetensors"
_CIFAR = "datasets/cifar10-jpeg-30k/cifar10-jpeg-30k.tar.xz"
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_STAGES = ((1, 16), (2, 32), (3, 64))
_BLOCKS = 9

Images = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Labelled:
    """A model with images and labels; `write` makes an ONNX file of it or of what it decodes to."""

    name: str
    model: Model
    images: Images
    labels: npt.NDArray[np.int64]
    write: Callable[[Model, Path], None]

    def scores(self, model: Model) -> npt.NDArray[np.float64]:
        """What `model`, in place of the original, says of every image."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            self.write(model, path)
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        parts = [self.images[first : first + _BATCH] for first in range(0, len(self.images), _BATCH)]
        return np.concatenate([np.asarray(session.run(None, {name: part})[0], np.float64) for part in parts])

    def top_1(self, scores: npt.NDArray[np.float64]) -> float:
        """Images told rightly, in per cent."""
        return float(100 * (scores.argmax(1) == self.labels).mean())


def labelled(data: Path) -> Iterator[Labelled]:
    """The example networks, and what of DATA can be measured."""
    with np.load(EXAMPLES / "digits-test.npz") as archive:
        images, labels = archive["x"], archive["labels"].astype(np.int64)
    for name in ("digits-v1", "digits-v2", "digits-variant"):
        kinds = labels % 2 if name == "digits-variant" else labels
        yield Labelled(name, nncodec.load(EXAMPLES / f"{name}.onnx"), images, kinds, nncodec.save)
    if (data / _CIFAR).exists() and importlib.util.find_spec("PIL") is not None:
        yield Labelled("resnet56-4bfd9763", nncodec.load(data / _RESNET), *cifar(data / _CIFAR), write_resnet)


@cache
def cifar(path: Path) -> tuple[Images, npt.NDArray[np.int64]]:
    """The test images, as the ResNet was trained on them, and their classes in alphabetical order."""
    from PIL import Image  # noqa: PLC0415 - this set alone needs it

    found: list[tuple[str, npt.NDArray[np.uint8]]] = []
    with tarfile.open(path) as archive:
        for member in archive:
            if "test/" in member.name and member.name.endswith(".jpg"):
                file = archive.extractfile(member)
                if file is not None:
                    found.append((member.name.split("/")[-2], np.asarray(Image.open(io.BytesIO(file.read())))))
    names = sorted({name for name, _ in found})
    images = np.stack([image for _, image in found]).astype(np.float32) / 255
    images = (images - np.float32(_MEAN)) / np.float32(_DEVIATION)
    return images.transpose(0, 3, 1, 2).copy(), np.array([names.index(name) for name, _ in found])


class _Graph:
    """Nodes one after another; weights by the names of the state dictionary."""

    def __init__(self, model: Model) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants = [
            numpy_helper.from_array(
                np.frombuffer(tensor.data, NUMPY_DTYPES[tensor.dtype]).reshape(tensor.shape),
                tensor.name.removeprefix("state_dict/"),
            )
            for tensor in model.tensors
        ]

    def add(self, kind: str, inputs: list[str], **attributes: object) -> str:
        output = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, values: list[int]) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def convolution(self, value: str, place: str, number: str, stride: int) -> str:
        """3 x 3, then batch normalisation."""
        weight = f"{place}conv{number}.weight"
        value = self.add("Conv", [value, weight], pads=[1, 1, 1, 1], strides=[stride, stride])
        parts = [f"{place}bn{number}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        return self.add("BatchNormalization", [value, *parts])

    def shortcut(self, value: str, channels: int) -> str:
        """Every other pixel, and zeros for the new channels on both sides."""
        places = [self.constant(numbers) for numbers in ([0, 0], [2**31, 2**31], [2, 3], [2, 2])]
        value = self.add("Slice", [value, *places])
        more = channels // 4
        return self.add("Pad", [value, self.constant([0, more, 0, 0, 0, more, 0, 0])])


def write_resnet(model: Model, path: Path) -> None:
    """ResNet-56 for CIFAR (He et al.; shortcuts without weights) with the weights of `model`."""
    graph = _Graph(model)
    value = graph.add("Relu", [graph.convolution("image", "", "1", 1)])
    for stage, channels in _STAGES:
        for block in range(_BLOCKS):
            narrows = stage > 1 and block == 0
            place = f"layer{stage}.{block}."
            inner = graph.add("Relu", [graph.convolution(value, place, "1", 2 if narrows else 1)])
            outer = graph.convolution(inner, place, "2", 1)
            beside = graph.shortcut(value, channels) if narrows else value
            value = graph.add("Relu", [graph.add("Add", [outer, beside])])
    value = graph.add("Flatten", [graph.add("GlobalAveragePool", [value])])
    value = graph.add("Gemm", [value, "linear.weight", "linear.bias"], transB=1)
    image = helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["batch", 3, 32, 32])
    scores = helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, ["batch", 10])
    made = helper.make_graph(graph.nodes, "resnet56", [image], [scores], graph.constants)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
