"""SPEC.md clause E.16 (informative): what a model would cost, alone and predicted from others, from samples.

A tensor with levels costs the entropy of a simple model of these; an exact one, besides the length of each difference
in units of the last place, what telling that length costs. No byte is written by these numbers: they say what to
predict from what, and where to spend a budget.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.sets.samples import Places, Subject
from nncodec.encoder.steps import update_step
from nncodec.limits import MAX_LEVEL_MAGNITUDE
from nncodec.model import Model, Tensor
from nncodec.rounding import Float64s

COPY_BITS: Final = 2.0
LENGTH_BITS: Final = 3.0
"""To tell sign and length of an exact difference, given the exponent of its prediction (measured: 2.9 to 3.3)."""
_STREAM_BITS: Final = 8 * 150.0
_PARENT_BITS: Final = 8 * 32.0
_SINGULAR: Final = 1e-12
_LEAST_EXPONENT: Final = -1074
"""Of a binary64 number, subnormal ones included."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """For each tensor of a model: bits, and squared error in all; both 1-D."""

    bits: Float64s
    errors: Float64s

    def or_less(self, places: Places, bits: Float64s, errors: Float64s | float) -> Estimate:
        """This, but with `bits` and `errors` for the tensors at `places` that take fewer bits so."""
        less = bits < self.bits[places]
        merged = Estimate(self.bits.copy(), self.errors.copy())
        merged.bits[places[less]] = bits[less]
        merged.errors[places[less]] = np.broadcast_to(errors, bits.shape)[less]
        return merged

    def or_less_of(self, other: Estimate) -> Estimate:
        """This or `other`, tensor by tensor, whichever takes fewer bits."""
        return self.or_less(np.arange(self.bits.size), other.bits, other.errors)

    def stream_bits(self, parents: int) -> float:
        """Bits of a stream of these tensors that names so many parents."""
        return _STREAM_BITS + parents * _PARENT_BITS + float(self.bits.sum())


@dataclass(frozen=True, eq=False)
class Matched:
    """Tensors of a model (`places` in it) for which each of some references has a match: their samples, end to end.

    starts: where those of each tensor begin; predictions: the samples of the matches, as decoded; units: exponents of
    2 of the last place of 1.0.
    """

    places: Places
    starts: Places
    lengths: Places
    counts: Float64s
    steps: Float64s
    values: Float64s
    predictions: tuple[Float64s, ...]
    units: npt.NDArray[np.int64]

    def predicted(self) -> Float64s:
        """The one prediction, or both with the gains of least squares for each tensor."""
        if len(self.predictions) == 1:
            return self.predictions[0]
        one, other = self.predictions
        with np.errstate(over="ignore", invalid="ignore"):
            a, b, c = self._sums(one * one), self._sums(one * other), self._sums(other * other)
            x, y = self._sums(one * self.values), self._sums(other * self.values)
            determinant = a * c - b * b
            solvable = determinant > _SINGULAR * a * c
            divisor = np.where(solvable, determinant, 1.0)
            gains = (
                np.where(solvable, (c * x - b * y) / divisor, 1.0),
                np.where(solvable, (a * y - b * x) / divisor, 0.0),
            )
        return np.repeat(gains[0], self.lengths) * one + np.repeat(gains[1], self.lengths) * other

    def squares(self, residual: Float64s) -> Float64s:
        """Sum of squares of each tensor of which `residual` is left, roughly."""
        with np.errstate(over="ignore"):
            return self._sums(np.square(residual)) / self.lengths * self.counts

    def _sums(self, values: Float64s) -> Float64s:
        return np.asarray(np.add.reduceat(values, self.starts))


class Survey:
    """Estimates for models that are to be coded by one configuration, with `references` at the receiver.

    Under a quality each model may have a scale of its own for all its steps: 10^(x / 20) is that of a quality x less.
    """

    def __init__(self, models: Sequence[Model], config: EncoderConfig, references: Sequence[Model] = ()) -> None:
        self._config = config
        self._names = dict(config.name_map)
        self.subjects = [Subject(model, config) for model in models]
        self._references = [Subject(reference, config, as_it_is=True) for reference in references]
        self._known: dict[tuple[int, tuple[int, ...], float, float], Estimate] = {}

    def predicted(self, index: int, parents: Sequence[int], scale: float = 1.0, parent_scale: float = 1.0) -> Estimate:
        """The model at `index`, each tensor alone or predicted from one of up to two `parents`, or from both.

        The references may predict it too. What was asked for once is known.
        """
        key = index, tuple(parents), scale, parent_scale if parents else 1.0
        if key not in self._known:
            self._known[key] = self._new(*key)
        return self._known[key]

    def _new(self, index: int, parents: tuple[int, ...], scale: float, parent_scale: float) -> Estimate:
        child = self.subjects[index]
        if not parents:
            estimate = _unpredicted(child, scale)
            for reference in self._references:
                estimate = self._with(estimate, child, scale, [(reference, 1.0)])
            return estimate
        references = [(self.subjects[parent], parent_scale) for parent in parents]
        if len(parents) == 1:
            return self._with(self.predicted(index, (), scale), child, scale, references)
        one, other = (self.predicted(index, (parent,), scale, parent_scale) for parent in parents)
        return self._with(one.or_less_of(other), child, scale, references)

    def _with(
        self, estimate: Estimate, child: Subject, scale: float, references: Sequence[tuple[Subject, float]]
    ) -> Estimate:
        """`estimate`, or the tensors that all `references` have a match for predicted from these, where it is less."""
        matches = [self._matches(child.model, reference.model) for reference, _ in references]
        if len(references) == 1:
            same = np.array(_same_content(child.model, references[0][0].model, matches[0]), np.intp)
            estimate = estimate.or_less(same, np.full(same.size, COPY_BITS), 0.0)
        matched = _matched(child, scale, references, matches)
        return estimate if matched is None else self._differences(estimate, child, scale, matched)

    def _matches(self, model: Model, reference: Model) -> list[int]:
        """For each tensor of `model` the place of the one of `reference` that may predict it, by name or by shape."""
        names = {tensor.name: place for place, tensor in enumerate(reference.tensors)}
        shapes: dict[object, list[int]] = {}
        for place, tensor in enumerate(reference.tensors):
            shapes.setdefault((tensor.dtype, tensor.shape), []).append(place)
        return [self._match(tensor, place, names, shapes) for place, tensor in enumerate(model.tensors)]

    def _match(self, tensor: Tensor, place: int, names: dict[str, int], shapes: dict[object, list[int]]) -> int:
        alike = shapes.get((tensor.dtype, tensor.shape), [])
        named = names.get(self._names.get(tensor.name, tensor.name))
        if named is not None:
            return named if named in alike else -1
        return min(alike, key=lambda other: abs(other - place), default=-1)

    def _differences(self, estimate: Estimate, child: Subject, scale: float, matched: Matched) -> Estimate:
        predicted = matched.predicted()
        with np.errstate(over="ignore"):
            left = np.abs(matched.values - predicted)
        steps = matched.steps
        is_matrix = child.is_matrix[matched.places]
        elements = float(matched.counts[is_matrix].sum())
        if self._config.quality is not None and elements:  # an update keeps a quality of its own (clause E.13)
            change = math.sqrt(float(matched.squares(left)[is_matrix].sum()) / elements)
            steps = np.where(steps > 0, np.minimum(steps, scale * update_step(self._config, change)), 0.0)
        bits, errors = _levels(left, matched.starts, steps)
        exact = _exact_differences(left, predicted, matched)
        return estimate.or_less(
            matched.places, matched.counts * np.where(steps > 0, bits, exact), matched.counts * errors
        )


def _same_content(model: Model, reference: Model, matches: Sequence[int]) -> list[int]:
    """Places of the tensors of `model` that their match repeats."""
    pairs = ((place, match) for place, match in enumerate(matches) if match >= 0)
    tensors, others = model.tensors, reference.tensors
    return [place for place, match in pairs if tensors[place].content_id == others[match].content_id]


def _matched(
    child: Subject, scale: float, references: Sequence[tuple[Subject, float]], matches: Sequence[Sequence[int]]
) -> Matched | None:
    """What all of `references` have a match for; None: nothing."""
    samples = child.samples
    places = [int(place) for place in samples.places if all(match[place] >= 0 for match in matches)]
    if not places:
        return None
    chosen = np.searchsorted(samples.places, places)
    lengths = samples.lengths[chosen]
    return Matched(
        places=np.array(places, np.intp),
        starts=np.cumsum(np.append(0, lengths))[:-1].astype(np.intp),
        lengths=lengths,
        counts=samples.counts[chosen],
        steps=child.steps(scale)[chosen],
        values=samples.values[samples.of(places)],
        predictions=tuple(
            reference.decoded(own_scale)[reference.samples.of([match[place] for place in places])]
            for (reference, own_scale), match in zip(references, matches, strict=True)
        ),
        units=samples.units[chosen],
    )


def _unpredicted(child: Subject, scale: float) -> Estimate:
    samples, steps = child.samples, child.steps(scale)
    bits, errors = _levels(np.abs(samples.values), samples.starts, steps)
    has_levels = steps > 0
    exact = Estimate(child.exact, np.zeros(child.exact.size))
    return exact.or_less(
        samples.places[has_levels], (samples.counts * bits)[has_levels], (samples.counts * errors)[has_levels]
    )


def _levels(magnitudes: Float64s, starts: Places, steps: Float64s) -> tuple[Float64s, Float64s]:
    """Bits and squared error of an element, for each run of `magnitudes` and its step; 0 where there is none.

    Levels are taken for zero or not, and the magnitudes of those that are not for geometrically distributed: Laplace,
    but for the zeros, of which an update of a quantised model has more.
    """
    if not starts.size:
        return np.zeros(0), np.zeros(0)
    lengths = np.diff(np.append(starts, magnitudes.size))
    each = np.repeat(np.where(steps > 0, steps, 1.0), lengths)
    with np.errstate(over="ignore"):
        levels = np.minimum(np.rint(magnitudes / each), MAX_LEVEL_MAGNITUDE)
        squares = np.square(magnitudes - levels * each)
    share = np.add.reduceat((levels > 0).astype(np.float64), starts) / lengths
    mean = np.add.reduceat(levels, starts) / lengths / np.where(share > 0, share, 1.0)
    bits = _binary_entropy(share) + share * (1 + np.maximum(mean, 1.0) * _binary_entropy(1 / np.maximum(mean, 1.0)))
    errors = np.add.reduceat(squares, starts) / lengths
    return np.where(steps > 0, bits, 0.0), np.where(steps > 0, errors, 0.0)


def _binary_entropy(p: Float64s) -> Float64s:
    """Bits of a choice of probability `p`."""
    sure = (p <= 0) | (p >= 1)
    q = np.where(sure, 0.5, p)
    return np.where(sure, 0.0, -q * np.log2(q) - (1 - q) * np.log2(1 - q))


def _exact_differences(magnitudes: Float64s, predicted: Float64s, matched: Matched) -> Float64s:
    """Bits of an element as an exact difference, for each tensor."""
    exponents = np.frexp(predicted)[1] - 1 + np.repeat(matched.units, matched.lengths)
    last_places = np.ldexp(1.0, np.maximum(exponents, _LEAST_EXPONENT))
    with np.errstate(over="ignore"):
        return np.add.reduceat(np.log2(1 + magnitudes / last_places), matched.starts) / matched.lengths + LENGTH_BITS
