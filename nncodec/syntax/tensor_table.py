"""SPEC.md clause 6.6: tensor table unit: name, type, shape and coding of every tensor (the "layer table")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import construct as c
from construct_typed import Context, DataclassMixin, DataclassStruct, csfield

from nncodec.limits import LEVELS, MAX_DIMENSION, MAX_UNIT_BYTES
from nncodec.syntax.descriptors import Enumerated, Flag, Leb128, Rest, Session, Text, Unsigned
from nncodec.syntax.door import build, parse, parse_sequence
from nncodec.syntax.model_parameter_set import QUANTISER, Quantiser
from nncodec.syntax.units import Unit
from nncodec.tables import DType, HeaderCoding, LevelWidth, Prediction

CLAUSE = "6.6"


@dataclass(frozen=True)
class TensorTableUnit(DataclassMixin):
    """The tensor table of one model; `body` holds the records, coded as `header_coding` says (clause 9.1)."""

    model_index: int = csfield(Leb128(2**16))
    tensor_count: int = csfield(Leb128(LEVELS[-1].tensors))
    header_coding: HeaderCoding = csfield(Enumerated(HeaderCoding))
    body_size: int = csfield(Leb128(MAX_UNIT_BYTES))
    body: bytes = csfield(Rest())


def _has_levels(context: Context) -> bool:
    return context.level_width not in (None, LevelWidth.NONE)


def _has_own_quantiser(context: Context) -> bool:
    return bool(context.own_quantiser)


@dataclass(frozen=True)
class TensorRecord(DataclassMixin):
    """One tensor (clause 6.6.1)."""

    name: str = csfield(Text(LEVELS[-1].name_bytes))
    dtype: DType = csfield(Enumerated(DType))
    rank: int = csfield(Unsigned(8))
    dims: list[int] = csfield(c.Array(c.this.rank, Leb128(MAX_DIMENSION)))
    string_size: int | None = csfield(c.If(c.this.dtype == DType.STRING, Leb128(MAX_UNIT_BYTES)))
    prediction: Prediction = csfield(Enumerated(Prediction))
    parent: int | None = csfield(c.If(c.this.prediction != Prediction.NONE, Leb128(LEVELS[-1].parents)))
    reference_tensor: int | None = csfield(c.If(c.this.prediction != Prediction.NONE, Leb128(LEVELS[-1].tensors)))
    slice_group: int | None = csfield(c.If(c.this.prediction != Prediction.COPY, Leb128(LEVELS[-1].groups)))
    level_width: LevelWidth | None = csfield(c.If(c.this.prediction != Prediction.COPY, Enumerated(LevelWidth)))
    own_quantiser: bool | None = csfield(c.If(_has_levels, Flag()))
    quantiser: Quantiser | None = csfield(c.If(_has_own_quantiser, QUANTISER))


TENSOR_TABLE_UNIT = DataclassStruct(TensorTableUnit)
TENSOR_RECORD = DataclassStruct(TensorRecord)


def parse_tensor_table_unit(unit: Unit, session: Session) -> TensorTableUnit:
    """The record that `unit` holds. Raises InvalidStreamError."""
    return parse(TENSOR_TABLE_UNIT, bytes(unit.payload), session)


def build_tensor_records(records: Sequence[TensorRecord]) -> bytes:
    """The body of a tensor table before it is coded. Raises EncodeError."""
    return b"".join(build(TENSOR_RECORD, record) for record in records)


def parse_tensor_records(body: bytes, count: int, session: Session) -> list[TensorRecord]:
    """The records that fill the decoded `body` of a tensor table exactly. Raises InvalidStreamError."""
    return parse_sequence(TENSOR_RECORD, count, body, session)
