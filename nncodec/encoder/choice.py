"""SPEC.md clauses E.2 and E.3 (informative): what becomes of each tensor: exact or levels, and predicted from what.

One rule: a tensor that cannot be quantised as asked is kept exact and said so, never bent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nncodec.difference import differ, exponents
from nncodec.encoder.channel_maps import MapSearch
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.estimate import DifferenceCounts, LevelCounts, has_few_values, word_bits
from nncodec.encoder.matching import OWN, Given, Matcher, Relative, originals
from nncodec.encoder.predictors import Candidate, candidates, plain_candidate
from nncodec.encoder.steps import Steps, grid_of, steps_of
from nncodec.encoder.values import (
    blocks,
    energy_of,
    finite_blocks,
    finite_residual_blocks,
    is_finite,
    largest_of,
    residual_blocks,
    same_bytes,
    spans,
)
from nncodec.layout import symbol_width
from nncodec.memory import Releaser
from nncodec.model import Model, Tensor
from nncodec.prediction import Predictor, WordPredictor, copied, reconstruct, word_predictor
from nncodec.quantisation import half_levels, quantise, step_of
from nncodec.rounding import elements_of, round_to
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import QUANTISABLE, DType, LevelWidth, Prediction, Profile

_OWN_QUANTISER_BITS = 32
_WORTH_A_GRID = 1.05
_WORTH_EXACT = 0.85
"""Of levels the estimate is further above what they come to than of exact words, so these must be clearly less."""
_WORTH_A_LIST = 1.1
"""But words of which there are few are told by a list, which no coder of levels has."""
_TOLD = 1024
"""Levels of fewer elements are estimated too high."""
_SAVING = 0.01
_SAVING_BITS = 32
_CHANCE = 0.8
"""What a candidate must save: estimates of n levels differ by chance by up to 0.7 / sqrt(n) (measured)."""
_EXACT_SAVING = 0.001
_EXACT_CHANCE = 0.05
_WIPED_OUT = "the step wipes out every weight: all levels are 0; ask for a finer step, or exclude the tensor"


@dataclass(frozen=True)
class Choice:
    """How one tensor will be coded; nothing of its data is held.

    candidate: what it is predicted from, if anything. has_levels: whether it is quantised, into levels of `width`;
    quantiser: its own, where it does not share that of its slice group; is_fine: whether it is a vector that has one.
    original: the place of an earlier tensor of the same model that it copies. is_shared: whether it copies what became
    of the same tensor in another model of the set.
    """

    tensor: Tensor
    prediction: Prediction = Prediction.NONE
    candidate: Candidate | None = None
    has_levels: bool = False
    width: LevelWidth = LevelWidth.NONE
    quantiser: Quantiser | None = None
    is_fine: bool = False
    original: int | None = None
    is_shared: bool = False
    estimated_bits: float = 0.0
    notice: str | None = None

    @property
    def predictor(self) -> Predictor | None:
        """What predicts the numbers of the tensor."""
        return None if self.candidate is None else self.candidate.predictor

    def words(self) -> WordPredictor | None:
        """What predicts the words of an exact tensor."""
        if self.candidate is None:
            return None
        tensor = self.tensor
        return word_predictor(self.candidate.pairs, tensor.dtype, tensor.shape, symbol_width(tensor.dtype))

    def copy(self) -> Tensor:
        """What a decoder makes of a tensor without levels."""
        if self.prediction != Prediction.COPY or self.candidate is None:
            return self.tensor
        return _copy_by(self.candidate, self.tensor) or self.tensor


@dataclass(frozen=True)
class _Tried:
    """A way to quantise a tensor; all_are_zero: whether no level is left."""

    choice: Choice
    all_are_zero: bool = False


class Chooser:
    """Chooses for the tensors of one model, in order."""

    def __init__(self, config: EncoderConfig, given: Given) -> None:
        self._config = config
        self._matcher = Matcher(given, dict(config.name_map))
        self._search = None if config.profile == Profile.BASELINE else MapSearch()
        self._quantiser = config.quantiser()
        self._releaser = Releaser()
        self._latest: tuple[Tensor, list[Candidate]] | None = None

    def choose_all(self, model: Model) -> list[Choice]:
        """The cheapest admissible way to code each tensor of `model`, by estimated bits."""
        steps = steps_of(self._config, model, self._plain_energy)
        twins = {} if self._config.profile == Profile.BASELINE else originals(model, self._config)
        return [
            _own_copy(tensor, twins[place], model) if place in twins else self._choose(tensor, place, steps)
            for place, tensor in enumerate(model.tensors)
        ]

    def _choose(self, tensor: Tensor, place: int, steps: Steps) -> Choice:
        same = self._matcher.same_content(tensor)
        if same is not None:
            return Choice(tensor, Prediction.COPY, plain_candidate(tensor, same))
        shared = self._matcher.same_original(tensor) if self._config.may_lose(tensor) else None
        if shared is not None:
            return Choice(tensor, Prediction.COPY, plain_candidate(tensor, shared), is_shared=True)
        relatives = self._matcher.named(tensor) or self._matcher.shaped(tensor, place)
        choice = self._choose_by_kind(tensor, relatives, steps)
        for each in (tensor, *(relative.tensor for relative in relatives)):
            self._releaser.used(each.data)
        if self._search is not None and choice.candidate is not None and choice.candidate.rows is not None:
            self._search.remember(*choice.candidate.rows)
        return choice

    def _choose_by_kind(self, tensor: Tensor, relatives: Sequence[Relative], steps: Steps) -> Choice:
        if self._config.quantises(tensor):
            own = steps.of_matrix(tensor)
            levels = self._choose_levels(tensor, relatives, own)
            may_be_exact = levels.has_levels and (own is not None or self._is_dear(levels))
            return self._or_without_loss(levels, relatives) if may_be_exact else levels
        exact = self._choose_exact(tensor, relatives)
        if self._config.lossless:
            return self._or_on_grid(exact)
        wanted = exact.prediction != Prediction.COPY and self._config.quantises_finely(tensor)
        quantiser = steps.of_vector(tensor) if wanted else None
        if quantiser is None:
            return exact
        fine = replace(self._choose_levels(tensor, relatives, quantiser), is_fine=True)
        has_less = fine.has_levels or fine.prediction == Prediction.COPY
        worth_it = has_less and fine.estimated_bits + _OWN_QUANTISER_BITS < exact.estimated_bits
        return fine if worth_it else exact

    def _is_dear(self, choice: Choice) -> bool:
        """Whether levels under a step for all cost more than raw elements, and are so many that this can be told."""
        tensor, is_main = choice.tensor, self._config.profile == Profile.MAIN
        return is_main and tensor.size >= _TOLD and choice.estimated_bits > 8 * tensor.nbytes

    def _or_without_loss(self, choice: Choice, relatives: Sequence[Relative]) -> Choice:
        """`choice`, or its tensor exact: as levels of a grid it lies on, for hardly more; or as it is, for less."""
        tensor = choice.tensor
        on_grid = self._on_grid(tensor)
        if on_grid is not None and on_grid.estimated_bits <= _WORTH_A_GRID * choice.estimated_bits:
            choice = on_grid
        exact = self._choose_exact(tensor, relatives)
        if exact.estimated_bits <= _WORTH_EXACT * choice.estimated_bits:
            return exact
        may_be_listed = on_grid is None and exact.estimated_bits <= _WORTH_A_LIST * choice.estimated_bits
        return exact if may_be_listed and has_few_values(tensor) else choice

    def _or_on_grid(self, exact: Choice) -> Choice:
        """`exact`, or the same bits as levels of a grid that the tensor lies on, where these are fewer (MAIN)."""
        tensor = exact.tensor
        is_copy = exact.prediction == Prediction.COPY
        if self._config.profile == Profile.BASELINE or tensor.dtype not in QUANTISABLE or is_copy:
            return exact
        choice = self._on_grid(tensor)
        if choice is None or choice.quantiser is None or choice.estimated_bits >= exact.estimated_bits:
            return exact
        return choice if self._restores(tensor, choice.quantiser) else exact  # -0 is on no grid

    def _restores(self, tensor: Tensor, quantiser: Quantiser) -> bool:
        """Whether the levels of `tensor` give its very bits."""
        elements = elements_of(tensor.data, tensor.dtype)
        for (start, count), values in zip(spans(elements.size), blocks(tensor), strict=True):
            levels = quantise(values, step_of(quantiser), self._config.f)
            if levels is None:
                return False
            restored = reconstruct(half_levels(levels, None), quantiser, None, tensor.dtype)
            if restored != elements[start : start + count].tobytes():
                return False
        return True

    def _on_grid(self, tensor: Tensor) -> Choice | None:
        """The tensor as levels of the grid that it lies on; None where there is none."""
        grid = grid_of(tensor)
        if grid is None:
            return None
        choice = self._quantised(tensor, None, grid).choice
        return replace(choice, is_fine=True) if choice.has_levels else None

    def _plain_energy(self, tensor: Tensor) -> float | None:
        """The energy of what a plain difference to the first relative leaves, or of the tensor; None: no relative."""
        for candidate in candidates(tensor, self._matcher.named(tensor), None):
            if candidate.predictor is not None:
                left = energy_of(finite_residual_blocks(tensor, candidate.predictor))
                return min(energy_of(finite_blocks(tensor)), left)
        return None

    def _choose_levels(self, tensor: Tensor, relatives: Sequence[Relative], own: Quantiser | None) -> Choice:
        best = self._quantised(tensor, None, own)
        if not best.choice.has_levels:
            return replace(self._choose_exact(tensor, relatives), notice=best.choice.notice)
        for candidate in self._candidates(tensor, relatives):
            tried = self._quantised(tensor, candidate, own)
            if tried.choice.has_levels and (_is_worth_it(tried.choice, best.choice) or _leaves_less(tried, best)):
                best = tried
        return _without_levels(best.choice) if best.all_are_zero else best.choice

    def _quantised(self, tensor: Tensor, candidate: Candidate | None, own: Quantiser | None) -> _Tried:
        step, counts = step_of(own or self._quantiser), LevelCounts(tensor.size)
        for residual in residual_blocks(tensor, None if candidate is None else candidate.predictor):
            levels = quantise(residual, step, self._config.f)
            if levels is None:
                return _Tried(Choice(tensor, notice=_why_exact(tensor)))
            counts.add(levels)
        bits = counts.bits()
        # The coders of MAIN have no use for widths: the same for all costs the least.
        width = LevelWidth.INT32 if self._config.profile == Profile.MAIN else counts.width
        choice = Choice(tensor, has_levels=True, width=width, quantiser=own, estimated_bits=bits)
        if candidate is not None:
            bits += candidate.side_bits
            choice = replace(choice, prediction=Prediction.REFERENCE, candidate=candidate, estimated_bits=bits)
        return _Tried(choice, counts.all_are_zero)

    def _choose_exact(self, tensor: Tensor, relatives: Sequence[Relative]) -> Choice:
        best = Choice(tensor, estimated_bits=word_bits(tensor.data, symbol_width(tensor.dtype), tensor.dtype))
        for candidate in self._exact_candidates(tensor, relatives):
            bits = _difference_bits(tensor, candidate)
            if bits is None and _copies(candidate, tensor):
                return Choice(tensor, Prediction.COPY, candidate)
            bits = candidate.side_bits + (bits or 0.0)
            choice = Choice(tensor, Prediction.REFERENCE, candidate, estimated_bits=bits)
            if _is_worth_it(choice, best):
                best = choice
        return best

    def _candidates(self, tensor: Tensor, relatives: Sequence[Relative]) -> list[Candidate]:
        """Searched for once, though a tensor is tried with levels and without."""
        if self._latest is None or self._latest[0] is not tensor:
            self._latest = tensor, list(candidates(tensor, relatives, self._search))
        return self._latest[1]

    def _exact_candidates(self, tensor: Tensor, relatives: Sequence[Relative]) -> Iterator[Candidate]:
        if self._search is None or tensor.dtype == DType.STRING or not relatives:
            return
        if tensor.dtype in QUANTISABLE:
            yield from self._candidates(tensor, relatives)
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
    return copy is not None and same_bytes(copy.data, tensor.data)


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
    saving, chance = (_SAVING, _CHANCE) if choice.has_levels else (_EXACT_SAVING, _EXACT_CHANCE)
    if best.prediction == Prediction.NONE:
        saving += chance / math.sqrt(max(best.tensor.size, 1))
    return choice.estimated_bits < (1 - saving) * best.estimated_bits - _SAVING_BITS


def _leaves_less(tried: _Tried, best: _Tried) -> bool:
    """Whether `tried` is the nearer of two ways that leave no level, at no cost but that of having a reference."""
    if not (tried.all_are_zero and best.all_are_zero):
        return False
    is_dearer = tried.choice.estimated_bits > best.choice.estimated_bits
    return not (is_dearer and best.choice.candidate) and _left_by(tried.choice) < _left_by(best.choice)


def _left_by(choice: Choice) -> float:
    """The energy of what the prediction of `choice` leaves of its tensor."""
    return energy_of(finite_residual_blocks(choice.tensor, choice.predictor))


def _difference_bits(tensor: Tensor, candidate: Candidate) -> float | None:
    """What the difference of an exact tensor from its prediction costs, roughly; None where there is none."""
    width = symbol_width(tensor.dtype)
    predicted = word_predictor(candidate.pairs, tensor.dtype, tensor.shape, width)
    counts, data, differs = DifferenceCounts(width), memoryview(tensor.data).cast("B"), False
    releaser = Releaser()
    for start, count in spans(data.nbytes // width):
        part, base = data[start * width : (start + count) * width], predicted.cut(start, count).words()
        differs |= part != base
        counts.add(differ(part, base, tensor.dtype, width), exponents(base, tensor.dtype, width))
        releaser.used(part)
    return counts.bits() if differs else None


def _without_levels(choice: Choice) -> Choice:
    """All levels are 0: a prediction that is exact bits is a copy; weights that vanish get a notice."""
    tensor, predictor = choice.tensor, choice.predictor
    if choice.candidate is None or predictor is None:
        return replace(choice, notice=_WIPED_OUT) if largest_of(blocks(tensor)) else choice
    copy = _copy_by(choice.candidate, tensor)
    if copy is None or not _rounds_to(predictor, copy):
        return choice
    return Choice(tensor, Prediction.COPY, choice.candidate)


def _rounds_to(predictor: Predictor, tensor: Tensor) -> bool:
    """Whether a prediction, rounded, is `tensor`, bit for bit."""
    elements = elements_of(tensor.data, tensor.dtype)
    parts = zip(spans(elements.size), predictor.blocks(), strict=True)
    return all(
        round_to(values, tensor.dtype) == elements[start : start + count].tobytes() for (start, count), values in parts
    )


def _why_exact(tensor: Tensor) -> str:
    if is_finite(blocks(tensor)):
        return "kept exact: a level would not fit 32 bits; ask for a coarser step"
    return "kept exact: it holds NaN or infinity"
