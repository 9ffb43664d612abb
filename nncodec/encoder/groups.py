"""SPEC.md clause E.7 (informative): slice groups and the tensor table that follow from the choices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from nncodec.encoder.choice import Choice
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.runs import Run, Sums
from nncodec.encoder.values import spans
from nncodec.layout import GroupLayout, Piece, lay_out
from nncodec.quantisation import OFFSET_SCALE, compact_quantiser, scaled_quantiser, step_of
from nncodec.rounding import elements_of
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.syntax.tensor_table import TensorCoding, TensorRecord
from nncodec.table import identity_of
from nncodec.tables import DType, EntropyCoder, Prediction, Profile, Representation

_LARGEST_GAIN = 2.0
_GAIN_MATTERS = 1.001
_RANS_SYMBOLS = 1 << 20
"""Symbols of a slice under rANS at most."""
_EXACT_CODERS = (EntropyCoder.RANS, EntropyCoder.LZMA2, EntropyCoder.RAW)


class GroupKey(NamedTuple):
    """What the tensors of a slice group have in common: `dtype` is None for levels, `is_fine` holds for vectors."""

    dtype: DType | None
    is_difference: bool
    is_fine: bool


@dataclass(frozen=True)
class GroupPlan:
    """One slice group: levels under one quantiser, or exact words of one element type; slices: where they begin."""

    representation: Representation
    quantiser: Quantiser | None
    layout: GroupLayout
    slices: tuple[tuple[int, int], ...]
    coders: tuple[EntropyCoder, ...]

    def pieces(self, first: int, count: int) -> list[Piece]:
        """The tensor parts that a slice holds."""
        return list(self.layout.pieces(first, count))


@dataclass(frozen=True)
class Plan:
    """Everything about a stream that is decided before a slice is coded; `choices` and `records` run in step.

    keys: what the tensors of each group have in common.
    """

    config: EncoderConfig
    choices: list[Choice]
    records: list[TensorRecord]
    groups: list[GroupPlan]
    keys: list[GroupKey]

    def quantiser_of(self, place: int) -> Quantiser | None:
        """The quantiser that holds for the tensor at `place`."""
        coding = self.records[place].coding
        return coding.quantiser or (None if coding.slice_group is None else self.groups[coding.slice_group].quantiser)

    def run_of(self, piece: Piece, group: GroupPlan) -> Run:
        """A part of a tensor with levels."""
        choice, start, count = self.choices[piece.tensor], piece.start, piece.count
        tensor, predictor = choice.tensor, choice.predictor
        return Run(
            elements=elements_of(tensor.data, tensor.dtype)[start : start + count],
            dtype=tensor.dtype,
            shape=tensor.shape,
            start=start,
            prediction=None if predictor is None else predictor.cut(start, count),
            step=step_of(choice.quantiser or self.config.quantiser()),
            rounding=self.config.f,
            trellis=group.representation == Representation.TRELLIS,
        )


def key_of(choice: Choice) -> GroupKey | None:
    """The group of a tensor; None where nothing of it is coded."""
    if choice.prediction == Prediction.COPY:
        return None
    dtype = None if choice.has_levels else choice.tensor.dtype
    return GroupKey(dtype, choice.prediction == Prediction.REFERENCE, choice.is_fine)


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
    groups = [_group(key, layout, config) for key, layout in zip(keys, lay_out(records, len(keys)), strict=True)]
    return Plan(config, list(choices), records, groups, list(keys))


def _group(key: GroupKey, layout: GroupLayout, config: EncoderConfig) -> GroupPlan:
    coders = _coders(key, config)
    quantiser = None if key.dtype is not None else config.quantiser()
    most = config.slice_symbols
    if coders[0] == EntropyCoder.RANS:  # static tables lose nothing by it, and more threads find work
        most = min(most, _RANS_SYMBOLS)
    slices = tuple(spans(layout.symbol_count, most))
    return GroupPlan(_representation(key, config), quantiser, layout, slices, coders)


def _representation(key: GroupKey, config: EncoderConfig) -> Representation:
    if key.dtype is not None:
        return Representation.EXACT
    return Representation.TRELLIS if config.uses_trellis and not key.is_fine else Representation.LEVELS


def _coders(key: GroupKey, config: EncoderConfig) -> tuple[EntropyCoder, ...]:
    """The entropy coders to try."""
    if key.dtype is None:
        return config.level_coder, EntropyCoder.RAW
    if config.profile == Profile.BASELINE:
        return EntropyCoder.LZMA2, EntropyCoder.RAW
    return (EntropyCoder.RANS, EntropyCoder.RAW) if config.fast else _EXACT_CODERS


@dataclass(frozen=True)
class Tuning:
    """Clause E.6: what all quantisers of a group get."""

    reconstruction_offset: int = 0
    gain: float = 1.0

    def applied_to(self, quantiser: Quantiser) -> Quantiser:
        """`quantiser` so tuned."""
        quantiser = replace(quantiser, reconstruction_offset=self.reconstruction_offset)
        return quantiser if self.gain < _GAIN_MATTERS else scaled_quantiser(quantiser, self.gain)


def needs_tuning(key: GroupKey, config: EncoderConfig) -> bool:
    """Whether the sums over a group say anything that is used."""
    return key.dtype is None and not key.is_fine and config.profile == Profile.MAIN


def tuned(plan: Plan, sums: Mapping[int, Sums]) -> Plan:
    """The plan with the quantisers of clause E.6; `sums` of each tensor of a group that needs tuning."""
    groups, records = list(plan.groups), list(plan.records)
    for index, (key, group) in enumerate(zip(plan.keys, plan.groups, strict=True)):
        if group.quantiser is None or not needs_tuning(key, plan.config):
            continue
        steps = {segment.tensor: _step(plan, segment.tensor) for segment in group.layout.segments}
        members = [(step, sums.get(place, Sums())) for place, step in steps.items()]
        tuning = Tuning(centroid_offset(members))
        if key.is_difference and plan.config.unbiased:
            tuning = replace(tuning, gain=unbiasing_gain(members, tuning.reconstruction_offset))
        groups[index] = replace(group, quantiser=tuning.applied_to(group.quantiser))
        for place in steps:
            records[place] = _tuned(records[place], tuning)
    return replace(plan, groups=groups, records=records)


def _step(plan: Plan, place: int) -> float:
    return step_of(plan.choices[place].quantiser or plan.config.quantiser())


def _tuned(record: TensorRecord, tuning: Tuning) -> TensorRecord:
    """`record` with its own quantiser, if any, tuned; in the shortest form that is near."""
    own = record.coding.quantiser
    if own is None:
        return record
    quantiser = tuning.applied_to(own)
    if quantiser.step_kind != own.step_kind:
        short = compact_quantiser(step_of(quantiser))
        if short is not None:
            quantiser = replace(short, reconstruction_offset=quantiser.reconstruction_offset)
    return replace(record, coding=replace(record.coding, quantiser=quantiser))


def centroid_offset(members: Sequence[tuple[float, Sums]]) -> int:
    """Clause E.6: the reconstruction offset, in 1/256 step, of least squared error; of tensors by steps and sums."""
    total = sum(sums.outwards / step - sums.magnitudes / 2 for step, sums in members)
    count = sum(sums.count for _, sums in members)
    return int(np.clip(round(OFFSET_SCALE * total / count), -127, 127)) if count else 0


def unbiasing_gain(members: Sequence[tuple[float, Sums]], offset: int) -> float:
    """Clause E.6: what the values must be multiplied by not to fall short of their residuals: 1 to 2.

    The ratio of sum x^2 to sum x * decoded x. Zero levels decode to nothing, so without it an update is only partly
    made. It explodes where nearly all levels are zero, hence the bound.
    """
    wanted = sum(sums.energy for _, sums in members)
    given = sum(step * (sums.products / 2 + offset * sums.outwards / OFFSET_SCALE) for step, sums in members)
    return min(max(wanted / given, 1.0), _LARGEST_GAIN) if 0 < given < math.inf else 1.0


def _record(choice: Choice, keys: dict[GroupKey, int]) -> TensorRecord:
    key = key_of(choice)
    terms = [] if choice.candidate is None else [term for term, _ in choice.candidate.pairs]
    coding = TensorCoding(
        prediction=choice.prediction,
        term_count=len(terms) if terms else None,
        terms=terms,
        slice_group=None if key is None else keys[key],
        level_width=None if key is None else choice.width,
        own_quantiser=choice.quantiser is not None if choice.has_levels else None,
        quantiser=choice.quantiser,
    )
    return TensorRecord(identity_of(choice.tensor), coding)
