"""SPEC.md clause E.5 (informative): slice groups and the tensor table that follow from the choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nncodec.encoder.choice import Choice
from nncodec.entropy.binarisation import smallest_width
from nncodec.layout import GroupLayout, lay_out
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.syntax.tensor_table import TensorRecord
from nncodec.tables import DType, LevelWidth, Prediction


@dataclass(frozen=True)
class GroupPlan:
    """One slice group: levels under one quantiser, or exact words of one element type."""

    quantiser: Quantiser | None
    layout: GroupLayout


@dataclass(frozen=True)
class Plan:
    """Everything about a stream that is decided before a slice is coded; `choices` and `records` run in step."""

    choices: list[Choice]
    records: list[TensorRecord]
    groups: list[GroupPlan]


def plan_groups(choices: Sequence[Choice], quantiser: Quantiser) -> Plan:
    """All levels form one group, so that one coder learns from all; exact tensors form one group an element type."""
    keys: dict[DType | None, int] = {}
    records = [_record(choice, keys) for choice in choices]
    layouts = lay_out(records, len(keys))
    groups = [GroupPlan(quantiser if key is None else None, layouts[index]) for key, index in keys.items()]
    return Plan(list(choices), records, groups)


def _record(choice: Choice, keys: dict[DType | None, int]) -> TensorRecord:
    tensor = choice.tensor
    group, width = None, None
    if choice.prediction != Prediction.COPY:
        key = tensor.dtype if choice.levels is None else None
        group = keys.setdefault(key, len(keys))
        width = LevelWidth.NONE if choice.levels is None else smallest_width(choice.levels)
    return TensorRecord(
        name=tensor.name,
        dtype=tensor.dtype,
        rank=len(tensor.shape),
        dims=list(tensor.shape),
        string_size=tensor.nbytes if tensor.dtype == DType.STRING else None,
        prediction=choice.prediction,
        parent=choice.parent,
        reference_tensor=None if choice.parent is None else 0,
        slice_group=group,
        level_width=width,
        own_quantiser=None if choice.levels is None else False,
        quantiser=None,
    )
