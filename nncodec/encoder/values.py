"""SPEC.md clause E.12 (informative): the values of tensors, a block at a time, and sums over them.

One rule: nothing here holds the values of a whole tensor, which may be larger than memory has room for in binary64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.memory import Releaser
from nncodec.model import Tensor
from nncodec.prediction import BLOCK, Predictor
from nncodec.rounding import Float64s, elements_of, widen_elements

Spans = Iterator[tuple[int, int]]


def spans(size: int, most: int = BLOCK) -> Spans:
    """Start and length of runs that make up `size` elements."""
    return ((start, min(most, size - start)) for start in range(0, size, most))


def blocks(tensor: Tensor, most: int = BLOCK) -> Iterator[Float64s]:
    """The elements of a quantisable tensor in binary64, at most `most` at a time."""
    elements, releaser = elements_of(tensor.data, tensor.dtype), Releaser()
    for start, count in spans(elements.size, most):
        yield widen_elements(elements[start : start + count], tensor.dtype)
        releaser.used(tensor.data, count * elements.itemsize)


def finite_blocks(tensor: Tensor, most: int = BLOCK) -> Iterator[Float64s]:
    """The same; 0 for elements that are not finite."""
    return map(_without_infinities, blocks(tensor, most))


def _without_infinities(values: Float64s) -> Float64s:
    finite = np.isfinite(values)
    return values if finite.all() else np.where(finite, values, 0.0)


def residual_blocks(tensor: Tensor, predictor: Predictor | None) -> Iterator[Float64s]:
    """What a prediction leaves of a tensor."""
    if predictor is None:
        return blocks(tensor)
    return _differences(blocks(tensor), predictor)


def finite_residual_blocks(tensor: Tensor, predictor: Predictor | None) -> Iterator[Float64s]:
    """The same, with 0 for elements that are not finite."""
    if predictor is None:
        return finite_blocks(tensor)
    return _differences(finite_blocks(tensor), predictor)


def _differences(values: Iterator[Float64s], predictor: Predictor) -> Iterator[Float64s]:
    with np.errstate(over="ignore", invalid="ignore"):
        for block, predicted in zip(values, predictor.blocks(), strict=True):
            yield block - predicted


def whole(parts: Iterator[Float64s], shape: tuple[int, ...]) -> Float64s:
    """All values at once, in shape: for tensors that are known to be small."""
    found = list(parts)
    return np.concatenate(found).reshape(shape) if found else np.zeros(shape)


def energy(values: Float64s) -> float:
    """Sum of squares, infinite where it is too large; not by BLAS, whose threads take longer to wake than to run."""
    with np.errstate(over="ignore"):
        return float(np.square(values).sum())


def energy_of(parts: Iterator[Float64s]) -> float:
    """The same of values that come in parts."""
    return sum(map(energy, parts))


def largest_of(parts: Iterator[Float64s]) -> float:
    """The greatest magnitude; 0 where there is none, NaN where one is."""
    found = [np.abs(part).max() for part in parts]
    return float(np.max(found)) if found else 0.0


def row_blocks(rows: int, size: int) -> int:
    """The most elements of a block that is made of whole rows."""
    columns = size // rows if rows else 0
    return max(BLOCK // columns, 1) * columns if columns else BLOCK


def row_sums(parts: Iterator[Float64s], columns: int) -> Float64s:
    """The sum of each row of `columns` elements; `parts` are made of whole rows."""
    found = [part.reshape(-1, columns).sum(1) for part in parts]
    return np.concatenate(found) if found else np.zeros(0)


def same_bytes(one: bytes | memoryview, other: bytes | memoryview) -> bool:
    """Whether two buffers hold the same bytes."""
    size, releaser = memoryview(one).nbytes, Releaser()
    if size != memoryview(other).nbytes:
        return False
    for start, count in spans(size, 16 * BLOCK):
        part, same = (np.frombuffer(data, np.uint8, count, start) for data in (one, other))
        if not np.array_equal(part, same):
            return False
        for data in (one, other):
            releaser.used(data, count)
    return True


def is_finite(parts: Iterator[Float64s]) -> bool:
    """Whether no value is NaN or infinite."""
    return all(bool(np.isfinite(part).all()) for part in parts)


def geometric_mean(values: npt.NDArray[np.floating[Any]]) -> float:
    """Of positive values."""
    return float(np.exp(np.log(values).mean())) if values.size else math.nan
