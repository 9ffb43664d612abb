"""Bit errors and topologies, on tiny networks that a fake zoo makes up; nothing is trained."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import nncodec
from nncodec import EncoderConfig, Gap, Model, Profile, Tensor
from nncodec.evaluation import WeightProxy
from tools.experiments import robustness, topologies
from tools.experiments.channel import Sent, draws, filled, flipped, nothing, received, remembered
from tools.experiments.choices import coarsest
from tools.experiments.coding import Coder
from tools.experiments.context import Context
from tools.experiments.results import Section, Verdict
from tools.experiments.robustness import Point, differs, verdict_on
from tools.experiments.rounds import Cooperation, Post, Way, averaged, by_cloud, by_ring, difference, moved, to_device

SHAPES = {"conv1": (8, 3, 3, 3), "conv2": (12, 8, 3, 3), "fc6": (16, 12, 4, 4)}
LOSSLESS = EncoderConfig(lossless=True)
EXACT = Way("exact", LOSSLESS, LOSSLESS)


def network(epoch: int) -> Model:
    """Weights that come nearer to those of epoch 2."""
    tensors = []
    for place, (layer, shape) in enumerate(SHAPES.items()):
        start = np.random.default_rng(place).laplace(size=shape) * 0.1
        way = np.random.default_rng([place, 7]).normal(size=shape) * 0.02
        tensors.append(Tensor.from_numpy(f"{layer}.weight", (start + way * epoch).astype(np.float32)))
        tensors.append(Tensor.from_numpy(f"{layer}.bias", np.linspace(0, 1, shape[0], dtype=np.float32)))
    return Model(tuple(tensors))


class FakeTask:
    """What is left of the weights of the last network; less than no model has only one that is all wrong."""

    metric, samples, key = "share", 100, "fake"

    def __init__(self) -> None:
        self._proxy = WeightProxy(network(2))

    def utility(self, model: Model) -> float:
        return self._proxy(model)

    def departure(self, model: Model, original: Model) -> float:
        return 1 / WeightProxy(original)(model) - 1


class FakeZoo:
    """Networks after 0, 1 and 2 epochs; to train is to go a fifth of the way to the last one, a little beside it."""

    def __init__(self) -> None:
        self.tuned: list[tuple[bytes, tuple[int, int], int]] = []

    def epochs(self, run: str) -> tuple[int, ...]:
        return 0, 1, 2

    def model(self, run: str, epoch: int, seed: int) -> Model:
        return network(epoch)

    @cache  # noqa: B019  one zoo for each test
    def task(self, run: str) -> FakeTask:
        return FakeTask()

    def fine_tuned(self, model: Model, shard: tuple[int, int], seed: int) -> Model:
        self.tuned.append((model.content_id, shard, seed))
        rng = np.random.default_rng([*shard, seed])
        way = {
            name: 0.2 * each + rng.normal(size=each.shape) * 1e-3
            for name, each in difference(network(2), model).items()
        }
        return moved(model, way)


@pytest.fixture
def coder(tmp_path: Path) -> Coder:
    return Coder(tmp_path)


@pytest.fixture
def context(coder: Coder) -> Context:
    return Context(FakeZoo(), coder, (0,), None, is_reduced=True, track=lambda items, what: iter(items))


@pytest.fixture(scope="module")
def update() -> Sent:
    config = EncoderConfig(lossless=True, slice_symbols=500)
    return Sent.of(nncodec.encode(network(2), config, [network(1)]), [network(1)])


def slice_places(sent: Sent) -> list[tuple[int, int]]:
    return [
        (each.offset, each.size)
        for each in nncodec.inspect(sent.stream, sent.references).units
        if each.unit_type == "slice"
    ]


def with_flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_channel_flips_as_many_bits_as_its_rate_says() -> None:
    stream = bytes(20_000)
    assert flipped(stream, 0.0, np.random.default_rng(1)) == stream
    damaged = flipped(stream, 0.01, np.random.default_rng(1))
    assert damaged == flipped(stream, 0.01, np.random.default_rng(1))
    assert 1400 < sum(byte.bit_count() for byte in damaged) < 1800


def test_what_arrives_whole_is_the_model(update: Sent) -> None:
    found = received(update, update.stream)
    assert found.model is not None
    assert found.model.content_id == network(2).content_id
    assert found.gaps == ()
    assert not found.undetected


def test_of_a_damaged_slice_the_older_version_is_left(update: Sent) -> None:
    offset, size = slice_places(update)[0]
    found = received(update, with_flip(update.stream, offset + size // 2))
    assert found.model is not None
    assert found.gaps
    assert not found.undetected
    assert found.model.content_id == filled(network(2), found.gaps, network(1)).content_id


def test_damaged_headers_lose_all(update: Sent) -> None:
    found = received(update, with_flip(update.stream, 20))
    assert (found.model, found.undetected) == (None, False)


def test_damage_outside_of_gaps_is_called_undetected(update: Sent) -> None:
    wrong = Sent(update.stream, update.references, network(0))
    offset, size = slice_places(update)[0]
    assert received(wrong, with_flip(update.stream, offset + size // 2)).undetected


def test_a_decoder_that_takes_damaged_bytes_is_told_of() -> None:
    one, other = (nncodec.encode(network(epoch), LOSSLESS) for epoch in (1, 2))
    assert received(Sent(one, (), network(1)), other).undetected


def test_draws_are_independent_and_repeatable(update: Sent) -> None:
    first, again = ([each.gaps for each in draws(update, 1e-4, 6, seed=3)] for _ in range(2))
    assert first == again
    assert len(set(first)) > 1


def test_gaps_are_filled_from_the_tensor_of_the_same_name() -> None:
    model = filled(nothing(network(2)), [Gap("fc6.weight", 8, 16)], network(1))
    values = model.by_name["fc6.weight"].numpy().ravel()
    assert np.array_equal(values[2:4], network(1).by_name["fc6.weight"].numpy().ravel()[2:4])
    assert np.count_nonzero(values) == 2


def test_a_utility_is_asked_once_for_each_content() -> None:
    asked: list[Model] = []
    utility = remembered(lambda model: float(len(asked.append(model) or asked)))  # type: ignore[func-returns-value]
    assert [utility(network(1)), utility(network(1)), utility(network(2))] == [1.0, 1.0, 2.0]


def test_the_coarsest_setting_that_leaves_the_use_is_found(coder: Coder) -> None:
    configs = [EncoderConfig(profile=Profile.BASELINE, q_bits=q) for q in (11, 10, 9, 8)]
    task = FakeTask()
    chosen = coarsest(coder, task, network(2), configs)
    tried = {config.q_bits: coder.measure(network(2), config, task).utility for config in configs}
    assert tried[chosen.q_bits] >= 0.995
    assert all(utility < 0.995 for q_bits, utility in tried.items() if q_bits and q_bits > (chosen.q_bits or 0))
    assert coarsest(coder, task, network(2), configs[:1]) == configs[0]


def test_losses_that_may_be_chance_do_not_differ() -> None:
    steady, worse = Point(1e-5, (0.7, 0.7, 0.7), 0.7), Point(1e-5, (0.5, 0.5, 0.5), 0.7)
    wild = Point(1e-5, (0.7, 0.7, 0.6), 0.7)
    assert [differs(steady, worse), differs(worse, steady), differs(steady, wild), differs(steady, steady)] == [
        -1,
        1,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0, -1], Verdict.CONFIRMED),
        ([0, 1], Verdict.CONTRADICTED),
        ([-1, 1], Verdict.PARTLY),
        ([0, 0], Verdict.PARTLY),
    ],
)
def test_verdicts_on_differences(differences: list[int], verdict: Verdict) -> None:
    assert verdict_on(differences) == verdict


def test_an_average_is_of_the_weights() -> None:
    middle = averaged([network(0), network(2)])
    assert np.allclose(middle.by_name["fc6.weight"].numpy(), network(1).by_name["fc6.weight"].numpy(), atol=1e-7)


def test_a_device_gets_every_version(coder: Coder) -> None:
    journey = to_device(Post(coder, EXACT), [(1, network(1)), (2, network(2))], network(0), FakeTask().utility)
    assert journey.utilities[-1] == 1.0
    assert [each.turn for each in journey.parcels] == [1, 2]
    assert journey.ratio(journey.links) == pytest.approx(2 * network(0).nbytes / journey.sent(journey.links))
    assert all(each.size < each.alone for each in journey.parcels)
    assert (journey.last().parcels, journey.last().utilities) == (journey.parcels[1:], (1.0,))


def test_feedback_brings_what_a_coarse_step_keeps_back(coder: Coder) -> None:
    def end(*, feedback: bool) -> float:
        way = Way("coarse", EncoderConfig(profile=Profile.BASELINE, q_bits=11), LOSSLESS, feedback=feedback)
        post, held = Post(coder, way), network(1)
        for turn in range(1, 9):
            held = post.send(moved(held, {"fc6.weight": np.full(SHAPES["fc6"], 0.02)}), held, turn, ["link"])
        return float(np.mean(difference(held, network(1))["fc6.weight"]))

    assert end(feedback=False) == 0.0
    assert end(feedback=True) == pytest.approx(0.16, abs=0.05)


def test_edges_train_their_own_part_of_what_all_hold(coder: Coder) -> None:
    zoo = FakeZoo()
    journey = by_cloud(Post(coder, EXACT), Cooperation(3, zoo, network(1), FakeTask().utility, 0), [1, 2])
    assert [shard for _, shard, _ in zoo.tuned] == [(0, 3), (1, 3), (2, 3)] * 2
    assert [len({held for held, *_ in zoo.tuned[start : start + 3]}) for start in (0, 3)] == [1, 1]
    assert journey.links == [
        *(f"edge {each} → cloud" for each in range(3)),
        *(f"cloud → edge {each}" for each in range(3)),
    ]
    assert journey.utilities[0] < journey.utilities[1]


def test_in_a_ring_a_model_goes_round(coder: Coder) -> None:
    zoo = FakeZoo()
    journey = by_ring(Post(coder, EXACT), Cooperation(3, zoo, network(1), FakeTask().utility, 0), [1, 2, 3, 4])
    assert [shard[0] for _, shard, _ in zoo.tuned] == [2, 0, 1, 2, 0]
    assert [each.link for each in journey.parcels] == [
        *("edge 2 → edge 0", "edge 0 → edge 1", "edge 1 → edge 2", "edge 2 → edge 0"),
    ]
    assert list(journey.utilities) == sorted(journey.utilities)


@pytest.fixture
def sections(context: Context) -> list[Section]:
    return [robustness.run(context), topologies.run(context)]


def test_sections_are_whole(sections: list[Section], tmp_path: Path) -> None:
    for section in sections:
        section.save(tmp_path / "section.json")
        assert Section.load(tmp_path / "section.json") == section
        assert all(len(row) == len(table.head) for table in section.tables for row in table.rows)
        assert all(table.rows for table in section.tables)
        for series in (series for figure in section.figures for panel in figure.panels for series in panel.series):
            assert len(series.x) == len(series.y) > 0
            assert len(series.spread) in {0, len(series.y)}
        assert "{" not in section.text
    checks = next(claim for claim in sections[0].claims if "unseen" in claim.statement)
    assert checks.verdict == Verdict.CONFIRMED
