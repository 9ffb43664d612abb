"""SPEC.md clause E.11 (informative): what the encoder chose, what it cost, how far the result is from the original."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nncodec.encoder.choice import Choice
from nncodec.encoder.groups import Plan
from nncodec.encoder.writer import Written
from nncodec.model import Model, Tensor
from nncodec.quantisation import step_of
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
class Distortions:
    """matrices: over the floating-point tensors of rank 2 and more.

    update: the same, over those that have a tensor of the same name and shape in the first reference, its energy being
    that of the difference to it; None where there are none.
    """

    matrices: Distortion
    update: Distortion | None


@dataclass(frozen=True)
class TensorReport:
    """One row: a tensor, how it was coded (`step`: of levels; `estimated_bits`: by clause E.3), how it came out."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    representation: str
    prediction: str
    step: float | None
    estimated_bits: float | None
    distortion: Distortion | None
    notice: str | None


@dataclass(frozen=True)
class EncodeReport:
    """What `encode` did.

    matrices, update: see `Distortions`; an update without tensors to compare has no elements. steps: the least and the
    greatest step of matrices; None where none has levels.
    """

    bytes: int
    elements: int
    level: int
    bytes_by_part: dict[str, int]
    matrices: Distortion
    update: Distortion | None
    steps: tuple[float, float] | None
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


def make_report(plan: Plan, decoded: Model, written: Written, references: Sequence[Model] = ()) -> EncodeReport:
    """The report on a finished stream."""
    quantisers = [plan.quantiser_of(record) for record in plan.records]
    steps = [None if quantiser is None else step_of(quantiser) for quantiser in quantisers]
    rows = tuple(map(_row, plan.choices, steps, decoded.tensors))
    found = _distortions(plan.choices, [row.distortion for row in rows], references)
    of_matrices = [step for step, choice in zip(steps, plan.choices, strict=True) if step and not choice.is_fine]
    return EncodeReport(
        bytes=len(written.data),
        elements=sum(tensor.size for tensor in decoded.tensors),
        level=written.level,
        bytes_by_part=written.bytes_by_part,
        matrices=found.matrices,
        update=found.update or Distortion() if references else None,
        steps=(min(of_matrices), max(of_matrices)) if of_matrices else None,
        tensors=rows,
    )


def measure(choices: Sequence[Choice], decoded: Model, references: Sequence[Model]) -> Distortions:
    """How far `decoded` is from what `choices` were made for."""
    each = [_distortion(choice.tensor, tensor) for choice, tensor in zip(choices, decoded.tensors, strict=True)]
    return _distortions(choices, each, references)


def _distortions(
    choices: Sequence[Choice], each: Sequence[Distortion | None], references: Sequence[Model]
) -> Distortions:
    matrices, update = Distortion(), None
    for choice, one in zip(choices, each, strict=True):
        if one is None or len(choice.tensor.shape) < 2:
            continue
        matrices += one
        old = references[0].by_name.get(choice.tensor.name) if references else None
        if old is not None and (old.dtype, old.shape) == (choice.tensor.dtype, choice.tensor.shape):
            update = (update or Distortion()) + replace(one, energy=distortion(choice.tensor, old).error_energy)
    return Distortions(matrices, update)


def _distortion(tensor: Tensor, decoded: Tensor) -> Distortion | None:
    return distortion(tensor, decoded) if tensor.dtype in QUANTISABLE else None


def _row(choice: Choice, step: float | None, decoded: Tensor) -> TensorReport:
    tensor = choice.tensor
    return TensorReport(
        name=tensor.name,
        dtype=tensor.dtype.name.lower(),
        shape=tensor.shape,
        representation="exact" if choice.levels is None else "levels",
        prediction=choice.prediction.name.lower(),
        step=step,
        estimated_bits=None if choice.levels is None else choice.estimated_bits,
        distortion=_distortion(tensor, decoded),
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
