"""SPEC.md clause E.13 (informative): the quantisation step of each tensor: the same for all, or by quality."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import numpy as np

from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.values import blocks, energy_of, finite_blocks, geometric_mean, row_blocks, row_sums
from nncodec.limits import MAX_LEVEL_MAGNITUDE, MAX_STEP, MIN_STEP
from nncodec.model import Model, Tensor
from nncodec.quantisation import compact_quantiser, dequantise, exact_quantiser, quantiser_near, step_of
from nncodec.rounding import Float64s, round_to, widen
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import DType

FINENESS: Final = 8
"""Under one step for all, vectors are quantised this much more finely than matrices, relative to their own size."""
_COARSEST: Final = 1.0
"""But never more coarsely than by their root mean square: a step beyond all matrices would wipe them out as well."""
UPDATE_ALLOWANCE_DB: Final = 35.0
"""How much lower the quality of an update may be than that of the model that it leads to."""
_ONE_SIGN: Final = 4
_FILTER_TAPS: Final = 64
"""Filters of a signal have as many taps at least; kernels of images with one channel (3 x 3 to 7 x 7) have fewer."""
_FILTER_FINENESS: Final = 4
_LEAST_ROW: Final = 8
_SAMPLE: Final = 4096
_MOST_STEPS: Final = 2**16
_MANY_ALIKE: Final = 8
_GAUSSIAN: Final = math.sqrt(math.pi / 2)
"""Root mean square over mean magnitude."""
_TRELLIS_CELL: Final = 4.0
_LARGE_TRELLIS_CELL: Final = 4.07
_UNIFORM_CELL: Final = math.sqrt(12.0)
"""Step over root mean square error at high rate; measured for the trellis, exact for nearest levels."""

Residual = Callable[[Tensor], float | None]
"""The energy of what a plain difference to its first relative leaves of a tensor, or of the tensor where that is less;
None where it has no relative."""


class Steps(Protocol):
    """Chooses quantisers. None: the quantiser of the slice group (matrices), or no quantisation (vectors)."""

    def of_matrix(self, tensor: Tensor) -> Quantiser | None:
        """The quantiser of its own that a matrix gets."""

    def of_vector(self, tensor: Tensor) -> Quantiser | None:
        """The quantiser of its own that a vector gets."""


class SharedStep:
    """Clause E.2: one step for all matrices; vectors by what is to be coded of them, relative to that of matrices."""

    def __init__(self, config: EncoderConfig, matrices: Sequence[Tensor], residual: Residual) -> None:
        self._residual = residual
        rooted = _root_mean_square([(self._coded(tensor), tensor.size) for tensor in matrices])
        self._ratio = min(step_of(config.quantiser()) / rooted / FINENESS, _COARSEST) if rooted else 0.0

    def of_matrix(self, tensor: Tensor) -> Quantiser | None:  # noqa: ARG002 - the same for every one
        """None: that of the slice group."""
        return None

    def of_vector(self, tensor: Tensor) -> Quantiser | None:
        """None where it stays exact."""
        values = _divisible_values(tensor)
        if not self._ratio or values is None:
            return None
        step = _root_mean_square([(self._coded(tensor), tensor.size)]) * self._ratio
        return compact_quantiser(min(step, _smallest_of_one_sign(values) / FINENESS))

    def _coded(self, tensor: Tensor) -> float:
        residual = self._residual(tensor)
        return energy_of(finite_blocks(tensor)) if residual is None else residual


class QualitySteps:
    """Clause E.13: steps in proportion to a tensor's spread and to the root of its share of the weights.

    An update is held to a quality of its own, so that it is not lost where it is small.
    """

    def __init__(self, config: EncoderConfig, matrices: Sequence[Tensor], residual: Residual) -> None:
        self._config = config
        self._relative = _cell(config) * 10 ** (-(config.quality or 0.0) / 20)
        self._weights = sum(tensor.size for tensor in matrices)
        self._residual = residual
        changes = [(tensor, residual(tensor)) for tensor in matrices]
        known = [(tensor, change) for tensor, change in changes if change is not None]
        self._related = {tensor.name for tensor, _ in known}
        self._change = _root_mean_square([(change, tensor.size) for tensor, change in known])

    def of_matrix(self, tensor: Tensor) -> Quantiser | None:
        """None where all is zero."""
        step = self._relative * spread(tensor) * self._share(tensor)
        if is_filter_bank(tensor):
            step /= _FILTER_FINENESS
        if self._change and tensor.name in self._related:
            step = min(step, update_step(self._config, self._change))
        return _quantiser_near(step)

    def of_vector(self, tensor: Tensor) -> Quantiser | None:
        """None where it stays exact."""
        values = _divisible_values(tensor)
        if not self._weights or values is None:
            return None
        step = self._relative * _GAUSSIAN * _mean_magnitude(values) * self._share(tensor)
        step = min(step, self._relative * _smallest_of_one_sign(values) / _ONE_SIGN)
        residual = self._residual(tensor)
        change = 0.0 if residual is None else _root_mean_square([(residual, tensor.size)])
        return _quantiser_near(min(step, update_step(self._config, change)) if change else step)

    def _share(self, tensor: Tensor) -> float:
        return math.sqrt(min(tensor.size / self._weights, 1.0))


def update_step(config: EncoderConfig, change: float) -> float:
    """Clause E.13: the step that a quality leaves to an update, of which `change` is the root mean square."""
    return _cell(config) * 10 ** ((UPDATE_ALLOWANCE_DB - (config.quality or 0.0)) / 20) * change


def _cell(config: EncoderConfig) -> float:
    if not config.uses_trellis:
        return _UNIFORM_CELL
    return _LARGE_TRELLIS_CELL if config.best else _TRELLIS_CELL


def steps_of(config: EncoderConfig, model: Model, residual: Residual) -> Steps:
    """The rule that `config` asks for, for the tensors of `model`."""
    matrices = [tensor for tensor in model.tensors if config.quantises(tensor)]
    kind = SharedStep if config.quality is None else QualitySteps
    return kind(config, matrices, residual)


def is_filter_bank(tensor: Tensor) -> bool:
    """Whether a matrix is a convolution of many taps with one channel, such as the DFT of a raw signal.

    Networks often take logarithms of what it gives. There a band in which the signal all but cancels counts as much as
    a loud one, and errors have to be small beside that, not only beside the filters.
    """
    shape = tensor.shape
    return len(shape) > 2 and shape[0] > 1 and math.prod(shape[1:-1]) == 1 and shape[-1] >= _FILTER_TAPS


def spread(tensor: Tensor) -> float:
    """Of a matrix: the geometric mean over its rows of their mean magnitude; sigma for Gaussians.

    What a network does with a row rests on its size, and little on the largest of its values; the root mean square of
    all would follow the largest rows, and those.
    """
    rows = tensor.shape[0] if len(tensor.shape) > 1 else 1
    if not tensor.size:
        return 0.0
    columns = tensor.size // rows
    with np.errstate(over="ignore"):
        sums = row_sums(map(np.abs, finite_blocks(tensor, row_blocks(rows, tensor.size))), columns)
        overall = float(sums.sum()) / tensor.size
    if not overall or not math.isfinite(overall):
        return _GAUSSIAN * overall
    return _GAUSSIAN * geometric_mean(np.maximum(sums / columns, overall / _LEAST_ROW))


def grid_of(tensor: Tensor) -> Quantiser | None:
    """The quantiser whose levels give exactly `tensor`, where that was quantised before: few values, at multiples."""
    sample = np.unique(np.abs(next(blocks(tensor, _SAMPLE), np.zeros(0))))
    if not _may_lie_on_a_grid(sample, tensor.size):  # to sort all of them takes long
        return None
    found = _magnitudes(tensor, tensor.size // _MANY_ALIKE)
    if found is None or found.size < 2:
        return None
    least, largest = float(np.diff(found).min()), float(found[-1])
    if not least >= MIN_STEP or largest > min(MAX_STEP, MAX_LEVEL_MAGNITUDE * least):
        return None
    step = largest / round(largest / least)
    # Rounded products of a whole number and a scale, itself rounded, lie on no grid but nearly; the scale gives them.
    scale = np.float32(step)
    scales = (np.nextafter(scale, np.float32(0)), scale, np.nextafter(scale, np.float32(np.inf)))
    for candidate in (least, step, *map(float, scales)):
        if all(_is_on_grid(values, candidate, tensor.dtype) for values in blocks(tensor)):
            compact = compact_quantiser(candidate)
            return compact if compact and step_of(compact) == candidate else exact_quantiser(candidate)
    return None


def _magnitudes(tensor: Tensor, most: int) -> Float64s | None:
    """The magnitudes that occur, ascending; None where there are more than `most`."""
    found = np.zeros(0)
    for values in blocks(tensor):
        found = np.unique(np.concatenate([found, np.abs(values)]))
        if found.size > most:
            return None
    return found


def _is_on_grid(values: Float64s, step: float, dtype: DType) -> bool:
    on_grid = dequantise(2 * np.rint(values / step).astype(np.int64), step, 0)
    return np.array_equal(widen(round_to(on_grid, dtype), dtype), values)


def _may_lie_on_a_grid(sample: Float64s, size: int) -> bool:
    """Whether distinct magnitudes, ascending, are so few, and none so near another, that there may be a grid."""
    if not 2 <= sample.size <= min(size, _SAMPLE) / 2:
        return False
    return bool(sample[-1] / _MOST_STEPS <= np.diff(sample).min())


def _root_mean_square(parts: Sequence[tuple[float, int]]) -> float:
    """Of tensors by their energies and sizes."""
    size = sum(size for _, size in parts)
    return math.sqrt(sum(energy for energy, _ in parts) / size) if size else 0.0


def _mean_magnitude(values: Float64s) -> float:
    with np.errstate(over="ignore"):
        return float(np.abs(values).mean())


def _quantiser_near(step: float) -> Quantiser | None:
    """None for a step of 0."""
    return quantiser_near(step) if step > 0 else None


def _divisible_values(tensor: Tensor) -> Float64s | None:
    """The values of a vector; None for sizes, flags and the like, which a step would only spoil."""
    values = widen(tensor.data, tensor.dtype)
    return None if not np.isfinite(values).all() or (values == np.rint(values)).all() else values


def _smallest_of_one_sign(values: Float64s) -> float:
    """The least magnitude where all values have one sign (a scale, a variance: its inverse may matter)."""
    return float(np.abs(values).min()) if values.min() > 0 or values.max() < 0 else math.inf
