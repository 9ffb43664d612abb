"""SPEC.md clause E.11 (informative): what the encoder chose, what it cost, how far the result is from the original."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nncodec.encoder.choice import Choice
from nncodec.encoder.writer import Written
from nncodec.model import Model, Tensor
from nncodec.rounding import widen
from nncodec.tables import QUANTISABLE


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


@dataclass(frozen=True)
class TensorReport:
    """One row: a tensor, how it was coded, how it came out. `estimated_bits`: by clause E.3."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    representation: str
    prediction: str
    estimated_bits: float | None
    distortion: Distortion | None
    notice: str | None


@dataclass(frozen=True)
class EncodeReport:
    """What `encode` did.

    matrices: distortion over the floating-point tensors of rank 2 and more. update: the same, over those that have a
    tensor of the same name and shape in the first reference, its energy being that of the difference to it.
    """

    bytes: int
    elements: int
    level: int
    bytes_by_part: dict[str, int]
    matrices: Distortion
    update: Distortion | None
    tensors: tuple[TensorReport, ...]

    @property
    def bits_per_weight(self) -> float:
        """All bits of the stream over all elements of the model; 0 for an empty model."""
        return 8 * self.bytes / self.elements if self.elements else 0.0

    @property
    def notices(self) -> list[str]:
        """What a user should know, tensor by tensor; and whether a coarse step left nothing of an update."""
        notices = [f"{row.name}: {row.notice}" for row in self.tensors if row.notice]
        changed = [row for row in self.tensors if row.distortion is not None and row.distortion.error_energy > 0]
        if changed and all(row.prediction == "copy" for row in self.tensors):
            notices.append("the step leaves nothing of the update: every tensor is that of the reference")
        return notices


def make_report(
    choices: Sequence[Choice], decoded: Model, written: Written, references: Sequence[Model] = ()
) -> EncodeReport:
    """The report on a finished stream."""
    rows = tuple(_row(choice, tensor) for choice, tensor in zip(choices, decoded.tensors, strict=True))
    matrices = sum((row.distortion for row in rows if row.distortion and len(row.shape) >= 2), Distortion())
    elements = sum(tensor.size for tensor in decoded.tensors)
    update = _update(choices, rows, references[0]) if references else None
    return EncodeReport(len(written.data), elements, written.level, written.bytes_by_part, matrices, update, rows)


def _update(choices: Sequence[Choice], rows: Sequence[TensorReport], reference: Model) -> Distortion:
    total = Distortion()
    for choice, row in zip(choices, rows, strict=True):
        old = reference.by_name.get(row.name)
        if row.distortion is None or len(row.shape) < 2 or old is None:
            continue
        if (old.dtype, old.shape) == (choice.tensor.dtype, choice.tensor.shape):
            total += replace(row.distortion, energy=distortion(choice.tensor, old).error_energy)
    return total


def _row(choice: Choice, decoded: Tensor) -> TensorReport:
    tensor = choice.tensor
    return TensorReport(
        name=tensor.name,
        dtype=tensor.dtype.name.lower(),
        shape=tensor.shape,
        representation="exact" if choice.levels is None else "levels",
        prediction=choice.prediction.name.lower(),
        estimated_bits=None if choice.levels is None else choice.estimated_bits,
        distortion=distortion(tensor, decoded) if tensor.dtype in QUANTISABLE else None,
        notice=choice.notice,
    )


def distortion(original: Tensor, decoded: Tensor) -> Distortion:
    """Distortion of one tensor of a quantisable type."""
    values = widen(original.data, original.dtype)
    finite = np.isfinite(values)
    same = decoded.data is original.data
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        errors = np.zeros(0) if same else widen(decoded.data, decoded.dtype) - values
        if not finite.all():
            values, errors = values[finite], errors if same else errors[finite]
        return Distortion(values.size, float(np.square(errors).sum()), float(np.square(values).sum()))
