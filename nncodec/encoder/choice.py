"""SPEC.md clauses E.2 and E.3 (informative): what becomes of each tensor: exact or levels, and predicted from what.

One rule: a tensor that cannot be quantised as asked is kept exact and said so, never bent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nncodec.encoder.config import EncoderConfig
from nncodec.entropy.binarisation import Levels
from nncodec.model import Model, Tensor
from nncodec.prediction import predict
from nncodec.quantisation import quantise, step_of
from nncodec.rounding import Float64s, widen
from nncodec.tables import QUANTISABLE, Prediction, Profile


@dataclass(frozen=True)
class Choice:
    """How one tensor will be coded.

    levels and residual are flat, or None where the tensor is exact or copied; `estimated_bits` is the order-0
    entropy of the levels.
    """

    tensor: Tensor
    prediction: Prediction = Prediction.NONE
    parent: int | None = None
    predicted: Float64s | None = None
    residual: Float64s | None = None
    levels: Levels | None = None
    estimated_bits: float = 0.0
    notice: str | None = None


def choose(tensor: Tensor, config: EncoderConfig, references: Sequence[Model]) -> Choice:
    """The cheapest admissible way to code `tensor`, by estimated bits."""
    relatives = [(index, model.by_name[tensor.name]) for index, model in enumerate(references) if tensor.name in model.by_name]
    for index, relative in relatives:
        if relative.content_id == tensor.content_id:
            return Choice(tensor, Prediction.COPY, index)
    if not config.quantises(tensor):
        return Choice(tensor)
    values = widen(tensor.data, tensor.dtype)
    candidates = [_quantised(tensor, values, config)]
    for index, relative in relatives:
        if relative.dtype in QUANTISABLE and len(relative.shape) == len(tensor.shape):
            candidates.append(_difference(tensor, values, config, (index, relative)))
    usable = [candidate for candidate in candidates if candidate.levels is not None]
    best = min(usable or candidates, key=lambda candidate: candidate.estimated_bits)
    return _skipped(best, relatives) if best.prediction == Prediction.DIFFERENCE else best


def _quantised(tensor: Tensor, values: Float64s, config: EncoderConfig) -> Choice:
    levels = quantise(values, step_of(config.quantiser()), config.f)
    if levels is None:
        return Choice(tensor, notice=_why_exact(values))
    notice = None
    if values.any() and not levels.any():
        notice = "the step wipes out every weight: all levels are 0; ask for a finer step, or exclude the tensor"
    return Choice(tensor, residual=values, levels=levels, estimated_bits=entropy_bits(levels), notice=notice)


def _difference(tensor: Tensor, values: Float64s, config: EncoderConfig, relative: tuple[int, Tensor]) -> Choice:
    index, reference = relative
    predicted = predict(reference, tensor.shape)
    residual = values - predicted
    levels = quantise(residual, step_of(config.quantiser()), config.f)
    if levels is None:
        return Choice(tensor, notice=_why_exact(values))
    bits = entropy_bits(levels)
    return Choice(tensor, Prediction.DIFFERENCE, index, predicted, residual, levels, bits)


def _skipped(choice: Choice, relatives: list[tuple[int, Tensor]]) -> Choice:
    """A difference without any level is a copy, where the reference has the same type and shape."""
    reference = dict(relatives)[choice.parent or 0]
    same = reference.dtype == choice.tensor.dtype and reference.shape == choice.tensor.shape
    finite = same and bool(np.isfinite(widen(reference.data, reference.dtype)).all())
    if finite and choice.levels is not None and not choice.levels.any():
        return Choice(choice.tensor, Prediction.COPY, choice.parent)
    return choice


def _why_exact(values: Float64s) -> str:
    if np.isfinite(values).all():
        return "kept exact: a level would not fit 32 bits; ask for a coarser step"
    return "kept exact: it holds NaN or infinity"


def entropy_bits(levels: Levels) -> float:
    """Order-0 entropy of `levels`, in bits for the whole tensor (paper eq. 8 models the same quantity)."""
    counts = np.unique(levels, return_counts=True)[1]
    return float(-(counts * np.log2(counts / levels.size)).sum())


def centroid_offset(choices: Sequence[Choice], config: EncoderConfig) -> int:
    """Clause E.4: the reconstruction offset, in 1/256 step, with the least squared error over all levels.

    Zero in profile BASELINE, which has none.
    """
    if config.profile == Profile.BASELINE:
        return 0
    step, total, count = step_of(config.quantiser()), 0.0, 0
    for choice in choices:
        if choice.levels is None or choice.residual is None:
            continue
        coded = choice.levels != 0
        total += float((np.abs(choice.residual[coded]) / step - np.abs(choice.levels[coded])).sum())
        count += int(coded.sum())
    return int(np.clip(round(256 * total / count), -127, 127)) if count else 0
