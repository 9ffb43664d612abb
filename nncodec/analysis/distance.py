"""Distance of two models (informative): weight by weight, over what they share.

Unlike eq. 9 these numbers see which weight changed, and so tell what a difference of models will cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nncodec.analysis.laplace import PAPER_ROUNDING, Laplace
from nncodec.analysis.sharing import shared_matrices, shared_names
from nncodec.analysis.weights import is_matrix, matrices
from nncodec.model import Model
from nncodec.rounding import Float64s


@dataclass(frozen=True)
class Distance:
    """How far a model is from another, over the weights they share: the finite elements of matrices (`is_matrix`).

    elements: how many those are. mean_absolute: mean |difference|, the inverse of the scale of eq. 4, in units of the
    weights; root_mean_square: of the difference, likewise. relative: norm of the difference over that of the model;
    infinite where only the latter is 0. correlation: of the weights, in [-1, 1]; 0 where those of either do not vary.
    All are 0 where nothing is shared.
    """

    elements: int = 0
    mean_absolute: float = 0.0
    root_mean_square: float = 0.0
    relative: float = 0.0
    correlation: float = 0.0


def distance(model: Model, other: Model) -> Distance:
    """The distance of `other` from `model`."""
    pairs = list(shared_matrices(model, other))
    if not sum(values.size for values, _ in pairs):
        return Distance()
    values, others = (np.concatenate(side) for side in zip(*pairs, strict=True))
    unit = float(max(np.abs(values).max(), np.abs(others).max())) or 1.0  # squares of what is left do not overflow
    values, others = values / unit, others / unit
    difference = values - others
    norm, own = float(np.linalg.norm(difference)), float(np.linalg.norm(values))
    return Distance(
        elements=values.size,
        mean_absolute=unit * float(np.abs(difference).mean()),
        root_mean_square=unit * norm / math.sqrt(values.size),
        relative=norm / own if own else math.inf if norm else 0.0,
        correlation=_correlation(values, others),
    )


def _correlation(values: Float64s, others: Float64s) -> float:
    a, b = values - values.mean(), others - others.mean()
    scale = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return min(max(float(a @ b) / scale, -1.0), 1.0) if scale else 0.0


def predicted_bits(model: Model, reference: Model | None, step: float, rounding: float = PAPER_ROUNDING) -> float:
    """Bits that the weights of `model` cost at `step`, by eq. 8 tensor by tensor: the resolved criterion of eq. 11.

    A tensor that `reference` shares costs what its residual costs, or what it costs alone where that is less; all
    others cost what they cost alone. `step` is in units of the weights. Raises ValueError as `Laplace.rate`.
    """
    alone = dict(zip(_matrix_names(model), matrices(model), strict=True))
    bits = {name: _bits(values, step, rounding) for name, values in alone.items()}
    if reference is not None:
        shared = [name for name in shared_names(model, reference) if name in bits]
        for name, (values, others) in zip(shared, shared_matrices(model, reference), strict=True):
            bits[name] = min(bits[name], _bits(values - others, step, rounding))
    return sum(bits.values())


def _matrix_names(model: Model) -> list[str]:
    return [tensor.name for tensor in model.tensors if is_matrix(tensor)]


def _bits(values: Float64s, step: float, rounding: float) -> float:
    return values.size * float(Laplace.fit(values).rate(step, rounding)) if values.size else 0.0
