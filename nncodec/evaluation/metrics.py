"""Metrics (informative): from the outputs of a graph to a utility in [0, 1].

Classes lie along axis 1 of an output: scores (N, C) with labels (N), or (N, C, H, W) with (N, H, W), of N samples and C
classes. Labels count from 0; what has a negative label is not counted. Where a graph has several outputs, the first is
the one with scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.errors import EncodeError
from nncodec.evaluation.detection import mean_average_precision

Array = npt.NDArray[Any]
Float64s = npt.NDArray[np.float64]

_SUM_NEAR: Final = 1e-3
_TINIEST: Final = 1e-12
"""A probability of 0 counts as this, so that one flushed to 0 does not make a divergence infinite."""


@dataclass(frozen=True)
class Metric:
    """score(outputs, truth) is the utility; truth: the arrays named in `truth`, or the original's outputs if none is.

    Raises EncodeError where outputs and truth do not have the shapes that go together, or an output holds NaN.
    """

    truth: tuple[str, ...]
    score: Callable[[Sequence[Array], Sequence[Array]], float]


def top_k(scores: Array, labels: Array, k: int) -> float:
    """Share of samples whose label is among the `k` classes of the highest scores, of equals the first.

    scores: (N, C, ...), any real numbers; labels: (N, ...), integers. Raises EncodeError where they do not belong
    together, no label is counted, or there are no more than `k` classes.
    """
    _check_numbers([scores])
    scores, labels = _with_labels(scores, labels)
    classes = scores.shape[1]
    if classes <= k:
        raise EncodeError(f"top{k} of {classes} classes says nothing; take a smaller k")
    counted = labels >= 0
    if not counted.any() or int(labels.max()) >= classes:
        raise EncodeError(
            f"labels must be from 0 to {classes - 1}, or negative where not to be counted, but not all so"
        )
    own = np.take_along_axis(scores, np.expand_dims(np.maximum(labels, 0), 1), 1)
    before = np.arange(classes).reshape(-1, *[1] * (labels.ndim - 1)) < np.expand_dims(labels, 1)
    rank = np.sum((scores > own) | ((scores == own) & before), axis=1)
    return float(np.mean(rank[counted] < k))


def _with_labels(scores: Array, labels: Array) -> tuple[Array, Array]:
    """Both, once their shapes are seen to agree; axes of 1 behind the classes go where labels have none."""
    if not np.issubdtype(labels.dtype, np.integer):
        raise EncodeError(f"labels must be integers, not {labels.dtype}")
    if labels.ndim == 1 and scores.ndim > 2 and scores.shape[2:] == (1,) * (scores.ndim - 2):
        scores = scores.reshape(scores.shape[:2])
    if scores.ndim < 2 or scores.shape[:1] + scores.shape[2:] != labels.shape:
        what = f"scores of shape {scores.shape} do not go with labels of shape {labels.shape}"
        raise EncodeError(f"{what}: they take (N, C) with (N), or (N, C, H, W) with (N, H, W)")
    return scores, labels.astype(np.int64)


def error_utility(outputs: Sequence[Array], originals: Sequence[Array]) -> float:
    """1 / (1 + mean squared error / variance of the original), on average over the floating-point outputs.

    1 where nothing differs, 1/2 where the error is as large as what the outputs say. An output that never varies counts
    1 where it is the same, else 0. Raises EncodeError where the outputs do not have the shapes of the originals.
    """
    pairs = _floating_pairs(outputs, originals)
    return float(np.mean([_error_utility(output, original) for output, original in pairs]))


def _error_utility(output: Array, original: Array) -> float:
    wide, reference = output.astype(np.float64), original.astype(np.float64)
    error, variance = float(np.mean(np.square(wide - reference))), float(np.var(reference))
    return variance / (variance + error) if error else 1.0


def divergence_utility(outputs: Sequence[Array], originals: Sequence[Array]) -> float:
    """exp(-D), D being the mean K-L divergence in nats of the decoded model's class probabilities from the original's.

    Of the first floating-point output, along axis 1: its softmax, unless the original's are probabilities already.
    Raises as `error_utility`.
    """
    output, original = _floating_pairs(outputs, originals)[0]
    if original.ndim < 2:
        raise EncodeError(f"kl takes an output of shape (N, C, ...), not {original.shape}")
    are_probabilities = _are_probabilities(original)
    p, q = (_log_probabilities(each.astype(np.float64), are_probabilities) for each in (original, output))
    return float(np.exp(-max(float(np.mean(np.sum(np.exp(p) * (p - q), axis=1))), 0.0)))


def _are_probabilities(values: Array) -> bool:
    return bool((values >= 0).all() and (np.abs(values.sum(axis=1, dtype=np.float64) - 1) < _SUM_NEAR).all())


def _log_probabilities(values: Float64s, are_probabilities: bool) -> Float64s:  # noqa: FBT001  said of the original
    if are_probabilities:
        values = np.log(np.maximum(values, _TINIEST))
    shifted = values - values.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _floating_pairs(outputs: Sequence[Array], originals: Sequence[Array]) -> list[tuple[Array, Array]]:
    shapes, expected = [output.shape for output in outputs], [original.shape for original in originals]
    if shapes != expected:
        raise EncodeError(f"outputs of shapes {shapes} do not go with those of the original, {expected}")
    pairs = [pair for pair in zip(outputs, originals, strict=True) if _is_floating(pair[1]) and pair[1].size]
    if not pairs:
        raise EncodeError("the graph has no floating-point output to compare; give labels")
    _check_numbers([each for pair in pairs for each in pair])
    return pairs


def _is_floating(array: Array) -> bool:
    return bool(np.issubdtype(array.dtype, np.floating))


def _check_numbers(outputs: Sequence[Array]) -> None:
    for output in outputs:
        if not (np.issubdtype(output.dtype, np.number) and np.isfinite(output).all()):
            raise EncodeError(f"an output of shape {output.shape} holds what is no finite number")


def _top_1(outputs: Sequence[Array], truth: Sequence[Array]) -> float:
    return top_k(_first(outputs), truth[0], 1)


def _top_5(outputs: Sequence[Array], truth: Sequence[Array]) -> float:
    return top_k(_first(outputs), truth[0], 5)


def _precision(outputs: Sequence[Array], truth: Sequence[Array]) -> float:
    boxes, labels = truth
    return mean_average_precision(_first(outputs), boxes, labels)


def _first(outputs: Sequence[Array]) -> Array:
    if not outputs:
        raise EncodeError("the graph has no outputs")
    return outputs[0]


METRICS: Final = MappingProxyType(
    {
        "top1": Metric(("labels",), _top_1),
        "top5": Metric(("labels",), _top_5),
        "map": Metric(("boxes", "labels"), _precision),
        "mse": Metric((), error_utility),
        "kl": Metric((), divergence_utility),
    }
)
"""By the names that a user gives."""
