"""SPEC.md clauses E.2 and E.3 (informative): what becomes of each tensor: exact or levels, and predicted from what.

One rule: a tensor that cannot be quantised as asked is kept exact and said so, never bent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nncodec.difference import Exponents, differ, exponents
from nncodec.encoder.channel_maps import MapSearch
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.estimate import difference_bits, energy, level_bits, word_bits
from nncodec.encoder.matching import OWN, Matcher, Relative, originals
from nncodec.encoder.predictors import Candidate, candidates, finite_values, plain_candidate
from nncodec.encoder.steps import QualitySteps, SharedStep, Steps, grid_of
from nncodec.entropy.binarisation import Levels
from nncodec.layout import symbol_width
from nncodec.model import Model, Tensor
from nncodec.prediction import copied, reconstruct, word_predictor
from nncodec.quantisation import HalfLevels, dequantise, half_levels, quantise, step_of
from nncodec.rounding import Float64s, round_to, widen
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import QUANTISABLE, DType, Prediction, Profile

_OWN_QUANTISER_BITS = 32
_WORTH_A_GRID = 1.05
_WORTH_EXACT = 0.85
"""Of levels the estimate is further above what they come to than of exact words, so these must be clearly less."""
_LARGEST_GAIN = 2.0
_SAVING = 0.01
_SAVING_BITS = 32
_CHANCE = 0.8
"""What a candidate must save: estimates of n levels differ by chance by up to 0.7 / sqrt(n) (measured)."""
_EXACT_SAVING = 0.001
_EXACT_CHANCE = 0.05
_WIPED_OUT = "the step wipes out every weight: all levels are 0; ask for a finer step, or exclude the tensor"


@dataclass(frozen=True)
class Choice:
    """How one tensor will be coded.

    candidate: what it is predicted from, if anything. levels and residual: of a quantised tensor, flat; halves: what
    the levels stand for (clause 8.2.1), once the slices are laid out; quantiser: its own, where it does not share that
    of its slice group; is_fine: whether it is a vector that has one. words: the folded differences of an exact tensor
    that is predicted; exponents: those of its prediction. copy: the tensor that a COPY gives; original: the place of an
    earlier tensor of the same model that it copies.
    """

    tensor: Tensor
    prediction: Prediction = Prediction.NONE
    candidate: Candidate | None = None
    residual: Float64s | None = None
    levels: Levels | None = None
    halves: HalfLevels | None = None
    quantiser: Quantiser | None = None
    is_fine: bool = False
    words: bytes | None = None
    exponents: Exponents | None = None
    copy: Tensor | None = None
    original: int | None = None
    estimated_bits: float = 0.0
    notice: str | None = None


class Chooser:
    """Chooses for the tensors of one model, in order."""

    def __init__(self, config: EncoderConfig, references: Sequence[Model]) -> None:
        self._config = config
        self._matcher = Matcher(references, dict(config.name_map))
        self._search = None if config.profile == Profile.BASELINE else MapSearch()
        self._quantiser = config.quantiser()

    def choose_all(self, model: Model) -> list[Choice]:
        """The cheapest admissible way to code each tensor of `model`, by estimated bits."""
        matrices = [tensor for tensor in model.tensors if self._config.quantises(tensor)]
        kind = SharedStep if self._config.quality is None else QualitySteps
        steps = kind(self._config, matrices, self._plain_residual)
        twins = {} if self._config.profile == Profile.BASELINE else originals(model, self._config)
        return [
            _own_copy(tensor, twins[place], model) if place in twins else self._choose(tensor, place, steps)
            for place, tensor in enumerate(model.tensors)
        ]

    def _choose(self, tensor: Tensor, place: int, steps: Steps) -> Choice:
        same = self._matcher.same_content(tensor)
        if same is not None:
            return Choice(tensor, Prediction.COPY, plain_candidate(tensor, same), copy=tensor)
        relatives = self._matcher.named(tensor) or self._matcher.shaped(tensor, place)
        choice = self._choose_by_kind(tensor, relatives, steps)
        if self._search is not None and choice.candidate is not None and choice.candidate.rows is not None:
            self._search.remember(*choice.candidate.rows)
        return choice

    def _choose_by_kind(self, tensor: Tensor, relatives: Sequence[Relative], steps: Steps) -> Choice:
        if self._config.quantises(tensor):
            own = steps.of_matrix(tensor)
            levels = self._choose_levels(tensor, relatives, own)
            return levels if own is None or levels.levels is None else self._or_without_loss(levels, relatives)
        exact = self._choose_exact(tensor, relatives)
        if self._config.lossless:
            return self._or_on_grid(exact)
        wanted = exact.prediction != Prediction.COPY and self._config.quantises_finely(tensor)
        quantiser = steps.of_vector(tensor) if wanted else None
        if quantiser is None:
            return exact
        fine = replace(self._choose_levels(tensor, relatives, quantiser), is_fine=True)
        has_less = fine.levels is not None or fine.prediction == Prediction.COPY
        worth_it = has_less and fine.estimated_bits + _OWN_QUANTISER_BITS < exact.estimated_bits
        return fine if worth_it else exact

    def _or_without_loss(self, choice: Choice, relatives: Sequence[Relative]) -> Choice:
        """`choice`, or its tensor exact: as levels of a grid it lies on, for hardly more; or as it is, for less."""
        tensor = choice.tensor
        on_grid = self._on_grid(tensor)
        if on_grid is not None and on_grid.estimated_bits <= _WORTH_A_GRID * choice.estimated_bits:
            choice = on_grid
        exact = self._choose_exact(tensor, relatives)
        return exact if exact.estimated_bits <= _WORTH_EXACT * choice.estimated_bits else choice

    def _or_on_grid(self, exact: Choice) -> Choice:
        """`exact`, or the same bits as levels of a grid that the tensor lies on, where these are fewer (MAIN)."""
        tensor = exact.tensor
        if self._config.profile == Profile.BASELINE or tensor.dtype not in QUANTISABLE or exact.copy is not None:
            return exact
        choice = self._on_grid(tensor)
        if choice is None or choice.levels is None or choice.quantiser is None:
            return exact
        if choice.estimated_bits >= exact.estimated_bits:
            return exact
        restored = reconstruct(half_levels(choice.levels, trellis=False), choice.quantiser, None, tensor.dtype)
        return choice if restored == tensor.data else exact  # -0 is on no grid

    def _on_grid(self, tensor: Tensor) -> Choice | None:
        """The tensor as levels of the grid that it lies on; None where there is none."""
        grid = grid_of(tensor)
        if grid is None:
            return None
        choice = self._quantised(tensor, finite_values(tensor), None, grid)
        return None if choice.levels is None else replace(choice, is_fine=True)

    def _plain_residual(self, tensor: Tensor) -> Float64s | None:
        """What a plain difference to the first relative leaves, the tensor itself where that is less; None: no such."""
        values = finite_values(tensor)
        for candidate in candidates(tensor, values, self._matcher.named(tensor), None):
            if candidate.predicted is not None:
                with np.errstate(over="ignore"):
                    return min(values, values - candidate.predicted, key=energy)
        return None

    def _choose_levels(self, tensor: Tensor, relatives: Sequence[Relative], own: Quantiser | None) -> Choice:
        values = widen(tensor.data, tensor.dtype)
        best = self._quantised(tensor, values, None, own)
        if best.levels is None:
            return replace(self._choose_exact(tensor, relatives), notice=best.notice)
        for candidate in candidates(tensor, values, relatives, self._search):
            choice = self._quantised(tensor, values, candidate, own)
            if choice.levels is not None and _is_worth_it(choice, best):
                best = choice
        return best if best.levels is None or best.levels.any() else _without_levels(best, values)

    def _quantised(
        self, tensor: Tensor, values: Float64s, candidate: Candidate | None, own: Quantiser | None
    ) -> Choice:
        with np.errstate(over="ignore"):
            residual = values if candidate is None or candidate.predicted is None else values - candidate.predicted
        levels = quantise(residual, step_of(own or self._quantiser), self._config.f)
        if levels is None:
            return Choice(tensor, notice=_why_exact(values))
        bits = level_bits(levels)
        choice = Choice(tensor, residual=residual, levels=levels, quantiser=own, estimated_bits=bits)
        if candidate is None:
            return choice
        return replace(
            choice,
            prediction=Prediction.REFERENCE,
            candidate=candidate,
            estimated_bits=bits + candidate.side_bits,
        )

    def _choose_exact(self, tensor: Tensor, relatives: Sequence[Relative]) -> Choice:
        width = symbol_width(tensor.dtype)
        best = Choice(tensor, estimated_bits=word_bits(tensor.data, width, tensor.dtype))
        for candidate in self._exact_candidates(tensor, relatives):
            predicted = word_predictor(candidate.pairs, tensor.dtype, tensor.shape, width).words()
            if predicted == tensor.data and _copies(candidate, tensor):
                return Choice(tensor, Prediction.COPY, candidate, copy=tensor)
            words = differ(tensor.data, predicted, tensor.dtype, width)
            scales = exponents(predicted, tensor.dtype, width)
            bits = difference_bits(words, width, scales) + candidate.side_bits
            choice = Choice(tensor, Prediction.REFERENCE, candidate, words=words, exponents=scales, estimated_bits=bits)
            if _is_worth_it(choice, best):
                best = choice
        return best

    def _exact_candidates(self, tensor: Tensor, relatives: Sequence[Relative]) -> Iterator[Candidate]:
        if self._search is None or tensor.dtype == DType.STRING or not relatives:
            return
        if tensor.dtype in QUANTISABLE:
            values = finite_values(tensor)
            yield from candidates(tensor, values, relatives, self._search)
            return
        for relative in relatives:
            if relative.tensor.dtype == tensor.dtype and relative.tensor.shape == tensor.shape:
                yield plain_candidate(tensor, relative)


def _own_copy(tensor: Tensor, original: int, model: Model) -> Choice:
    """A copy of an earlier tensor of the same model, whatever becomes of that one."""
    relative = Relative(OWN, original, model.tensors[original])
    return Choice(tensor, Prediction.COPY, plain_candidate(tensor, relative), original=original)


def _copies(candidate: Candidate, tensor: Tensor) -> bool:
    """Whether a COPY by `candidate` gives `tensor`: another type, or NaN, may predict it and yet not be it."""
    copy = _copy_by(candidate, tensor)
    return copy is not None and copy.data == tensor.data


def _copy_by(candidate: Candidate, tensor: Tensor) -> Tensor | None:
    """What a COPY by `candidate` gives in the place of `tensor`; None where it cannot be a COPY."""
    term, reference = candidate.pairs[0]
    if not candidate.is_ungained or reference.dtype != tensor.dtype:
        return None
    return copied(reference, term, tensor.name, tensor.shape)


def _is_worth_it(choice: Choice, best: Choice) -> bool:
    """Whether `choice` saves enough to take the place of `best`: most where `best` needs no reference.

    Of the many bits of an exact word nearly all are sure, so there a small saving is a saving.
    """
    saving, chance = (_SAVING, _CHANCE) if choice.words is None else (_EXACT_SAVING, _EXACT_CHANCE)
    if best.prediction == Prediction.NONE:
        saving += chance / math.sqrt(max(best.tensor.size, 1))
    return choice.estimated_bits < (1 - saving) * best.estimated_bits - _SAVING_BITS


def _without_levels(choice: Choice, values: Float64s) -> Choice:
    """All levels are 0: a prediction that is exact bits is a copy; weights that vanish get a notice."""
    tensor, candidate = choice.tensor, choice.candidate
    if candidate is None:
        return replace(choice, notice=_WIPED_OUT) if values.any() else choice
    copy = _copy_by(candidate, tensor)
    if copy is None or candidate.predicted is None or copy.data != round_to(candidate.predicted, tensor.dtype):
        return choice
    return Choice(tensor, Prediction.COPY, candidate, copy=copy)


def _why_exact(values: Float64s) -> str:
    if np.isfinite(values).all():
        return "kept exact: a level would not fit 32 bits; ask for a coarser step"
    return "kept exact: it holds NaN or infinity"


def centroid_offset(choices: Sequence[Choice], shared: Quantiser) -> int:
    """Clause E.6: the reconstruction offset, in 1/256 step, of least squared error over the levels of `choices`."""
    total, count = 0.0, 0
    for choice in choices:
        if choice.halves is None or choice.residual is None:
            continue
        step = step_of(choice.quantiser or shared)
        outwards = np.sign(choice.halves) * choice.residual
        total += float(outwards.sum()) / step - float(np.abs(choice.halves).sum()) / 2
        count += int(np.count_nonzero(choice.halves))
    return int(np.clip(round(256 * total / count), -127, 127)) if count else 0


def unbiasing_gain(choices: Sequence[Choice], shared: Quantiser) -> float:
    """Clause E.6: what the values of `choices` must be multiplied by not to fall short of their residuals: 1 to 2.

    The ratio of sum x^2 to sum x * decoded x. Zero levels decode to nothing, so without it an update is only partly
    made. It explodes where nearly all levels are zero, hence the bound.
    """
    wanted = given = 0.0
    for choice in choices:
        if choice.halves is not None and choice.residual is not None:
            quantiser = choice.quantiser or shared
            values = dequantise(choice.halves, step_of(quantiser), quantiser.reconstruction_offset)
            wanted += energy(choice.residual)
            with np.errstate(over="ignore"):
                given += float((choice.residual * values).sum())
    return min(max(wanted / given, 1.0), _LARGEST_GAIN) if 0 < given < math.inf else 1.0
