"""SPEC.md clause E.14 (informative): rate control: from what a caller asks for to the step or quality that gives it.

Distortion is measured without coding anything; bytes by coding, each trial nearer than the one before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from nncodec.encoder.config import MAX_QUALITY, MIN_QUALITY, EncoderConfig
from nncodec.encoder.report import Distortions
from nncodec.encoder.runs import Distortion
from nncodec.errors import EncodeError
from nncodec.quantisation import COMPACT_CODES, compact_step

DB_NEAR: Final = 0.05
"""A trial so little above the SNR that is asked for ends the search."""
SHARE_NEAR: Final = 0.004
"""A trial with no more than this share of the bytes unused does."""
PLACES_A_DB: Final = 64
"""Qualities tried for `max_bytes` are multiples of 1/64."""
_MOST_TRIALS: Final = 40
_TRIALS_BY_LINE: Final = 8
_LOG2_FIRST_STEP: Final = math.log2(compact_step(0))
_CODES_A_DB: Final = 1024 / (20 * math.log10(2))


class Trials(Protocol):
    """What the encoding process makes of a configuration whose step or quality is settled."""

    @property
    def elements(self) -> int:
        """Elements of the model."""

    def distortions(self, config: EncoderConfig) -> Distortions:
        """Without entropy coding."""

    def size(self, config: EncoderConfig) -> int:
        """Bytes of the stream."""

    def exact_size(self, config: EncoderConfig) -> float:
        """Roughly the bytes of the stream if every tensor is coded exactly, without entropy coding."""


def settle(config: EncoderConfig, trials: Trials) -> EncoderConfig:
    """`config` with its target, or the default, replaced by the step or the quality that meets it.

    Raises EncodeError where nothing does.
    """
    if config.max_bytes is not None:
        return _best_within(config.max_bytes, config, trials)
    target = _target_db(config)
    if target is not None:
        return _coarsest_step(target, config, trials)
    return config.or_default()


def _target_db(config: EncoderConfig) -> float | None:
    if config.mse is not None:
        return -10 * math.log10(config.mse)
    return config.snr if config.update_snr is None else config.update_snr


def _measured_db(config: EncoderConfig, distortions: Distortions) -> float:
    """What the target of `config` is compared with: an SNR, or the negative of the squared error, in dB."""
    distortion = distortions.matrices
    if config.update_snr is not None:
        distortion = _of_update(distortions)
    if distortion.error_energy == 0:
        return math.inf
    if config.mse is not None:
        return -10 * math.log10(distortion.mse)
    return distortion.snr_db or 0.0


def _of_update(distortions: Distortions) -> Distortion:
    if distortions.update is None:
        raise EncodeError("update_snr needs a reference with tensors of the same names and shapes: ask for snr")
    return distortions.update


def _coarsest_step(target: float, config: EncoderConfig, trials: Trials) -> EncoderConfig:
    """The coarsest COMPACT step that leaves `target` dB; everything exact where not even the finest does."""
    free = replace(config, snr=None, mse=None, update_snr=None, least_squares=True)

    def measure(code: int) -> float:
        return _measured_db(config, trials.distortions(replace(free, step=compact_step(code))))

    search = Search(measure, target, DB_NEAR, -1 / _CODES_A_DB)
    code = search.last(0, COMPACT_CODES - 1, _first_code(target, config, free, trials))
    return free.exactly() if code is None else replace(free, step=compact_step(code))


def _first_code(target: float, config: EncoderConfig, free: EncoderConfig, trials: Trials) -> int:
    """Near the code of the step sought, by the energy: an error of step / 4."""
    energy = 1.0
    if config.mse is None:
        distortions = trials.distortions(replace(free, step=compact_step(COMPACT_CODES - 1)))
        distortion = distortions.matrices if config.update_snr is None else _of_update(distortions)
        energy = distortion.energy / max(distortion.elements, 1)
    error_db = 10 * math.log10(energy) - target if 0 < energy < math.inf else 0.0
    return round(1024 * (error_db / (20 * math.log10(2)) + 2 - _LOG2_FIRST_STEP))


def _best_within(budget: int, config: EncoderConfig, trials: Trials) -> EncoderConfig:
    """The best quality whose stream has at most `budget` bytes; every tensor exact, if that fits."""
    free = replace(config, max_bytes=None)
    exact = free.exactly()
    if trials.exact_size(exact) <= budget and trials.size(exact) <= budget:
        return exact
    elements = max(trials.elements, 1)

    def measure(place: int) -> float:
        return -float(trials.size(replace(free, quality=place / PLACES_A_DB)))

    bytes_a_place = elements / 8 / (20 * math.log10(2)) / PLACES_A_DB
    search = Search(measure, -float(budget), SHARE_NEAR * budget, -bytes_a_place)
    place = search.last(
        round(MIN_QUALITY * PLACES_A_DB), round(MAX_QUALITY * PLACES_A_DB), round(budget / bytes_a_place)
    )
    if place is None:
        least = trials.size(replace(free, quality=MIN_QUALITY))
        what = f"max_bytes {budget}: the coarsest quality takes {least} bytes"
        raise EncodeError(f"{what}: allow that many, or quantise more tensors (include)")
    return replace(free, quality=place / PLACES_A_DB)


@dataclass(frozen=True)
class Bracket:
    """Where the answer may lie: within low to high, after the last place found good, before the first found bad."""

    low: int
    high: int
    good: tuple[int, float] | None
    bad: tuple[int, float] | None

    @property
    def first(self) -> int:
        """The first place not yet known."""
        return self.low if self.good is None else self.good[0] + 1

    @property
    def last(self) -> int:
        """The last place not yet known."""
        return self.high if self.bad is None else self.bad[0] - 1


@dataclass(frozen=True)
class Search:
    """Looks for the last whole number at which `measure`, falling all in all, is not below `target`.

    near: how far above the target is good enough. slope: what `measure` changes by from one number to the next,
    roughly.
    """

    measure: Callable[[int], float]
    target: float
    near: float
    slope: float

    def last(self, low: int, high: int, first: int) -> int | None:
        """Within `low` to `high`, trying `first` at first; None where even `low` is below the target."""
        bracket = Bracket(low, high, None, None)
        place = min(max(first, low), high)
        for trial in range(_MOST_TRIALS):
            value = self.measure(place)
            found = place, value
            bracket = replace(bracket, good=found) if value >= self.target else replace(bracket, bad=found)
            if bracket.first > bracket.last or self.target <= value <= self.target + self.near:
                break
            place = self._next(bracket, trial)
        return None if bracket.good is None else bracket.good[0]

    def _next(self, bracket: Bracket, trial: int) -> int:
        """Where a line through what is known meets the middle of what is good enough; within what is still open.

        With one side known the line gets flatter from trial to trial; a line that does not get there gives way to
        halving.
        """
        points = [point for point in (bracket.good, bracket.bad) if point is not None and math.isfinite(point[1])]
        if len(points) == 2 and trial < _TRIALS_BY_LINE:
            (place, value), (other, falls_to) = points
            slope = (falls_to - value) / (other - place)
        elif bracket.good is not None and bracket.bad is not None:
            return (bracket.first + bracket.last) // 2
        elif points:
            (place, value), slope = points[0], self.slope / 2**trial
        else:
            return bracket.last
        jump = round((self.target + self.near / 2 - value) / slope)
        return min(max(place + jump, bracket.first), bracket.last)
