"""The experiments on the paper's statistics, on networks of examples/ and on values of a known distribution."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import nncodec
from nncodec import EncoderConfig, Model, Profile, Tensor
from nncodec.analysis import divergence, divergence_from_uniform
from nncodec.evaluation import WeightProxy
from tools.experiments import (
    coder_cost,
    divergences,
    histograms,
    lzma_loss,
    position,
    rate_distortion,
    update_bias,
    versions,
)
from tools.experiments.coding import Coder
from tools.experiments.context import Context
from tools.experiments.results import Section, Verdict
from tools.experiments.weights import entropy, is_alike, levels, matrices_of, residuals, weights

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@cache
def example(name: str) -> Model:
    return nncodec.load(EXAMPLES / f"digits-{name}.onnx")


class Proxy:
    """A task that looks at weights, not at outputs."""

    key = "proxy"

    def utility(self, model: Model) -> float:
        return 0.5

    def departure(self, model: Model, original: Model) -> float:
        shared = Model(tuple(tensor for tensor in original.tensors if is_alike(tensor, model)))
        return 1 / WeightProxy(shared)(model) - 1


class FewNetworks:
    """A Zoo of the networks of examples/: versions on the way from v1 to v2, and the variant for retrieval."""

    def epochs(self, run: str) -> tuple[int, ...]:
        return 0, 3, 6

    def model(self, run: str, epoch: int, seed: int) -> Model:
        if run == "vgg-retrieval" and epoch:
            return example("variant")
        return between(0.7 if run == "vgg-detection" else epoch / 6)

    def task(self, run: str) -> Proxy:
        return Proxy()


@cache
def between(share: float) -> Model:
    old, new = example("v1"), example("v2")
    return Model(tuple(mixed(tensor, new.by_name[tensor.name], share) for tensor in old.tensors), new.topology)


def mixed(old: Tensor, new: Tensor, share: float) -> Tensor:
    if old.numpy().dtype != np.float32:
        return new
    return Tensor.from_numpy(old.name, np.float32(1 - share) * old.numpy() + np.float32(share) * new.numpy())


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Coder:
    return Coder(tmp_path_factory.mktemp("coded"))


@pytest.fixture
def context(coder: Coder) -> Context:
    return Context(FewNetworks(), coder, (0,), None, True, lambda items, _: iter(items))


def laplace(scale: float, shape: tuple[int, ...], seed: int = 0) -> Model:
    values = np.random.default_rng(seed).laplace(0, 1 / scale, shape)
    return Model((Tensor.from_numpy("w", values.astype(np.float32)),))


def shown(section: Section, caption: str) -> list[dict[str, str]]:
    (table,) = (each for each in section.tables if each.caption.startswith(caption))
    return [dict(zip(table.head, row, strict=True)) for row in table.rows]


def verdicts(section: Section) -> list[Verdict]:
    return [claim.verdict for claim in section.claims]


@pytest.mark.parametrize("q_bits", [8, 9, 10])
def test_levels_are_those_of_the_baseline(q_bits: int) -> None:
    old, new = matrices_of(example("v1")), matrices_of(example("v2"))
    config = EncoderConfig(profile=Profile.BASELINE, q_bits=q_bits)
    step = 10.0 ** (q_bits - 12)
    for references, reference in (([], None), ([old], old)):
        decoded = nncodec.decode(nncodec.encode(new, config, references), references)
        found = np.rint(weights(decoded, reference) / step)
        assert np.array_equal(found, levels(weights(new, reference), step))


def test_entropy_is_that_of_known_shares() -> None:
    assert entropy(np.array([0] * 4 + [1] * 2 + [5, -5])) == pytest.approx(1.75)
    assert entropy(np.zeros(7, np.int64)) == 0


def test_residuals_are_alone_where_shapes_differ() -> None:
    variant, reference = matrices_of(example("variant")), example("v1")
    *common, last = residuals(variant, reference)
    assert np.array_equal(last, variant.by_name["fc.weight"].numpy().ravel())
    assert not any(
        np.array_equal(each, tensor.numpy().ravel()) for each, tensor in zip(common, variant.tensors, strict=False)
    )


@pytest.mark.parametrize(("scale", "q_bits"), [(20.0, 9), (100.0, 10)])
def test_laplace_model_predicts_laplace_values(coder: Coder, scale: float, q_bits: int) -> None:
    point = rate_distortion.measure(coder, "w", q_bits, laplace(scale, (400, 500)))
    assert point.scale == pytest.approx(scale, rel=0.01)
    assert point.one.rate == pytest.approx(point.one.entropy, rel=0.01)
    assert point.one.distortion == pytest.approx(point.distortion, rel=0.01)
    assert point.by_tensor == point.one
    assert 0.9 * point.one.entropy < point.main_bits < point.paper_bits < 1.5 * point.one.entropy


def test_rate_and_distortion_of_networks(context: Context) -> None:
    section = rate_distortion.run(context)
    rows = shown(section, "R1")
    assert {row["values"] for row in rows} == {
        *("V2", "V3", "retrieval", "detection"),
        *("V2 − V1", "V3 − V2", "retrieval − V3", "detection − V3"),
    }
    assert all(float(row["main"]) < float(row["paper"]) for row in rows if row["values"] == "V3")
    assert section.claims[-1].verdict in (Verdict.CONFIRMED, Verdict.PARTLY)


def test_histograms_hold_shares_of_all_values(context: Context) -> None:
    section = histograms.run(context)
    weights_panel, differences = section.figures[0].panels
    assert [series.label for series in weights_panel.series] == ["V1", "V2", "V3"]
    assert [series.label for series in differences.series] == ["V2 − V1", "V3 − V2"]
    for series in weights_panel.series:
        assert len(series.x) == 1000
        assert 0 < sum(series.y) <= 1
    assert section.claims[1].verdict == Verdict.CONFIRMED
    assert "mini-xception is left out" in section.text


def test_divergences_stand_beside_those_from_random_weights(context: Context) -> None:
    row = shown(divergences.run(context), "Versions in turn")[1]
    new, old = matrices_of(between(1.0)), matrices_of(between(0.5))
    assert (row["model"], row["reference"]) == ("V3", "V2")
    assert float(row["D from reference"]) == pytest.approx(divergence(new, old), abs=1e-4)
    assert float(row["D from random"]) == pytest.approx(divergence_from_uniform(new), abs=1e-4)


def test_shuffling_keeps_the_histogram_and_loses_the_places() -> None:
    model = matrices_of(example("v1"))
    other = position.shuffled(model, 3)
    assert divergence(model, other) == 0
    assert not np.array_equal(weights(model), weights(other))
    assert np.array_equal(np.sort(weights(model)), np.sort(weights(other)))


def test_position_is_what_a_difference_costs(context: Context) -> None:
    section = position.run(context)
    assert verdicts(section)[:2] == [Verdict.CONFIRMED, Verdict.CONFIRMED]


def test_losses_of_coders_are_over_the_entropy(context: Context) -> None:
    section = lzma_loss.run(context)
    rows = shown(section, "Bits per weight")
    assert len(rows) == 3 * len(lzma_loss.Q_BITS) * lzma_loss.PARTS
    counted = [row for row in rows if row["LZMA ÷ entropy"] != "–"]
    for row in counted:
        assert float(row["LZMA ÷ entropy"]) == pytest.approx(float(row["LZMA"]) / float(row["entropy"]), rel=0.01)
    fine = next(row for row in counted if row["levels"] == lzma_loss.DRAWN)
    assert 1 < float(fine["mixing ÷ entropy"]) < float(fine["LZMA ÷ entropy"]) < 1.5
    assert all(verdict != Verdict.UNTESTED for verdict in verdicts(section))


def test_steps_between_decades_are_those_of_multiplied_weights(coder: Coder) -> None:
    model = laplace(30.0, (100, 200))
    step = lzma_loss.Step(10, 10 ** (1 / 3))
    point = lzma_loss._point(coder, "w", step, model, None)
    same = rate_distortion.measure(coder, "w", 10, lzma_loss._multiplied(model, step.factor))
    assert point.step == pytest.approx(10 ** (-2 - 1 / 3))
    assert point.entropy == pytest.approx(same.one.entropy, rel=1e-4)
    assert point.rates[lzma_loss.LZMA] == same.paper_bits


def test_update_shrinks_by_f_and_comes_back_by_a_gain(context: Context) -> None:
    section = update_bias.run(context)
    arrived = [row for row in shown(section, "What arrives") if row["update"].startswith("vgg-cifar")]
    sizes = [float(row["mean |x̂| ÷ mean |x|"]) for row in arrived]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0.99
    assert sizes[-2] < 0.9
    assert section.claims[0].verdict != Verdict.CONFIRMED
    assert {series.label for series in section.figures[0].panels[0].series} == {"paper", *update_bias.VARIANTS}


def test_cost_of_coders_is_relative(context: Context) -> None:
    rows = shown(coder_cost.run(context), "Bytes")
    assert [row["coder"] for row in rows] == list(coder_cost.CODERS)
    assert (rows[0]["bytes ÷ LZMA's"], rows[0]["encoding ÷ LZMA's"]) == ("1.000", "1.00")
    assert int(rows[0]["bytes"].replace(",", "")) == len(
        nncodec.encode(between(1.0), coder_cost.CODERS[coder_cost.LZMA])
    )


@pytest.mark.parametrize(("epochs", "late"), [((0, 5, 10, 15, 20), 15), ((0, 3, 6), 3), ((0, 5, 9, 10), 5)])
def test_late_epoch_lies_within_three_quarters(epochs: tuple[int, ...], late: int) -> None:
    assert versions.late_epoch(epochs) == late
