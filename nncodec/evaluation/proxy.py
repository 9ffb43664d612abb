"""Utility without data (informative): output-weighted distortion, from the weights alone.

A matrix with error E instead of W turns inputs x into E·x more than W·x. For inputs without a preferred direction the
energy of that is |E|² / |W|² of the energy of the outputs, squared Frobenius norms: so a tensor's squared error counts
by what its outputs are worth, whatever its size, and a small layer as much as a large one. Noise that layers add is
taken to add up and never to be damped; which layer comes first plays no part. It is a ranking of ways to code one
model, not an accuracy: how far it falls before a task suffers differs from model to model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncodec.analysis.sharing import shared_matrices, shared_names
from nncodec.analysis.weights import is_matrix
from nncodec.errors import EncodeError
from nncodec.model import Model
from nncodec.rounding import Float64s


@dataclass(frozen=True)
class WeightProxy:
    """A utility: 1 / (1 + sum of |E|² / |W|²) over the floating-point tensors of rank 2 and more of `original`.

    1 where all of those are the same; never 0. Biases and statistics are left out, as encoders code them finely.
    Elements that are not finite in both are left out too. Raises EncodeError where the decoded model lacks a tensor.
    """

    original: Model

    def __call__(self, model: Model) -> float:
        """The utility of `model`."""
        names = set(shared_names(self.original, model))
        for tensor in filter(is_matrix, self.original.tensors):
            if tensor.name not in names:
                raise EncodeError(f"tensor {tensor.name!r}: the decoded model has none of this shape and element type")
        noise = sum(_noise(values, others) for values, others in shared_matrices(self.original, model))
        return 1 / (1 + noise)


def _noise(values: Float64s, others: Float64s) -> float:
    """Error over energy; 1 for an error where all was 0."""
    unit = float(np.abs(values).max(initial=0.0)) or 1.0  # squares of what is left do not overflow
    error, energy = (float(np.sum(np.square(each / unit))) for each in (values - others, values))
    return error / energy if energy else float(error > 0)
