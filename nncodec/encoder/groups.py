"""SPEC.md clause E.7 (informative): slice groups and the tensor table that follow from the choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from nncodec.encoder.choice import Choice, centroid_offset, unbiasing_gain
from nncodec.encoder.config import EncoderConfig
from nncodec.entropy.binarisation import smallest_width
from nncodec.layout import GroupLayout, lay_out
from nncodec.quantisation import scaled_quantiser, step_of
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.syntax.tensor_table import TensorCoding, TensorRecord
from nncodec.table import identity_of
from nncodec.tables import DType, LevelWidth, Prediction, Profile

_GAIN_MATTERS = 1.001


class GroupKey(NamedTuple):
    """What the tensors of a slice group have in common: `dtype` is None for levels, `is_fine` for own quantisers."""

    dtype: DType | None
    is_difference: bool
    is_fine: bool


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

    def quantiser_of(self, record: TensorRecord) -> Quantiser | None:
        """The quantiser that holds for a tensor."""
        group = record.coding.slice_group
        return record.coding.quantiser or (None if group is None else self.groups[group].quantiser)


def key_of(choice: Choice) -> GroupKey | None:
    """The group of a tensor; None where nothing of it is coded."""
    if choice.prediction == Prediction.COPY:
        return None
    dtype = choice.tensor.dtype if choice.levels is None else None
    return GroupKey(dtype, choice.prediction == Prediction.REFERENCE, choice.quantiser is not None)


def plan_groups(choices: Sequence[Choice], config: EncoderConfig) -> Plan:
    """Levels form one group, those of vectors another, exact tensors one for each type; differences go apart.

    So one coder learns from all that is alike.
    """
    keys: dict[GroupKey, int] = {}
    for choice in choices:
        key = key_of(choice)
        if key is not None:
            keys.setdefault(key, len(keys))
    records = [_record(choice, keys) for choice in choices]
    layouts = lay_out(records, len(keys))
    groups = [GroupPlan(_quantiser(key, choices, config), layouts[index]) for key, index in keys.items()]
    return Plan(list(choices), records, groups)


def _quantiser(key: GroupKey, choices: Sequence[Choice], config: EncoderConfig) -> Quantiser | None:
    if key.dtype is not None:
        return None
    quantiser = config.quantiser()
    if config.profile == Profile.BASELINE:
        return quantiser
    members = [choice for choice in choices if key_of(choice) == key and choice.quantiser is None]
    quantiser = replace(quantiser, reconstruction_offset=centroid_offset(members, step_of(quantiser)))
    gain = unbiasing_gain(members, quantiser) if key.is_difference and config.unbiased else 1.0
    return quantiser if gain < _GAIN_MATTERS else scaled_quantiser(quantiser, gain)


def _record(choice: Choice, keys: dict[GroupKey, int]) -> TensorRecord:
    key = key_of(choice)
    terms = [] if choice.candidate is None else [term for term, _ in choice.candidate.pairs]
    width = None if key is None else LevelWidth.NONE if choice.levels is None else smallest_width(choice.levels)
    coding = TensorCoding(
        prediction=choice.prediction,
        term_count=len(terms) if terms else None,
        terms=terms,
        slice_group=None if key is None else keys[key],
        level_width=width,
        own_quantiser=None if choice.levels is None else choice.quantiser is not None,
        quantiser=choice.quantiser,
    )
    return TensorRecord(identity_of(choice.tensor), coding)
