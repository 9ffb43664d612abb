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
interval of the metric is on this test set, how far the outputs of that stream depart from the target's (squared error
over variance), whether a finer step changed the metric more (then the equal metric was luck), and the ratio at the
largest q up to which the change stays within noise: the 95 % interval of the difference between the late reference and
the target, two versions on the same test set, which is narrower than that of the metric. The networks and streams are
those of E6, profile main at the SNR of each stream of the paper's mode; one seed."""


def run(context: Context) -> Section:
    """On the streams of E6."""
    sent = sent_networks(context)
    noise = noise_of(sent)
    rows = tuple(_row(each, *case, noise[each.run]) for each in sent for case in _cases(each))
    head = (
        *("network", "the receiver holds", "method", "stream", "ratio", "change", "± 95 %", "departure", "luck"),
        "ratio within noise",
    )
    caption = "The smallest stream that leaves mAP as it was; changes and intervals in hundredths."
    tables = (Table(caption, head, rows, "VIII"),)
    return Section("E7", "The metric unchanged", with_rule(_TEXT), tuple(_claims(sent)), tables)


def noise_of(sent: Sequence[Sent]) -> dict[str, float]:
    """By network, what a test set cannot tell apart: of its updates the least noise."""
    return {each.run: min(other.update.noise for other in sent if other.run == each.run) for each in sent}


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


def within(points: Sequence[Coded], utility: float, noise: float) -> Coded | None:
    """The smallest of `points` that, like all larger ones, changes the utility by no more than `noise`."""
    found = None
    for point in sorted(points, key=lambda each: -each.size):
        if abs(point.utility - utility) > noise:
            break
        found = point
    return found


def _row(sent: Sent, method: str, points: Sequence[Coded], noise: float) -> tuple[str, ...]:
    new, interval = sent.update.new, sent.update.interval_of_new
    point, other = unchanged(points, new), within(points, new, noise)
    measured = [NOT_MEASURED] * 3
    if point:
        measured = [point.setting, f"{point.ratio:.1f}", signed(point.utility - new, 4)]
    departure = f"{point.departure:.1e}" if point else NOT_MEASURED
    luck = ("yes" if is_luck(points, new) else "no") if point else NOT_MEASURED
    same = f"{other.ratio:.1f}" if other else NOT_MEASURED
    return sent.run, sent.held, method, *measured, f"{100 * interval:.2f}", departure, luck, same


def _claims(sent: Sequence[Sent]) -> Iterator[Claim]:
    yield _higher_with_reference(sent)
    yield _asks_for_too_much(sent)


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


def _asks_for_too_much(sent: Sequence[Sent]) -> Claim:
    """Ours, about the paper's rule."""
    noise = noise_of(sent)
    cases = [(points, each.update.new, noise[each.run]) for each in sent for _, points in _cases(each)]
    factors = [
        other.ratio / point.ratio
        for points, new, least in cases
        if (point := unchanged(points, new)) and (other := within(points, new, least))
    ]
    lucky = sum(is_luck(points, new) for points, new, _ in cases)
    found = "No stream leaves the metric as it was."
    if factors:
        least = min(noise.values())
        found = (
            f"Noise is ± {least:.4f} or more, {least / UNCHANGED:,.0f} times that; at the largest q up to which the "
            f"change stays within it the ratio is {min(factors):.1f} to {max(factors):.1f} times as high, in "
            f"{len(factors)} cases. In {lucky} of them a finer step changed the metric again."
        )
    statement = "A change of at most 0.00001 asks for more than a test set can tell, and costs bytes."
    return Claim(statement, found, verdict_of(factor > 1 for factor in factors), "ours")
