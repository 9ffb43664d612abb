"""Train the three small networks of examples/ and write them as ONNX files, with the images to test them on.

Run it as `python tools/train_examples.py`, with the extra `experiments`. Everything is
seeded and single-threaded: on one machine a rerun gives the same bytes. Another processor or another release of PyTorch
may sum in another order; the weights then differ in their last bits, and the accuracies by an image or two.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from torch import Tensor, nn

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TRAINING_IMAGES = 1257
"""The rest, 540 images, is for testing. The data set keeps its own order, in which neighbours look alike: testing on
its end shows more of what a network has not learnt than testing on a random part would."""
EARLY_IMAGES = 400
"""What version 1 has to learn from; version 2 goes on with all of TRAINING_IMAGES, as if new data had come in."""
GREY_LEVELS = 16.0
CHANNELS = (1, 32, 48, 64)
STRIDES = (1, 1, 2)
BATCH = 32
OPSET = 17
IR_VERSION = 8


class DigitsNet(nn.Module):
    """Three times convolution, batch normalisation and ReLU; then the mean over the image and one linear layer."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        for index, stride in enumerate(STRIDES, start=1):
            convolution = nn.Conv2d(*CHANNELS[index - 1 : index + 1], 3, stride=stride, padding=1, bias=False)
            self.add_module(f"conv{index}", convolution)
            self.add_module(f"bn{index}", nn.BatchNorm2d(CHANNELS[index]))
        self.fc = nn.Linear(CHANNELS[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the classes, one row for each image."""
        for index in range(1, len(STRIDES) + 1):
            images = self.get_submodule(f"conv{index}")(images)
            images = torch.relu(self.get_submodule(f"bn{index}")(images))
        scores: Tensor = self.fc(images.mean(dim=(2, 3)))
        return scores


@dataclass(frozen=True)
class Course:
    """How one network is trained. Layers whose names begin like one of `frozen` stay as they are."""

    epochs: int
    rate: float
    seed: int
    frozen: tuple[str, ...] = ()


V1 = Course(epochs=12, rate=2e-3, seed=1)
V2 = Course(epochs=8, rate=3e-4, seed=2)
VARIANT = Course(epochs=6, rate=1e-3, seed=3, frozen=("conv1", "bn1", "conv2", "bn2"))


@dataclass(frozen=True)
class Labelled:
    """Images in [0, 1] with the class of each."""

    images: Tensor
    labels: Tensor

    def first(self, count: int) -> Labelled:
        """The first `count` images."""
        return Labelled(self.images[:count], self.labels[:count])

    def parity(self) -> Labelled:
        """The same images with another task: 0 for an even digit, 1 for an odd one."""
        return Labelled(self.images, self.labels % 2)


def train(network: DigitsNet, data: Labelled, course: Course) -> DigitsNet:
    """Train `network` in place on `data`, and return it ready for use."""
    shuffle = torch.Generator().manual_seed(course.seed)
    _set_training(network, course.frozen)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=course.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, course.epochs)
    for _ in range(course.epochs):
        for batch in torch.randperm(len(data.labels), generator=shuffle).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(data.images[batch]), data.labels[batch]).backward()
            optimiser.step()
        schedule.step()
    return network.eval()


def _set_training(network: DigitsNet, frozen: tuple[str, ...]) -> None:
    network.train()
    for name, layer in network.named_children():
        if name in frozen:
            layer.eval()  # a frozen batch normalisation must not go on averaging either
            layer.requires_grad_(requires_grad=False)


def successor(network: DigitsNet, classes: int) -> DigitsNet:
    """A copy of `network` to train on; with another number of classes its last layer begins anew."""
    copy = DigitsNet(classes)
    kept = {key: value for key, value in network.state_dict().items() if value.shape == copy.state_dict()[key].shape}
    copy.load_state_dict(kept, strict=False)
    return copy


def accuracy(network: DigitsNet, data: Labelled) -> float:
    """Share of the images that `network` tells right."""
    with torch.no_grad():
        return float((network(data.images).argmax(1) == data.labels).double().mean())


def to_onnx(network: DigitsNet, name: str) -> onnx.ModelProto:
    """The network as an ONNX model whose tensors bear the names they have in PyTorch."""
    weights = {key: value.numpy() for key, value in network.state_dict().items() if "num_batches" not in key}
    classes = len(weights["fc.bias"])
    graph = helper.make_graph(
        _nodes(),
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="train_examples")
    onnx.checker.check_model(model, full_check=True)
    return model


def _nodes() -> list[onnx.NodeProto]:
    value, nodes = "image", []
    for index, stride in enumerate(STRIDES, start=1):
        nodes += _block(index, stride, value)
        value = f"relu{index}"
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["mean"], "mean"))
    nodes.append(helper.make_node("Flatten", ["mean"], ["features"], "features"))
    nodes.append(helper.make_node("Gemm", ["features", "fc.weight", "fc.bias"], ["scores"], "fc", transB=1))
    return nodes


def _block(index: int, stride: int, value: str) -> list[onnx.NodeProto]:
    conv, bn, relu = f"conv{index}", f"bn{index}", f"relu{index}"
    window = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [stride, stride]}
    statistics = [f"{bn}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
    return [
        helper.make_node("Conv", [value, f"{conv}.weight"], [conv], conv, **window),
        helper.make_node("BatchNormalization", [conv, *statistics], [bn], bn, epsilon=1e-5),
        helper.make_node("Relu", [bn], [relu], relu),
    ]


def load_data() -> Labelled:
    """All images in the data set's own order."""
    digits = load_digits()
    scaled = torch.from_numpy(digits.images.astype(np.float32)[:, None] / np.float32(GREY_LEVELS))
    return Labelled(scaled, torch.from_numpy(digits.target.astype(np.int64)))


def write_test(data: Labelled, path: Path) -> None:
    """Write `data` as arrays that `nnenc --eval` takes: `x` as the networks want it, and `labels`."""
    np.savez_compressed(path, x=data.images.numpy(), labels=data.labels.numpy().astype(np.uint8))


def make_networks(training: Labelled) -> dict[str, DigitsNet]:
    """The three networks by name. Versions 2 and variant both descend from version 1."""
    torch.manual_seed(0)
    first = train(DigitsNet(10), training.first(EARLY_IMAGES), V1)
    second = train(successor(first, 10), training, V2)
    variant = train(successor(first, 2), training.parity(), VARIANT)
    return {"digits-v1": first, "digits-v2": second, "digits-variant": variant}


def main() -> None:
    """Train, report accuracies and digests, write the files."""
    parser = argparse.ArgumentParser(description="train the example networks and write them as ONNX files")
    parser.add_argument("-o", "--out", type=Path, default=EXAMPLES, help="folder to write to (default: examples/)")
    out: Path = parser.parse_args().out
    torch.use_deterministic_algorithms(mode=True)
    torch.set_num_threads(1)
    data = load_data()
    test = Labelled(data.images[TRAINING_IMAGES:], data.labels[TRAINING_IMAGES:])
    out.mkdir(parents=True, exist_ok=True)
    for name, network in make_networks(data.first(TRAINING_IMAGES)).items():
        content = to_onnx(network, name).SerializeToString(deterministic=True)
        (out / f"{name}.onnx").write_bytes(content)
        right = accuracy(network, test.parity() if name == "digits-variant" else test)
        print(f"{name:15} {len(content):7} bytes  accuracy {right:.2%}  SHA-256 {hashlib.sha256(content).hexdigest()}")
    write_test(test, out / "digits-test.npz")
    write_test(test.parity(), out / "digits-variant-test.npz")


if __name__ == "__main__":
    main()
