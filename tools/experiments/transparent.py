"""E7, Table VIII: how small a stream is that does not change the metric; and what that says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from tools.experiments.coding import Coded
from tools.experiments.context import Context
from tools.experiments.results import Claim, Section, Table
from tools.experiments.retrieval_updates import Sent, sent_networks
from tools.experiments.summary import NOT_MEASURED, signed, verdict_of, with_rule

UNCHANGED: Final = 1e-5
"""Change of the metric, as a share, that the paper calls none."""

_TEXT: Final = """\
The paper gives the compression ratio (bytes of the target's tensors ÷ bytes sent) at the largest q at which the metric
changes by no more than 0.00001. That is less than one test item weighs; so the table says beside it what the 95 %
interval of the metric is by the size of the test set, how far the outputs of that stream depart from the target's
(squared error over variance), and whether a finer step changed the metric more: then the equal metric was luck. The
networks and streams are those of E6, profile main at the SNR of each stream of the paper's mode; one seed."""


def run(context: Context) -> Section:
    """On the streams of E6."""
    sent = sent_networks(context)
    cases = [(each, *case) for each in sent for case in _cases(each)]
    rows = tuple(_row(*case) for case in cases)
    head = ("network", "the receiver holds", "method", "stream", "ratio", "change", "± 95 %", "departure", "luck")
    caption = "The smallest stream that leaves mAP as it was; changes and intervals in hundredths."
    return Section(
        "E7", "The metric unchanged", with_rule(_TEXT), tuple(_claims(sent)), (Table(caption, head, rows, "VIII"),)
    )


def _cases(sent: Sent) -> Iterator[tuple[str, list[Coded]]]:
    yield "paper", list(sent.paper)
    yield "main", [main for _, main in sent.pairs]


def unchanged(points: Sequence[Coded], utility: float) -> Coded | None:
    """The smallest of `points` whose utility is that of the target; None if there is none."""
    same = [point for point in points if abs(point.utility - utility) <= UNCHANGED]
    return min(same, key=lambda point: point.size, default=None)


def is_luck(points: Sequence[Coded], utility: float) -> bool:
    """Whether a larger stream than `unchanged` changes the utility after all."""
    found = unchanged(points, utility)
    larger = [point for point in points if found and point.size > found.size]
    return any(abs(point.utility - utility) > UNCHANGED for point in larger)


def _row(sent: Sent, method: str, points: Sequence[Coded]) -> tuple[str, ...]:
    new = sent.update.new
    known = (sent.run, sent.held, method)
    half = f"{100 * sent.update.interval_of_new:.2f}"
    point = unchanged(points, new)
    if point is None:
        return (*known, NOT_MEASURED, NOT_MEASURED, NOT_MEASURED, half, NOT_MEASURED, NOT_MEASURED)
    luck = "yes" if is_luck(points, new) else "no"
    measured = (
        point.setting,
        f"{point.ratio:.1f}",
        signed(point.utility - new, 4),
        half,
        f"{point.departure:.1e}",
        luck,
    )
    return (*known, *measured)


def _claims(sent: Sequence[Sent]) -> Iterator[Claim]:
    yield _higher_with_reference(sent)
    yield _says_less_than_it_seems(sent)


def _best_ratio(sent: Sent) -> float:
    point = unchanged(sent.paper, sent.update.new)
    return point.ratio if point else math.nan


def _higher_with_reference(sent: Sequence[Sent]) -> Claim:
    alone = {each.run: _best_ratio(each) for each in sent if not each.has_reference}
    pairs = [(each, _best_ratio(each), alone[each.run]) for each in sent if each.has_reference]
    known = [(each, ratio, other) for each, ratio, other in pairs if not math.isnan(ratio + other)]
    told = "; ".join(f"{each.run}, {each.held}: {ratio:.1f} against {other:.1f}" for each, ratio, other in known)
    return Claim(
        "With the metric unchanged, the compression ratio is higher with DoM than without (Table VIII).",
        f"Paper's mode, ratio with DoM against ratio without: {told or 'no stream leaves the metric as it was'}.",
        verdict_of(ratio > other for _, ratio, other in known),
    )


def _says_less_than_it_seems(sent: Sequence[Sent]) -> Claim:
    """An unchanged metric is luck in some cases: this claim is ours, about the paper's rule."""
    cases = [(points, each.update) for each in sent for _, points in _cases(each)]
    known = [(points, update) for points, update in cases if unchanged(points, update.new)]
    lucky = sum(is_luck(points, update.new) for points, update in known)
    smallest = min((update.interval_of_new for _, update in known), default=math.nan)
    return Claim(
        "A change of at most 0.00001 does not mark a quality: the same metric comes about by chance.",
        f"In {lucky} of {len(known)} cases a finer step changes the metric again; the 95 % interval of the metric is "
        f"± {smallest:.4f} at the least, {smallest / UNCHANGED:,.0f} times the change that is asked for."
        if known
        else "No stream leaves the metric as it was.",
        verdict_of([lucky > 0] if known else []),
        "ours",
    )
