"""E12, bit errors: whether updates stand them better than whole models, as the paper asserts (IV-B.1) untried."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

import nncodec
from nncodec import EncoderConfig, Model
from tools.experiments.channel import Received, Sent, draws, filled, nothing, remembered
from tools.experiments.choices import coarsest
from tools.experiments.coding import MAIN_ALONE, MAIN_UPDATE, PAPER, setting_of
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table, Verdict
from tools.experiments.summary import verdict_of, with_rule

KEY: Final = "E12-bit-errors"
RUN: Final = "vgg-cifar"
RATES: Final = (1e-6, 1e-5, 3e-5, 1e-4)
DRAWS: Final = 8
FEW_RATES: Final = (1e-6, 1e-4)
FEW_DRAWS: Final = 3
RATE_OF_TARGET: Final = 1e-6
SLICE: Final = 2**14
TINY_SLICE: Final = 2**9
MODES: Final = {"PAPER": (PAPER[::-1], PAPER[::-1]), "MAIN": (MAIN_ALONE, MAIN_UPDATE)}
"""Settings of whole models and of updates, from coarse to fine."""

SMALL: Final = "small slices"
ONE: Final = "one slice"
UPDATE: Final = "update"
WHOLE: Final = "whole model"
WHOLE_BESIDE_OLDER: Final = "whole model, older one held"
SERIES: Final = (
    (UPDATE, SMALL),
    (WHOLE_BESIDE_OLDER, SMALL),
    (WHOLE, SMALL),
    (UPDATE, ONE),
    (WHOLE, ONE),
)

TEXT: Final = """\
A stream goes through a channel that flips each bit with a given probability, independently; {draws} transmissions at
each rate, seeded. The receiver uses the public API only: `nncodec.open(...).concealed()`, which gives all that lies
in undamaged slices (SPEC.md 8.7). It gets the last network of the run `{run}` (epoch {target}, {metric}
{of_target:.1%}), either as an **update** of epoch {older}, which it holds ({of_older:.1%}), or as a **whole model**.
Of an update, weights that lay in lost slices stay as they are predicted, or as in the older version; of a whole model
they are 0. If anything but slices is damaged (headers, index), all is lost: the receiver keeps the older version, or
has no model and guesses ({of_nothing:.1%}). A third receiver gets the whole model, but holds the older version too,
and takes from it what is lost: that parts what is *inherited* from what is merely *short*. Settings: the coarsest of
each mode at which whole model and update lose half a point at most ({settings}). Small slices hold {slice:,} weights,
and cost some bytes; "one slice" is one for all weights that are coded alike. The paper's own format has no slices and
no check at all: PAPER with one slice is the best that can be said of it.

A concealed model is not the one that the stream names: it has another content id, so the next update is refused until
what was lost has been sent again. Rules of the verdicts: two losses of utility differ where the difference of their
means is more than two standard errors over the transmissions."""


@dataclass(frozen=True)
class Scene:
    """One mode: what is held, what is sent by (kind, slicing), and the utility, which remembers what it was asked."""

    mode: str
    settings: str
    held: Model
    sent: dict[tuple[str, str], Sent]
    utility: Callable[[Model], float]


@dataclass(frozen=True)
class Point:
    """What a receiver is left with at one rate, transmission by transmission. intact: utility where nothing is lost."""

    rate: float
    utilities: tuple[float, ...]
    intact: float

    @property
    def mean(self) -> float:
        """Expected utility."""
        return float(np.mean(self.utilities))

    @property
    def spread(self) -> float:
        """Standard deviation over the transmissions."""
        return float(np.std(self.utilities))

    @property
    def loss(self) -> float:
        """Utility that the channel takes."""
        return self.intact - self.mean


@dataclass(frozen=True)
class Outcome:
    """What became of the streams of one kind, over all rates; damaged: those in which a bit was flipped."""

    damaged: int
    lost: int
    concealed: int
    undetected: int


def rate_of(point: Point) -> str:
    """Its rate, such as "1e-6"."""
    return f"{point.rate:.0e}".replace("e-0", "e-")


Lines = dict[tuple[str, str], list[Point]]


@dataclass(frozen=True)
class Finding:
    """All that was measured in one mode."""

    scene: Scene
    lines: Lines
    outcomes: dict[tuple[str, str], Outcome]


def run(context: Context) -> Section:
    """Send, damage, receive, and put what is left to its task."""
    findings = [_finding(context, mode) for mode in MODES]
    return Section(
        KEY,
        "Bit errors: updates against whole models",
        _text(context, findings),
        (_claim_of_paper(findings), _claim_of_reason(findings), _claim_of_target(findings), _claim_of_checks(findings)),
        (*(_table(context, finding) for finding in findings), _table_of_streams(findings)),
        (_figure(context, findings),),
    )


def _finding(context: Context, mode: str) -> Finding:
    scene = _scene(context, mode)
    rates, count = (FEW_RATES, FEW_DRAWS) if context.is_reduced else (RATES, DRAWS)
    lines: Lines = {series: [] for series in SERIES}
    outcomes = {}
    for key, sent in scene.sent.items():
        found = {}
        for rate in context.track(rates, f"bit errors, {mode}, {key[0]}, {key[1]}"):
            found[rate] = list(draws(sent, rate, count, context.seed))
            for line in (line for line in SERIES if key == _stream_of(line)):
                utilities = tuple(_left(scene, line[0], each, sent.whole) for each in found[rate])
                lines[line].append(Point(rate, utilities, scene.utility(sent.whole)))
        outcomes[key] = _outcome([each for received in found.values() for each in received])
    return Finding(scene, lines, outcomes)


def _scene(context: Context, mode: str) -> Scene:
    coder, task, (alone, updates) = context.coder, context.zoo.task(RUN), MODES[mode]
    older, target = (context.zoo.model(RUN, epoch, context.seed) for epoch in _epochs(context))
    whole = coarsest(coder, task, target, alone)
    held = coder.decoded(older, whole)
    update = coarsest(coder, task, target, updates, [held])
    sent = {}
    for slicing, symbols in ((SMALL, _slice(context)), (ONE, 2**22)):
        sent[UPDATE, slicing] = Sent.of(coder.stream(target, _sliced(update, symbols), [held]), [held])
        sent[WHOLE, slicing] = Sent.of(coder.stream(target, _sliced(whole, symbols)))
    settings = f"{mode}: {setting_of(whole)} and {setting_of(update)}"
    return Scene(mode, settings, held, sent, remembered(task.utility))


def _epochs(context: Context) -> tuple[int, int]:
    epochs = context.zoo.epochs(RUN)
    return epochs[len(epochs) // 2], epochs[-1]


def _slice(context: Context) -> int:
    return TINY_SLICE if context.is_reduced else SLICE


def _sliced(config: EncoderConfig, symbols: int) -> EncoderConfig:
    return replace(config, slice_symbols=symbols)


def _stream_of(line: tuple[str, str]) -> tuple[str, str]:
    """Which stream the receiver of a line gets."""
    return (UPDATE if line[0] == UPDATE else WHOLE), line[1]


def _left(scene: Scene, kind: str, received: Received, whole: Model) -> float:
    """The utility that a receiver of this kind is left with."""
    if received.model is None:
        return scene.utility(nothing(whole) if kind == WHOLE else scene.held)
    if kind == WHOLE_BESIDE_OLDER:
        return scene.utility(filled(received.model, received.gaps, scene.held))
    return scene.utility(received.model)


def _outcome(found: Sequence[Received]) -> Outcome:
    lost = sum(each.model is None for each in found)
    concealed = sum(bool(each.gaps) for each in found)
    return Outcome(lost + concealed, lost, concealed, sum(each.undetected for each in found))


def _text(context: Context, findings: Sequence[Finding]) -> str:
    task = context.zoo.task(RUN)
    older, target = (context.zoo.model(RUN, epoch, context.seed) for epoch in _epochs(context))
    text = TEXT.format(
        slice=_slice(context),
        draws=len(findings[0].lines[SERIES[0]][0].utilities),
        run=RUN,
        target=_epochs(context)[1],
        older=_epochs(context)[0],
        metric=task.metric,
        of_target=task.utility(target),
        of_older=task.utility(older),
        of_nothing=task.utility(nothing(target)),
        settings="; ".join(finding.scene.settings for finding in findings),
    )
    return with_rule(text)


def differs(one: Point, other: Point) -> int:
    """-1 or 1 where the channel takes less or more from `one` than from `other`; 0 where that may be chance."""
    error = math.sqrt((one.spread**2 + other.spread**2) / max(len(one.utilities) - 1, 1))
    difference = one.loss - other.loss
    return 0 if abs(difference) <= 2 * error else int(math.copysign(1, difference))


def _pairs(findings: Sequence[Finding], one: str, other: str) -> Iterator[tuple[Finding, Point, Point]]:
    for finding in findings:
        lines = finding.lines
        for pair in zip(lines[one, SMALL], lines[other, SMALL], strict=True):
            yield finding, *pair


def verdict_on(differences: Sequence[int]) -> Verdict:
    """Confirmed where the first loses less at some rate and more at none, contradicted where the other way round."""
    if min(differences) < 0 <= -max(differences):
        return Verdict.CONFIRMED
    return Verdict.CONTRADICTED if max(differences) > 0 >= -min(differences) else Verdict.PARTLY


def _claim_of_paper(findings: Sequence[Finding]) -> Claim:
    pairs = list(_pairs(findings, UPDATE, WHOLE))
    said = [
        f"{finding.scene.mode} at {rate_of(update)}: {update.loss:.1%} against {whole.loss:.1%}"
        for finding, update, whole in pairs
        if update.rate in _worth_telling(pairs)
    ]
    return Claim(
        "A difference of models is more robust to random bit errors than a full model (IV-B.1, A18).",
        f"Utility lost with small slices, update against whole model: {'; '.join(said)}.",
        verdict_on([differs(update, whole) for _, update, whole in pairs]),
    )


def _worth_telling(pairs: Sequence[tuple[Finding, Point, Point]]) -> list[float]:
    """The rates to quote: the lowest two at which a whole model loses a point or more, or the highest."""
    rates = sorted({whole.rate for _, _, whole in pairs if whole.loss >= 0.01})
    return rates[:2] or [pairs[-1][1].rate]


def _claim_of_reason(findings: Sequence[Finding]) -> Claim:
    """How much of what an update has before a whole model a receiver gets back by the older version alone."""
    shares = []
    for finding in findings:
        lines = (finding.lines[kind, SMALL] for kind in (UPDATE, WHOLE, WHOLE_BESIDE_OLDER))
        update, whole, beside = (sum(point.loss for point in line) for line in lines)
        shares.append((whole - beside) / (whole - update) if whole > update else math.nan)
    said = [f"{finding.scene.mode} {share:.0%}" for finding, share in zip(findings, shares, strict=True)]
    return Claim(
        "The reason is that part of the knowledge is inherited, not that less is sent.",
        "A receiver of the whole model that conceals by the older version gets back, of what an update is better by "
        f"(summed over the rates): {', '.join(said)}. Confirmed where that is more than half in each mode.",
        verdict_of(share > 0.5 for share in shares if not math.isnan(share)),
    )


def _claim_of_target(findings: Sequence[Finding]) -> Claim:
    rows = []
    for finding in findings:
        of_held = finding.scene.utility(finding.scene.held)
        point = next(each for each in finding.lines[UPDATE, SMALL] if each.rate == RATE_OF_TARGET)
        rows.append((finding.scene.mode, point.mean, of_held))
    reached = [mean >= of_held for _, mean, of_held in rows]
    said = [f"{mode} {mean:.1%} against {of_held:.1%}" for mode, mean, of_held in rows]
    return Claim(
        "At a bit error rate of 1e-6 an update leaves at least the use of the older version.",
        f"Expected utility after the update, against that of the version held: {'; '.join(said)}.",
        verdict_of(reached),
        "target",
    )


def _claim_of_checks(findings: Sequence[Finding]) -> Claim:
    outcomes = [outcome for finding in findings for outcome in finding.outcomes.values()]
    damaged, undetected = sum(each.damaged for each in outcomes), sum(each.undetected for each in outcomes)
    return Claim(
        "No damage goes unseen: a decoder refuses every damaged stream, and what is concealed differs nowhere else.",
        f"{undetected} of {damaged} damaged streams passed unseen.",
        Verdict.CONTRADICTED if undetected else Verdict.CONFIRMED if damaged else Verdict.UNTESTED,
        "ours",
    )


def _table(context: Context, finding: Finding) -> Table:
    rates = [rate_of(point) for point in finding.lines[SERIES[0]]]
    rows = [
        (f"{kind}, {slicing}", f"{line[0].intact:.1%}", *(f"{each.mean:.1%} ± {each.spread:.1%}" for each in line))
        for (kind, slicing), line in finding.lines.items()
    ]
    caption = (
        f"{finding.scene.mode}: expected {context.zoo.task(RUN).metric} at a bit error rate, ± standard deviation over "
        f"transmissions. The version held: {finding.scene.utility(finding.scene.held):.1%}."
    )
    return Table(caption, ("received", "no errors", *rates), tuple(rows))


def _table_of_streams(findings: Sequence[Finding]) -> Table:
    rows = [
        (f"{finding.scene.mode}, {kind}, {slicing}", *_cells(finding.scene.sent[kind, slicing], outcome))
        for finding in findings
        for (kind, slicing), outcome in finding.outcomes.items()
    ]
    head = ("stream", "bytes", "not in slices", "slices", "damaged", "of these lost", "concealed", "undetected")
    return Table("The streams, and what became of all that were sent, over all rates.", head, tuple(rows))


def _cells(sent: Sent, outcome: Outcome) -> tuple[str, ...]:
    units = [unit for unit in nncodec.inspect(sent.stream, sent.references).units if unit.unit_type == "slice"]
    outside = len(sent.stream) - sum(unit.size for unit in units)
    counts = (outcome.damaged, outcome.lost, outcome.concealed, outcome.undetected)
    return f"{len(sent.stream):,}", f"{outside:,}", f"{len(units)}", *map(str, counts)


def _figure(context: Context, findings: Sequence[Finding]) -> Figure:
    metric = context.zoo.task(RUN).metric
    caption = "Expected utility of what is received; bars: one standard deviation over transmissions."
    return Figure("bit-errors", caption, tuple(_panel(finding, metric) for finding in findings))


def _panel(finding: Finding, metric: str) -> Panel:
    series = tuple(
        Series(f"{kind}, {slicing}", *_columns(line)) for (kind, slicing), line in finding.lines.items() if line
    )
    levels = (("version held", finding.scene.utility(finding.scene.held)),)
    return Panel(finding.scene.mode, "bit error rate", metric, series, log_x=True, levels=levels)


def _columns(line: Sequence[Point]) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    return tuple(p.rate for p in line), tuple(p.mean for p in line), tuple(p.spread for p in line)
