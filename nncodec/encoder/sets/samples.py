"""SPEC.md clause E.16 (informative): samples of a model: what the survey of a set sees of it, and at which steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.estimate import word_bits
from nncodec.encoder.steps import Steps, steps_of
from nncodec.encoder.values import energy_of, finite_blocks
from nncodec.layout import symbol_width
from nncodec.model import Model, Tensor
from nncodec.quantisation import step_of
from nncodec.rounding import Float64s, elements_of, widen_elements
from nncodec.tables import DTYPE_BITS, EXPONENT_BITS, QUANTISABLE

SAMPLED: Final = 4096
"""Elements of a tensor that are looked at, at most."""
_PLAIN_CELL: Final = math.sqrt(12.0)
_EXTREME_STEPS: Final = (2.0**-400, 2.0**400)

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Samples:
    """Elements of a model, laid end to end (S in all), of those tensors of a quantisable type that have any.

    values: (S,), infinities and NaN as 0; starts: where the samples of each tensor begin; places: its place in the
    model, ascending; counts: the elements that it has; units: exponents of 2 of the last place of 1.0 in its type.
    """

    values: Float64s
    starts: Places
    places: Places
    counts: Float64s
    units: npt.NDArray[np.int64]

    @cached_property
    def lengths(self) -> Places:
        """How many samples each tensor has."""
        return np.diff(np.append(self.starts, self.values.size)).astype(np.intp)

    def of(self, places: Sequence[int]) -> Places:
        """Indices into `values` of the samples of the tensors at `places`, all of which have some."""
        indices = np.searchsorted(self.places, places)
        return np.concatenate(
            [np.arange(self.starts[i], self.starts[i] + self.lengths[i]) for i in indices] or [np.zeros(0, np.intp)]
        )


class Subject:
    """A model of the survey: its samples, and its steps, which are in proportion to a scale.

    exact: bits of each tensor as it is; is_matrix: whether it is quantised as a matrix.
    """

    def __init__(self, model: Model, config: EncoderConfig, *, as_it_is: bool = False) -> None:
        """as_it_is: a reference that the receiver holds, so without loss."""
        self.model = model
        self.samples = _samples(model)
        self.exact = np.array([_exact_bits(tensor) for tensor in model.tensors])
        self._steps = np.zeros(len(model.tensors)) if as_it_is else _steps(model, config)
        self.is_matrix = np.array([config.quantises(tensor) for tensor in model.tensors], np.bool_)

    def steps(self, scale: float) -> Float64s:
        """Steps of the tensors that have samples; 0 for an exact one."""
        return self._steps[self.samples.places] * scale

    def decoded(self, scale: float) -> Float64s:
        """The samples as a decoder will have them, roughly."""
        values, steps = self.samples.values, np.repeat(self.steps(scale), self.samples.lengths)
        has_step = steps > 0
        with np.errstate(over="ignore"):
            return np.where(has_step, np.rint(values / np.where(has_step, steps, 1.0)) * steps, values)

    @property
    def quantised(self) -> int:
        """Elements that are quantised as matrices."""
        return sum(t.size for t, is_matrix in zip(self.model.tensors, self.is_matrix, strict=True) if is_matrix)

    @cached_property
    def energies(self) -> Float64s:
        """Sum of squares of each tensor, roughly; 0 for one without samples."""
        samples, energies = self.samples, np.zeros(len(self.model.tensors))
        if samples.starts.size:
            with np.errstate(over="ignore"):
                squares = np.add.reduceat(np.square(samples.values), samples.starts)
            energies[samples.places] = squares / samples.lengths * samples.counts
        return energies


def _samples(model: Model) -> Samples:
    places = [p for p, tensor in enumerate(model.tensors) if tensor.dtype in QUANTISABLE and tensor.size]
    parts = [_sample(model.tensors[place]) for place in places]
    dtypes = [model.tensors[place].dtype for place in places]
    return Samples(
        values=np.concatenate([*parts, np.zeros(0)]),
        starts=np.cumsum([0, *map(len, parts)])[:-1].astype(np.intp),
        places=np.array(places, np.intp),
        counts=np.array([float(model.tensors[place].size) for place in places]),
        units=np.array([EXPONENT_BITS[dtype] + 1 - DTYPE_BITS[dtype] for dtype in dtypes], np.int64),
    )


def _sample(tensor: Tensor) -> Float64s:
    """Elements of `tensor` at a stride, the same for every tensor of its size."""
    elements = elements_of(tensor.data, tensor.dtype)
    values = widen_elements(elements[:: -(-elements.size // SAMPLED)], tensor.dtype)
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def _exact_bits(tensor: Tensor) -> float:
    return word_bits(tensor.data, symbol_width(tensor.dtype), tensor.dtype)


def _steps(model: Model, config: EncoderConfig) -> Float64s:
    """The step of each tensor of `model`, 0 where it is exact."""
    config = _with_step(config, model)
    steps = steps_of(config, model, lambda _: None)
    return np.array([_step(tensor, config, steps) for tensor in model.tensors])


def _with_step(config: EncoderConfig, model: Model) -> EncoderConfig:
    """`config` with a target of distortion replaced by the step that roughly meets it: an error of step² / 12."""
    if config.snr is None and config.mse is None:
        return config
    mse = config.mse
    if mse is None:
        matrices = [tensor for tensor in model.tensors if config.quantises(tensor)]
        elements = max(sum(tensor.size for tensor in matrices), 1)
        mse = (
            sum(energy_of(finite_blocks(tensor)) for tensor in matrices) / elements * 10 ** (-(config.snr or 0.0) / 10)
        )
    step = float(np.clip(_PLAIN_CELL * math.sqrt(mse), *_EXTREME_STEPS))
    return replace(config, snr=None, mse=None, step=step)


def _step(tensor: Tensor, config: EncoderConfig, steps: Steps) -> float:
    if config.quantises(tensor):
        quantiser = steps.of_matrix(tensor) or (None if config.quality is not None else config.quantiser())
    elif config.quantises_finely(tensor):
        quantiser = steps.of_vector(tensor)
    else:
        return 0.0
    return 0.0 if quantiser is None else step_of(quantiser)
