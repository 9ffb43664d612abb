"""Metrics against their definitions, worked examples, and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import top_k_accuracy_score

from nncodec import EncodeError, Model, Tensor
from nncodec.evaluation import (
    METRICS,
    WeightProxy,
    divergence_utility,
    error_utility,
    mean_average_precision,
    measured,
    top_k,
)

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_is_that_of_scikit_learn(k: int) -> None:
    scores, labels = RNG.normal(size=(200, 8)), RNG.integers(0, 8, 200)
    assert top_k(scores, labels, k) == pytest.approx(top_k_accuracy_score(labels, scores, k=k, labels=range(8)))


def test_of_equal_scores_the_first_class_wins() -> None:
    assert top_k(np.zeros((3, 4)), np.array([0, 1, 0]), 1) == pytest.approx(2 / 3)
    assert top_k(np.zeros((4, 4)), np.array([0, 1, 2, 3]), 2) == 0.5


def test_pixels_have_classes_too_and_negative_labels_do_not_count() -> None:
    scores = np.zeros((1, 2, 1, 3))
    scores[0, 1, 0] = [1, 1, -1]
    assert top_k(scores, np.array([[[1, 0, -1]]]), 1) == 0.5


def test_axes_of_one_behind_the_classes_are_dropped() -> None:
    assert top_k(np.eye(3).reshape(3, 3, 1, 1), np.arange(3, dtype=np.uint8), 1) == 1


def test_what_is_wanted_of_the_first_output_is_taken_from_it() -> None:
    scores, labels = np.eye(7), np.arange(7)
    assert METRICS["top1"].score([scores, labels], [labels]) == 1
    assert METRICS["top5"].score([-scores], [labels]) == pytest.approx(0)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.eye(3), np.arange(4), r"shape \(3, 3\) do not go with labels of shape \(4,\)"),
        (np.ones(3), np.arange(3), "do not go with"),
        (np.eye(3), np.ones(3), "integers, not float64"),
        (np.eye(3), np.array([0, 1, 3]), "from 0 to 2"),
        (np.eye(3), np.array([-1, -1, -1]), "from 0 to 2"),
        (np.ones((3, 1)), np.zeros(3, int), "top1 of 1 classes"),
        (np.full((3, 3), np.nan), np.arange(3), "no finite number"),
    ],
)
def test_what_does_not_go_together_is_named(scores: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        top_k(scores, labels, 1)


finite = arrays(np.float64, (4, 3), elements=st.floats(-100, 100))


@given(finite, finite)
def test_agreement_is_in_0_to_1_and_1_of_the_same(output: np.ndarray, original: np.ndarray) -> None:
    for utility in (error_utility, divergence_utility):
        assert 0 <= utility([output], [original]) <= 1
        assert utility([original], [original]) == 1


def test_error_counts_by_the_variance_of_each_output() -> None:
    original = RNG.normal(size=(1000, 5))
    assert error_utility([original + original.std()], [original]) == pytest.approx(0.5)
    both = error_utility(
        [original + original.std(), 7 * original, np.arange(3)], [original, 7 * original, np.ones(3, int)]
    )
    assert both == pytest.approx(0.75)
    assert error_utility([np.ones(3)], [np.ones(3)]) == 1
    assert error_utility([np.ones(3)], [np.zeros(3)]) == 0


def test_divergence_is_that_of_the_class_probabilities() -> None:
    p, q = np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.5, 0.25]])
    expected = math.exp(-(0.5 * math.log(2) + 0.25 * math.log(0.5)))
    assert divergence_utility([q], [p]) == pytest.approx(expected)
    assert divergence_utility([np.log(q) + 3], [np.log(p) - 2]) == pytest.approx(expected)
    assert 0 < divergence_utility([np.array([[0.0, 1.0]])], [np.array([[1.0, 0.0]])]) < 1e-11


@pytest.mark.parametrize("utility", [error_utility, divergence_utility])
@pytest.mark.parametrize(
    ("outputs", "originals", "message"),
    [
        ([np.ones((2, 3))], [np.ones((3, 3))], r"\(2, 3\).* do not go with"),
        ([np.ones((2, 3))], [], "do not go with"),
        ([np.ones((2, 3), int)], [np.ones((2, 3), int)], "no floating-point output"),
        ([np.full((2, 3), np.inf)], [np.ones((2, 3))], "no finite number"),
    ],
)
def test_outputs_that_do_not_compare_are_named(utility, outputs: list, originals: list, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        utility(outputs, originals)


def found(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array([rows], float)


BOXES = np.array([[[0, 0, 10, 10], [20, 20, 30, 30]]], float)
SAME = np.array([[0, 0]])


@pytest.mark.parametrize(
    ("detections", "expected"),
    [
        (found((0, 0, 10, 10, 0.9, 0), (20, 20, 30, 30, 0.8, 0)), 1.0),
        (found((0, 0, 10, 10, 0.9, 0), (50, 50, 60, 60, 0.8, 0)), 0.5),
        (found((50, 50, 60, 60, 0.9, 0), (0, 0, 10, 10, 0.8, 0)), 0.25),
        (found((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 9, 0.8, 0), (20, 20, 30, 30, 0.7, 0)), (1 + 2 / 3) / 2),
        (found((0, 0, 10, 10, 0.9, 0), (20, 20, 30, 30, 0.0, 0)), 0.5),
        (found((0, 0, 10, 10, 0.9, 1), (20, 20, 30, 30, 0.8, 0)), 0.5),
        (found((0, 0, 10, 5, 0.9, 0), (20, 20, 30, 24.9, 0.8, 0)), 0.5),
        (np.zeros((1, 0, 6)), 0.0),
    ],
    ids=["all", "one and a miss", "a miss first", "one twice", "score of none", "other class", "overlap", "none"],
)
def test_average_precision_of_worked_examples(detections: np.ndarray, expected: float) -> None:
    assert mean_average_precision(detections, BOXES, SAME) == pytest.approx(expected)


def test_mean_is_over_the_classes_that_are_there() -> None:
    labels = np.array([[0, 4]])
    assert mean_average_precision(found((0, 0, 10, 10, 0.9, 0), (0, 0, 1, 1, 0.9, 7)), BOXES, labels) == 0.5
    assert mean_average_precision(found((0, 0, 10, 10, 0.9, 0)), BOXES, np.array([[0, -1]])) == 1


def test_boxes_of_one_image_are_not_those_of_another() -> None:
    boxes = np.concatenate([BOXES, BOXES + 100])
    detections = np.zeros((2, 1, 6))
    detections[:, 0] = [0, 0, 10, 10, 0.9, 0]
    labels = np.array([[0, -1], [0, -1]])
    assert mean_average_precision(detections, boxes, labels) == 0.5


@given(st.integers(0, 2**32 - 1))
def test_average_precision_is_the_area_below_the_envelope(seed: int) -> None:
    """One box an image, hit or missed: then the definition is a loop over recalls."""
    rng = np.random.default_rng(seed)
    hits, scores = rng.random(12) < 0.6, rng.permutation(np.arange(1, 13)) / 13
    detections = np.zeros((12, 1, 6))
    detections[:, 0, :4] = np.where(hits[:, None], [0, 0, 10, 10], [50, 50, 60, 60])
    detections[:, 0, 4] = scores
    ordered = hits[np.argsort(-scores)]
    precision = [ordered[: n + 1].mean() for n in range(12)]
    expected = sum(max(precision[n:]) for n in range(12) if ordered[n]) / 12
    measured_precision = mean_average_precision(
        detections, np.tile([[[0, 0, 10, 10]]], (12, 1, 1)), np.zeros((12, 1), int)
    )
    assert measured_precision == pytest.approx(expected)


@pytest.mark.parametrize(
    ("detections", "boxes", "labels", "message"),
    [
        (np.zeros((1, 2, 5)), BOXES, SAME, r"\(N, K, 6\).*\(1, 2, 5\)"),
        (np.zeros((2, 2, 6)), BOXES, SAME, "do not go with 2 images"),
        (np.zeros((1, 2, 6)), BOXES, SAME[:, :1], "do not go with 1 images"),
        (np.zeros((1, 2, 6)), BOXES, SAME.astype(float), "integers"),
        (np.zeros((1, 2, 6)), BOXES, SAME - 1, "no box to find"),
        (np.full((1, 2, 6), np.nan), BOXES, SAME, "finite"),
        (np.zeros((1, 2, 6)), BOXES + np.inf, SAME, "finite"),
    ],
)
def test_boxes_that_do_not_go_together_are_named(detections, boxes, labels, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        mean_average_precision(detections, boxes, labels)


def model(**tensors: np.ndarray) -> Model:
    return Model(tuple(Tensor.from_numpy(name, array) for name, array in tensors.items()))


def test_proxy_is_the_energy_that_the_error_adds_to_the_outputs() -> None:
    """Of one layer: measured on inputs without a preferred direction."""
    weights, inputs = RNG.normal(size=(20, 30)), RNG.normal(size=(30, 200_000))
    error = 0.2 * RNG.laplace(size=weights.shape)
    added = np.sum((error @ inputs) ** 2) / np.sum((weights @ inputs) ** 2)
    proxy = WeightProxy(model(w=weights, b=np.ones(3)))
    assert proxy(model(w=weights + error, b=np.zeros(3))) == pytest.approx(1 / (1 + added), rel=2e-3)
    assert proxy(model(w=weights, b=np.ones(3))) == 1


def test_proxy_adds_tensors_up_whatever_their_size() -> None:
    small, large = np.ones((2, 2)), np.ones((50, 50))
    proxy = WeightProxy(model(a=small, b=1e-3 * large))
    assert proxy(model(a=0.5 * small, b=1e-3 * large)) == pytest.approx(1 / 1.25)
    assert proxy(model(a=small, b=0.5e-3 * large)) == pytest.approx(1 / 1.25)
    assert proxy(model(a=0.5 * small, b=0.5e-3 * large)) == pytest.approx(1 / 1.5)


def test_proxy_of_a_tensor_of_zeros() -> None:
    assert WeightProxy(model(a=np.zeros((2, 2))))(model(a=np.zeros((2, 2)))) == 1
    assert WeightProxy(model(a=np.zeros((2, 2))))(model(a=np.ones((2, 2)))) == 0.5


def test_proxy_misses_no_tensor() -> None:
    with pytest.raises(EncodeError, match="'w': the decoded model has none"):
        WeightProxy(model(w=np.ones((2, 2))))(model(w=np.ones((2, 3))))


def test_any_callable_is_a_utility() -> None:
    assert measured(lambda each: len(each.tensors), model(w=np.ones(2)), "cat") == 1.0
    assert measured(lambda _: np.float32(0.5), model(), "cat") == 0.5


@pytest.mark.parametrize(("value", "message"), [(math.nan, "nan"), (math.inf, "inf"), (None, "None, not a number")])
def test_what_is_no_utility_is_named(value: object, message: str) -> None:
    with pytest.raises(EncodeError, match=f"'cat': its utility is {message}"):
        measured(lambda _: value, model(), "cat")
