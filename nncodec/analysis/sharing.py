"""Shared memory (informative): the tensors that two models have in common, of the paper's IV-C.2.

Tensors are common to two models where name, shape and element type agree; values may differ. What the paper calls 56.1
MB is the 14,714,688 convolution weights of VGG-16 of 4 bytes each, in MiB.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nncodec.analysis.weights import is_matrix
from nncodec.model import Model, Tensor
from nncodec.rounding import Float64s, widen


def shared_names(model: Model, other: Model) -> tuple[str, ...]:
    """Names of the tensors of `model` that `other` has with the same shape and element type, in order."""
    return tuple(tensor.name for tensor in model.tensors if _matches(tensor, other))


def shared_bytes(model: Model, other: Model) -> int:
    """Bytes of those tensors, in `model`."""
    return sum(tensor.nbytes for tensor in model.tensors if _matches(tensor, other))


def _matches(tensor: Tensor, other: Model) -> bool:
    match = other.by_name.get(tensor.name)
    return match is not None and (match.shape, match.dtype) == (tensor.shape, tensor.dtype)


def shared_matrices(model: Model, other: Model) -> Iterator[tuple[Float64s, Float64s]]:
    """The weights of `model` that `other` shares, with those of `other`; elements that are finite in both."""
    for name in shared_names(model, other):
        tensor, match = model.by_name[name], other.by_name[name]
        if is_matrix(tensor):
            values, others = widen(tensor.data, tensor.dtype), widen(match.data, match.dtype)
            finite = np.isfinite(values) & np.isfinite(others)
            yield values[finite], others[finite]
