"""From measurements to what is read: means over seeds, verdicts, cells of tables, lines of figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from tools.experiments.coding import Coded
from tools.experiments.results import Panel, Series, Verdict
from tools.experiments.updates import KEPT, Method, Update, pooled

NOT_MEASURED: Final = "–"


@dataclass(frozen=True)
class Spread:
    """A figure over `count` seeds, NaN where there is none: the mean, and how far it is uncertain."""

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Mean and standard deviation of one value for each seed, of which those that are NaN are left out."""
        known = [value for value in values if not math.isnan(value)]
        if not known:
            return cls(math.nan, math.nan, 0)
        deviation = statistics.stdev(known) if len(known) > 1 else math.nan
        return cls(statistics.fmean(known), deviation, len(known))

    @classmethod
    def pooled(cls, updates: Sequence[Update], of_one: Callable[[Update], float]) -> Spread:
        """What is read off the mean over seeds, and its standard error by a jackknife that leaves out each seed."""
        count, value = len(updates), of_one(pooled(updates))
        if math.isnan(value):
            return cls(math.nan, math.nan, 0)
        if count == 1:
            return cls(value, math.nan, 1)
        left = [of_one(pooled([each for each in updates if each is not out])) for out in updates]
        return cls(value, math.sqrt((count - 1) * statistics.pvariance(left)), count)

    def text(self, form: str = ".3f", scale: float = 1.0) -> str:
        """Such as "0.312 ± 0.004"; a dash where there is no value, or no deviation over several seeds."""
        if not self.count:
            return NOT_MEASURED
        spread = f" ± {cell(scale * self.deviation, form)}" if self.count > 1 else ""
        return minus(f"{scale * self.mean:{form}}{spread}")


def cell(value: float, form: str = ".3f") -> str:
    """A number as it is read; a dash for NaN, which is what was not measured."""
    return NOT_MEASURED if math.isnan(value) else minus(f"{value:{form}}")


def signed(value: float, digits: int = 2) -> str:
    """A change of a utility in hundredths, such as "−0.12"; what rounds to 0 has no sign."""
    rounded = round(100 * value, digits)
    return minus(f"{rounded:+.{digits}f}") if rounded else f"{0:.{digits}f}"


def minus(text: str) -> str:
    """With the sign that numbers have in print."""
    return text.replace("-", "−")


def verdict_of(outcomes: Iterable[bool]) -> Verdict:
    """Confirmed if a claim holds in every case, partly if in some, contradicted if in none; untested without cases."""
    every = list(outcomes)
    if not every:
        return Verdict.UNTESTED
    if all(every):
        return Verdict.CONFIRMED
    return Verdict.PARTLY if any(every) else Verdict.CONTRADICTED


_VERDICT_RULE: Final = (
    "Verdicts: a claim is *confirmed* if it holds in every case that could be measured, *partly* if in some of them, "
    "*contradicted* if in none."
)


def with_rule(*paragraphs: str) -> str:
    """The text of a section that states the rule of `verdict_of`."""
    return "\n\n".join((*paragraphs, _VERDICT_RULE))


def over_seeds(updates: Sequence[Update], of_one: Callable[[Update], float]) -> Spread:
    """A figure of the same update, over seeds."""
    return Spread.of(map(of_one, updates))


@dataclass(frozen=True)
class Reading:
    """How curves are compared.

    what: what is equal, as a caption says it; share_of: what a share is of; paper: which of the paper's curves stands
    for it; size(update, method, share): bytes, NaN where nothing can be read.
    """

    what: str
    share_of: str
    paper: Method
    size: Callable[[Update, Method, float], float]

    def sizes(self, updates: Sequence[Update], method: Method, share: float) -> Spread:
        """Bytes of `method`, read off the mean over seeds."""
        return Spread.pooled(updates, lambda each: self.size(each, method, share))

    def ratios(self, updates: Sequence[Update], share: float, method: Method, other: Method) -> Spread:
        """Bytes of `method` over those of `other`, read off the mean over seeds."""
        return Spread.pooled(updates, lambda each: self.size(each, method, share) / self.size(each, other, share))

    def main_to_paper(self, updates: Sequence[Update], share: float) -> Spread:
        """Bytes of profile main over those of the paper's mode."""
        return self.ratios(updates, share, Method.MAIN_UPDATE, self.paper)


AT_UTILITY: Final = Reading("utility", "gain kept", Method.PAPER_FINER, Update.size_at_kept)
AS_MADE: Final = Reading("utility, by streams as made", "gain kept", Method.PAPER_UPDATE, Update.size_as_made)
AT_DEPARTURE: Final = Reading("departure of the outputs", "drift removed", Method.PAPER_FINER, Update.size_at_removed)


def listed(spreads: Iterable[tuple[str, Spread]], form: str = ".2f", scale: float = 1.0) -> str:
    """Such as "vgg-cifar 10 → 20: 0.31 ± 0.02; ..."; what was not measured is left out."""
    known = [f"{name}: {spread.text(form, scale)}" for name, spread in spreads if spread.count]
    return "; ".join(known) if known else "nothing could be measured"


_WITH_AND_WITHOUT: Final = (Method.PAPER_ALONE, Method.PAPER_UPDATE, Method.MAIN_ALONE, Method.MAIN_UPDATE)
_UPDATES: Final = (Method.PAPER_UPDATE, Method.PAPER_FINER, Method.MAIN_UPDATE)
_LEAST_DEPARTURE: Final = 1e-3
"""Of the drift; what departs less is not drawn."""


def utility_panel(updates: Sequence[Update], metric: str) -> Panel:
    """Utility against kilobytes sent, each method a line: means over seeds, the spread of the utility as bars."""
    first = updates[0]
    series = [
        utility_series([update.curves[method] for update in updates if method in update.curves], method.value)
        for method in _WITH_AND_WITHOUT
        if method in first.curves
    ]
    old, new = (over_seeds(updates, of_one).mean for of_one in (lambda each: each.old, lambda each: each.new))
    levels = (("reference", old), ("target", new))
    return Panel(first.name, "kB sent", metric, tuple(series), log_x=True, levels=levels)


def departure_panel(updates: Sequence[Update]) -> Panel:
    """Departure as a share of the drift against bytes as a share of fp32, of updates; means over seeds."""
    mean = pooled(updates)
    series = [_departure_series(mean, method) for method in _UPDATES]
    levels = tuple((f"{share:.0%} removed", 1 - share) for share in KEPT)
    return Panel(mean.name, "% of fp32", "departure ÷ drift", tuple(series), log_x=True, log_y=True, levels=levels)


def _departure_series(update: Update, method: Method) -> Series:
    points = [
        (100 * point.size / update.raw, point.departure / update.drift)
        for point in sorted(update.curves[method], key=lambda each: each.size)
        if point.departure >= _LEAST_DEPARTURE * update.drift
    ]
    return Series(method.value, tuple(x for x, _ in points), tuple(y for _, y in points))


def utility_series(curves: Sequence[Sequence[Coded]], label: str) -> Series:
    """One line: at each setting the mean over the seeds that have it, whose curves these are; no bar if that is one."""
    points: dict[str, list[Coded]] = {}
    for point in chain.from_iterable(curves):
        points.setdefault(point.setting, []).append(point)
    spreads = [Spread.of(point.utility for point in of_seeds) for of_seeds in points.values()]
    return Series(
        label,
        tuple(statistics.fmean(point.size for point in of_seeds) / 1000 for of_seeds in points.values()),
        tuple(spread.mean for spread in spreads),
        tuple(spread.deviation if spread.count > 1 else 0.0 for spread in spreads) if len(curves) > 1 else (),
    )
