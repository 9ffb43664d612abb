"""Weights as numbers: of a model, of a difference of models, and the levels that the paper makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nncodec import Model, Tensor
from nncodec.analysis.weights import is_matrix

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int64]


def matrices_of(model: Model) -> Model:
    """The matrices of `model` alone: no biases, no statistics, no topology."""
    return Model(tuple(tensor for tensor in model.tensors if is_matrix(tensor)))


def shared_with(model: Model, reference: Model) -> Model:
    """Those tensors of `model` that `reference` has with the same shape."""
    names = {tensor.name for tensor in reference.tensors if is_alike(tensor, model)}
    return Model(tuple(tensor for tensor in model.tensors if tensor.name in names))


def is_alike(tensor: Tensor, model: Model) -> bool:
    """Whether `model` has a tensor of the name and shape of `tensor`."""
    other = model.by_name.get(tensor.name)
    return other is not None and other.shape == tensor.shape


def residuals(model: Model, reference: Model | None = None) -> Iterator[Floats]:
    """The weights of each matrix, 1-D; with a reference, less those of its tensor of the same name and shape."""
    for tensor in filter(is_matrix, model.tensors):
        values = tensor.numpy().astype(np.float64).ravel()
        if reference is not None and is_alike(tensor, reference):
            values = values - reference.by_name[tensor.name].numpy().astype(np.float64).ravel()
        yield values


def weights(model: Model, reference: Model | None = None) -> Floats:
    """All of `residuals`, one behind the other."""
    return np.concatenate(list(residuals(model, reference)))


def squares(model: Model, reference: Model | None = None) -> float:
    """Sum of the squares of all of `residuals`."""
    return sum(float(np.sum(np.square(values))) for values in residuals(model, reference))


def mean_squared_error(model: Model, decoded: Model) -> float:
    """Of the weights of `decoded`."""
    return float(np.mean(np.square(weights(decoded) - weights(model))))


def levels(values: Floats, step: float, rounding: float = 0.4) -> Levels:
    """The paper's eq. 1 as SPEC.md E.2 reads it: sgn(x) floor(|x| / step + rounding); profile baseline has the same."""
    magnitudes = np.floor(np.abs(values) / step + rounding)
    return np.asarray(np.sign(values) * magnitudes, np.int64)


def entropy(symbols: Levels) -> float:
    """Order-0 entropy in bits per symbol."""
    counts = np.unique(symbols, return_counts=True)[1]
    return math.log2(symbols.size) - float(np.sum(counts * np.log2(counts))) / symbols.size
