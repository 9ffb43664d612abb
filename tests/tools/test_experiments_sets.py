"""E10, E11, eq. 10 and corrupted targets, on tiny networks that a fake zoo makes up."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nncodec import EncoderConfig, Model, SetStructure, Tensor
from nncodec.evaluation import WeightProxy
from tools.experiments import budget, corrupted, pruned, real_sets, sets
from tools.experiments.budget import Grid, Operating
from tools.experiments.cells import decibels, percent, ratio, span, whole
from tools.experiments.coding import Coder, paper_config
from tools.experiments.context import Context
from tools.experiments.masks import (
    by_difference,
    entropy,
    kept,
    mask_cost,
    mask_of,
    packed,
    share_of_zeros,
    zeros_kept,
    zeros_left,
)
from tools.experiments.matched import Case, match, same_error, weights_kept
from tools.experiments.results import Section, Verdict
from tools.experiments.set_measurements import Candidate

pytestmark = pytest.mark.filterwarnings("ignore::nncodec.EncodeWarning")  # coarse steps are asked for on purpose

SHAPES = {"conv1": (8, 3, 3, 3), "conv2": (12, 8, 3, 3), "fc6": (16, 12, 4, 4)}
HEADS = {"vgg-retrieval": ("embed", (8, 12)), "vgg-detection": ("head", (15, 16, 1, 1))}


def network(run: str, epoch: int) -> Model:
    """Weights that drift from epoch to epoch; pruned ones have zeros, those of P2 where P5 has them too."""
    shapes = dict([*SHAPES.items(), HEADS.get(run, ("fc8", (10, 16)))])
    if run == "vgg-retrieval":
        del shapes["fc6"]
    tensors = []
    for place, (layer, shape) in enumerate(shapes.items()):
        start = np.random.default_rng(place).laplace(size=shape) * 0.1
        drift = np.random.default_rng([place, epoch, len(run)]).normal(size=shape) * 0.004 * (1 + epoch)
        density = {"vgg-pruned50": 0.5, "vgg-pruned20": 0.2}.get(run, 1.0)
        mask = np.abs(start) >= np.quantile(np.abs(start), 1 - density)
        tensors.append(Tensor.from_numpy(f"{layer}.weight", ((start + drift) * mask).astype(np.float32)))
        tensors.append(Tensor.from_numpy(f"{layer}.bias", np.linspace(0, 1, shape[0], dtype=np.float32)))
    return Model(tuple(tensors))


class FakeTask:
    """What is left of the weights of the last network of a run."""

    metric, samples = "share", 100

    def __init__(self, run: str) -> None:
        self.key, self._proxy = run, WeightProxy(network(run, 2))

    def utility(self, model: Model) -> float:
        return self._proxy(model)

    def departure(self, model: Model, original: Model) -> float:
        return 1 / WeightProxy(original)(model) - 1


class FakeZoo:
    """Networks after 0, 1 and 2 epochs."""

    def epochs(self, run: str) -> tuple[int, ...]:
        return 0, 1, 2

    def model(self, run: str, epoch: int, seed: int) -> Model:
        return network(run, epoch)

    @cache  # noqa: B019  one zoo for each test
    def task(self, run: str) -> FakeTask:
        return FakeTask(run)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(FakeZoo(), Coder(tmp_path), (0,), None, is_reduced=True, track=lambda items, what: iter(items))


def check(section: Section) -> None:
    """Rows are as long as heads, series have points, and what is written is read again."""
    assert all(len(row) == len(table.head) for table in section.tables for row in table.rows)
    assert all(len(series.x) == len(series.y) > 0 for f in section.figures for p in f.panels for series in p.series)
    assert "nan" not in "".join(claim.found for claim in section.claims)


def test_pruned_networks(context: Context, tmp_path: Path) -> None:
    section = pruned.run(context)
    check(section)
    section.save(tmp_path / "E10.json")
    assert Section.load(tmp_path / "E10.json") == section
    assert [row[0] for row in section.tables[0].rows] == ["P2–P2"] * 2 + ["P5–P2"] * 2 + ["U–P2"] * 2
    assert [panel.title for panel in section.figures[0].panels] == ["P2–P2", "P5–P2", "U–P2"]


def test_intervals_are_counted_in_epochs(context: Context) -> None:
    assert [pruned.interval_to(context, target, 1) for target in ("P2", "P5", "U")] == [1, 1, 3]
    assert pruned.halfway(context, "P2") == 1


def test_corrupted_targets(context: Context) -> None:
    section = corrupted.run(context)
    check(section)
    cases = list(dict.fromkeys(row[0] for row in section.tables[0].rows))
    assert cases == ["P5–U", "P2–U", "q(U)–U'", "q(U)–q(U')", "P2–q(U)", "q(P2)–q(P2')"]
    alone = {row[0]: row[5] for row in section.tables[0].rows if row[1] == "9"}
    assert [case for case in cases if alone[case] == "exact"] == ["q(U)–U'", "q(U)–q(U')", "q(P2)–q(P2')"]


def test_sets_of_three_tasks(context: Context) -> None:
    section = sets.run(context)
    check(section)
    assert [row[0] for row in section.tables[0].rows] == ["classification", "retrieval", "detection"]
    assert section.tables[0].rows[2][5] == "conv1, conv2, fc6"
    assert len(section.tables[3].rows) == 4 * len(SetStructure)


def test_budgets(context: Context) -> None:
    section = budget.run(context)
    check(section)
    for row in section.tables[0].rows:
        allowed = int(row[0].partition("(")[2].rstrip(")").replace(",", ""))
        assert row[2] == "–" or int(row[2].replace(",", "")) <= allowed


def test_the_best_choice_is_that_of_all_choices() -> None:
    random = np.random.default_rng(0)

    def operating() -> Operating:
        return Operating(int(random.integers(1, 100)), float(random.random()))

    configs = [EncoderConfig(quality=quality) for quality in (0.0, 10.0, 20.0)]
    rows = {name: [[operating() for _ in configs] for _ in configs] for name in ("a", "b")}
    grid = Grid(configs, [operating() for _ in configs], rows)
    best = grid.best(150, grid.choices())
    totals = []
    for root, a, b in itertools.product(range(3), repeat=3):
        points = [grid.root[root], rows["a"][root][a], rows["b"][root][b]]
        if sum(point.size for point in points) <= 150:
            totals.append(sum(point.share for point in points))
    assert best.total == pytest.approx(max(totals))
    assert best.size <= 150
    assert grid.best(2, grid.choices()) is budget.NOTHING
    assert math.isnan(budget.NOTHING.total)


def test_masks_are_measured_against_their_entropy(tmp_path: Path) -> None:
    target, reference = network("vgg-pruned20", 2), network("vgg-pruned50", 2)
    assert share_of_zeros(target) == pytest.approx(0.8, abs=0.01)
    weights = sum(tensor.size for tensor in target.tensors if len(tensor.shape) > 1)
    assert entropy(target) == pytest.approx(weights * 0.7219 / 8, rel=0.02)
    assert entropy(target, reference) == pytest.approx(weights / 2 * 0.971 / 8, rel=0.03)
    assert entropy(target, target) == 0
    cost = mask_cost(Coder(tmp_path), "P2–P5", target, [reference], 9)
    assert cost.given < cost.entropy
    assert cost.alone >= cost.entropy * 0.9
    assert cost.is_near_entropy(int(cost.given))
    assert not cost.is_near_entropy(int(cost.given + cost.entropy))


def test_what_is_packed_has_no_zeros() -> None:
    target, reference = network("vgg-pruned20", 2), network("vgg-cifar", 2)
    for tensor in packed(target, target).tensors:
        assert len(tensor.shape) == 1
        assert tensor.name.endswith("bias") or kept(tensor).all()
    sizes = [tensor.size for tensor in packed(reference, target).tensors]
    assert sizes == [tensor.size for tensor in packed(target, target).tensors]
    assert {float(x) for tensor in mask_of(target).tensors for x in np.unique(tensor.numpy())} == {0.0, 1.0}


def test_a_difference_of_all_tensors_leaves_no_zeros(tmp_path: Path) -> None:
    target, reference = network("vgg-pruned20", 2), network("vgg-cifar", 2)
    decoded = by_difference(Coder(tmp_path), target, reference, paper_config(9))
    assert zeros_left(target, decoded) < 0.1
    for tensor in target.tensors:
        assert np.allclose(decoded.by_name[tensor.name].numpy(), tensor.numpy(), atol=1e-3)
    found = zeros_kept(Coder(tmp_path), "P2–U", target, [reference], 9)
    assert found.everywhere < 0.1
    assert math.isnan(zeros_kept(Coder(tmp_path), "P2", target, [], 9).everywhere)


def test_zeros_that_are_left() -> None:
    target, other = network("vgg-pruned50", 2), network("vgg-pruned20", 2)
    assert zeros_left(target, target) == 1
    assert zeros_left(target, other) == 1
    assert zeros_left(other, target) == pytest.approx(0.5 / 0.8, abs=0.01)
    assert math.isnan(zeros_left(network("vgg-cifar", 2), target))
    assert weights_kept(other) < weights_kept(target) < other.nbytes


def test_main_is_asked_for_the_error_of_the_paper(tmp_path: Path) -> None:
    case = Case("U–U", network("vgg-cifar", 2), network("vgg-cifar", 1), FakeTask("vgg-cifar"))
    found = match(Coder(tmp_path), case, 10)
    assert found.main.snr == pytest.approx(found.update.snr, abs=1)
    assert 0 < found.fast < found.main_alone.size
    assert found.in_difference == 1
    assert found.everywhere == pytest.approx(found.update.size, rel=0.1)
    assert found.helps
    exact = replace(found.update, snr=math.inf)
    assert same_error(exact, 9) == EncoderConfig(q_bits=9, rounding=0.5, least_squares=True)


def test_real_sets_without_a_folder_are_left_out(context: Context) -> None:
    assert real_sets.measure_real_sets(context) == []
    assert "left out" in real_sets.said(None)


def test_a_real_set_is_measured_at_one_error() -> None:
    models = {name: network("vgg-cifar", epoch) for name, epoch in (("a", 1), ("b", 2))}
    found = real_sets.measure("two", models)
    assert found.main_snr == pytest.approx(found.snr, abs=1)
    assert set(found.main) == set(SetStructure)
    (row,) = real_sets.table([found]).rows
    assert row[0] == "two (2)"


def test_the_root_is_found_contradicted_or_not() -> None:
    first = Candidate("classification", 1.0, 1.0, 10, 10, 10)
    other = Candidate("detection", 2.0, 0.5, 20, 20, 20)
    assert sets.root_claim([first, other]).verdict == Verdict.CONFIRMED
    assert sets.root_claim([replace(first, shared=3.0), other]).verdict == Verdict.CONTRADICTED
    assert sets.best_root_claim([first, other]).verdict == Verdict.PARTLY


def test_a_curve_holds_down_to_its_first_failure(tmp_path: Path) -> None:
    case = Case("U–U", network("vgg-cifar", 2), network("vgg-cifar", 1), FakeTask("vgg-cifar"))
    point = Coder(tmp_path).measure(case.target, paper_config(9), case.task)
    points = [replace(point, size=size, utility=utility) for size, utility in ((3, 0.9), (2, 0.5), (1, 0.9))]
    assert sets.smallest_that_holds(points, 0.8) == points[0]
    assert sets.smallest_that_holds(points, 0.95) is None
    assert sets.utility_at(points[1:], 2) == 0.5
    assert 0.5 < sets.utility_at(points[:2], 2.5) < 0.9
    assert sets.utility_at(points[:2], 1) == 0


def test_cells() -> None:
    assert [whole(12345.4), ratio(0.12345), ratio(41.26), percent(0.5), decibels(math.inf)] == [
        *("12,345", "0.123", "41.3", "50.00%", "exact")
    ]
    assert {whole(math.nan), ratio(math.nan), span([]), decibels(math.nan)} == {"–"}
    assert span([0.5, 0.25]) == "0.25 to 0.50"
