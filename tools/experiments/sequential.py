"""E5, Table V, Fig. 7: a version sent to a receiver that holds an earlier one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import geometric_mean
from typing import Final, TypeAlias

from tools.experiments import real_updates
from tools.experiments.coding import Coded, size_at_departure
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Section, Table
from tools.experiments.scenarios import Stage, scenarios
from tools.experiments.summary import (
    AS_MADE,
    AT_DEPARTURE,
    AT_UTILITY,
    NOT_MEASURED,
    Reading,
    Spread,
    departure_panel,
    listed,
    over_seeds,
    signed,
    utility_panel,
    verdict_of,
    with_rule,
)
from tools.experiments.updates import COARSE, KEPT, MOST_OF_PAPER, Method, Sweeps, Update, measure_update, sweeps_of

MOST_OF_RAW: Final = 0.0125
"""Share of the fp32 bytes in which an update is to keep `LEAST_KEPT` of the utility that it is worth."""
LEAST_KEPT: Final = 0.7
_NEARLY_NOTHING: Final = 0.02
"""Share of the fp32 bytes that counts as going to 0."""
_STAYS: Final = 0.02
"""Utility below that of the reference that counts as nothing lost."""
_INTERVALS: Final = {Stage.LATE: "late", Stage.HALF: "long"}
"""What the intervals are called in the names of files."""
_PARTS: Final = {"classification": slice(0, 3), "retrieval-detection": slice(3, None)}

BySeed: TypeAlias = Sequence[Update]
"""The same update, once for each seed."""
Measured: TypeAlias = Mapping[Stage, Sequence[BySeed]]

_TEXT: Final = """\
The last version of five networks goes, alone and as an update, to a receiver that holds an earlier version bit for bit:
one of late epochs, as in the paper, and one of a long interval (Table V). *Paper* is profile baseline with f = 0.4 and
LZMA, a decade of steps for each q from 4 to 11; its encoder may code a single tensor without difference where that is
smaller, which the paper's does not. *Main* sweeps the step too, from an eighth to 0.001 by octaves, of which those
between 2^−5 and 2^−8 are halved, or without reference the quality. Bytes are those of whole streams. Versions (Table V)
are means over the seeds, ± the standard deviation between them. Sizes are read off the mean curve of the seeds, ± the
standard error by leaving out each seed; what is sent without reference, and with least squares, at the first seed
alone.

Three ways to compare bytes. *At equal utility*: an update is worth the gain from the reference's utility to the
target's, of which 70, 90 and 95 % are to be kept; a gain within its 95 % interval on the test set is noise, and then
utilities are not compared. *At equal departure*: of the drift, which is how far the outputs of the reference depart
from the target's (classification: K-L divergence in nats; else squared error over variance), 70, 90 and 95 % are to be
taken away. Both are read between operating points, along log size, a utility from the costly end of its curve. The
paper's points lie a decade of steps apart, too far to read between; so its quantiser is also run at finer steps, which
it does not have (all weights are multiplied by a power of two before, and divided behind), and both are read against
that curve. *As made*: the smallest stream of each sweep that keeps so much of the gain; here the paper has its decades
only. Where the part of a gain that may be lost is less than its noise (late epochs, at 90 and 95 %), a utility says
little, and departures are the better measure."""


def run(context: Context) -> Section:
    """Sweeps of every task, at all seeds."""
    measured = measure(context)
    every = [updates for of_stage in measured.values() for updates in of_stage]
    real = real_updates.measure(context)
    readings = (AT_UTILITY, AS_MADE, AT_DEPARTURE)
    tables = (
        _versions(every),
        *(_sizes(every, each) for each in readings),
        _at_decades(every),
        real_updates.table(real),
    )
    text = with_rule(_TEXT, real_updates.TEXT if real else real_updates.MISSING)
    claims = (*_claims(every), *([real_updates.claim(real)] if real else []))
    figures = tuple(_figures(context, measured))
    return Section("E5", "Sequential updates", text, claims, tuple(each for each in tables if each.rows), figures)


def measure(context: Context) -> Measured:
    """All updates of this experiment."""
    wanted = [(stage, each, seed) for stage in _INTERVALS for each in scenarios("E5", stage) for seed in context.seeds]
    found: dict[Stage, dict[str, list[Update]]] = {stage: {} for stage in _INTERVALS}
    for stage, scenario, seed in context.track(wanted, "E5 sequential updates"):
        update = measure_update(context, scenario, seed, _sweeps(context, is_first=seed == context.seed))
        found[stage].setdefault(update.name, []).append(update)
    return {stage: list(of_stage.values()) for stage, of_stage in found.items()}


def _sweeps(context: Context, *, is_first: bool) -> Sweeps:
    """All methods at the first seed; at the others the updates alone."""
    if is_first:
        return sweeps_of(context, *(each for each in Method if each != Method.PAPER_FINER))
    return {Method.PAPER_UPDATE: COARSE, **sweeps_of(context, Method.MAIN_UPDATE)}


def _versions(every: Sequence[BySeed]) -> Table:
    head = ("update", "fp32 bytes", "reference", "target", "gain", "noise", "drift", "lossless, of fp32")
    rows = tuple(
        (
            updates[0].name,
            f"{updates[0].raw:,}",
            *(Spread.of(getattr(each, name) for each in updates).text(".4f") for name in ("old", "new", "gain")),
            over_seeds(updates, lambda each: each.noise).text(".4f"),
            over_seeds(updates, lambda each: each.drift).text(".3g"),
            over_seeds(updates, lambda each: each.exact / each.raw).text(".1%"),
        )
        for updates in every
    )
    caption = (
        "The versions: utility of the reference and of the target, what the update is worth, half of its 95 % interval "
        "on the test set, how far the outputs drift, and what an exact update costs in profile main."
    )
    return Table(caption, head, rows, "V")


def _sizes(every: Sequence[BySeed], reading: Reading) -> Table:
    rows = [_size_row(updates, reading, share) for updates in every for share in KEPT]
    head = ("update", reading.share_of, "paper, kB", "main, kB", "main, of fp32", "main ÷ paper")
    caption = f"Bytes with the reference at equal {reading.what}."
    return Table(caption, head, tuple(row for row in rows if any(cell != NOT_MEASURED for cell in row[2:])))


def _size_row(updates: BySeed, reading: Reading, share: float) -> tuple[str, ...]:
    paper, main = (reading.sizes(updates, each, share) for each in (reading.paper, Method.MAIN_UPDATE))
    of_raw = Spread.pooled(updates, lambda each: reading.size(each, Method.MAIN_UPDATE, share) / each.raw)
    ratio = reading.main_to_paper(updates, share)
    sizes = (paper.text(".1f", 1e-3), main.text(".1f", 1e-3), of_raw.text(".2%"), ratio.text(".2f"))
    return updates[0].name, f"{share:.0%}", *sizes


def _at_decades(every: Sequence[BySeed]) -> Table:
    """Where the paper stands, what main needs for the same departure."""
    settings = [point.setting for point in every[0][0].curves[Method.PAPER_UPDATE]]
    ratios = {setting: [Spread.pooled(updates, _ratio_at(setting)) for updates in every] for setting in settings}
    known = {setting: spreads for setting, spreads in ratios.items() if _any(spreads)}
    rows = tuple(
        (updates[0].name, *(spreads[place].text(".2f") for spreads in known.values()))
        for place, updates in enumerate(every)
    )
    caption = (
        "Main ÷ paper at the paper's own operating points: bytes of main, at the departure that the paper's stream "
        "has, over bytes of that stream; a dash where that departure is outside of main's sweep."
    )
    return Table(caption, ("update", *known), rows)


def _ratio_at(setting: str) -> Callable[[Update], float]:
    def ratio(update: Update) -> float:
        points = (point for point in update.curves[Method.PAPER_UPDATE] if point.setting == setting)
        return next((decade_ratio(update, point) for point in points), math.nan)

    return ratio


def decade_ratio(update: Update, point: Coded) -> float:
    """Bytes of main at the departure of the paper's `point`, over those of that; NaN outside of main's curve."""
    return size_at_departure(update.curves[Method.MAIN_UPDATE], point.departure) / point.size


def _claims(every: Sequence[BySeed]) -> Iterator[Claim]:
    yield _doms_are_smaller(every)
    yield _doms_vanish(every)
    yield from (_target(every, reading) for reading in (AT_UTILITY, AS_MADE, AT_DEPARTURE))
    yield _target_at_decades(every)
    yield _target_of_raw(every)
    yield _least_squares(every)


def _doms_are_smaller(every: Sequence[BySeed]) -> Claim:
    share = 0.9
    ratios = [
        (f"{updates[0].name}", AT_DEPARTURE.ratios(updates[:1], share, Method.PAPER_UPDATE, Method.PAPER_ALONE))
        for updates in every
    ]
    statement = "With DoM the same performance takes fewer bytes than without (Fig. 7)."
    found = f"Bytes with DoM over bytes without, where {share:.0%} of the drift is taken away: {listed(ratios)}."
    return Claim(statement, found, verdict_of(spread.mean < 1 for _, spread in ratios if spread.count))


def _doms_vanish(every: Sequence[BySeed]) -> Claim:
    """The coarsest step: with DoM hardly any bytes and the reference's utility, without it less than that."""
    outcomes, told = [], []
    for updates in every:
        with_dom, alone = (updates[0].curves[each][-1] for each in (Method.PAPER_UPDATE, Method.PAPER_ALONE))
        share, change, lost = (
            with_dom.size / updates[0].raw,
            with_dom.utility - updates[0].old,
            alone.utility - updates[0].old,
        )
        outcomes.append(share <= _NEARLY_NOTHING and change >= -_STAYS and lost < -_STAYS)
        told.append(
            f"{updates[0].name}: {share:.2%}, {signed(change)}; {alone.size / updates[0].raw:.2%}, {signed(lost)}"
        )
    statement = (
        "At coarse steps the size of a DoM goes to 0 while the receiver's model stays of use; without DoM more bytes "
        "make it worse than the model that is there (Fig. 7)."
    )
    found = (
        f"At the coarsest step: size of the DoM (at most {_NEARLY_NOTHING:.0%} of fp32) and utility against the "
        f"reference's in hundredths (at least −{100 * _STAYS:.0f}); the same without DoM (utility below that). "
        f"{'; '.join(told)}."
    )
    return Claim(statement, found, verdict_of(outcomes))


def _target(every: Sequence[BySeed], reading: Reading) -> Claim:
    ratios = {updates[0].name: [reading.main_to_paper(updates, share) for share in KEPT] for updates in every}
    told = [f"{name} {', '.join(each.text('.2f') for each in own)}" for name, own in ratios.items() if _any(own)]
    statement = (
        f"Profile main needs at most {MOST_OF_PAPER:g} of the bytes of the paper's mode at equal {reading.what}."
    )
    found = (
        f"Main ÷ paper with {', '.join(f'{share:.0%}' for share in KEPT)} of the {reading.share_of}: "
        f"{'; '.join(told) or 'nothing could be measured'}.{_middle(ratios.values())}"
    )
    outcomes = [each.mean <= MOST_OF_PAPER for own in ratios.values() for each in own if each.count]
    return Claim(statement, found, verdict_of(outcomes), "target")


def _middle(ratios: Iterable[Sequence[Spread]]) -> str:
    """The geometric mean of all that was measured, as a sentence."""
    known = [each.mean for own in ratios for each in own if each.count]
    return f" Geometric mean {geometric_mean(known):.2f}." if known else ""


def _any(spreads: Iterable[Spread]) -> bool:
    return any(each.count for each in spreads)


def _target_at_decades(every: Sequence[BySeed]) -> Claim:
    """As `_target`, each of the paper's streams against main at the same departure."""
    ratios = [
        ratio
        for updates in every
        for each in updates
        for point in each.curves[Method.PAPER_UPDATE]
        if not math.isnan(ratio := decade_ratio(each, point))
    ]
    statement = (
        f"Profile main needs at most {MOST_OF_PAPER:g} of the bytes of each stream that the paper's mode makes, at the "
        "departure that this has."
    )
    middle = f"geometric mean {geometric_mean(ratios):.2f}, " if ratios else ""
    ends = f"from {min(ratios):.2f} to {max(ratios):.2f}" if ratios else "no stream could be compared"
    found = f"Over {len(ratios)} streams of all tasks, intervals and seeds: {middle}{ends}."
    return Claim(statement, found, verdict_of(ratio <= MOST_OF_PAPER for ratio in ratios), "target")


def _target_of_raw(every: Sequence[BySeed]) -> Claim:
    """At least one task: so confirmed by one, contradicted only if all that can be measured fall short."""
    shares = [
        (
            updates[0].name,
            Spread.pooled(updates, lambda each: each.size_as_made(Method.MAIN_UPDATE, LEAST_KEPT) / each.raw),
        )
        for updates in every
    ]
    known = [(name, spread) for name, spread in shares if spread.count]
    statement = (
        f"A sequential update of at most {MOST_OF_RAW:.2%} of the fp32 bytes keeps at least {LEAST_KEPT:.0%} of the "
        "gain, for one task at least."
    )
    found = f"Smallest stream of main that does, of the fp32 bytes: {listed(known, '.2%')}."
    best = [min(spread.mean for _, spread in known) <= MOST_OF_RAW] if known else []
    return Claim(statement, found, verdict_of(best), "target")


def _least_squares(every: Sequence[BySeed]) -> Claim:
    """Ours: of two ways to reconstruct, which one costs less; at the first seed."""
    ratios = {
        updates[0].name: [
            AT_DEPARTURE.ratios(updates[:1], share, Method.MAIN_UPDATE, Method.MAIN_LEAST_SQUARES) for share in KEPT
        ]
        for updates in every
    }
    told = [f"{name} {', '.join(each.text('.2f') for each in own)}" for name, own in ratios.items() if _any(own)]
    statement = (
        "Scaling what is left of each tensor's update for the least error of outputs (SPEC.md E.6, main's default) "
        "takes fewer bytes than least squares at equal departure."
    )
    found = (
        f"Scaled ÷ least squares with {', '.join(f'{share:.0%}' for share in KEPT)} of the drift removed: "
        f"{'; '.join(told) or 'nothing could be measured'}."
    )
    outcomes = [each.mean < 1 for own in ratios.values() for each in own if each.count]
    return Claim(statement, found, verdict_of(outcomes), "ours")


def _figures(context: Context, measured: Measured) -> Iterator[Figure]:
    metrics = [context.zoo.task(each.run).metric for each in scenarios("E5", Stage.LATE)]
    for stage, interval in _INTERVALS.items():
        caption = f"What is left of the drift of the outputs against the bytes of an update, {interval} interval."
        yield Figure(f"updates-{interval}", caption, tuple(map(departure_panel, measured[stage])))
        panels = [utility_panel(*each) for each in zip(measured[stage], metrics, strict=True)]
        for part, place in _PARTS.items():
            caption = f"Utility against bytes sent, {interval} interval; grey: reference and target themselves."
            yield Figure(f"fig7-{part}-{interval}", caption, tuple(panels[place]), "7")
