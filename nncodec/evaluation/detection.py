"""Detection (informative): mean average precision at an overlap of 1/2, over all points of the curve.

The rule is that of the PASCAL VOC challenge from 2010 on: a detection belongs to the box of its class and image that it
overlaps most; it is right if that overlap, intersection over union, is at least 1/2 and no detection of a higher score
has the box. Average precision is the area below the precision that is reached at each recall or beyond.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.errors import EncodeError

Array = npt.NDArray[Any]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST_OVERLAP: Final = 0.5


def mean_average_precision(detections: Array, boxes: Array, labels: Array) -> float:
    """The mean, over the classes that occur in `labels`, of their average precisions; in [0, 1].

    detections: (N, K, 6), of N images at most K each: x1, y1, x2, y2, score, class; a score of 0 or less means none.
    This is how graphs are exported with their non-maximum suppression; what comes in another form takes a callable of
    the user's own. boxes: (N, B, 4), x1, y1, x2, y2 of the boxes that are there, in the same units. labels: (N, B),
    integers, their classes, negative for none.

    Raises EncodeError where the shapes do not go together, a detection is no finite number, or there is no box.
    """
    _check(detections, boxes, labels)
    found = detections.astype(np.float64)
    classes = np.unique(labels[labels >= 0])
    if not classes.size:
        raise EncodeError("no label is 0 or more: there is no box to find")
    precisions = [_average_precision(found, boxes.astype(np.float64), labels == kind, int(kind)) for kind in classes]
    return float(np.mean(precisions))


def _check(detections: Array, boxes: Array, labels: Array) -> None:
    if detections.ndim != 3 or detections.shape[2] != 6:
        what = "detections must be of shape (N, K, 6): x1, y1, x2, y2, score, class"
        raise EncodeError(f"{what}; the graph's first output is of shape {detections.shape}")
    images = detections.shape[0]
    if boxes.ndim != 3 or boxes.shape[0] != images or boxes.shape[2] != 4 or labels.shape != boxes.shape[:2]:
        what = f"boxes of shape {boxes.shape} and labels of shape {labels.shape} do not go with {images} images"
        raise EncodeError(f"{what}: they take (N, B, 4) and (N, B)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise EncodeError(f"labels must be integers, not {labels.dtype}")
    if not (np.isfinite(detections).all() and np.isfinite(boxes[labels >= 0]).all()):
        raise EncodeError("detections and boxes must be finite numbers")


def _average_precision(found: Float64s, boxes: Float64s, is_there: Bools, kind: int) -> float:
    """Average precision of one class; `is_there`: which of `boxes` are of it."""
    images, places = np.nonzero((found[:, :, 5] == kind) & (found[:, :, 4] > 0))
    order = np.argsort(-found[images, places, 4], kind="stable")
    free = is_there.copy()
    right = np.array(
        [
            _take(found[i, k, :4], boxes[i], is_there[i], free[i])
            for i, k in zip(images[order], places[order], strict=True)
        ],
        bool,
    )
    hits = np.cumsum(right)
    precision = hits / np.arange(1, hits.size + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[right].sum() / np.count_nonzero(is_there))


def _take(detection: Float64s, boxes: Float64s, is_there: Bools, free: Bools) -> bool:
    """Whether `detection` is right; the box that it is right about is then no longer `free`."""
    overlaps = np.where(is_there, _overlaps(detection, boxes), -1.0)
    best = int(np.argmax(overlaps)) if overlaps.size else -1
    if best < 0 or overlaps[best] < LEAST_OVERLAP or not free[best]:
        return False
    free[best] = False
    return True


def _overlaps(detection: Float64s, boxes: Float64s) -> Float64s:
    """Intersection over union with each of `boxes`; 0 where the union is nothing."""
    low, high = np.maximum(detection[:2], boxes[:, :2]), np.minimum(detection[2:], boxes[:, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=1)
    union = _area(detection[None]) + _area(boxes) - both
    return np.asarray(np.divide(both, union, out=np.zeros_like(both), where=union > 0))


def _area(boxes: Float64s) -> Float64s:
    return np.asarray(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))
