"""What a network is for, as a number: top-1, mean average precision of retrieval or of detection, on unseen images."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec import Model
from nncodec.adapters.evaluation import runner
from nncodec.evaluation import divergence_utility, error_utility, mean_average_precision, top_k
from tools.experiments.datasets import Bytes, Images, Scenes, scaled, views
from tools.experiments.plans import BOX_OUTPUTS, CELL

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

VIEWS: Final = 4
"""Pictures of each instance; each is a query, and the others are to be found."""
GROUPS: Final = 20
"""Of scenes, for the standard error of what is no mean over them."""
_KEPT_OUTPUTS: Final = 4
_SEVERE_OVERLAP: Final = 0.45
"""Of two detections of a class that overlap more, the surer one stands."""
_NO_DETECTION: Final = 0.02
"""Detections less sure than this are not counted."""


class Task(ABC):
    """A data set to test on, and how outputs on it are judged.

    key: names task and data, for what is kept on disk. metric: name of the utility.
    """

    metric: str

    def __init__(self, key: str, images: Bytes) -> None:
        self.key = key
        self._inputs = {"image": scaled(images)}
        self._known: OrderedDict[bytes, Array] = OrderedDict()

    def utility(self, model: Model) -> float:
        """How well `model` does, in [0, 1]; 0 where its outputs are no numbers any more."""
        outputs = self.outputs(model)
        return self.score(outputs) if np.isfinite(outputs).all() else 0.0

    def outputs(self, model: Model) -> Array:
        """What `model` says of each test image; those of the last few models are kept."""
        key = model.content_id
        if key not in self._known:
            self._known[key] = runner(model).run(self._inputs)[0]
            while len(self._known) > _KEPT_OUTPUTS:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def departure(self, model: Model, original: Model) -> float:
        """How far the outputs of `model` are from those of `original`: squared error over variance; inf for NaN."""
        outputs = self.outputs(model)
        return self._departure(outputs, self.outputs(original)) if np.isfinite(outputs).all() else math.inf

    def standard_error(self, model: Model, other: Model | None = None) -> float:
        """Of the utility of `model`, by the test samples; with `other`, of the difference on the same samples."""
        shares = self.shares(self.outputs(model))
        if other is not None:
            shares = shares - self.shares(self.outputs(other))
        return float(np.std(shares, ddof=1)) / math.sqrt(len(shares))

    @abstractmethod
    def score(self, outputs: Array) -> float:
        """The utility of these outputs."""

    @abstractmethod
    def shares(self, outputs: Array) -> Floats:
        """What independent samples, or groups of them, say of the utility, which is the mean of that."""

    @property
    @abstractmethod
    def samples(self) -> int:
        """Over how many independent samples a utility is a mean: for its confidence interval."""

    def _departure(self, outputs: Array, originals: Array) -> float:
        return 1 / error_utility([outputs], [originals]) - 1


class Classification(Task):
    """Top-1 accuracy; departure is the mean K-L divergence of class probabilities, in nats."""

    metric = "top-1"

    def __init__(self, key: str, test: Images) -> None:
        super().__init__(key, test.images)
        self._labels = test.labels

    def score(self, outputs: Array) -> float:
        """Share of images told right."""
        return top_k(outputs, self._labels, 1)

    def shares(self, outputs: Array) -> Floats:
        """Of each image, whether it is told right."""
        return np.asarray(outputs.argmax(axis=1) == self._labels, np.float64)

    @property
    def samples(self) -> int:
        """Images."""
        return len(self._labels)

    def _departure(self, outputs: Array, originals: Array) -> float:
        return -math.log(divergence_utility([outputs], [originals]))


class Retrieval(Task):
    """Mean average precision of instance retrieval: of each picture, the other pictures of the same instance."""

    metric = "mAP"

    def __init__(self, key: str, instances: Images, seed: int = 11) -> None:
        self._instances = len(instances)
        pictures = [instances.images, *(views(instances.images, seed + each) for each in range(1, VIEWS))]
        super().__init__(key, np.concatenate(pictures))

    def score(self, outputs: Array) -> float:
        """outputs: (VIEWS * N, E) embeddings of length 1, the first pictures of all instances, then the second ..."""
        return float(np.mean(self.shares(outputs)))

    def shares(self, outputs: Array) -> Floats:
        """Of each instance, the average precision of its pictures."""
        nearness = outputs @ outputs.T
        np.fill_diagonal(nearness, -np.inf)
        instance = np.arange(len(outputs)) % self._instances
        order = np.argsort(-nearness, axis=1, kind="stable")[:, :-1]
        right = instance[order] == instance[:, None]
        precision = np.cumsum(right, axis=1) / np.arange(1, right.shape[1] + 1)
        of_pictures = np.sum(precision * right, axis=1) / (VIEWS - 1)
        return np.asarray(of_pictures.reshape(VIEWS, -1).mean(axis=0))

    @property
    def samples(self) -> int:
        """Instances: the pictures of one are not independent."""
        return self._instances


class Detection(Task):
    """Mean average precision of boxes at an overlap of 1/2."""

    metric = "mAP"

    def __init__(self, key: str, test: Scenes) -> None:
        super().__init__(key, test.images)
        self._test = test

    def score(self, outputs: Array) -> float:
        """outputs: (N, 5 + classes, rows, columns) of the detector's windows."""
        return self._precision(detections(outputs), np.ones(len(outputs), bool))

    def shares(self, outputs: Array) -> Floats:
        """The pseudovalues of a jackknife that leaves out one group of scenes at a time."""
        found, group = detections(outputs), np.arange(len(outputs)) % GROUPS
        left = np.array([self._precision(found, group != each) for each in range(GROUPS)])
        return np.asarray(GROUPS * self._precision(found, group >= 0) - (GROUPS - 1) * left)

    def _precision(self, found: Floats, kept: npt.NDArray[np.bool_]) -> float:
        return mean_average_precision(found[kept], self._test.boxes[kept], self._test.labels[kept])

    @property
    def samples(self) -> int:
        """Scenes."""
        return len(self._test.labels)


def window_centres(count: int) -> npt.NDArray[np.float32]:
    """Centres in pixels of `count` windows along one axis; the first covers pixels 0 to 31."""
    return np.asarray(np.arange(count, dtype=np.float32) * CELL + 2 * CELL)


def detections(outputs: Array) -> Floats:
    """(N, K, 6): x1, y1, x2, y2, score, class of the best class of each window; score 0 where another box stands."""
    count, _, rows, columns = outputs.shape
    wide = outputs.astype(np.float64).reshape(count, outputs.shape[1], -1)
    y, x = (axis.ravel() for axis in np.meshgrid(window_centres(rows), window_centres(columns), indexing="ij"))
    centre = np.stack([x, y], axis=1) + wide[:, 1:3].transpose(0, 2, 1) * CELL
    half = np.exp(np.clip(wide[:, 3:5], -3, 3)).transpose(0, 2, 1) * (2 * CELL)
    shares = wide[:, BOX_OUTPUTS:] - wide[:, BOX_OUTPUTS:].max(axis=1, keepdims=True)
    shares = np.exp(shares) / np.exp(shares).sum(axis=1, keepdims=True)
    score = shares.max(axis=1) / (1 + np.exp(-np.clip(wide[:, 0], -50, 50)))
    found = np.concatenate([centre - half, centre + half, score[..., None], shares.argmax(axis=1)[..., None]], axis=2)
    return _without_doubles(found)


def _without_doubles(found: Floats) -> Floats:
    """Non-maximum suppression, all images at once: window by window from the surest on."""
    found = np.take_along_axis(found, np.argsort(-found[:, :, 4], axis=1, kind="stable")[..., None], axis=1)
    found[:, :, 4] *= found[:, :, 4] >= _NO_DETECTION
    for place in range(found.shape[1] - 1):
        first, rest = found[:, place : place + 1], found[:, place + 1 :]
        stands = (first[..., 4] > 0) & (first[..., 5] == rest[..., 5]) & (_overlaps(first, rest) > _SEVERE_OVERLAP)
        rest[..., 4][stands] = 0
    return found


def _overlaps(first: Floats, rest: Floats) -> Floats:
    low, high = np.maximum(first[..., :2], rest[..., :2]), np.minimum(first[..., 2:4], rest[..., 2:4])
    both = np.prod(np.maximum(high - low, 0), axis=-1)
    area = [np.prod(each[..., 2:4] - each[..., :2], axis=-1) for each in (first, rest)]
    return np.asarray(both / (area[0] + area[1] - both))
