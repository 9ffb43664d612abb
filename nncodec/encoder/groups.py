"""SPEC.md clause E.7 (informative): slice groups and the tensor table that follow from the choices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from nncodec.encoder.choice import Choice
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.runs import Run
from nncodec.encoder.sums import Sums
from nncodec.encoder.trellis import LAGRANGIAN, OUTPUT_LAGRANGIAN
from nncodec.encoder.values import spans
from nncodec.layout import GroupLayout, Piece, lay_out
from nncodec.quantisation import OFFSET_SCALE, quantiser_near, step_of
from nncodec.rounding import elements_of
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.syntax.tensor_table import TensorCoding, TensorRecord
from nncodec.table import identity_of
from nncodec.tables import TRELLISES, DType, EntropyCoder, Prediction, Profile, Representation

COHERENCE: Final = 4.0
"""How much more a network feels of a part of an update that is missing than of noise of the same energy (measured)."""
_LARGEST_GAIN = 4.0
_GAIN_MATTERS = 0.001
"""By what a gain differs from 1 for which the step of a quantiser is changed."""
_OWN_GAIN_MATTERS = 0.02
"""By what share gains differ for which a tensor gets a quantiser of its own, of 4 bytes."""
_SHORT_SLICE = 1 << 20
"""Symbols of a slice under rANS at most, and of one under the mixing coder in a large group."""
_LARGE_GROUP = 1 << 22
"""A group of more symbols is large."""
_EXACT_CODERS = (EntropyCoder.RANS, EntropyCoder.LZMA2, EntropyCoder.RAW)


class GroupKey(NamedTuple):
    """What the tensors of a slice group have in common: `dtype` is None for levels, `is_fine` holds for vectors."""

    dtype: DType | None
    is_difference: bool
    is_fine: bool


@dataclass(frozen=True)
class GroupPlan:
    """One slice group: levels under one quantiser, or exact words of one element type; slices: where they begin.

    has_gains: whether it holds differences that are scaled for the least error of outputs (clause E.6).
    """

    representation: Representation
    quantiser: Quantiser | None
    has_gains: bool
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

    def estimated_bits(self, group: GroupPlan) -> float:
        """What the tensors of a group were thought to cost when they were chosen (clause E.3)."""
        return sum(self.choices[segment.tensor].estimated_bits for segment in group.layout.segments)

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
            trellis=TRELLISES.get(group.representation),
            lagrangian=OUTPUT_LAGRANGIAN if group.has_gains else LAGRANGIAN,
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
    if _has_short_slices(coders[0], layout.symbol_count):
        most = min(most, _SHORT_SLICE)
    slices = tuple(spans(layout.symbol_count, most))
    has_gains = needs_tuning(key, config) and key.is_difference and not config.least_squares
    return GroupPlan(_representation(key, config), quantiser, has_gains, layout, slices, coders)


def _has_short_slices(coder: EntropyCoder, count: int) -> bool:
    """Clause E.7: whether slices of a group of `count` symbols are short: a slice under way takes memory for each.

    Static tables lose nothing by it, and more threads find work. The mixing coder learns anew in each slice: that
    costs up to 0.04 % (measured), so it is done only where memory would else grow.
    """
    return coder == EntropyCoder.RANS or (coder == EntropyCoder.MIXING and count > _LARGE_GROUP)


def _representation(key: GroupKey, config: EncoderConfig) -> Representation:
    if key.dtype is not None:
        return Representation.EXACT
    if key.is_fine or not config.uses_trellis:
        return Representation.LEVELS
    return Representation.TRELLIS_64 if config.best else Representation.TRELLIS_8


def _coders(key: GroupKey, config: EncoderConfig) -> tuple[EntropyCoder, ...]:
    """The entropy coders to try."""
    if key.dtype is None:
        return config.level_coder, EntropyCoder.RAW
    if config.profile == Profile.BASELINE:
        return EntropyCoder.LZMA2, EntropyCoder.RAW
    return (EntropyCoder.RANS, EntropyCoder.RAW) if config.fast else _EXACT_CODERS


@dataclass(frozen=True)
class Tuning:
    """Clause E.6: what a quantiser gets, whose step levels were chosen with."""

    reconstruction_offset: int = 0
    gain: float = 1.0

    @property
    def has_gain(self) -> bool:
        """Whether the step changes by anything that matters."""
        return abs(self.gain - 1) > _GAIN_MATTERS

    def applied_to(self, quantiser: Quantiser) -> Quantiser:
        """`quantiser` so tuned."""
        if self.has_gain:
            quantiser = quantiser_near(step_of(quantiser) * self.gain)
        return replace(quantiser, reconstruction_offset=self.reconstruction_offset)


Members = Sequence[tuple[float, Sums]]
"""Tensors of a group: the step that their levels were chosen with, and their sums."""


def needs_tuning(key: GroupKey, config: EncoderConfig) -> bool:
    """Whether the sums over a group say anything that is used."""
    return key.dtype is None and not key.is_fine and config.profile == Profile.MAIN


def tuned(plan: Plan, sums: Mapping[int, Sums]) -> Plan:
    """The plan with the quantisers of clause E.6; `sums` of each tensor of a group that needs tuning."""
    groups, records = list(plan.groups), list(plan.records)
    for index, (key, group) in enumerate(zip(plan.keys, plan.groups, strict=True)):
        if group.quantiser is None or not needs_tuning(key, plan.config):
            continue
        members = {
            segment.tensor: (_step(plan, segment.tensor), sums.get(segment.tensor, Sums()))
            for segment in group.layout.segments
        }
        tuning = _tuning(list(members.values()), has_gain=group.has_gains)
        groups[index] = replace(group, quantiser=tuning.applied_to(group.quantiser))
        for place, member in members.items():
            own = _tuning([member], has_gain=True) if group.has_gains else tuning
            records[place] = _tuned(records[place], group.quantiser, tuning, own)
    return replace(plan, groups=groups, records=records)


def _step(plan: Plan, place: int) -> float:
    return step_of(plan.choices[place].quantiser or plan.config.quantiser())


def _tuning(members: Members, *, has_gain: bool) -> Tuning:
    offset = centroid_offset(members)
    return Tuning(offset, output_gain(members, offset) if has_gain else 1.0)


def _tuned(record: TensorRecord, shared: Quantiser, tuning: Tuning, own: Tuning) -> TensorRecord:
    """`record` with `own` applied to its quantiser, if it has one or `tuning`, of the group, is far from it."""
    quantiser = record.coding.quantiser
    if quantiser is None and abs(own.gain / tuning.gain - 1) <= _OWN_GAIN_MATTERS:
        return record
    quantiser = own.applied_to(quantiser or shared)
    return replace(record, coding=replace(record.coding, own_quantiser=True, quantiser=quantiser))


def centroid_offset(members: Members) -> int:
    """Clause E.6: the reconstruction offset, in 1/256 step, of least squared error."""
    total = sum(sums.outwards / step - sums.magnitudes / 2 for step, sums in members)
    count = sum(sums.count for _, sums in members)
    return int(np.clip(round(OFFSET_SCALE * total / count), -127, 127)) if count else 0


def output_gain(members: Members, offset: int) -> float:
    """Clause E.6: what decoded differences are multiplied by for the least error of outputs: at most `_LARGEST_GAIN`.

    Zero levels decode to nothing, so without it an update is only partly made. Of decoded values y = a x + noise a
    network feels the missing part of x as if it had `COHERENCE` times its energy, for all of it points one way.
    """
    unit = 1 / OFFSET_SCALE
    wanted = sum(sums.energy for _, sums in members)
    common = sum(step * (sums.products / 2 + offset * unit * sums.outwards) for step, sums in members)
    given = sum(
        step**2 * (sums.squares / 4 + offset * unit * sums.magnitudes + (offset * unit) ** 2 * sums.count)
        for step, sums in members
    )
    if not (0 < common < math.inf and 0 < given < math.inf and wanted < math.inf):
        return 1.0
    gain = COHERENCE * common / (given + (COHERENCE - 1) * common**2 / wanted)
    return min(max(gain, 1.0), _LARGEST_GAIN)


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
