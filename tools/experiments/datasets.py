"""Images to train and test on: Fashion-MNIST and a part of CIFAR-10 from DATA/datasets, or digits drawn as large.

All images are 3 x 32 x 32 bytes. Scenes for the detector and views for retrieval are made from them.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

SIZE: Final = 32
SCENE: Final = 64
MOST_OBJECTS: Final = 2
_CIFAR: Final = "datasets/cifar10-jpeg-30k/cifar10-jpeg-30k.tar.xz"
_FASHION: Final = "datasets/fashion-mnist/{}-{}-idx{}-ubyte.gz"
_FASHION_SHUFFLE: Final = 7
_MIDDLE: Final = 127.5
_IMAGE_HEADER, _LABEL_HEADER = 16, 8
_DIGITS_FOR_TRAINING: Final = 1257
_GREY_LEVELS: Final = 16


@dataclass(frozen=True, eq=False)
class Images:
    """images: (N, 3, 32, 32) bytes; labels: (N,), the class of each, of `classes`."""

    images: Bytes
    labels: Labels
    classes: int = 10

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Images:
        """The first `count`."""
        return Images(self.images[:count], self.labels[:count], self.classes)

    def shard(self, index: int, count: int) -> Images:
        """Every `count`-th, from number `index` on: disjoint parts that look alike."""
        return Images(self.images[index::count], self.labels[index::count], self.classes)


@dataclass(frozen=True, eq=False)
class Split:
    """Images to train on, and others to test on."""

    training: Images
    test: Images


def scaled(images: Bytes) -> Floats:
    """As networks take them: from -1 to 1."""
    return np.asarray(images.astype(np.float32) / np.float32(_MIDDLE) - np.float32(1))


@cache
def cifar(data: Path) -> Split:
    """20,000 and 10,000 images of CIFAR-10; needs Pillow, as they are stored as JPEG."""
    from PIL import Image  # noqa: PLC0415  of all the data sets this alone needs it

    found: dict[str, list[tuple[str, Bytes, int]]] = {"train": [], "test": []}
    classes: list[str] = []
    with tarfile.open(data / _CIFAR) as archive:
        for member in archive:
            *_, part, kind, name = ("", "", *Path(member.name).parts)
            file = archive.extractfile(member)
            if file is None or part not in found:
                continue
            if kind not in classes:
                classes.append(kind)
            pixels = np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB"))
            found[part].append((name, pixels.transpose(2, 0, 1), classes.index(kind)))
    order = {kind: place for place, kind in enumerate(sorted(classes))}
    ranks = np.array([order[kind] for kind in classes])
    return Split(*(_stacked(found[part], ranks) for part in ("train", "test")))


def _stacked(found: list[tuple[str, Bytes, int]], ranks: Labels) -> Images:
    images, labels = np.stack([pixels for _, pixels, _ in found]), ranks[[kind for *_, kind in found]]
    return _shuffled(Images(images, labels.astype(np.int64)))


@cache
def fashion(data: Path) -> Split:
    """60,000 and 10,000 images of Fashion-MNIST, grey, in the middle of a black square."""
    return Split(*(_shuffled(_idx(data, part)) for part in ("train", "t10k")))


def _idx(data: Path, part: str) -> Images:
    images, labels = (
        np.frombuffer(gzip.decompress((data / _FASHION.format(part, what, rank)).read_bytes()), np.uint8, offset=skip)
        for what, rank, skip in (("images", 3, _IMAGE_HEADER), ("labels", 1, _LABEL_HEADER))
    )
    framed = np.pad(images.reshape(-1, 28, 28), ((0, 0), (2, 2), (2, 2)))
    return Images(np.repeat(framed[:, None], 3, axis=1), labels.astype(np.int64))


def _shuffled(images: Images) -> Images:
    """In an order of no meaning, always the same: the files are sorted by class."""
    order = np.random.default_rng(_FASHION_SHUFFLE).permutation(len(images))
    return Images(images.images[order], images.labels[order], images.classes)


@cache
def digits() -> Split:
    """scikit-learn's digits, four times as large, each channel of another brightness: small, and always there."""
    raw = load_digits()
    large = np.kron(raw.images, np.ones((4, 4)))[:, None] * (np.array([1.0, 0.8, 0.6])[:, None, None])
    images = Images((large * (255 / _GREY_LEVELS)).astype(np.uint8), raw.target.astype(np.int64))
    count = _DIGITS_FOR_TRAINING
    return Split(images.first(count), Images(images.images[count:], images.labels[count:]))


def joined(one: Split, other: Split) -> Split:
    """Both, the classes of `other` counted behind those of `one`; of each as many images as the smaller has."""
    return Split(_joined(one.training, other.training), _joined(one.test, other.test))


def _joined(one: Images, other: Images) -> Images:
    count = min(len(one), len(other))
    one, other = one.first(count), other.first(count)
    labels = np.concatenate([one.labels, other.labels + one.classes])
    return _shuffled(Images(np.concatenate([one.images, other.images]), labels, one.classes + other.classes))


@dataclass(frozen=True, eq=False)
class Scenes:
    """images: (N, 3, 64, 64) bytes; boxes: (N, 2, 4), x1, y1, x2, y2 in pixels; labels: (N, 2), -1 for no object."""

    images: Bytes
    boxes: Floats
    labels: Labels


def scenes(source: Images, count: int, seed: int) -> Scenes:
    """`count` scenes: one or two objects of `source`, each on its side of a noisy background, 24 to 32 pixels large.

    Sides lie left and right or above and below one another. The corners of windows that the detector looks at lie on a
    grid, the objects do not.
    """
    rng = np.random.default_rng(seed)
    images = _backgrounds(count, rng)
    boxes, labels = np.zeros((count, MOST_OBJECTS, 4), np.float32), np.full((count, MOST_OBJECTS), -1, np.int64)
    for index in range(count):
        across = rng.integers(2)
        for place in rng.permutation(MOST_OBJECTS)[: rng.integers(1, MOST_OBJECTS + 1)]:
            chosen, size = int(rng.integers(len(source))), int(rng.integers(24, SIZE + 1))
            corner = rng.integers(0, (SCENE // 2 - size + 1, SCENE - size + 1))
            corner[0] += place * SCENE // 2
            top, left = corner[::-1] if across else corner
            images[index, :, top : top + size, left : left + size] = _resized(source.images[chosen], size)
            boxes[index, place] = left, top, left + size, top + size
            labels[index, place] = source.labels[chosen]
    return Scenes(images, boxes, labels)


def _backgrounds(count: int, rng: np.random.Generator) -> Bytes:
    """Blurred noise: squares of random colours, 8 pixels wide, under fine noise."""
    coarse = rng.integers(40, 200, (count, 3, SCENE // 8, SCENE // 8), dtype=np.uint8)
    fine = rng.integers(0, 56, (count, 3, SCENE, SCENE), dtype=np.uint8)
    return np.asarray(coarse.repeat(8, axis=2).repeat(8, axis=3) + fine)


def _resized(image: Bytes, size: int) -> Bytes:
    """The nearest pixels of a square image."""
    at = (np.arange(size) + 0.5) * (image.shape[-1] / size)
    index = at.astype(np.int64)
    return image[:, index[:, None], index[None, :]]


def views(source: Bytes, seed: int) -> Bytes:
    """Another picture of each image of `source`: a part of it, perhaps mirrored, in other light, with noise."""
    rng = np.random.default_rng(seed)
    made = np.empty_like(source)
    sizes = rng.integers(22, SIZE + 1, len(source))
    corners = rng.random((len(source), 2))
    mirrored = rng.random(len(source)) < 0.5
    for index, size in enumerate(sizes):
        top, left = (corners[index] * (SIZE - size + 1)).astype(int)
        part = _resized(source[index, :, top : top + size, left : left + size], SIZE)
        made[index] = part[:, :, ::-1] if mirrored[index] else part
    light = rng.uniform(0.7, 1.3, (len(source), 3, 1, 1)).astype(np.float32)
    shift = rng.uniform(-40, 40, (len(source), 1, 1, 1)).astype(np.float32)
    noise = rng.standard_normal(source.shape, dtype=np.float32) * np.float32(8)
    return np.asarray(np.clip(made * light + shift + noise, 0, 255).astype(np.uint8))
