"""SPEC.md clause E.17 (informative): a set in so many bytes, with the most utility left: the paper's eq. 10."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from nncodec.encoder.config import MAX_QUALITY, MIN_QUALITY
from nncodec.encoder.rate_control import PLACES_A_DB, Search
from nncodec.encoder.sets.allocation import Allocation, Alternative, Curve, OperatingPoint, allocate, rate_utility_curve
from nncodec.encoder.sets.report import EncodedSet
from nncodec.encoder.sets.structure import Node
from nncodec.encoder.sets.survey import Estimate, Survey
from nncodec.errors import EncodeError

OFFSETS_DB: Final = (-18.0, -12.0, -8.0, -4.0, 0.0, 4.0, 8.0, 12.0, 18.0)
"""Qualities that a model may get, from the one at which all would together fit the budget."""
PARENT_OFFSETS_DB: Final = (-8.0, -4.0, 0.0, 4.0, 8.0)
"""The same for the models that others are predicted from, which have one quality among them."""
_BITS_A_DB: Final = math.log2(10) / 20
"""What a weight costs more when the quality rises by 1 dB."""
_HALVINGS: Final = 24
_SHARE_NEAR: Final = 0.01

Qualities = tuple[float, ...]
"""A quality for each model, by its place."""

Points = tuple[OperatingPoint, ...]

Utilities = Mapping[int, Callable[[float], float]]
"""By place of a model, what gives its utility under a quality, as a share of that of the original."""


@dataclass(frozen=True)
class Purse:
    """What there is to spend, and on what.

    quality: that of `survey`, near to what the budget allows; nodes: the structure that suits it; names, weights: of
    the models by place; overhead: bytes of the set beside its streams; utilities: of those models that have a measured
    one; for the others the survey says it.
    """

    budget: int
    survey: Survey
    quality: float
    nodes: Sequence[Node]
    names: Sequence[str]
    weights: Sequence[float]
    overhead: int
    utilities: Utilities


def uniform_quality(budget: int, survey: Survey, nodes: Sequence[Node], quality: float) -> float:
    """The one quality at which the streams of all models are predicted to take `budget` bytes together.

    quality: that of `survey`.
    """
    low, high = MIN_QUALITY, MAX_QUALITY
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        scale = _scale(middle, quality)
        bits = sum(_estimate(survey, node, scale, scale).stream_bits(len(node.parents)) for node in nodes)
        low, high = (middle, high) if bits <= 8 * budget else (low, middle)
    return low


def predicted_at(survey: Survey, nodes: Sequence[Node], quality: float, qualities: Qualities) -> list[Node]:
    """`nodes` with the bits that are predicted under `qualities`; quality: that of `survey`."""
    scales = [_scale(each, quality) for each in qualities]
    found = []
    for node in nodes:
        estimate = _estimate(survey, node, scales[node.place], scales[node.parents[0]] if node.parents else 1.0)
        found.append(replace(node, predicted_bits=estimate.stream_bits(len(node.parents))))
    return found


def spend(
    purse: Purse, code: Callable[[Qualities], EncodedSet], value: Callable[[EncodedSet], float]
) -> tuple[EncodedSet, Qualities, Points]:
    """The set that `code` makes with the most utility in the budget, its qualities, and what other budgets would give.

    What is planned is held, by its `value`, to one quality for all. Raises EncodeError, with the least that can be,
    where nothing fits.
    """
    ledger = _Ledger(purse)
    qualities, _ = ledger.plan()
    ledger.learn(qualities, code(qualities))
    planned, curve = ledger.plan()
    plain = (purse.quality,) * len(planned)
    found = [_filled(purse, each, code) for each in ([planned, plain] if len(set(planned)) > 1 else [planned])]
    fitting = [each for each in found if each is not None]
    if not fitting:
        least = len(code((MIN_QUALITY,) * len(planned)).data)
        what = f"max_bytes {purse.budget}: the coarsest quality takes {least} bytes"
        raise EncodeError(f"{what}: allow that many, or quantise more tensors (include)")
    return *max(fitting, key=lambda each: value(each[0])), curve


def _filled(
    purse: Purse, qualities: Qualities, code: Callable[[Qualities], EncodedSet]
) -> tuple[EncodedSet, Qualities] | None:
    """The set under `qualities`, all higher or lower by the same, that fills the budget; None where none fits."""
    trials = _Trials(purse.budget, qualities, code)
    weights = max(sum(subject.quantised for subject in purse.survey.subjects), 1)
    search = Search(trials.measure, -purse.budget, _SHARE_NEAR * purse.budget, -weights * _BITS_A_DB / 8 / PLACES_A_DB)
    low, high = MIN_QUALITY - max(qualities), MAX_QUALITY - min(qualities)
    search.last(round(PLACES_A_DB * low), round(PLACES_A_DB * high), 0)
    return trials.best


class _Trials:
    """Sets of the same differences between qualities, all higher or lower by some places; the best that fits."""

    def __init__(self, budget: int, qualities: Qualities, code: Callable[[Qualities], EncodedSet]) -> None:
        self._budget, self._qualities, self._code = budget, qualities, code
        self.best: tuple[EncodedSet, Qualities] | None = None

    def measure(self, places: int) -> float:
        """Minus the bytes of the set under qualities that are higher by `places`."""
        qualities = tuple(_within(quality + places / PLACES_A_DB) for quality in self._qualities)
        coded = self._code(qualities)
        if len(coded.data) <= self._budget and (self.best is None or len(coded.data) > len(self.best[0].data)):
            self.best = coded, qualities
        return -len(coded.data)


class _Ledger:
    """Operating points as predicted, and as corrected by what was coded."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._parents = {parent for node in purse.nodes for parent in node.parents}
        self._factors = {node.place: 1.0 for node in purse.nodes}
        self._measured: dict[tuple[int, float], float] = {}

    def plan(self) -> tuple[Qualities, Points]:
        """The best qualities, by what is known so far; the bytes and utilities of the best choices for any budget."""
        overhead = self._purse.overhead
        by_inner = dict(self._alternatives())
        alternatives = list(by_inner.values())
        least = min(sum(min(point.bytes for point in curve.points) for curve in a.curves) for a in alternatives)
        allocation = allocate(alternatives, max(self._purse.budget - overhead, least))
        points = rate_utility_curve(alternatives)
        shifted = tuple(OperatingPoint(point.bytes + overhead, point.utility) for point in points)
        inner = next(quality for quality, each in by_inner.items() if each is allocation.alternative)
        return tuple(self._qualities_of(allocation, inner)), shifted

    def learn(self, qualities: Qualities, coded: EncodedSet) -> None:
        """Correct the predictions by what was coded under `qualities`."""
        inner = max((qualities[parent] for parent in self._parents), default=0.0)
        for node in self._purse.nodes:
            estimate = self._estimate(node, qualities[node.place], inner)
            real = len(coded.members[self._purse.names[node.place]].encoded.data)
            self._factors[node.place] = 8 * real / estimate.stream_bits(len(node.parents))

    def _alternatives(self) -> Iterator[tuple[float, Alternative]]:
        """One for each quality of the models that others are predicted from; and that quality."""
        for offset in PARENT_OFFSETS_DB if self._parents else (0.0,):
            inner = _within(self._purse.quality + offset)
            curves = tuple(self._curve(node, inner) for node in self._purse.nodes)
            yield inner, Alternative(f"parents of quality {inner:g}", curves)

    def _curve(self, node: Node, inner: float) -> Curve:
        grid = [_within(self._purse.quality + offset) for offset in OFFSETS_DB]
        qualities = [inner] if node.place in self._parents else grid
        points = [
            OperatingPoint(self._bytes(node, quality, inner), self._utility(node, quality, inner))
            for quality in qualities
        ]
        return Curve(self._purse.names[node.place], tuple(points), self._purse.weights[node.place])

    def _qualities_of(self, allocation: Allocation, inner: float) -> list[float]:
        """The quality of each model, by its place, on the grid; `inner`: of those that others are predicted from."""
        found = [0.0] * len(self._purse.nodes)
        for node, choice in zip(self._purse.nodes, allocation.choice, strict=True):
            is_inner = node.place in self._parents
            found[node.place] = inner if is_inner else _within(self._purse.quality + OFFSETS_DB[choice])
        return found

    def _bytes(self, node: Node, quality: float, inner: float) -> int:
        bits = self._estimate(node, quality, inner).stream_bits(len(node.parents))
        return math.ceil(self._factors[node.place] * bits / 8)

    def _estimate(self, node: Node, quality: float, inner: float) -> Estimate:
        scales = _scale(quality, self._purse.quality), _scale(inner, self._purse.quality)
        return _estimate(self._purse.survey, node, *scales)

    def _utility(self, node: Node, quality: float, inner: float) -> float:
        """Measured, or by the survey: the proxy of `WeightProxy`, with errors as they are expected."""
        purse = self._purse
        if node.place in purse.utilities:
            if (node.place, quality) not in self._measured:
                self._measured[node.place, quality] = purse.utilities[node.place](quality)
            return self._measured[node.place, quality]
        estimate = self._estimate(node, quality, inner)
        subject = purse.survey.subjects[node.place]
        counted = subject.is_matrix & (subject.energies > 0) & np.isfinite(subject.energies)
        with np.errstate(over="ignore"):  # an error beyond all numbers leaves no utility
            noise = float((estimate.errors[counted] / subject.energies[counted]).sum())
        return 1 / (1 + noise)


def _estimate(survey: Survey, node: Node, scale: float, parent_scale: float) -> Estimate:
    return survey.predicted(node.place, node.parents[:2], scale, parent_scale)


def _scale(quality: float, base: float) -> float:
    """What the steps of quality `base` are multiplied by for another quality."""
    return float(10.0 ** ((base - quality) / 20))


def _within(quality: float) -> float:
    return round(min(max(quality, MIN_QUALITY), MAX_QUALITY) * PLACES_A_DB) / PLACES_A_DB
