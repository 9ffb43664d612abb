"""SPEC.md clause E.8 (informative): the encoding process: a model and reference models in, bytes out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nncodec.encoder.choice import Choice, centroid_offset, choose
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.groups import plan_groups
from nncodec.encoder.report import EncodeReport, make_report
from nncodec.encoder.writer import Frame, code_groups, write_stream
from nncodec.errors import EncodeError
from nncodec.model import Model, Tensor
from nncodec.prediction import copied, reconstruct
from nncodec.rounding import widen
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import Prediction

Progress = Callable[[int, int], None]


class EncodeWarning(UserWarning):
    """The stream is good, but something in it may not be what the caller wanted."""


@dataclass(frozen=True)
class Encoded:
    """A stream, the model a decoder will make of it, and the report."""

    data: bytes
    model: Model
    report: EncodeReport


def encode(model: Model, config: EncoderConfig | None = None, references: Sequence[Model] = ()) -> bytes:
    """The NMC stream of `model`.

    With `references`, tensors are predicted from them where that is cheaper; a decoder then needs the same models.
    Raises EncodeError for what the format cannot carry. Warns (EncodeWarning) where a tensor was kept exact against
    the request, or lost all its weights to a coarse step.
    """
    encoded = encode_with_report(model, config, references)
    for notice in encoded.report.notices:
        warnings.warn(notice, EncodeWarning, stacklevel=2)
    return encoded.data


def encode_with_report(
    model: Model,
    config: EncoderConfig | None = None,
    references: Sequence[Model] = (),
    progress: Progress | None = None,
) -> Encoded:
    """As `encode`, with the decoded model and a report; `progress` is called with bytes done and bytes in all."""
    config = config or EncoderConfig()
    _check_names(model)
    choices = [choose(tensor, config, references) for tensor in model.tensors]
    quantiser = config.quantiser(centroid_offset(choices, config))
    choices, tensors = _reconstruct_all(choices, quantiser, references)
    choices, parents = _drop_unused_parents(choices, references)
    decoded = Model(tuple(tensors), model.topology)
    plan = plan_groups(choices, quantiser)
    coded = code_groups(plan, config.slice_symbols, progress)
    written = write_stream(plan, coded, decoded, Frame(config.profile, parents))
    return Encoded(written.data, decoded, make_report(choices, decoded, written))


def _check_names(model: Model) -> None:
    for tensor in model.tensors:
        try:
            tensor.name.encode("utf-8")
        except UnicodeEncodeError as error:
            raise EncodeError(f"the name of tensor {tensor.name!r} has no UTF-8 form: {error}") from None


def _reconstruct_all(
    choices: Sequence[Choice], quantiser: Quantiser, references: Sequence[Model]
) -> tuple[list[Choice], list[Tensor]]:
    """What the decoder will have; a tensor whose levels would overflow its type is put back to exact."""
    kept, tensors = [], []
    for choice in choices:
        if choice.levels is not None and not _representable(choice, quantiser):
            choice = Choice(choice.tensor, notice="kept exact: a quantised value would overflow its type")
        kept.append(choice)
        tensors.append(_reconstructed(choice, quantiser, references))
    return kept, tensors


def _reconstructed(choice: Choice, quantiser: Quantiser, references: Sequence[Model]) -> Tensor:
    tensor = choice.tensor
    if choice.prediction == Prediction.COPY:
        return copied(references[choice.parent or 0].by_name[tensor.name], tensor.name)
    if choice.levels is None:
        return tensor
    data = reconstruct(choice.levels, quantiser, choice.predicted, tensor.dtype)
    return Tensor(tensor.name, tensor.dtype, tensor.shape, data)


def _representable(choice: Choice, quantiser: Quantiser) -> bool:
    if choice.levels is None:
        return True
    data = reconstruct(choice.levels, quantiser, choice.predicted, choice.tensor.dtype)
    return bool(np.isfinite(widen(data, choice.tensor.dtype)).all())


def _drop_unused_parents(choices: list[Choice], references: Sequence[Model]) -> tuple[list[Choice], list[bytes]]:
    """Parents are the references in use, renumbered; a reference that predicts nothing costs nothing."""
    used = sorted({choice.parent for choice in choices if choice.parent is not None})
    place = {parent: index for index, parent in enumerate(used)}
    renumbered = [
        choice if choice.parent is None else replace(choice, parent=place[choice.parent]) for choice in choices
    ]
    return renumbered, [references[parent].content_id for parent in used]
