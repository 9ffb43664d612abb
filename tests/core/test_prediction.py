"""SPEC.md clause 8.3: parents, the difference of models with cropping and zero padding, and reconstruction."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.errors import BitstreamError, ErrorClass
from nncodec.model import Model, Tensor, Topology
from nncodec.prediction import copied, predictor, reconstruct, referenced, resolve_parents
from nncodec.quantisation import half_levels
from nncodec.rounding import widen
from nncodec.tables import QUANTISABLE, DType, TopologyFormat
from tests.core.handmade import compact, decadic, tensor_of, term, weights
from tests.core.test_rounding import nearest

A, B, C = (Model((weights(name, (3,)),)) for name in "abc")


def refused(error: pytest.ExceptionInfo[BitstreamError], rule: str = "R-7.2.3") -> ErrorClass:
    assert error.value.clause == rule
    return error.value.error_class


def test_parents_are_found_by_content_whatever_their_order() -> None:
    assert resolve_parents([], []) == []
    assert resolve_parents([], [A]) == []
    assert resolve_parents([B.content_id, A.content_id], [A, C, B]) == [B, A]


def test_equal_content_is_the_same_parent() -> None:
    assert resolve_parents([A.content_id], [Model(A.tensors)])[0].content_id == A.content_id


def test_no_reference_and_wrong_reference_are_told_apart() -> None:
    with pytest.raises(BitstreamError) as missing:
        resolve_parents([A.content_id], [])
    assert refused(missing) == ErrorClass.REF_MISSING
    for given_models in ([B], [B, C], [Model(A.tensors, Topology(TopologyFormat.ONNX, b""))]):
        with pytest.raises(BitstreamError) as wrong:
            resolve_parents([A.content_id], given_models)
        assert refused(wrong) == ErrorClass.REF_MISMATCH
    with pytest.raises(BitstreamError) as second:
        resolve_parents([A.content_id, B.content_id], [A])
    assert refused(second) == ErrorClass.REF_MISMATCH
    assert B.content_id.hex() in str(second.value)


PARENT = Model((weights("x", (2,)), weights("y", (2,), 1), weights("", (2,), 2)))


def test_reference_tensor_goes_by_name_or_by_place() -> None:
    assert referenced(term(), "y", [PARENT]) is PARENT.tensors[1]
    assert referenced(term(1), "", [A, PARENT]) is PARENT.tensors[2]
    assert [referenced(term(0, place), "y", [PARENT]) for place in (1, 2, 3)] == list(PARENT.tensors)


@pytest.mark.parametrize(("place", "name"), [(0, "z"), (0, "X"), (4, "x"), (2**20, "x")])
def test_reference_tensor_that_is_not_there_is_refused(place: int, name: str) -> None:
    with pytest.raises(BitstreamError) as caught:
        referenced(term(0, place), name, [PARENT])
    assert refused(caught, "R-8.3.1") == ErrorClass.VALUE_RANGE


def algorithm_1(reference: Tensor, shape: tuple[int, ...]) -> list[float]:
    """The paper's loops: entries that the reference lacks are 0."""
    values = widen(reference.data, reference.dtype).tolist()
    prediction = []
    for place in itertools.product(*map(range, shape)):
        flat, inside = 0, True
        for index, dim in zip(place, reference.shape, strict=True):
            flat, inside = flat * dim + index, inside and index < dim
        value = values[flat] if inside else 0.0
        prediction.append(value if math.isfinite(value) else 0.0)
    return prediction


@st.composite
def pairs_of_shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    rank = draw(st.integers(0, 3))
    dims = st.lists(st.integers(0, 4), min_size=rank, max_size=rank).map(tuple)
    return draw(dims), draw(dims)


@settings(max_examples=150)
@given(pairs_of_shapes(), st.sampled_from(sorted(QUANTISABLE)), st.integers(0, 99))
def test_prediction_is_cropped_and_padded_along_every_axis(
    shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: DType, seed: int
) -> None:
    shape, other = shapes
    reference = weights("r", other, seed, dtype=dtype)
    assert (
        predictor([(term(), reference)], shape).values().tobytes() == np.array(algorithm_1(reference, shape)).tobytes()
    )


def test_elements_that_are_not_finite_predict_0_and_minus_zero_stays() -> None:
    reference = tensor_of("r", [math.nan, math.inf, -math.inf, -0.0, 1.5])
    assert predictor([(term(), reference)], (5,)).values().tobytes() == np.array([0.0, 0.0, 0.0, -0.0, 1.5]).tobytes()


@pytest.mark.parametrize(
    ("reference", "shape", "rule"),
    [
        (weights("r", (2, 3)), (6,), "R-8.3.2"),
        (weights("r", (6,)), (6, 1), "R-8.3.2"),
        (weights("r", ()), (1,), "R-8.3.2"),
        (Tensor("r", DType.INT32, (2,), bytes(8)), (2,), "R-8.3.3"),
        (Tensor("r", DType.FLOAT8E5M2, (2,), bytes(2)), (2,), "R-8.3.3"),
        (Tensor("r", DType.STRING, (0,), b""), (0,), "R-8.3.3"),
    ],
)
def test_reference_of_another_rank_or_kind_is_refused(reference: Tensor, shape: tuple[int, ...], rule: str) -> None:
    with pytest.raises(BitstreamError) as caught:
        predictor([(term(), reference)], shape)
    assert refused(caught, rule) == ErrorClass.VALUE_RANGE


def test_empty_reference_predicts_0_and_one_beyond_all_levels_is_our_error() -> None:
    for shape in [(2**20, 0, 3), (0, 2**20, 2**20)]:
        assert predictor([(term(), Tensor("r", DType.FLOAT32, shape, b""))], (1, 2, 2)).values().tolist() == [0.0] * 4
    for shape in [(2**40, 2**40, 0), (0, 2**62, 2**62)]:
        with pytest.raises(BitstreamError) as caught:
            predictor([(term(), Tensor("r", DType.FLOAT32, shape, b""))], (1, 2, 2))
        assert refused(caught, "R-8.3.2") == ErrorClass.VALUE_RANGE


LEVELS = np.array([0, 1, -1, 300, -(2**31), 2**31 - 1], np.int32)


@pytest.mark.parametrize("dtype", sorted(QUANTISABLE))
@pytest.mark.parametrize("offset", [-128, 0, 31])
@pytest.mark.parametrize("predicted", [None, 0.3, -7.25, 1e300, -0.0])
def test_reconstruction_is_product_sum_and_rounding(dtype: DType, offset: int, predicted: float | None) -> None:
    quantiser = decadic(9, offset)
    expected = []
    for level in LEVELS.tolist():
        scaled = 256 * level + offset * ((level > 0) - (level < 0))
        value = float(Fraction(scaled) * Fraction(1e-3 / 256))
        expected.append(nearest(value if predicted is None else predicted + value, dtype))
    prediction = None if predicted is None else np.full(LEVELS.size, predicted)
    data = reconstruct(half_levels(LEVELS, None), quantiser, prediction, dtype)
    assert widen(data, dtype).tobytes() == np.array(expected).tobytes()


def test_sum_stays_in_binary64_and_overflows_in_narrower_types() -> None:
    top = np.array([np.finfo(np.float64).max])
    data = reconstruct(np.array([2**32 - 2]), decadic(154, s_bits=0), top, DType.FLOAT64)
    assert data == top.tobytes()  # the largest value, below 2^544, is far below half a unit in the last place
    assert widen(reconstruct(np.array([2]), compact(0), top, DType.FLOAT32), DType.FLOAT32)[0] == math.inf


def test_level_0_is_the_prediction_itself_but_for_the_sign_of_zero() -> None:
    prediction = np.array([0.1, -0.0, 5e-324])
    data = reconstruct(np.zeros(3, np.int64), decadic(9), prediction, DType.FLOAT64)
    assert data == np.array([0.1, 0.0, 5e-324]).tobytes()


def test_copy_takes_everything_but_the_name() -> None:
    tensor = copied(PARENT.tensors[0], term(), "new", (2,))
    assert (tensor.name, tensor.content_id) == ("new", PARENT.tensors[0].content_id)
