"""Networks as plans: a plan is a short list of layers, which PyTorch trains and ONNX stores; both read the same list.

Widths follow the paper's networks at a size that two cores train in minutes: VGG-style without normalisation, and
ResNet-style with it. Images are 3 x 32 x 32; the detector's are 3 x 64 x 64, and the rest of the network is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

CELL: Final = 8
"""Pixels of the image between neighbouring cells of the detector; its windows are 32 pixels wide."""
BOX_OUTPUTS: Final = 5
"""Of a cell, before the scores of classes: whether an object is there, its offset (x, y), its log size (x, y)."""


@dataclass(frozen=True)
class Layer:
    """One operation of a plan: `kind` of `inputs` (values by the name of the layer that makes them; "image" begins).

    channels: in and out, of those that have weights. kernel, stride, padding: of windows.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    channels: tuple[int, int] = (0, 0)
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    has_bias: bool = True


@dataclass(frozen=True)
class Plan:
    """Layers in the order in which they are carried out; the last one is the output. size: of the image, in pixels."""

    layers: tuple[Layer, ...]
    size: int = 32

    @property
    def output(self) -> str:
        """The value that leaves the network."""
        return self.layers[-1].name


class _Drawing:
    """Layers put one behind the other."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.last = "image"

    def add(self, kind: str, name: str, *others: str, **window: int | bool | tuple[int, int]) -> str:
        self.layers.append(Layer(kind, name, (self.last, *others), **window))  # type: ignore[arg-type]
        self.last = name
        return name


@dataclass(frozen=True)
class Widths:
    """Channels of the stages; `dense`: of fc6; `embedding`: of what a retrieval network says of an image."""

    stages: tuple[int, int, int, int] = (24, 48, 96, 128)
    dense: int = 256
    embedding: int = 64


VGG: Final = Widths()
RESNET: Final = Widths(stages=(24, 48, 96, 192))
TINY: Final = Widths(stages=(4, 6, 8, 12), dense=16, embedding=8)


def vgg_classifier(widths: Widths, classes: int) -> Plan:
    """conv1 to conv4, three poolings, fc6 over what is left of the image, fc8."""
    drawing = _vgg(widths)
    _fc6(drawing, widths)
    drawing.add("flatten", "code")
    drawing.add("linear", "fc8", channels=(widths.dense, classes))
    return Plan(tuple(drawing.layers))


def vgg_retriever(widths: Widths) -> Plan:
    """conv1 to conv4 as in the classifier, their mean over the image, an embedding of length 1."""
    return _retriever(_vgg(widths), widths)


def vgg_detector(widths: Widths, classes: int) -> Plan:
    """The classifier up to fc6, run over a larger image; one layer more says of each window what is in it."""
    drawing = _vgg(widths)
    _fc6(drawing, widths)
    drawing.add("conv", "head", channels=(widths.dense, BOX_OUTPUTS + classes))
    return Plan(tuple(drawing.layers), size=64)


def resnet_classifier(widths: Widths, classes: int) -> Plan:
    """A stem of stride 2, four residual stages, the mean over the image, fc."""
    drawing = _resnet(widths)
    drawing.add("mean", "mean")
    drawing.add("flatten", "code")
    drawing.add("linear", "fc", channels=(widths.stages[-1], classes))
    return Plan(tuple(drawing.layers))


def resnet_retriever(widths: Widths) -> Plan:
    """The classifier's stages with an embedding of length 1."""
    return _retriever(_resnet(widths), widths)


def _vgg(widths: Widths) -> _Drawing:
    drawing, before = _Drawing(), 3
    for index, width in enumerate(widths.stages, start=1):
        drawing.add("conv", f"conv{index}", channels=(before, width), kernel=3, padding=1)
        drawing.add("relu", f"relu{index}")
        if index < len(widths.stages):
            drawing.add("pool", f"pool{index}", kernel=2, stride=2)
        before = width
    return drawing


def _fc6(drawing: _Drawing, widths: Widths) -> None:
    drawing.add("conv", "fc6", channels=(widths.stages[-1], widths.dense), kernel=4)
    drawing.add("relu", "relu6")


def _retriever(drawing: _Drawing, widths: Widths) -> Plan:
    drawing.add("mean", "mean")
    drawing.add("flatten", "code")
    drawing.add("linear", "embed", channels=(widths.stages[-1], widths.embedding))
    drawing.add("normalise", "embedding")
    return Plan(tuple(drawing.layers))


def _resnet(widths: Widths) -> _Drawing:
    drawing = _Drawing()
    _conv_bn(drawing, "stem", (3, widths.stages[0]), stride=2)
    drawing.add("relu", "stem.relu")
    for index, (before, width) in enumerate(pairwise((widths.stages[0], *widths.stages)), start=1):
        _block(drawing, f"stage{index}", (before, width))
    return drawing


def _block(drawing: _Drawing, name: str, channels: tuple[int, int]) -> None:
    start, stride = drawing.last, 2 if channels[0] != channels[1] else 1
    _conv_bn(drawing, f"{name}.1", channels, stride)
    drawing.add("relu", f"{name}.relu1")
    branch = _conv_bn(drawing, f"{name}.2", (channels[1], channels[1]), 1)
    drawing.last = start
    if stride == 2:
        drawing.add("conv", f"{name}.skip", channels=channels, stride=2, has_bias=False)
    drawing.add("add", f"{name}.sum", branch)
    drawing.add("relu", f"{name}.relu2")


def _conv_bn(drawing: _Drawing, name: str, channels: tuple[int, int], stride: int) -> str:
    drawing.add("conv", f"{name}.conv", channels=channels, kernel=3, stride=stride, padding=1, has_bias=False)
    return drawing.add("bn", f"{name}.bn", channels=(channels[1], channels[1]))
