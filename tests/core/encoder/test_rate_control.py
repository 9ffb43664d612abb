"""SPEC.md clause E.14: what a caller asks for is met, as nearly as steps allow, and never missed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nncodec
from nncodec import EncodeError, EncoderConfig, Model, Profile, Tensor, encode_with_report
from nncodec.encoder.rate_control import Search
from nncodec.quantisation import compact_code
from tests.core.handmade import same_tensors, weights
from tests.strategies import models

EXAMPLES = Path(__file__).parents[3] / "examples"
V1, V2 = (nncodec.load(EXAMPLES / f"digits-{name}.onnx") for name in ("v1", "v2"))


def encoded_at(model: Model, *references: Model, **fields: object) -> nncodec.Encoded:
    """Checked to be what the decoder gives."""
    encoded = encode_with_report(model, EncoderConfig(**fields), references)  # type: ignore[arg-type]
    assert same_tensors(nncodec.decode(encoded.data, references), encoded.model)
    return encoded


@pytest.mark.parametrize("fields", [{}, {"rounding": 0.5}, {"fast": True}])
@pytest.mark.parametrize("target", [3.0, 15.0, 35.0, 90.0])
def test_snr_is_met_within_a_tenth(target: float, fields: dict[str, object]) -> None:
    encoded = encoded_at(V1, snr=target, **fields)
    snr = encoded.report.matrices.snr_db
    assert snr is not None
    assert target <= snr <= target + 0.1
    assert encoded.config.step is not None
    assert compact_code(encoded.config.step) is not None
    assert encoded.config.snr is None


@pytest.mark.parametrize("target", [1e-4, 1e-8])
def test_mse_is_met_within_a_tenth(target: float) -> None:
    mse = encoded_at(V1, mse=target).report.matrices.mse
    assert target / 10**0.01 <= mse <= target


@pytest.mark.parametrize("target", [3.0, 10.0, 30.0])
def test_snr_of_the_update_is_met_within_a_tenth(target: float) -> None:
    update = encoded_at(V2, V1, update_snr=target).report.update
    assert update is not None
    assert update.snr_db is not None
    assert target <= update.snr_db <= target + 0.1


def test_snr_with_a_reference_is_that_of_the_model() -> None:
    report = encoded_at(V2, V1, snr=30.0).report
    assert report.matrices.snr_db == pytest.approx(30.05, abs=0.06)
    assert report.update is not None
    assert report.update.snr_db is not None
    assert report.update.snr_db < 20


def test_update_snr_needs_something_to_be_updated() -> None:
    for references in ([], [Model((weights("elsewhere", (9, 9)),))]):
        with pytest.raises(EncodeError, match="needs a reference"):
            encode_with_report(V2, EncoderConfig(update_snr=10.0), references)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2, 0.4])
@pytest.mark.parametrize("references", [(), (V1,)])
def test_bytes_are_used_and_never_exceeded(share: float, references: tuple[Model, ...]) -> None:
    budget = round(share * V2.nbytes)
    encoded = encoded_at(V2, *references, max_bytes=budget)
    assert 0.98 * budget <= len(encoded.data) <= budget  # of few bytes the size does not always grow with the quality
    assert encoded.config.quality is not None
    assert encoded.config.max_bytes is None


def test_many_bytes_keep_everything() -> None:
    encoded = encoded_at(V1, max_bytes=V1.nbytes)
    assert encoded.config.lossless
    assert same_tensors(encoded.model, V1)


def test_too_few_bytes_are_refused_with_the_least() -> None:
    with pytest.raises(EncodeError, match=r"coarsest quality takes \d+ bytes") as caught:
        encode_with_report(V1, EncoderConfig(max_bytes=200))
    least = int(str(caught.value).partition("takes ")[2].partition(" ")[0])
    assert len(encoded_at(V1, max_bytes=least).data) <= least


def test_settling_is_repeatable_and_what_was_settled_on_gives_the_same_stream() -> None:
    first = encoded_at(V2, V1, max_bytes=20_000)
    assert encoded_at(V2, V1, max_bytes=20_000).data == first.data
    assert encode_with_report(V2, first.config, [V1]).data == first.data


@pytest.mark.parametrize("request_", [{"snr": 20.0}, {"mse": 1e-3}, {"max_bytes": 10**6}, {"quality": 10.0}])
@settings(max_examples=12, deadline=None)
@given(model=models())
def test_any_model_meets_any_target(request_: dict[str, float], model: Model) -> None:
    report = encoded_at(model, include=("*",), **request_).report
    if "snr" in request_ and report.matrices.snr_db is not None:
        assert report.matrices.snr_db >= 20
    assert "mse" not in request_ or report.matrices.mse <= 1e-3
    assert report.bytes <= 10**6


def test_baseline_has_the_papers_step_and_main_a_quality() -> None:
    assert encoded_at(V1, profile=Profile.BASELINE).report.steps == (1e-4, 1e-4)
    assert encoded_at(V1).config.quality == 56


def test_models_without_weights_and_of_zeros_have_nothing_to_settle() -> None:
    zeros = Model((Tensor.from_numpy("z", np.zeros((8, 8), np.float32)),))
    for model in (Model(()), zeros):
        for fields in ({"snr": 30.0}, {"mse": 1e-9}, {"max_bytes": 1000}, {}):
            assert encoded_at(model, **fields).report.matrices.error_energy == 0


@settings(deadline=None)
@given(st.integers(0, 999), st.integers(0, 999), st.sampled_from(["line", "steep", "flat", "noisy"]))
def test_search_finds_the_last_good_place(answer: int, first: int, kind: str) -> None:
    trials = []

    def measure(place: int) -> float:
        trials.append(place)
        if kind == "flat":
            return 1.0 if place <= answer else -1.0
        distance = float(answer - place)
        if kind == "noisy":
            distance += 0.4 * math.sin(place)
        return math.copysign(distance**4, distance) if kind == "steep" else distance

    assert Search(measure, 0.0, 0.0, -1.0).last(0, 999, first) in (
        (answer,) if kind != "noisy" else (answer, answer - 1)
    )
    assert len(trials) == len(set(trials)) <= 40


def test_search_gives_nothing_where_nothing_is_good() -> None:
    assert Search(lambda place: -10.0 - place, 0.0, 0.1, -1.0).last(-5, 99, 50) is None
    assert Search(lambda _: math.inf, 0.0, 0.1, -1.0).last(-5, 99, 50) == 99
