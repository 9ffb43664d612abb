"""E12, the topologies of III-A: what links carry in ten rounds; cloud to device, edges by a cloud, edges in a ring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nncodec import EncoderConfig, Model
from tools.experiments.cells import percent, ratio
from tools.experiments.choices import TOLERANCE, coarsest
from tools.experiments.coding import MAIN_ALONE, MAIN_UPDATE, PAPER, setting_of
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table
from tools.experiments.rounds import Cooperation, Journey, Post, Way, by_cloud, by_ring, to_device
from tools.experiments.summary import NOT_MEASURED, signed, verdict_of, with_rule

KEY: Final = "E12-topologies"
RUN: Final = "vgg-cifar"
EDGES: Final = 3
ROUNDS: Final = 10
FEW_ROUNDS: Final = 3
LEAST_UPSTREAM: Final = 100.0
"""fp32 bytes over bytes sent upstream, at least: what this project set out to reach."""
LOSSLESS: Final = EncoderConfig(lossless=True)
FEEDBACK: Final = tuple(EncoderConfig(update_snr=snr) for snr in (1.0, 2.0, 4.0))
"""Coarser than what loses nothing in one round, and decoded with the least squared error."""
EXACT: Final = "lossless updates"
PAPER_UPDATES: Final = "paper, updates"
MAIN_UPDATES: Final = "main, updates"
PAPER_WHOLE: Final = "paper, whole models"
MAIN_WHOLE: Final = "main, whole models"
MAIN_FEEDBACK: Final = "main, {:g} dB, feedback"
MAIN_SCALED: Final = "main, feedback, scaled"

_TEXT: Final = """\
Three scenarios of the paper, ten rounds each, with `{run}` and one seed. The codec is in the loop: everybody trains
on, averages and predicts from what was decoded. *Cloud → device*: the versions of epochs {first} to {last} go one by
one to a device that holds epoch {before}. *Edge → cloud → edge*: {edges} edges hold a global model (epoch {before});
each round each of them trains it for one epoch on its own part of the training images, of {edges} disjoint ones, and
sends the result up; the cloud averages what it decoded and sends the new global model down, the same stream to every
edge. *Edge ↔ edge*: {edges} edges in a ring; each round the next one asks its neighbour for its model, gets it as a
difference from what it got the last time ({edges} rounds ago), and trains it on. Requests, which are a content id,
are not counted; neither is the first model.

Ways: lossless updates, which are the run without codec; *paper* and *main*, each at the coarsest setting by which one
round by the cloud, up and down, loses half a point at most ({paper}; {main}, scaled as in SPEC.md E.6); and by the
cloud main at update SNRs of {feedback} dB, decoded with the least squared error, *with feedback*: what the codec took
from the models on a link is added to the next one on this link; that also with main's {main} (*scaled*). From cloud to
device whole models are sent too, as coarse as epoch {last_epoch} stands it ({paper_whole}; {main_whole}); "alone" is
what other models would take so. Utility is that of the decoded model: of the version at the device, of the global
model at the edges, of what arrives in the ring. One seed, {samples:,} test images: some tenths of a point are
chance."""


@dataclass(frozen=True)
class Scenario:
    """The journeys of one topology, the lossless one first."""

    title: str
    journeys: tuple[Journey, ...]

    @property
    def lossless(self) -> Journey:
        """The run without codec."""
        return self.journeys[0]

    def by_label(self, label: str) -> Journey:
        """The journey of this way."""
        return next(each for each in self.journeys if each.way.label == label)


def run(context: Context) -> Section:
    """All journeys."""
    ways = _ways(context)
    device, cloud, ring = scenarios = (
        _scenario(context, "Cloud → device", [way for way in ways if not way.feedback], _to_device),
        _scenario(context, "Edge → cloud → edge", [way for way in ways if not way.sends_whole], _by_cloud),
        _scenario(context, "Edge ↔ edge", [way for way in ways if not way.sends_whole and not way.feedback], _by_ring),
    )
    return Section(
        KEY,
        "Links between cloud, edges and devices",
        with_rule(_text(context, ways)),
        tuple(_claims(device, cloud, ring)),
        tuple(table for each in scenarios for table in (_summary(each), _traffic(each))),
        (_figure(context, scenarios),),
    )


def _ways(context: Context) -> list[Way]:
    """Each mode as coarse as half a point allows: what a whole model stands, and what the first round by the cloud."""
    last = context.zoo.model(RUN, context.zoo.epochs(RUN)[-1], context.seed)
    task = context.zoo.task(RUN)
    paper_whole, main_whole = (coarsest(context.coder, task, last, configs) for configs in (PAPER[::-1], MAIN_ALONE))
    paper = _coarsest_of_round(context, [Way(PAPER_UPDATES, config, paper_whole) for config in PAPER[::-1]])
    main = _coarsest_of_round(context, [Way(MAIN_UPDATES, config, main_whole) for config in MAIN_UPDATE])
    return [
        Way(EXACT, LOSSLESS, LOSSLESS),
        paper,
        main,
        *(_with_feedback(config, main_whole) for config in FEEDBACK),
        replace(main, label=MAIN_SCALED, feedback=True),
        replace(paper, label=PAPER_WHOLE, sends_whole=True),
        replace(main, label=MAIN_WHOLE, sends_whole=True),
    ]


def _with_feedback(config: EncoderConfig, whole: EncoderConfig) -> Way:
    return Way(MAIN_FEEDBACK.format(config.update_snr), config, whole, feedback=True)


def _coarsest_of_round(context: Context, ways: Sequence[Way]) -> Way:
    """The first of `ways`, coarse to fine, by which one round by the cloud loses half a point at most, or the last."""
    least = _first_round(context, Way(EXACT, LOSSLESS, LOSSLESS)) - TOLERANCE
    return next((way for way in ways if _first_round(context, way) >= least), ways[-1])


def _first_round(context: Context, way: Way) -> float:
    return by_cloud(Post(context.coder, way), _together(context), [1]).utilities[0]


def _scenario(
    context: Context, title: str, ways: Sequence[Way], go: Callable[[Context, Post, Iterable[int]], Journey]
) -> Scenario:
    turns = range(1, 1 + (FEW_ROUNDS if context.is_reduced else ROUNDS))
    return Scenario(
        title,
        tuple(go(context, Post(context.coder, way), context.track(turns, f"{title}, {way.label}")) for way in ways),
    )


def _epochs(context: Context) -> tuple[int, ...]:
    """The epoch that is held at first, and those that follow, as many as there are rounds at most."""
    epochs = context.zoo.epochs(RUN)
    start = len(epochs) // 2
    return epochs[start : start + 1 + ROUNDS]


def _start(context: Context) -> Model:
    return context.zoo.model(RUN, _epochs(context)[0], context.seed)


def _to_device(context: Context, post: Post, turns: Iterable[int]) -> Journey:
    versions = [context.zoo.model(RUN, epoch, context.seed) for epoch in _epochs(context)[1:]]
    return to_device(post, zip(turns, versions, strict=False), _start(context), context.zoo.task(RUN).utility)


def _by_cloud(context: Context, post: Post, turns: Iterable[int]) -> Journey:
    return by_cloud(post, _together(context), turns)


def _by_ring(context: Context, post: Post, turns: Iterable[int]) -> Journey:
    return by_ring(post, _together(context), turns)


def _together(context: Context) -> Cooperation:
    return Cooperation(EDGES, context.zoo, _start(context), context.zoo.task(RUN).utility, context.seed)


def _text(context: Context, ways: Sequence[Way]) -> str:
    before, *versions = _epochs(context)
    updates = {way.label: setting_of(way.update) for way in ways}
    wholes = {way.label: setting_of(way.whole) for way in ways}
    return _TEXT.format(
        run=RUN,
        first=versions[0],
        last=versions[-1],
        before=before,
        edges=EDGES,
        last_epoch=context.zoo.epochs(RUN)[-1],
        paper=updates[PAPER_UPDATES],
        main=updates[MAIN_UPDATES],
        feedback=", ".join(f"{config.update_snr:g}" for config in FEEDBACK),
        samples=context.zoo.task(RUN).samples,
        paper_whole=wholes[PAPER_WHOLE],
        main_whole=wholes[MAIN_WHOLE],
    )


def lost(journey: Journey, lossless: Journey) -> float:
    """Utility that the codec costs after the last round."""
    return lossless.utilities[-1] - journey.utilities[-1]


def _upstream(journey: Journey) -> list[str]:
    return [link for link in journey.links if link.endswith("cloud")]


def _claims(device: Scenario, cloud: Scenario, ring: Scenario) -> Iterator[Claim]:
    yield _claim_of_device(device)
    yield _claim_of_ring(ring)
    yield _claim_of_training(cloud)
    yield _claim_of_upstream(cloud)
    yield _claim_of_scaling(cloud)


def _claim_of_device(device: Scenario) -> Claim:
    """Paper and main, each: the updates are fewer bytes than whole models, and at no round half a point worse."""
    outcomes, told = [], []
    for one, other in ((PAPER_UPDATES, PAPER_WHOLE), (MAIN_UPDATES, MAIN_WHOLE)):
        updates, wholes = device.by_label(one), device.by_label(other)
        share = updates.sent(updates.links) / wholes.sent(wholes.links)
        worst = max(whole - sent for whole, sent in zip(wholes.utilities, updates.utilities, strict=True))
        outcomes.append(share < 1 and worst <= TOLERANCE)
        told.append(f"{one} {share:.2f}, utility {signed(-worst)} in the worst round")
    return Claim(
        "Versions that follow one another take fewer bytes as differences, at the same performance (IV-C.1).",
        f"Bytes of all updates over those of all whole models, and utility against these, in points: {'; '.join(told)} "
        f"(half a point is allowed).",
        verdict_of(outcomes),
    )


def _claim_of_ring(ring: Scenario) -> Claim:
    coded = ring.journeys[1:]
    shares = [
        sum(each.size for each in journey.parcels) / sum(each.alone for each in journey.parcels) for journey in coded
    ]
    told = [f"{each.way.label} {share:.2f}" for each, share in zip(coded, shares, strict=True)]
    return Claim(
        "Edges that exchange models on request profit from the relatives that they hold (III-A, IV-C.1).",
        f"Bytes sent over those of the same models coded alone: {'; '.join(told)}.",
        verdict_of(share < 1 for share in shares),
    )


def _claim_of_training(cloud: Scenario) -> Claim:
    coded = cloud.journeys[1:]
    told = [f"{each.way.label} {signed(-lost(each, cloud.lossless))}" for each in coded]
    return Claim(
        "Models that went through the codec can be trained on and gathered (III-A).",
        f"Utility after the last round against the run without codec, in points: {'; '.join(told)} "
        f"(half a point less is allowed).",
        verdict_of(lost(each, cloud.lossless) <= TOLERANCE for each in coded),
    )


def _claim_of_upstream(cloud: Scenario) -> Claim:
    """One way is enough: so confirmed by one, and partly if different ways reach one half each."""
    rows = [(each, each.ratio(_upstream(each)), lost(each, cloud.lossless)) for each in cloud.journeys[1:]]
    told = [
        f"{each.way.label} {ratio(times)}× ({ratio(each.last().ratio(_upstream(each)))}×), {signed(-points)}"
        for each, times, points in rows
    ]
    is_small, is_good = ([times >= LEAST_UPSTREAM for _, times, _ in rows], [p <= TOLERANCE for *_, p in rows])
    both = any(small and good for small, good in zip(is_small, is_good, strict=True))
    return Claim(
        f"Upstream takes {LEAST_UPSTREAM:g} times less than fp32, and after equal rounds half a point is lost at most.",
        f"fp32 bytes over bytes sent up (in the last round), and utility after it against the run without codec, in "
        f"points: {'; '.join(told)}. Confirmed where one way does both, partly where some way does either.",
        verdict_of([both] if both else [False, any(is_small) or any(is_good)]),
        "target",
    )


def _claim_of_scaling(cloud: Scenario) -> Claim:
    snr = FEEDBACK[1].update_snr
    labels = (MAIN_FEEDBACK.format(snr), MAIN_SCALED)
    plain, scaled = (lost(cloud.by_label(label), cloud.lossless) for label in labels)
    return Claim(
        "Updates may be scaled (SPEC.md E.6, the default) where what is kept back is sent later too.",
        f"Utility at the end against the run without codec, in points: {signed(-plain)} at {snr:g} dB as it is, "
        f"{signed(-scaled)} scaled. Confirmed where scaling costs half a point at most.",
        verdict_of([scaled - plain <= TOLERANCE]),
        "ours",
    )


def _summary(scenario: Scenario) -> Table:
    head = ("way", "kB a model", "fp32 ÷ sent", "alone ÷ sent", "utility at the end", "against lossless", "worst round")
    caption = f"{scenario.title}: all rounds. Differences of utility in points."
    return Table(caption, head, tuple(_summary_row(each, scenario.lossless) for each in scenario.journeys))


def _summary_row(journey: Journey, lossless: Journey) -> tuple[str, ...]:
    size = journey.sent(journey.links)
    alone = sum(each.alone for each in journey.parcels)
    pairs = zip(journey.utilities, lossless.utilities, strict=True)
    return (
        journey.way.label,
        f"{size / len(journey.parcels) / 1000:.1f}",
        ratio(journey.ratio(journey.links)),
        NOT_MEASURED if journey.way.sends_whole else ratio(alone / size),
        percent(journey.utilities[-1]),
        signed(-lost(journey, lossless)),
        signed(min(one - other for one, other in pairs)),
    )


def _traffic(scenario: Scenario) -> Table:
    turns = range(1, 1 + len(scenario.lossless.utilities))
    rows = [row for each in scenario.journeys for row in _loaded(each, turns)]
    caption = f"{scenario.title}: kB on each link in each round; links that carry the same share a line."
    return Table(caption, ("way", "link", *map(str, turns), "all"), tuple(rows))


def _loaded(journey: Journey, turns: Iterable[int]) -> Iterator[tuple[str, ...]]:
    """A row for each link, or for several that carry the same."""
    by_load: dict[tuple[str, ...], list[str]] = {}
    for link in journey.links:
        by_load.setdefault(tuple(_loads(journey, link, turns)), []).append(link)
    return ((journey.way.label, ", ".join(links), *load) for load, links in by_load.items())


def _loads(journey: Journey, link: str, turns: Iterable[int]) -> list[str]:
    """Kilobytes in each round, and in all; a dash where nothing was sent."""
    sizes = {each.turn: each.size for each in journey.parcels if each.link == link}
    loads = [f"{sizes[turn] / 1000:.1f}" if turn in sizes else NOT_MEASURED for turn in turns]
    return [*loads, f"{sum(sizes.values()) / 1000:.1f}"]


def _figure(context: Context, scenarios: Sequence[Scenario]) -> Figure:
    metric = context.zoo.task(RUN).metric
    panels = [*(_utilities(each, metric) for each in scenarios), *(_bytes(each) for each in scenarios)]
    caption = "Utility after each round, and bytes on all links."
    return Figure("topologies", caption, tuple(panels))


def _utilities(scenario: Scenario, metric: str) -> Panel:
    series = [Series(each.way.label, _rounds(each), each.utilities) for each in scenario.journeys]
    return Panel(scenario.title, "round", metric, tuple(series))


def _bytes(scenario: Scenario) -> Panel:
    series = [Series(each.way.label, _rounds(each), _by_round(each)) for each in scenario.journeys]
    return Panel(scenario.title, "round", "kB sent", tuple(series), log_y=True)


def _rounds(journey: Journey) -> tuple[float, ...]:
    return tuple(float(turn) for turn in range(1, 1 + len(journey.utilities)))


def _by_round(journey: Journey) -> tuple[float, ...]:
    """Kilobytes on all links."""
    return tuple(sum(each.size for each in journey.parcels if each.turn == turn) / 1000 for turn in _rounds(journey))
