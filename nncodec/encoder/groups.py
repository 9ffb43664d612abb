"""SPEC.md clause E.7 (informative): slice groups and the tensor table that follow from the choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from nncodec.encoder.choice import Choice, centroid_offset, unbiasing_gain
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.trellis import quantise_trellis
from nncodec.entropy.binarisation import Levels, smallest_width
from nncodec.layout import GroupLayout, Piece, lay_out
from nncodec.quantisation import compact_quantiser, half_levels, scaled_quantiser, step_of
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.syntax.tensor_table import TensorCoding, TensorRecord
from nncodec.table import identity_of
from nncodec.tables import DType, EntropyCoder, LevelWidth, Prediction, Profile, Representation

_GAIN_MATTERS = 1.001
_EXACT_SYMBOLS = 1 << 20
_EXACT_CODERS = (EntropyCoder.RANS, EntropyCoder.LZMA2, EntropyCoder.RAW)


class GroupKey(NamedTuple):
    """What the tensors of a slice group have in common: `dtype` is None for levels, `is_fine` holds for vectors."""

    dtype: DType | None
    is_difference: bool
    is_fine: bool


@dataclass(frozen=True)
class GroupPlan:
    """One slice group: levels under one quantiser, or exact words of one element type."""

    representation: Representation
    quantiser: Quantiser | None
    layout: GroupLayout
    coders: tuple[EntropyCoder, ...]


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

    def levels_of(self, piece: Piece) -> Levels:
        """The levels of a tensor part."""
        levels = self.choices[piece.tensor].levels
        return np.zeros(0, np.int32) if levels is None else levels[piece.start : piece.start + piece.count]


def key_of(choice: Choice) -> GroupKey | None:
    """The group of a tensor; None where nothing of it is coded."""
    if choice.prediction == Prediction.COPY:
        return None
    dtype = choice.tensor.dtype if choice.levels is None else None
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
    records = [_record(choice, keys, config) for choice in choices]
    layouts = lay_out(records, len(keys))
    final = list(choices)
    for key, layout in zip(keys, layouts, strict=True):
        trellis = _representation(key, config) == Representation.TRELLIS
        for place, parts in _parts(layout, config).items():
            final[place] = _with_half_levels(choices[place], parts, config, trellis=trellis)
    groups = []
    for key, index in keys.items():
        members = [place for place, choice in enumerate(final) if key_of(choice) == key]
        tuning = _tuning(key, [final[place] for place in members], config)
        for place in members:
            final[place] = _tuned(final[place], tuning)
        quantiser = None if key.dtype is not None else tuning.applied_to(config.quantiser())
        groups.append(GroupPlan(_representation(key, config), quantiser, layouts[index], _coders(key, config)))
    return Plan(final, [_record(choice, keys, config) for choice in final], groups)


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


def slice_ranges(layout: GroupLayout, config: EncoderConfig, *, is_exact: bool = False) -> list[tuple[int, int]]:
    """First symbol and number of symbols of each slice of a group.

    Those of exact words are shorter: static tables lose nothing by it, and more threads find work.
    """
    total, most = layout.symbol_count, config.slice_symbols
    if is_exact and config.profile == Profile.MAIN:
        most = min(most, _EXACT_SYMBOLS)
    return [(first, min(most, total - first)) for first in range(0, total, most)]


def _parts(layout: GroupLayout, config: EncoderConfig) -> dict[int, list[Piece]]:
    """For each tensor of a group, the parts into which slices cut it."""
    parts: dict[int, list[Piece]] = {}
    for first, count in slice_ranges(layout, config):
        for piece in layout.pieces(first, count):
            parts.setdefault(piece.tensor, []).append(piece)
    return parts


def _with_half_levels(choice: Choice, parts: Sequence[Piece], config: EncoderConfig, *, trellis: bool) -> Choice:
    """The choice with its half levels, and with the levels of the trellis where that is used."""
    if choice.levels is None or choice.residual is None:
        return choice
    levels = choice.levels
    if trellis:
        step, shape = step_of(choice.quantiser or config.quantiser()), choice.tensor.shape
        cut = [choice.residual[part.start : part.start + part.count] for part in parts]
        found = [quantise_trellis(values, shape, step, part.start) for values, part in zip(cut, parts, strict=True)]
        levels = np.concatenate(found)
    halves = [half_levels(levels[part.start : part.start + part.count], trellis=trellis) for part in parts]
    return replace(choice, levels=levels, halves=np.concatenate(halves))


@dataclass(frozen=True)
class Tuning:
    """Clause E.6: what all quantisers of a group get."""

    reconstruction_offset: int = 0
    gain: float = 1.0

    def applied_to(self, quantiser: Quantiser) -> Quantiser:
        """`quantiser` so tuned."""
        quantiser = replace(quantiser, reconstruction_offset=self.reconstruction_offset)
        return quantiser if self.gain < _GAIN_MATTERS else scaled_quantiser(quantiser, self.gain)


def _tuning(key: GroupKey, members: Sequence[Choice], config: EncoderConfig) -> Tuning:
    if key.dtype is not None or key.is_fine or config.profile == Profile.BASELINE:
        return Tuning()
    tuning = Tuning(centroid_offset(members, config.quantiser()))
    if not (key.is_difference and config.unbiased):
        return tuning
    tuned = [_tuned(choice, tuning) for choice in members]
    return replace(tuning, gain=unbiasing_gain(tuned, tuning.applied_to(config.quantiser())))


def _tuned(choice: Choice, tuning: Tuning) -> Choice:
    """`choice` with its own quantiser, if any, tuned; in the shortest form that is near."""
    if choice.quantiser is None:
        return choice
    tuned = tuning.applied_to(choice.quantiser)
    if tuned.step_kind != choice.quantiser.step_kind:
        short = compact_quantiser(step_of(tuned))
        tuned = tuned if short is None else replace(short, reconstruction_offset=tuned.reconstruction_offset)
    return replace(choice, quantiser=tuned)


def _record(choice: Choice, keys: dict[GroupKey, int], config: EncoderConfig) -> TensorRecord:
    key = key_of(choice)
    terms = [] if choice.candidate is None else [term for term, _ in choice.candidate.pairs]
    coding = TensorCoding(
        prediction=choice.prediction,
        term_count=len(terms) if terms else None,
        terms=terms,
        slice_group=None if key is None else keys[key],
        level_width=None if key is None else _width(choice, config),
        own_quantiser=None if choice.levels is None else choice.quantiser is not None,
        quantiser=choice.quantiser,
    )
    return TensorRecord(identity_of(choice.tensor), coding)


def _width(choice: Choice, config: EncoderConfig) -> LevelWidth:
    """The coders of MAIN have no use for widths: the same for all costs the least in the table."""
    if choice.levels is None:
        return LevelWidth.NONE
    return smallest_width(choice.levels) if config.profile == Profile.BASELINE else LevelWidth.INT32
