"""SPEC.md clause 6.9: model index unit: the models of a set, by name, and how long their streams are."""

from __future__ import annotations

from dataclasses import dataclass

import construct as c
from construct_typed import DataclassMixin, DataclassStruct, csfield

from nncodec.limits import LEVELS, MAX_MODEL_NAME_BYTES, MAX_UNIT_BYTES
from nncodec.syntax.descriptors import Leb128, Session, Text
from nncodec.syntax.door import build, parse
from nncodec.syntax.units import Unit, build_unit
from nncodec.tables import UnitType

CLAUSE = "6.9"


@dataclass(frozen=True)
class ModelEntry(DataclassMixin):
    """One model of a set: its name there, and the bytes of its stream."""

    name: str = csfield(Text(MAX_MODEL_NAME_BYTES))
    stream_size: int = csfield(Leb128(MAX_UNIT_BYTES))


MODEL_ENTRY = DataclassStruct(ModelEntry)


@dataclass(frozen=True)
class ModelIndex(DataclassMixin):
    """All models of a set, in the order of their streams, which follow."""

    model_count: int = csfield(Leb128(LEVELS[-1].models))
    models: list[ModelEntry] = csfield(c.Array(c.this.model_count, MODEL_ENTRY))


MODEL_INDEX = DataclassStruct(ModelIndex)


def build_model_index(models: list[ModelEntry]) -> bytes:
    """Bytes of the model index unit."""
    return build_unit(UnitType.MODEL_INDEX, build(MODEL_INDEX, ModelIndex(len(models), models)))


def parse_model_index(unit: Unit, session: Session) -> ModelIndex:
    """The record that `unit` holds. Raises InvalidStreamError."""
    return parse(MODEL_INDEX, bytes(unit.payload), session)
