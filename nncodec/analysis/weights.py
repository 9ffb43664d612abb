"""Weights (informative): what the statistics of this room are over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nncodec.model import Model, Tensor
from nncodec.rounding import Float64s, widen
from nncodec.tables import QUANTISABLE


def is_matrix(tensor: Tensor) -> bool:
    """Whether the elements are weights: floating point, of rank 2 or more; others are biases, statistics, indices."""
    return tensor.dtype in QUANTISABLE and len(tensor.shape) >= 2


def matrices(model: Model) -> Iterator[Float64s]:
    """The weights of `model`, tensor by tensor: finite elements as binary64, 1-D, in no units but their own."""
    for tensor in filter(is_matrix, model.tensors):
        values = widen(tensor.data, tensor.dtype)
        yield values[np.isfinite(values)]
