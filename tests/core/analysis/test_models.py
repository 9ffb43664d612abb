"""Eq. 9, eq. 11, shared memory and distances, on models that are drawn and on real ones."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import nncodec
from nncodec import Model, Tensor
from nncodec.analysis import (
    distance,
    divergence,
    divergence_from_uniform,
    predicted_bits,
    root_of_set,
    shared_bytes,
    shared_names,
)
from nncodec.analysis.divergence import histogram, uniform_histogram

RNG = np.random.default_rng(3)


def model(**arrays_by_name: np.ndarray) -> Model:
    return Model(tuple(Tensor.from_numpy(name, array) for name, array in arrays_by_name.items()))


def drawn(scale: float, rows: int = 200) -> np.ndarray:
    return np.random.default_rng(rows).laplace(scale=scale, size=(rows, 100)).astype(np.float32)


def by_definition(values: np.ndarray, others: np.ndarray) -> float:
    """Eq. 9 with half a weight in each bin, bin by bin."""
    bins, reference = (np.floor(each / 0.0002).astype(int).tolist() for each in (values, others))
    span = range(min(bins + reference), max(bins + reference) + 1)
    total = 0.0
    for k in span:
        p = (bins.count(k) + 0.5) / (len(bins) + 0.5 * len(span))
        q = (reference.count(k) + 0.5) / (len(reference) + 0.5 * len(span))
        total += p * math.log(p / q)
    return total


small = arrays(np.float64, (2, 5), elements=st.floats(-0.004, 0.004))


@settings(max_examples=50)
@given(small, small)
def test_divergence_is_that_of_eq_9(values: np.ndarray, others: np.ndarray) -> None:
    found = divergence(model(w=values), model(w=others))
    assert found == pytest.approx(by_definition(values.ravel(), others.ravel()), abs=1e-12)
    assert found >= 0


def test_divergence_of_smooth_densities_is_that_of_the_integral() -> None:
    """Of two Laplace densities of scales p and q it is ln(p/q) + q/p - 1; smoothing blurs it a little."""
    rng = np.random.default_rng(5)
    one, other = (rng.laplace(scale=1 / scale, size=(1000, 2000)) for scale in (100, 80))
    assert divergence(model(w=one), model(w=other)) == pytest.approx(math.log(100 / 80) + 80 / 100 - 1, rel=0.03)


def test_divergence_does_not_see_where_a_weight_stands() -> None:
    weights = drawn(0.02)
    shuffled = RNG.permutation(weights.ravel()).reshape(weights.shape)
    assert divergence(model(w=weights), model(w=shuffled)) == 0
    assert distance(model(w=weights), model(w=shuffled)).relative > 1


def test_divergence_is_from_the_model_to_its_prediction() -> None:
    narrow, wide = model(w=drawn(0.01)), model(w=drawn(0.05))
    assert divergence(narrow, wide) != pytest.approx(divergence(wide, narrow), rel=0.1)
    p, q = histogram(narrow), histogram(wide)
    assert divergence(narrow, wide) == p.divergence(q)


def test_stray_weights_fall_into_the_outermost_bins() -> None:
    weights = drawn(0.02)
    weights[0, 0], weights[0, 1], weights[0, 2] = 1e30, -1e30, np.nan
    counts = histogram(model(w=weights)).counts
    assert counts.size == 2**18 + 1
    assert counts[0] == counts[-1] == 1
    assert counts.sum() == weights.size - 1
    assert math.isfinite(divergence(model(w=weights), model(w=drawn(0.02))))


def test_random_reference_is_that_of_drawn_weights() -> None:
    rng = np.random.default_rng(1)
    reference, weights = rng.uniform(-0.1, 0.1, (2000, 1000)), rng.laplace(scale=0.02, size=(2000, 1000))
    counts, expected = histogram(model(w=reference)).counts, uniform_histogram(reference.size).counts
    assert counts[1:-1] == pytest.approx(expected[1:-1], rel=0.12)  # four and a half standard deviations of one bin
    drawn_one = divergence(model(w=weights), model(w=reference))
    assert divergence_from_uniform(model(w=weights)) == pytest.approx(drawn_one, rel=5e-3)


def test_biases_and_integers_are_no_weights() -> None:
    weights = drawn(0.02)
    alone = model(w=weights)
    more = model(w=weights, bias=np.ones(3, np.float32), index=np.ones((2, 2), np.int64))
    assert divergence(more, alone) == divergence(alone, more) == 0
    assert divergence(model(index=np.ones(3, np.int64)), model()) == 0


def test_shared_memory_is_by_name_shape_and_dtype() -> None:
    same, short = np.ones((2, 3), np.float32), np.ones(2, np.int64)
    one = model(same=same, shape=np.ones(4), dtype=np.ones(5), only=np.ones(6), short=short)
    other = model(short=0 * short, dtype=np.ones(5, np.float32), shape=np.ones((2, 2)), same=0 * same)
    assert shared_names(one, other) == ("same", "short")
    assert shared_bytes(one, other) == shared_bytes(other, one) == 24 + 16


def test_distance_is_that_of_the_shared_weights() -> None:
    weights, change = drawn(0.02), drawn(0.001, 200)
    one = model(w=weights, only=drawn(1.0, 3), bias=np.ones(3))
    other = model(w=weights + change, bias=np.zeros(3))
    found = distance(one, other)
    assert found.elements == weights.size
    assert found.mean_absolute == pytest.approx(np.abs(change).mean(), rel=1e-3)
    assert found.root_mean_square == pytest.approx(np.sqrt(np.mean(change**2)), rel=1e-3)
    assert found.relative == pytest.approx(np.linalg.norm(change) / np.linalg.norm(weights), rel=1e-3)
    assert found.correlation == pytest.approx(np.corrcoef(weights.ravel(), (weights + change).ravel())[0, 1])


def test_distance_has_an_answer_at_its_ends() -> None:
    zero, one = model(w=np.zeros((2, 2))), model(w=np.ones((2, 2)))
    assert distance(one, one).relative == 0
    assert distance(zero, one).relative == math.inf
    assert distance(zero, zero).relative == 0
    assert distance(one, zero).correlation == 0
    assert distance(one, model()).elements == distance(model(), model()).elements == 0


def test_distance_of_the_largest_weights_is_finite() -> None:
    found = distance(model(w=np.array([[1e300, -1e300]])), model(w=np.array([[1e300, 1e300]])))
    assert found.root_mean_square == pytest.approx(math.sqrt(2) * 1e300)
    assert found.relative == pytest.approx(math.sqrt(2))


def test_predicted_bits_are_near_the_entropy_of_the_levels() -> None:
    weights, change = drawn(0.02), np.random.default_rng(9).laplace(scale=0.002, size=(200, 100)).astype(np.float32)
    one, reference = model(w=weights + change, head=drawn(0.02, 20)), model(w=weights)
    for values, expected in ((weights, predicted_bits(reference, None, 0.004)),):
        levels = np.sign(values) * np.floor(np.abs(values) / 0.004 + 0.4)
        share = np.unique(levels, return_counts=True)[1] / levels.size
        assert expected == pytest.approx(-levels.size * (share * np.log2(share)).sum(), rel=0.02)
    head = predicted_bits(model(head=drawn(0.02, 20)), None, 0.004)
    residual = predicted_bits(model(w=(weights + change) - weights), None, 0.004)
    assert predicted_bits(one, reference, 0.004) == pytest.approx(head + residual)
    assert predicted_bits(reference, model(w=drawn(5.0)), 0.004) == predicted_bits(reference, None, 0.004)


def test_root_is_the_model_that_the_others_are_near() -> None:
    scales = (0.012, 0.02, 0.016, 0.035)
    models = [model(w=drawn(scale)) for scale in scales]
    found = root_of_set(models)
    sums = [sum(divergence(each, root) for each in models if each is not root) for root in models]
    assert found.costs == pytest.approx(sums)
    assert found.index == sums.index(min(sums)) == 1


def test_what_is_not_shared_counts_as_predicted_from_noise() -> None:
    """The second is the nearest by its histogram alone, but has no tensor of the others."""
    a, b, c = drawn(0.012), drawn(0.014), drawn(0.016)
    models = [model(w=a), model(x=b), model(w=c)]
    assert root_of_set(models, with_sharing=False).index == 1
    found = root_of_set(models)
    assert found.index != 1
    assert found.costs[1] == pytest.approx(sum(divergence_from_uniform(each) for each in (models[0], models[2])))


def test_root_of_one_and_of_none() -> None:
    assert root_of_set([model(w=drawn(0.1))]).index == 0
    assert root_of_set([model(), model()]).costs == (0.0, 0.0)
    with pytest.raises(ValueError, match="no models"):
        root_of_set([])


def test_real_updates_are_nearer_than_noise(shared_data: Path) -> None:
    """The order of the paper's table II."""
    folder = shared_data / "pairs" / "mini-xception-epochs"
    old, new = (nncodec.load(folder / f"fer2013-mini-xception-{name}.safetensors") for name in ("107-0-66", "110-0-65"))
    assert divergence(new, old) < 0.2 * divergence_from_uniform(new)
    assert distance(new, old).correlation > 0.99
    assert shared_bytes(new, old) == new.nbytes
