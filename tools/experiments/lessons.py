"""How a network is taught: batches of a task's training images, and the loss on them. PyTorch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from tools.experiments.datasets import Bytes, Images, scaled, scenes, views
from tools.experiments.networks import Network
from tools.experiments.plans import BOX_OUTPUTS, CELL
from tools.experiments.tasks import window_centres

MARGIN: Final = 0.3
"""By which a picture of the same instance should be nearer than one of another, in squared distance."""
NEGATIVES: Final = 5
"""Of one triplet: the nearest wrong ones of the batch. The paper's batches hold 1 + 1 + 5 images."""

Batch = tuple[Tensor, ...]


class Lesson(ABC):
    """Training images of one task."""

    batch_size: int

    @abstractmethod
    def batches(self, seed: int) -> Iterator[Batch]:
        """The batches of one epoch; `seed` decides on their order, and on what is made up."""

    @abstractmethod
    def loss(self, network: Network, batch: Batch) -> Tensor:
        """What is to become small."""


class Classifying(Lesson):
    """Cross entropy of the class; each epoch mirrors and shifts images anew."""

    batch_size = 128

    def __init__(self, training: Images) -> None:
        self._training = training

    def batches(self, seed: int) -> Iterator[Batch]:
        """Images and labels."""
        rng = np.random.default_rng(seed)
        for chosen in _chunks(rng.permutation(len(self._training)), self.batch_size):
            yield _tensor(_shifted(self._training.images[chosen], rng)), torch.from_numpy(self._training.labels[chosen])

    def loss(self, network: Network, batch: Batch) -> Tensor:
        """Cross entropy."""
        images, labels = batch
        return nn.functional.cross_entropy(network(images).float(), labels)


class Retrieving(Lesson):
    """Triplet loss: two views of each image; of the views of other images in the batch the nearest are pushed off."""

    batch_size = 64

    def __init__(self, training: Images) -> None:
        self._training = training

    def batches(self, seed: int) -> Iterator[Batch]:
        """Two views of half of the images; view i and view batch + i show the same."""
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(self._training))[: max(len(self._training) // 2, 1)]
        pictures = [views(self._training.images[order], 2 * seed + each) for each in range(2)]
        for chosen in _chunks(np.arange(len(order)), self.batch_size):
            yield (_tensor(np.concatenate([each[chosen] for each in pictures])),)

    def loss(self, network: Network, batch: Batch) -> Tensor:
        """Mean hinge over anchors and their hardest negatives."""
        codes = network(batch[0])
        anchors, positives = codes.chunk(2)
        others = 2 - 2 * anchors @ codes.T
        own = torch.arange(len(anchors))
        others[own, own] = others[own, own + len(anchors)] = torch.inf
        right = (anchors - positives).square().sum(1, keepdim=True)
        wrong = others.topk(min(NEGATIVES, len(codes) - 2), largest=False).values
        return nn.functional.relu(MARGIN + right - wrong).mean()


class Detecting(Lesson):
    """Scenes made up anew each epoch: whether each window is the nearest to an object, and its box and class."""

    batch_size = 32

    def __init__(self, training: Images) -> None:
        self._training = training

    def batches(self, seed: int) -> Iterator[Batch]:
        """Images, and for each window: 1 or 0, the box as the head says it, the class."""
        made = scenes(self._training, max(len(self._training) // 4, 1), seed)
        targets = _targets(made.boxes, made.labels)
        for chosen in _chunks(np.arange(len(made.labels)), self.batch_size):
            yield _tensor(made.images[chosen]), *(torch.from_numpy(each[chosen]) for each in targets)

    def loss(self, network: Network, batch: Batch) -> Tensor:
        """Binary cross entropy over all windows; smooth L1 and cross entropy over those with an object."""
        images, there, boxes, labels = batch
        said = network(images).float().flatten(2).transpose(1, 2)
        is_there = there > 0
        presence = nn.functional.binary_cross_entropy_with_logits(said[..., 0], there)
        place = nn.functional.smooth_l1_loss(said[..., 1:BOX_OUTPUTS][is_there], boxes[is_there])
        kind = nn.functional.cross_entropy(said[..., BOX_OUTPUTS:][is_there], labels[is_there])
        return 4 * presence + place + kind


def _targets(boxes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each window, row by row: presence (N, 25), box (N, 25, 4), class (N, 25)."""
    centres = window_centres(5)
    count, windows = len(labels), len(centres) ** 2
    there, wanted = np.zeros((count, windows), np.float32), np.zeros((count, windows, 4), np.float32)
    kinds = np.zeros((count, windows), np.int64)
    middle, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    cell = np.abs(middle[..., None] - centres).argmin(-1)
    for scene, place in zip(*np.nonzero(labels >= 0), strict=True):
        column, row = cell[scene, place]
        window = row * len(centres) + column
        there[scene, window] = 1
        wanted[scene, window, :2] = (middle[scene, place] - centres[[column, row]]) / CELL
        wanted[scene, window, 2:] = np.log(size[scene, place] / (4 * CELL))
        kinds[scene, window] = labels[scene, place]
    return there, wanted, kinds


def _shifted(images: Bytes, rng: np.random.Generator) -> Bytes:
    """Half of them mirrored; each batch shifted by up to three pixels."""
    mirrored = rng.random(len(images)) < 0.5
    images = np.where(mirrored[:, None, None, None], images[..., ::-1], images)
    return np.roll(images, rng.integers(-3, 4, 2), axis=(2, 3))


def _chunks(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Parts of `size`; what is left over is left out, unless it is all there is."""
    stop = max(len(order) // size * size, min(len(order), size))
    return (order[start : start + size] for start in range(0, stop, size))


def _tensor(images: Bytes) -> Tensor:
    return torch.from_numpy(scaled(images)).contiguous(memory_format=torch.channels_last)
