"""SPEC.md clause E.13: steps by quality."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import nncodec
from nncodec import EncoderConfig, Model, Tensor, encode_with_report
from nncodec.encoder.steps import grid_of, spread
from nncodec.stream import read_stream
from nncodec.tables import Representation

EXAMPLES = Path(__file__).parents[3] / "examples"
V1, V2 = (nncodec.load(EXAMPLES / f"digits-{name}.onnx") for name in ("v1", "v2"))


def gaussian(name: str, shape: tuple[int, ...], scale: float = 1.0, seed: int = 0) -> Tensor:
    return Tensor.from_numpy(name, (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32))


def spread_of(values: npt.NDArray[np.float64]) -> float:
    return spread(Tensor.from_numpy("w", values))


def test_spread_is_sigma_and_follows_rows_not_the_largest_values() -> None:
    values = np.random.default_rng(0).standard_normal((64, 400))
    assert spread_of(values) == pytest.approx(1, rel=0.02)
    assert spread_of(3 * values.ravel()) == pytest.approx(3, rel=0.02)
    outlier = values.copy()
    outlier[0, 0] = 1e4
    assert spread_of(outlier) < 1.2
    assert float(np.sqrt(np.square(outlier).mean())) > 10
    dead = np.where(np.arange(64)[:, None] < 8, 0.0, values)
    assert 0.5 < spread_of(dead) < 1
    assert spread_of(np.zeros((3, 4))) == 0
    assert spread_of(np.zeros((0, 4))) == 0
    assert spread_of(np.full((2, 2), 1e308)) == math.inf


@pytest.mark.parametrize("fields", [{}, {"fast": True}, {"rounding": 0.5}])
@pytest.mark.parametrize("quality", [20.0, 40.0])
def test_quality_is_the_snr_of_a_single_matrix(quality: float, fields: dict[str, object]) -> None:
    model = Model((gaussian("w", (200, 300)),))
    report = encode_with_report(model, EncoderConfig(quality=quality, **fields)).report  # type: ignore[arg-type]
    assert report.matrices.snr_db == pytest.approx(quality, abs=0.5)


def test_quality_does_not_depend_on_the_units_of_a_tensor() -> None:
    sizes = []
    for scale in (1e-9, 1.0, 1e5):
        model = Model((gaussian("w", (50, 60), scale), gaussian("x", (50, 30), 1, 1), gaussian("v", (90,), scale, 2)))
        report = encode_with_report(model, EncoderConfig(quality=30.0)).report
        sizes.append(report.bytes)
        assert [row.distortion.snr_db for row in report.tensors if row.distortion] == [
            pytest.approx(31.8, abs=0.6),
            pytest.approx(34.8, abs=0.6),
            pytest.approx(46.8, abs=1.5),
        ]
    assert max(sizes) <= min(sizes) * 1.01


@pytest.mark.parametrize("shape", [(36, 1, 256), (36, 1, 1, 256), (144, 1, 72)])
def test_filter_banks_have_a_quarter_of_the_step(shape: tuple[int, ...]) -> None:
    assert snr_of(shape) == pytest.approx(52, abs=0.7)


OTHERS = [(36, 256), (1, 36, 256), (36, 256, 1, 1), (18, 2, 256), (188, 1, 7, 7), (144, 1, 8, 8), (1, 1, 96, 96)]


@pytest.mark.parametrize("shape", OTHERS)
def test_other_matrices_do_not(shape: tuple[int, ...]) -> None:
    assert snr_of(shape) == pytest.approx(40, abs=0.7)


def snr_of(shape: tuple[int, ...]) -> float | None:
    (row,) = encode_with_report(Model((gaussian("w", shape),)), EncoderConfig(quality=40.0)).report.tensors
    return None if row.distortion is None else row.distortion.snr_db


def test_matrices_keep_the_trellis_and_vectors_their_own_group() -> None:
    stream = read_stream(nncodec.encode(V1, EncoderConfig(quality=40.0)))
    kinds = {group.representation for group in stream.parameters.groups}
    assert kinds == {Representation.TRELLIS_8, Representation.LEVELS, Representation.EXACT}


def test_what_is_cheaper_exact_stays_exact() -> None:
    half = Tensor.from_numpy("half", np.random.default_rng(0).standard_normal((64, 64)).astype(np.float16))
    for quality, representation in ((100.0, "exact"), (30.0, "levels")):
        (row,) = encode_with_report(Model((half,)), EncoderConfig(quality=quality)).report.tensors
        assert row.representation == representation


@pytest.mark.parametrize("step", [1.0, 2.0**-7, float(np.float32(0.1))])
def test_what_was_quantised_before_stays_exact_on_its_grid(step: float) -> None:
    levels = np.rint(30 * np.random.default_rng(0).standard_normal((64, 64)))
    model = Model((Tensor.from_numpy("w", (levels * step + 0.0).astype(np.float32)),))
    encoded = encode_with_report(model)
    assert encoded.model.tensors[0].data == model.tensors[0].data
    assert encoded.report.tensors[0].representation == "levels"
    assert abs(len(encoded.data) - len(nncodec.encode(model, EncoderConfig(lossless=True)))) < 16


def on_grid(*values: float) -> bool:
    return grid_of(Tensor.from_numpy("w", np.tile(np.array(values), 100))) is not None


def test_grid_is_none_where_values_do_not_lie_on_one() -> None:
    assert grid_of(gaussian("noise", (1000,))) is None
    assert grid_of(gaussian("empty", (0, 9))) is None
    assert on_grid(0.0, 1.0, -2.0)
    assert not on_grid(0.0, 0.0)
    assert not on_grid(0.0, 1.0, math.pi)
    assert not on_grid(0.0, 1.0, 1e300)
    assert not on_grid(0.0, 5e-324)
    assert on_grid(0.0, -0.0, 1.0)
    assert not on_grid(0.0, 1.0, math.nan)
    assert not on_grid(0.0, 1.0, math.inf)


def small_update(scale: float) -> Model:
    """V1 with a little noise on its matrices: far below what the default keeps of a model."""
    noise = np.random.default_rng(0)
    moved = [
        replace(
            tensor, data=(tensor.numpy() * (1 + scale * noise.standard_normal(tensor.shape))).astype("<f4").tobytes()
        )
        if len(tensor.shape) > 1
        else tensor
        for tensor in V1.tensors
    ]
    return Model(tuple(moved), V1.topology)


@pytest.mark.parametrize("scale", [1e-2, 1e-4])
def test_default_keeps_a_small_update(scale: float) -> None:
    new = small_update(scale)
    encoded = encode_with_report(new, None, [V1])
    assert encoded.report.update is not None
    assert encoded.report.update.snr_db is not None
    assert encoded.report.update.snr_db > 19
    assert len(encoded.data) < len(nncodec.encode(new))
    assert not encoded.report.notices


def test_update_costs_no_more_quality_than_coding_alone() -> None:
    alone, update = encode_with_report(V2).report, encode_with_report(V2, None, [V1]).report
    assert alone.matrices.snr_db is not None
    assert update.matrices.snr_db is not None
    assert update.matrices.snr_db > alone.matrices.snr_db - 0.1
    assert update.bytes < alone.bytes


def test_no_update_costs_next_to_nothing() -> None:
    assert len(nncodec.encode(V1, None, [V1])) < 200


def test_default_hardly_changes_the_outputs_of_the_examples(shared_data: Path) -> None:
    """Real models: docs/benchmarks.md has their outputs; here, that the default stays far from exact coding."""
    model = nncodec.load(shared_data / "onnx" / "version-rfb-320.onnx")
    report = encode_with_report(model).report
    assert report.matrices.snr_db is not None
    assert report.matrices.snr_db > 60
    assert report.bytes < 0.4 * model.nbytes


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_lossless_levels_of_a_grid_where_they_give_the_very_bits(zero: float) -> None:
    rng = np.random.default_rng(3)
    values = np.where(rng.random((40, 60)) < 0.1, zero, np.rint(rng.normal(0, 20, (40, 60))) * 0.0078125 + 0.0)
    model = Model((Tensor.from_numpy("w", values.astype(np.float32)),))
    encoded = encode_with_report(model, EncoderConfig(lossless=True))
    assert nncodec.decode(encoded.data).content_id == model.content_id
    assert [row.representation for row in encoded.report.tensors] == ["exact" if np.signbit(zero) else "levels"]
