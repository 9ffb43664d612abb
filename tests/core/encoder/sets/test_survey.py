"""The survey: predicted bytes against real ones, and numbers that are hostile to both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nncodec
from nncodec import EncoderConfig, Model, Tensor
from nncodec.encoder.sets.survey import Survey
from tests.core.encoder.sets.related import arrays_of, changed, model_of, relatives

SHAPES = {"a.weight": (200, 60), "b.weight": (64, 150), "c.bias": (200,)}
BASE = model_of({name: np.random.default_rng(ord(name[0])).normal(0, 0.1, shape) for name, shape in SHAPES.items()})
LOSSY = [EncoderConfig(quality=15), EncoderConfig(quality=30), EncoderConfig(quality=55), EncoderConfig(step=0.004)]
COARSE = LOSSY[0]
"""Of a small update under it the trellis leaves out most, which the survey does not foresee: up to twice the bytes."""
REQUESTS = [*LOSSY, EncoderConfig(lossless=True), EncoderConfig(snr=25), EncoderConfig(mse=1e-5)]


def predicted_bytes(survey: Survey, index: int, *parents: int) -> float:
    """Of the stream of one model."""
    return survey.predicted(index, parents).stream_bits(len(parents)) / 8


@pytest.mark.parametrize("config", REQUESTS)
def test_one_model_alone(config):
    real = len(nncodec.encode(BASE, config))
    assert predicted_bytes(Survey([BASE], config), 0) == pytest.approx(real, rel=0.15)


@pytest.mark.parametrize("amount", [0.02, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("config", [config for config in REQUESTS if config is not COARSE])
def test_one_model_from_another(config, amount):
    child = changed(BASE, 3, amount)
    parent = nncodec.encode_with_report(BASE, config).model
    real = len(nncodec.encode_with_report(child, config, [parent]).data)
    survey = Survey([BASE, child], config)
    little = 0.08 * predicted_bytes(survey, 1)  # where nearly nothing is left, of what there is without prediction
    assert predicted_bytes(survey, 1, 0) == pytest.approx(real, rel=0.15, abs=little)


@pytest.mark.parametrize("config", [config for config in REQUESTS if config is not COARSE])
def test_references_outside_count(config):
    child = changed(BASE, 3, 0.05)
    real = len(nncodec.encode_with_report(child, config, [BASE]).data)
    little = 0.08 * predicted_bytes(Survey([child], config), 0)
    assert predicted_bytes(Survey([child], config, [BASE]), 0) == pytest.approx(real, rel=0.15, abs=little)


@pytest.mark.parametrize("config", REQUESTS)
def test_copies_cost_nearly_nothing(config):
    survey = Survey([BASE, BASE], config)
    assert float(survey.predicted(1, [0]).bits.sum()) <= 2 * len(BASE.tensors)
    assert predicted_bytes(survey, 1, 0) < 250


def test_renamed_tensors_are_matched_by_shape():
    renamed = Model(tuple(Tensor(f"new.{t.name}", t.dtype, t.shape, t.data) for t in changed(BASE, 3, 0.02).tensors))
    survey = Survey([BASE, renamed], EncoderConfig(quality=30))
    assert predicted_bytes(survey, 1, 0) < 0.6 * predicted_bytes(survey, 1)


def test_names_are_mapped():
    kernels = {"x": arrays_of(BASE)["a.weight"], "y": np.random.default_rng(0).normal(0, 0.1, (200, 60))}
    child = changed(model_of({"z": kernels["y"]}), 1, 0.02)
    for pairs, is_near in (((("z", "y"),), True), ((("z", "x"),), False)):
        survey = Survey([model_of(kernels), child], EncoderConfig(quality=30, name_map=pairs))
        assert (predicted_bytes(survey, 1, 0) < 0.6 * predicted_bytes(survey, 1)) == is_near


def test_name_of_another_shape_is_no_match():
    other = model_of({"a.weight": np.ones((60, 200))})
    survey = Survey([other, BASE], EncoderConfig(quality=30))
    assert float(survey.predicted(1, [0]).bits.sum()) == float(survey.predicted(1, []).bits.sum())


def test_coarser_steps_take_fewer_bits_and_leave_more_error():
    survey = Survey([BASE, changed(BASE, 1, 0.1)], EncoderConfig(quality=40))
    fine, coarse = (survey.predicted(1, [0], scale, 1.0) for scale in (1.0, 4.0))
    assert coarse.bits.sum() < fine.bits.sum()
    assert coarse.errors.sum() > fine.errors.sum()


def hostile(value: float, dtype: type = np.float32) -> Model:
    """Weights among which is `value`, and tensors without any."""
    weights = np.random.default_rng(0).standard_normal((20, 30)).astype(dtype)
    with np.errstate(over="ignore"):
        weights[3, 4] = value
    arrays = {"w": weights, "all": np.full((8, 8), weights[3, 4]), "none": np.zeros((0, 3), dtype), "b": weights[3]}
    return Model(tuple(Tensor.from_numpy(name, array) for name, array in arrays.items()))


HOSTILE = [
    *(
        hostile(value, dtype)
        for value in (np.inf, -np.inf, np.nan, 0.0, -0.0, 65504.0)
        for dtype in (np.float16, np.float32)
    ),
    *(hostile(value, np.float64) for value in (1e300, -1e300, 1e-320, 1.7e308)),
    Model(()),
    model_of({"w": np.zeros((4, 4))}),
    model_of({"w": np.zeros((0, 4))}),
]


@pytest.mark.parametrize("config", [EncoderConfig(quality=0), *REQUESTS, EncoderConfig(step=2.0**-500)])
def test_hostile_numbers_give_numbers(config):
    survey = Survey(HOSTILE, config, HOSTILE[:3])
    for index in range(len(HOSTILE)):
        others = [place for place in range(len(HOSTILE)) if place != index]
        for parents in ([], *([other] for other in others), others[:2]):
            estimate = survey.predicted(index, parents)
            assert np.isfinite(estimate.bits).all()
            assert (estimate.bits >= 0).all()
            assert not np.isnan(estimate.errors).any()
            assert np.isfinite(estimate.stream_bits(len(parents)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(relatives(), st.sampled_from(REQUESTS), st.floats(0.01, 100), st.floats(0.01, 100))
def test_no_prediction_takes_more_than_none(members, config, scale, parent_scale):
    survey = Survey(list(members.values()), config)
    scales = (scale, parent_scale) if config.quality is not None else (1.0, 1.0)
    alone, one, two = (survey.predicted(0, parents, *scales) for parents in ([], [1], [1, len(members) - 1]))
    assert np.isfinite(alone.bits).all()
    assert (one.bits <= alone.bits).all()
    assert (two.bits <= one.bits).all()
