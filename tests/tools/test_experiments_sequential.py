"""E4 to E9 on the example networks, in place of networks that would have to be trained first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nncodec
from nncodec import Model, Tensor
from nncodec.adapters.evaluation import runner
from nncodec.evaluation import divergence_utility, top_k
from tools.experiments import (
    intervals,
    partial,
    quantised_reference,
    real_updates,
    scenarios,
    sequential,
    transparent,
)
from tools.experiments.coding import Coded, Coder
from tools.experiments.context import Context
from tools.experiments.datasets import Images
from tools.experiments.finer_steps import scaled
from tools.experiments.real_updates import RealUpdate
from tools.experiments.results import Section, Verdict
from tools.experiments.scenarios import Stage
from tools.experiments.summary import Spread, signed, verdict_of
from tools.experiments.tasks import Classification
from tools.experiments.updates import Method, Update, matching, pooled

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
IMAGES = 60

pytestmark = pytest.mark.filterwarnings("ignore::nncodec.EncodeWarning")


class DigitsTask:
    """Top-1 on some of the example images."""

    key, metric = "digits", "top-1"

    def __init__(self) -> None:
        with np.load(EXAMPLES / "digits-test.npz") as archive:
            self._arrays = {"x": archive["x"][:IMAGES]}
            self._labels = archive["labels"][:IMAGES]

    def outputs(self, model: Model) -> np.ndarray:
        return runner(model).run(self._arrays)[0]

    def utility(self, model: Model) -> float:
        return top_k(self.outputs(model), self._labels, 1)

    def standard_error(self, model: Model, other: Model | None = None) -> float:
        return 0.01

    def departure(self, model: Model, original: Model) -> float:
        return -math.log(divergence_utility([self.outputs(model)], [self.outputs(original)]))


class DigitsZoo:
    """On its way from the first example network to the second, at any seed; a frozen run keeps the first layer."""

    def __init__(self) -> None:
        self._old, self._new = (nncodec.load(EXAMPLES / f"digits-v{each}.onnx") for each in (1, 2))
        self._task = DigitsTask()

    def epochs(self, run: str) -> tuple[int, ...]:
        return 0, 1, 2

    def task(self, run: str) -> DigitsTask:
        return self._task

    def model(self, run: str, epoch: int, seed: int) -> Model:
        share = np.float32(epoch / 2)
        frozen = {self._old.tensors[0].name} if run == "resnet-frozen" else set()
        tensors = (self._between(each, 0.0 if each.name in frozen else share) for each in self._old.tensors)
        return Model(tuple(tensors), self._old.topology)

    def _between(self, old: Tensor, share: float) -> Tensor:
        start = old.numpy()
        if not share or not np.issubdtype(start.dtype, np.floating):
            return old
        return Tensor.from_numpy(old.name, start + share * (self._new.by_name[old.name].numpy() - start))


def quietly(items: Iterable, what: str) -> Iterator:
    return iter(items)


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Context:
    coder = Coder(tmp_path_factory.mktemp("coded"))
    return Context(DigitsZoo(), coder, seeds=(1, 2), data=None, is_reduced=True, track=quietly)


MODULES = (scenarios, sequential, intervals, transparent, partial, quantised_reference)


@pytest.fixture(scope="module")
def sections(context) -> dict[str, Section]:
    made = [module.run(context) for module in MODULES]
    return {section.key: section for section in made}


def test_every_experiment_gives_its_section(sections, tmp_path) -> None:
    assert list(sections) == ["E4", "E5", "E6", "E7", "E8", "E9"]
    for section in sections.values():
        section.save(tmp_path / "section.json")
        assert Section.load(tmp_path / "section.json") == section


def test_tables_are_rectangular_and_bear_the_numbers_of_the_paper(sections) -> None:
    tables = [table for section in sections.values() for table in section.tables]
    assert {table.number for table in tables} >= {"IV", "V", "VI", "VII", "VIII", "IX"}
    for table in tables:
        assert table.rows, table.caption
        assert {len(row) for row in table.rows} == {len(table.head)}, table.caption


def test_figures_have_lines_with_a_height_for_each_place(sections) -> None:
    figures = [figure for section in sections.values() for figure in section.figures]
    assert {figure.number for figure in figures} >= {"7", "8", "9"}
    for series in (series for figure in figures for panel in figure.panels for series in panel.series):
        assert len(series.x) == len(series.y) > 0
        assert len(series.spread) in {0, len(series.y)}


def test_text_says_that_real_models_are_absent(sections) -> None:
    assert "mini-xception is left out" in sections["E5"].text


def test_a_difference_is_smaller_than_the_model(sections) -> None:
    claim = next(claim for claim in sections["E8"].claims if "fewer bytes with DoM" in claim.statement)
    assert claim.verdict == Verdict.CONFIRMED


def test_frozen_tensors_arrive_bit_for_bit(sections) -> None:
    claim = next(claim for claim in sections["E8"].claims if "bit for bit" in claim.statement)
    assert claim.verdict == Verdict.CONFIRMED


def test_real_updates_are_compared_at_equal_snr(context, shared_data) -> None:
    found = real_updates.measure(replace(context, data=shared_data))
    table = real_updates.table(found)
    assert {len(row) for row in table.rows} == {len(table.head)}
    assert all(0 < each.main < each.paper < each.raw for each in found)


def test_real_updates_are_judged_where_they_are_coarse() -> None:
    coarse, fine = RealUpdate("1 → 2", 10, 5.0, 1000, 100, 40), RealUpdate("1 → 2", 8, 40.0, 1000, 200, 180)
    assert real_updates.claim([coarse, fine]).verdict == Verdict.CONFIRMED
    assert real_updates.claim([fine]).verdict == Verdict.UNTESTED


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (tuple(range(21)), (0, 10, 15, 20)),
        ((0, 5, 10, 15, 20), (0, 10, 15, 20)),
        ((0, 2, 3, 5, 10), (0, 3, 5, 10)),
        ((0, 5, 9, 10), (0, 0, 5, 10)),
        ((0, 1, 2), (0, 0, 1, 2)),
    ],
)
def test_stages(epochs, expected) -> None:
    assert tuple(stage.of(epochs) for stage in Stage) == expected


def coded(size: int, utility: float, departure: float = 0.1) -> Coded:
    return Coded(f"size {size}", size, 4000, utility, departure, 20.0, 10.0)


def update(paper: Iterable[Coded], main: Iterable[Coded], error: float = 0.01) -> Update:
    curves = {Method.PAPER_UPDATE: tuple(paper), Method.MAIN_UPDATE: tuple(main)}
    return Update("run", "1 → 2", 1, 0.5, 0.7, error, error, 1.0, 4000, 2000, curves)


LINE = [coded(100, 0.5, 1.0), coded(1000, 0.7, 0.01)]


def test_a_difference_on_the_same_images_is_surer_than_either_utility() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 10, 400)
    task = Classification("key", Images(np.zeros((400, 3, 32, 32), np.uint8), labels))
    scores = np.eye(10)[labels] + rng.normal(0, 0.6, (400, 10))
    first, second = (task.shares(each) for each in (scores, scores + rng.normal(0, 0.05, scores.shape)))
    assert np.std(first - second) < np.std(first) / 2
    assert np.mean(first) == pytest.approx(task.score(scores))


def test_size_at_kept_lies_between_the_points() -> None:
    assert update(LINE, LINE).size_at_kept(Method.MAIN_UPDATE, 0.5) == pytest.approx(math.sqrt(100 * 1000))


def test_a_gain_within_noise_is_not_read() -> None:
    few = update(LINE, LINE, error=0.2)
    assert few.noise > few.gain
    assert math.isnan(few.size_at_kept(Method.MAIN_UPDATE, 0.5))
    assert few.cheapest_keeping(Method.MAIN_UPDATE, 0.5) is None


def test_size_at_removed_is_where_that_share_of_the_drift_is_gone() -> None:
    assert update(LINE, LINE).size_at_removed(Method.MAIN_UPDATE, 0.9) == pytest.approx(math.sqrt(100 * 1000))


def test_cheapest_is_not_below_one_that_fell_short() -> None:
    points = [coded(100, 0.7), coded(200, 0.5), coded(300, 0.69), coded(400, 0.7)]
    found = update(LINE, points).cheapest_keeping(Method.MAIN_UPDATE, 0.7)
    assert found is not None
    assert found.size == 300
    assert update(LINE, points).size_as_made(Method.MAIN_UPDATE, 0.7) == 300


def test_pooled_is_the_mean_at_common_settings() -> None:
    few, more = update(LINE, LINE[:1]), update(LINE, LINE)
    both = pooled([replace(few, old=0.4), more])
    assert both.old == pytest.approx(0.45)
    assert both.curves[Method.MAIN_UPDATE] == LINE[:1]


def test_what_is_read_off_the_mean_has_the_error_of_a_jackknife() -> None:
    updates = [replace(update(LINE, LINE), old=old) for old in (0.4, 0.5, 0.6)]
    spread = Spread.pooled(updates, lambda each: each.old)
    assert spread.mean == pytest.approx(0.5)
    assert spread.deviation == pytest.approx(0.1 / math.sqrt(3))


def test_spread_leaves_out_what_was_not_measured() -> None:
    spread = Spread.of([1.0, math.nan, 3.0])
    assert (spread.mean, spread.count) == (2.0, 2)
    assert spread.text(".1f") == "2.0 ± 1.4"
    assert Spread.of([math.nan]).text() == "–"


def test_verdicts() -> None:
    assert [verdict_of(each) for each in ([True, True], [True, False], [False], [])] == [
        Verdict.CONFIRMED,
        Verdict.PARTLY,
        Verdict.CONTRADICTED,
        Verdict.UNTESTED,
    ]


def test_changes_are_printed_with_their_sign() -> None:
    assert [signed(each) for each in (0.0123, -0.0123, -1e-9, 0.0)] == ["+1.23", "−1.23", "0.00", "0.00"]


def test_what_a_step_wiped_out_is_not_matched() -> None:
    wiped = Coded("q_bits 11", 10, 4000, 0.5, 1.0, 20.0, -0.3)
    assert matching(wiped, is_update=True) is None
    matched = matching(wiped, is_update=False)
    assert matched is not None
    assert matched.snr == 20.0


def test_scaling_by_a_power_of_two_loses_nothing() -> None:
    tensors = (
        Tensor.from_numpy("weight", np.array([0.1, -3e-5], np.float32)),
        Tensor.from_numpy("shape", np.array([1, -1], np.int64)),
    )
    model = Model(tensors)
    larger = scaled(model, 8)
    np.testing.assert_array_equal(larger.by_name["weight"].numpy(), 8 * tensors[0].numpy())
    assert scaled(larger, 1 / 8).content_id == model.content_id


def test_within_stops_at_the_first_stream_that_changes_more() -> None:
    points = [coded(100, 0.7), coded(200, 0.6), coded(300, 0.69), coded(400, 0.7)]
    found = transparent.within(points, 0.7, 0.02)
    assert found is not None
    assert found.size == 300


def test_luck_is_an_equal_metric_below_a_different_one() -> None:
    points = [coded(100, 0.7), coded(200, 0.6), coded(300, 0.7)]
    assert transparent.unchanged(points, 0.7) == points[0]
    assert transparent.is_luck(points, 0.7)
    assert not transparent.is_luck(points[1:], 0.7)
    assert transparent.unchanged(points[1:2], 0.7) is None
