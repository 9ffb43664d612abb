"""Updates: a target coded alone and against the reference that the receiver holds, in the paper's way and in ours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from statistics import fmean
from typing import Final, TypeAlias

from nncodec import EncoderConfig
from tools.experiments.coding import MAIN_ALONE, MAIN_UPDATE, PAPER, Coded, size_at_departure, size_at_utility
from tools.experiments.context import Context
from tools.experiments.finer_steps import FINER, finer_point
from tools.experiments.scenarios import Scenario

EXACT: Final = EncoderConfig(lossless=True)
MOST_OF_PAPER: Final = 0.5
"""Bytes of profile main over those of the paper's mode, at most: what this project set out to reach."""
KEPT: Final = (0.7, 0.9, 0.95)
"""Shares of what an update is worth at which sizes are compared."""
TWO_SIDED_95: Final = 1.96
"""Standard deviations of a normal distribution on either side of the mean that hold 95 % of it."""

LEAST_SNR: Final = 0.1
"""In dB; below that a step leaves nothing of what is coded, and there is nothing to compare."""
MOST_SNR: Final = 200.0
"""In dB; what the encoder takes."""


class Method(Enum):
    """Ways to send a target; the value is what a reader is told."""

    PAPER_ALONE = "paper, without DoM"
    PAPER_UPDATE = "paper, with DoM"
    PAPER_FINER = "paper, with DoM, finer steps"
    MAIN_ALONE = "main, without reference"
    MAIN_UPDATE = "main, with reference"
    MAIN_LEAST_SQUARES = "main, least squares"

    @property
    def has_reference(self) -> bool:
        """Whether the receiver's reference is made use of."""
        return self not in {Method.PAPER_ALONE, Method.MAIN_ALONE}


Sweeps: TypeAlias = Mapping[Method, Sequence[EncoderConfig]]


def update_config(snr: float) -> EncoderConfig:
    """Profile main at this SNR of an update in dB, for which it decodes with the least squared error."""
    return EncoderConfig(update_snr=snr)


LEAST_SQUARES: Final = tuple(map(update_config, (1.0, 2.0, 3.5, 5.5, 8.0, 11.0, 15.0)))

FULL: Final[Sweeps] = {
    Method.PAPER_ALONE: PAPER,
    Method.PAPER_UPDATE: PAPER,
    Method.MAIN_ALONE: MAIN_ALONE,
    Method.MAIN_UPDATE: MAIN_UPDATE,
    Method.MAIN_LEAST_SQUARES: LEAST_SQUARES,
}
REDUCED: Final[Sweeps] = {
    Method.PAPER_ALONE: PAPER[2:],
    Method.PAPER_UPDATE: PAPER[2:],
    Method.MAIN_ALONE: MAIN_ALONE[1::2],
    Method.MAIN_UPDATE: MAIN_UPDATE[1::3],
    Method.MAIN_LEAST_SQUARES: LEAST_SQUARES[1::2],
}
COARSE: Final = PAPER[4:]
"""Of the paper's range what costs any utility: for the seeds beyond the first."""


@dataclass(frozen=True)
class Update:
    """A pair of versions, coded and measured.

    run: whose task it is. interval: such as "15 → 20". old, new: utility of the reference and of the target themselves.
    error: standard error of the target's utility; error_of_gain: of the difference of both on the same test set. drift:
    departure of the outputs of the reference from those of the target, which is what an update of no bytes leaves. raw:
    bytes of the tensors of the target; exact: of a lossless update by profile main. curves: operating points of each
    method.
    """

    run: str
    interval: str
    seed: int
    old: float
    new: float
    error: float
    error_of_gain: float
    drift: float
    raw: int
    exact: int
    curves: Mapping[Method, Sequence[Coded]]

    @property
    def name(self) -> str:
        """Such as "vgg-cifar 15 → 20"."""
        return f"{self.run} {self.interval}"

    @property
    def gain(self) -> float:
        """The utility that the update is worth."""
        return self.new - self.old

    @property
    def noise(self) -> float:
        """Half of the 95 % interval of `gain`, by the test samples."""
        return TWO_SIDED_95 * self.error_of_gain

    @property
    def interval_of_new(self) -> float:
        """Half of the 95 % interval of the target's utility."""
        return TWO_SIDED_95 * self.error

    @property
    def has_gain(self) -> bool:
        """Whether the update is worth more than noise."""
        return self.gain > self.noise

    def size_at_kept(self, method: Method, share: float) -> float:
        """Bytes that keep this share of the gain, between operating points; NaN where that is noise or not reached."""
        return size_at_utility(self.curves[method], self.old + share * self.gain) if self.has_gain else math.nan

    def size_at_removed(self, method: Method, share: float) -> float:
        """Bytes that take away this share of the drift, between operating points; NaN beyond the curve."""
        return size_at_departure(self.curves[method], (1 - share) * self.drift)

    def size_as_made(self, method: Method, share: float) -> float:
        """Bytes of the smallest stream made that keeps this share of the gain; NaN where there is none."""
        point = self.cheapest_keeping(method, share)
        return point.size if point else math.nan

    def cheapest_keeping(self, method: Method, share: float) -> Coded | None:
        """The smallest stream made that keeps this share of the gain, as do all larger ones; None: there is none."""
        cheapest = None
        for point in sorted(self.curves[method], key=lambda each: -each.size):
            if not (self.has_gain and point.utility >= self.old + share * self.gain):
                break
            cheapest = point
        return cheapest


def pooled(updates: Sequence[Update]) -> Update:
    """The mean over seeds of all that was measured of one update, at the settings that all seeds have.

    The noise of a utility that is read off a curve is less so than where each curve is read for itself.
    """
    first = updates[0]
    curves = {
        method: _pooled_curve([each.curves[method] for each in updates])
        for method in first.curves
        if all(method in each.curves for each in updates)
    }
    return replace(
        first,
        old=fmean(each.old for each in updates),
        new=fmean(each.new for each in updates),
        error=fmean(each.error for each in updates),
        error_of_gain=fmean(each.error_of_gain for each in updates),
        drift=fmean(each.drift for each in updates),
        exact=round(fmean(each.exact for each in updates)),
        curves=curves,
    )


def _pooled_curve(curves: Sequence[Sequence[Coded]]) -> list[Coded]:
    by_setting = [{point.setting: point for point in curve} for curve in curves]
    common = [setting for setting in by_setting[0] if all(setting in each for each in by_setting)]
    return [_pooled_point([each[setting] for each in by_setting]) for setting in common]


def _pooled_point(points: Sequence[Coded]) -> Coded:
    return replace(
        points[0],
        size=round(fmean(each.size for each in points)),
        utility=fmean(each.utility for each in points),
        departure=fmean(each.departure for each in points),
        snr=fmean(each.snr for each in points),
        update_snr=fmean(each.update_snr for each in points),
    )


def sweeps_of(context: Context, *methods: Method) -> Sweeps:
    """What is asked of each of `methods`: the paper's range, and ours; less in a reduced run.

    PAPER_FINER is none of them: see `measure_update`.
    """
    source = REDUCED if context.is_reduced else FULL
    return {method: source[method] for method in methods}


def measure_update(context: Context, scenario: Scenario, seed: int, sweeps: Sweeps) -> Update:
    """Code the target of `scenario` as `sweeps` says, the reference being pristine.

    Where profile main is asked for an update, the paper's curve is drawn at finer steps too, so that both can be read
    at the same height.
    """
    zoo, coder, task = context.zoo, context.coder, context.zoo.task(scenario.run)
    target, reference = scenario.target.model(zoo, seed), scenario.reference.model(zoo, seed)
    exact = coder.measure(target, EXACT, task, [reference])
    curves = {
        method: coder.curve(target, configs, task, [reference] if method.has_reference else [])
        for method, configs in sweeps.items()
    }
    if Method.MAIN_UPDATE in sweeps:  # there is something to compare with
        steps = FINER[2:3] if context.is_reduced else FINER
        finer = [finer_point(coder, task, (target, reference), step) for step in steps]
        curves[Method.PAPER_FINER] = sorted((*curves[Method.PAPER_UPDATE], *finer), key=lambda each: -each.size)
    return Update(
        run=scenario.run,
        interval=scenario.interval(zoo),
        seed=seed,
        old=coder.measure(reference, EXACT, task).utility,
        new=exact.utility,
        error=task.standard_error(target),
        error_of_gain=task.standard_error(target, reference),
        drift=task.departure(reference, target),
        raw=target.nbytes,
        exact=exact.size,
        curves=curves,
    )


def matched(
    context: Context, scenario: Scenario, seed: int, points: Sequence[Coded], *, has_reference: bool
) -> list[Coded | None]:
    """The target by profile main at the SNR of each of `points`, which were coded with or without the reference.

    None where the step of a point leaves nothing of what it codes, so that there is no SNR to ask for.
    """
    zoo, task = context.zoo, context.zoo.task(scenario.run)
    target = scenario.target.model(zoo, seed)
    references = [scenario.reference.model(zoo, seed)] if has_reference else []
    configs = [matching(point, is_update=has_reference) for point in points]
    return [context.coder.measure(target, config, task, references) if config else None for config in configs]


def matching(point: Coded, *, is_update: bool) -> EncoderConfig | None:
    """The request of profile main for the SNR of `point`; None where that is below `LEAST_SNR`."""
    snr = round(point.update_snr if is_update else point.snr, 2)
    if not LEAST_SNR <= snr <= MOST_SNR:
        return None
    return update_config(snr) if is_update else EncoderConfig(snr=snr)
