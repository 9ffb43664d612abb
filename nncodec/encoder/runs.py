"""SPEC.md clauses E.6 and E.9 (informative): levels of tensor parts, what decoders make of them, and sums over them.

A run is the part of a tensor that one slice holds. It can be pickled, and is cheap to make: it shares the bytes of the
tensor, and nothing is computed before it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.encoder.sums import Sums, sums_of
from nncodec.encoder.trellis import quantise_trellis
from nncodec.encoder.values import spans
from nncodec.entropy.binarisation import Levels
from nncodec.errors import EncodeError
from nncodec.memory import Octets, viewed
from nncodec.prediction import Predictor
from nncodec.quantisation import quantise
from nncodec.reconstruction import Part, reconstructed
from nncodec.rounding import Float64s, all_are_finite, elements_of, widen_elements
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import DType, Trellis


@dataclass(frozen=True)
class Run:
    """A tensor part to be quantised: `elements` from `start` on of a tensor of this `shape`.

    trellis: by which, with this `lagrangian`; None: by the rounding f.
    """

    elements: npt.NDArray[Any]
    dtype: DType
    shape: tuple[int, ...]
    start: int
    prediction: Predictor | None
    step: float
    rounding: float
    trellis: Trellis | None
    lagrangian: float

    def blocks(self) -> Iterator[tuple[npt.NDArray[Any], Float64s | None]]:
        """The elements, not copied, with their predictions, block by block."""
        for start, count in spans(self.elements.size):
            predicted = None if self.prediction is None else self.prediction.cut(start, count).values()
            yield self.elements[start : start + count], predicted

    def residual(self) -> Iterator[Float64s]:
        """What the prediction leaves, block by block."""
        for elements, predicted in self.blocks():
            values = widen_elements(elements, self.dtype)
            yield values if predicted is None else values - predicted

    def levels(self) -> Levels:
        """The levels. Raises EncodeError where they were not chosen so that they fit 32 bits."""
        if self.trellis is not None:
            return quantise_trellis(self._in_steps(), self.shape, self.start, self.trellis, self.lagrangian)
        levels = np.empty(self.elements.size, np.int32)
        for (start, count), values in zip(spans(levels.size), self.residual(), strict=True):
            found = quantise(values, self.step, self.rounding)
            if found is None:
                raise EncodeError("a level does not fit 32 bits")
            levels[start : start + count] = found
        return levels

    def _in_steps(self) -> Float64s:
        found = np.empty(self.elements.size)
        for (start, count), values in zip(spans(found.size), self.residual(), strict=True):
            np.divide(values, self.step, out=found[start : start + count])
        return found

    def sums(self, levels: Levels) -> Sums:
        """The sums of clause E.6 over the levels."""
        return sums_of(levels, self.trellis, self.residual())


@dataclass(frozen=True)
class Distortion:
    """Squared error of one or several tensors against the original: sums over elements, in units of the weights.

    Elements whose original is not finite are exact by rule and are left out.
    """

    elements: int = 0
    error_energy: float = 0.0
    energy: float = 0.0

    def __add__(self, other: Distortion) -> Distortion:
        return Distortion(
            self.elements + other.elements,
            self.error_energy + other.error_energy,
            self.energy + other.energy,
        )

    @property
    def mse(self) -> float:
        """Mean squared error; 0 for no elements."""
        return self.error_energy / self.elements if self.elements else 0.0

    @property
    def snr_db(self) -> float | None:
        """Signal-to-noise ratio in dB; None where nothing differs."""
        if self.error_energy == 0:
            return None
        return 10 * (math.log10(self.energy) - math.log10(self.error_energy)) if self.energy else -math.inf


def distortion_of(values: Float64s, decoded: Float64s) -> Distortion:
    """Of values and what became of them."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        found = Distortion(values.size, float(np.square(decoded - values).sum()), float(np.square(values).sum()))
    if math.isfinite(found.energy):
        return found
    finite = np.isfinite(values)
    return found if finite.all() else distortion_of(values[finite], decoded[finite])


@dataclass(frozen=True)
class Decoded:
    """What a decoder makes of a run: its bytes, how far they are off (if asked), and whether all of them are finite."""

    data: bytes | Octets
    distortion: Distortion | None
    is_finite: bool


def decoded_runs(
    runs: Sequence[Run], levels: Levels, quantisers: Sequence[Quantiser], *, measures: bool
) -> list[Decoded]:
    """What a decoder makes of runs of one slice with these levels; measures: whether the distortion is asked for."""
    each = zip(runs, quantisers, strict=True)
    parts = [Part(run.elements.size, run.dtype, quantiser, run.prediction) for run, quantiser in each]
    found = reconstructed(levels, parts, runs[0].trellis)
    return [_decoded(run, data, measures=measures) for run, data in zip(runs, found, strict=True)]


def _decoded(run: Run, data: bytes | Octets, *, measures: bool) -> Decoded:
    elements = elements_of(viewed(data), run.dtype)
    distortion = Distortion() if measures else None
    for start, count in spans(elements.size if measures else 0):
        part = slice(start, start + count)
        values, decoded = (widen_elements(each[part], run.dtype) for each in (run.elements, elements))
        distortion = (distortion or Distortion()) + distortion_of(values, decoded)
    return Decoded(data, distortion, all_are_finite(elements, run.dtype))
