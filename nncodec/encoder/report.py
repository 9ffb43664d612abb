"""SPEC.md clause E.11 (informative): what the encoder chose, what it cost, how far the result is from the original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nncodec.encoder.choice import Choice
from nncodec.encoder.config import matches
from nncodec.encoder.groups import Plan
from nncodec.encoder.passes import Outcome
from nncodec.encoder.runs import Distortion, distortion_of
from nncodec.encoder.values import blocks
from nncodec.encoder.writer import Assembled
from nncodec.limits import DEFAULT_LEVEL
from nncodec.model import Model, Tensor
from nncodec.quantisation import step_of
from nncodec.tables import QUANTISABLE, Prediction


@dataclass(frozen=True)
class Distortions:
    """matrices: over the floating-point tensors of rank 2 and more, and those that are included by name.

    update: the same, over those that have a tensor of the same name and shape in the first reference, its energy being
    that of the difference to it; None where there are none.
    """

    matrices: Distortion
    update: Distortion | None


@dataclass(frozen=True)
class TensorReport:
    """One row: a tensor, how it was coded (`step`: of levels; `estimated_bits`: by clause E.3), how it came out.

    prediction: none, copy, reference, or shared: a copy of what became of the same tensor in another model of the set.
    """

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
    greatest step of matrices; None where none has levels. notices: see `notices_of`.
    """

    bytes: int
    elements: int
    level: int
    bytes_by_part: dict[str, int]
    matrices: Distortion
    update: Distortion | None
    steps: tuple[float, float] | None
    tensors: tuple[TensorReport, ...]
    notices: list[str]

    @property
    def bits_per_weight(self) -> float:
        """All bits of the stream over all elements of the model; 0 for an empty model."""
        return 8 * self.bytes / self.elements if self.elements else 0.0


def make_report(plan: Plan, outcome: Outcome, stream: Assembled, references: Sequence[Model] = ()) -> EncodeReport:
    """The report on a finished stream."""
    quantisers = [plan.quantiser_of(place) for place in range(len(plan.records))]
    steps = [None if quantiser is None else step_of(quantiser) for quantiser in quantisers]
    each = _each(plan, outcome)
    found = _distortions(plan, each, references)
    of_matrices = [step for step, choice in zip(steps, plan.choices, strict=True) if step and not choice.is_fine]
    return EncodeReport(
        bytes=stream.size,
        elements=sum(choice.tensor.size for choice in plan.choices),
        level=stream.level,
        bytes_by_part=stream.bytes_by_part,
        matrices=found.matrices,
        update=found.update or Distortion() if references else None,
        steps=(min(of_matrices), max(of_matrices)) if of_matrices else None,
        tensors=tuple(map(_row, plan.choices, steps, each)),
        notices=notices_of(plan, stream, references),
    )


_LEFT_BEHIND = (
    "the step leaves most matrices as the reference has them, beside new vectors (biases, statistics of "
    "normalisation): outputs may be further off than those of the reference; ask for a finer step, or send nothing"
)


_UNUSED = "nothing is predicted from the references: none has tensors that help; the stream stands by itself"
_NO_LEVELS = (
    "nothing was quantised: no floating-point tensor has 64 elements in two dimensions or more, and all others "
    "stay exact; name those that may lose something by include"
)
_HIGH_LEVEL = (
    "the stream has level {0} (tensors are many, or large, or have long names): nndec needs --level {0} for it"
)
_LARGE = 1 << 16


def notices_of(plan: Plan, stream: Assembled, references: Sequence[Model]) -> list[str]:
    """What a user should know, tensor by tensor; and whether the request, or a reference, came to nothing."""
    notices = [f"{choice.tensor.name}: {choice.notice}" for choice in plan.choices if choice.notice]
    if stream.level > DEFAULT_LEVEL:
        notices.append(_HIGH_LEVEL.format(stream.level))
    if references and plan.choices and not stream.parents:
        notices.append(_UNUSED)
    if not plan.config.lossless and not any(plan.config.quantises(choice.tensor) for choice in plan.choices):
        exact = [c for c in plan.choices if c.tensor.dtype in QUANTISABLE and not _is_predicted(c) and not c.has_levels]
        if sum(choice.tensor.size for choice in exact) >= _LARGE:
            notices.append(_NO_LEVELS)
    if all(choice.prediction == Prediction.COPY and not choice.is_shared for choice in plan.choices):
        found = _each(plan, Outcome())  # copies are measured here and now
        if any(one is not None and one.error_energy > 0 for one in found):
            notices.append("the step leaves nothing of the update: every tensor is that of the reference")
    elif _is_left_behind(plan):
        notices.append(_LEFT_BEHIND)
    return notices


def _is_predicted(choice: Choice) -> bool:
    """Whether a reference says something of the tensor; not an earlier tensor of its own model."""
    return choice.candidate is not None and choice.original is None


def _is_left_behind(plan: Plan) -> bool:
    """Whether more than half of the weights in matrices that an update changes stay old, and some vector is new."""
    left = coded = 0
    has_new_vectors = False
    for choice in plan.choices:
        is_new = choice.prediction != Prediction.COPY
        if len(choice.tensor.shape) < 2:
            has_new_vectors |= is_new and choice.tensor.dtype in QUANTISABLE
        elif choice.candidate is not None and is_new:
            coded += choice.tensor.size
        elif choice.candidate is not None and choice.original is None and not choice.is_shared:
            left += choice.tensor.size if choice.copy().content_id != choice.tensor.content_id else 0
    return has_new_vectors and left > coded


def measure(plan: Plan, outcome: Outcome, references: Sequence[Model]) -> Distortions:
    """How far what decoders will make of `plan` is from what it was made for."""
    return _distortions(plan, _each(plan, outcome), references)


def _each(plan: Plan, outcome: Outcome) -> list[Distortion | None]:
    """The distortion of each tensor of a quantisable type."""
    found: list[Distortion | None] = []
    for place, choice in enumerate(plan.choices):
        if choice.tensor.dtype not in QUANTISABLE:
            found.append(None)
        elif choice.original is not None:
            found.append(found[choice.original])
        elif choice.has_levels:
            found.append(outcome.distortions.get(place, Distortion()))
        elif plan.config.lossless:  # not worth a pass over all tensors
            found.append(Distortion(choice.tensor.size))
        else:
            decoded = choice.copy() if choice.prediction == Prediction.COPY else choice.tensor
            found.append(distortion(choice.tensor, decoded))
    return found


def _distortions(plan: Plan, each: Sequence[Distortion | None], references: Sequence[Model]) -> Distortions:
    matrices, update = Distortion(), None
    for choice, one in zip(plan.choices, each, strict=True):
        is_counted = len(choice.tensor.shape) >= 2 or matches(choice.tensor.name, plan.config.include)
        if one is None or not is_counted:
            continue
        matrices += one
        old = references[0].by_name.get(choice.tensor.name) if references else None
        if old is not None and (old.dtype, old.shape) == (choice.tensor.dtype, choice.tensor.shape):
            update = (update or Distortion()) + replace(one, energy=distortion(choice.tensor, old).error_energy)
    return Distortions(matrices, update)


def _row(choice: Choice, step: float | None, found: Distortion | None) -> TensorReport:
    tensor = choice.tensor
    return TensorReport(
        name=tensor.name,
        dtype=tensor.dtype.name.lower(),
        shape=tensor.shape,
        representation="levels" if choice.has_levels else "exact",
        prediction="shared" if choice.is_shared else choice.prediction.name.lower(),
        step=step,
        estimated_bits=choice.estimated_bits if choice.has_levels else None,
        distortion=found,
        notice=choice.notice,
    )


def distortion(original: Tensor, decoded: Tensor) -> Distortion:
    """Distortion of one tensor of a quantisable type."""
    if decoded.data is original.data:
        return sum((distortion_of(values, values) for values in blocks(original)), Distortion())
    pairs = zip(blocks(original), blocks(decoded), strict=True)
    return sum((distortion_of(*pair) for pair in pairs), Distortion())
