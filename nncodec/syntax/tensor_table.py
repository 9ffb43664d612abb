"""SPEC.md clause 6.6: tensor table unit: name, type, shape and coding of every tensor (the "layer table")."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import construct as c
from construct_typed import Context, DataclassMixin, DataclassStruct, csfield

from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.limits import LEVELS, MAX_DIMENSION, MAX_RANK, MAX_TERMS, MAX_UNIT_BYTES
from nncodec.syntax.descriptors import Enumerated, Flag, Half, Leb128, Rest, Session, Text, Unsigned, ZigZag
from nncodec.syntax.door import build, parse, parse_all
from nncodec.syntax.model_parameter_set import QUANTISER, Quantiser
from nncodec.syntax.runs import Row, Run
from nncodec.syntax.units import Unit
from nncodec.tables import DType, Edit, HeaderCoding, LevelWidth, Prediction

CLAUSE = "6.6"


@dataclass(frozen=True)
class TensorTableUnit(DataclassMixin):
    """The tensor table; `body` holds tensor records, or edits of the table of a parent, coded by clause 9.1."""

    table_parent: int = csfield(Leb128(LEVELS[-1].parents))
    header_coding: HeaderCoding = csfield(Enumerated(HeaderCoding))
    body_size: int = csfield(Leb128(MAX_UNIT_BYTES))
    body: bytes = csfield(Rest())


def _rank(context: Context) -> int:
    return int(context.rank)


def _is_string(context: Context) -> bool:
    return bool(context.dtype == DType.STRING)


@dataclass(frozen=True)
class TensorIdentity(DataclassMixin):
    """What a tensor is (clause 6.6.1)."""

    name: str = csfield(Text(LEVELS[-1].name_bytes))
    dtype: DType = csfield(Enumerated(DType))
    rank: int = csfield(Leb128(MAX_RANK))
    dims: list[int] = csfield(Row(_rank, Leb128(MAX_DIMENSION)))
    string_size: int | None = csfield(c.If(_is_string, Leb128(MAX_UNIT_BYTES)))


@dataclass(frozen=True)
class ChannelMap(DataclassMixin):
    """Where the rows and columns of a prediction stand in the reference (clause 6.6.3)."""

    axis_count: int = csfield(Leb128(MAX_RANK))
    axes: list[int] = csfield(Row(c.this.axis_count, Unsigned(8)))
    row_count: int = csfield(Leb128(MAX_DIMENSION))
    rows: Sequence[int] = csfield(Run(c.this.row_count, ZigZag(2**32)))
    column_count: int = csfield(Leb128(MAX_DIMENSION))
    columns: Sequence[int] = csfield(Run(c.this.column_count, ZigZag(2**32)))

    def __post_init__(self) -> None:
        """Runs are arrays, however they were given, so that equal records are equal."""
        object.__setattr__(self, "rows", array("q", self.rows))
        object.__setattr__(self, "columns", array("q", self.columns))


CHANNEL_MAP = DataclassStruct(ChannelMap)


@dataclass(frozen=True)
class Term(DataclassMixin):
    """One reference tensor of a prediction, with gains (clause 6.6.3)."""

    parent: int = csfield(Leb128(LEVELS[-1].parents))
    reference_tensor: int = csfield(Leb128(LEVELS[-1].tensors))
    mapped: bool = csfield(Flag())
    channel_map: ChannelMap | None = csfield(c.If(c.this.mapped, CHANNEL_MAP))
    gain_count: int = csfield(Leb128(MAX_DIMENSION))
    gains: Sequence[float] = csfield(Run(c.this.gain_count, Half()))

    def __post_init__(self) -> None:
        """As those of a `ChannelMap`."""
        object.__setattr__(self, "gains", array("d", self.gains))


TERM = DataclassStruct(Term)


def _is_predicted(context: Context) -> bool:
    return bool(context.prediction != Prediction.NONE)


def _is_coded(context: Context) -> bool:
    return bool(context.prediction != Prediction.COPY)


def _has_levels(context: Context) -> bool:
    return context.level_width not in (None, LevelWidth.NONE)


def _has_own_quantiser(context: Context) -> bool:
    return bool(context.own_quantiser)


def _term_count(context: Context) -> int:
    return context.term_count or 0


@dataclass(frozen=True)
class TensorCoding(DataclassMixin):
    """How a tensor is coded (clause 6.6.2)."""

    prediction: Prediction = csfield(Enumerated(Prediction))
    term_count: int | None = csfield(c.If(_is_predicted, Leb128(MAX_TERMS)))
    terms: list[Term] = csfield(c.Array(_term_count, TERM))
    slice_group: int | None = csfield(c.If(_is_coded, Leb128(LEVELS[-1].groups)))
    level_width: LevelWidth | None = csfield(c.If(_is_coded, Enumerated(LevelWidth)))
    own_quantiser: bool | None = csfield(c.If(_has_levels, Flag()))
    quantiser: Quantiser | None = csfield(c.If(_has_own_quantiser, QUANTISER))

    @property
    def has_levels(self) -> bool:
        """Whether the symbols are levels."""
        return self.level_width not in (None, LevelWidth.NONE)


TENSOR_IDENTITY = DataclassStruct(TensorIdentity)
TENSOR_CODING = DataclassStruct(TensorCoding)


@dataclass(frozen=True)
class TensorRecord(DataclassMixin):
    """One tensor of a table that stands by itself."""

    identity: TensorIdentity = csfield(TENSOR_IDENTITY)
    coding: TensorCoding = csfield(TENSOR_CODING)

    @property
    def name(self) -> str:
        """Name of the tensor."""
        return self.identity.name

    @property
    def dtype(self) -> DType:
        """Element type of the tensor."""
        return self.identity.dtype

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Dimensions of the tensor."""
        return tuple(self.identity.dims)


def _has_identity(context: Context) -> bool:
    return context.edit in (Edit.REPLACE, Edit.INSERT)


@dataclass(frozen=True)
class TableEdit(DataclassMixin):
    """One tensor of an inherited table that is not simply copied (clause 6.6.4)."""

    skip: int = csfield(Leb128(LEVELS[-1].tensors))
    edit: Edit = csfield(Enumerated(Edit))
    identity: TensorIdentity | None = csfield(c.If(_has_identity, TENSOR_IDENTITY))
    coding: TensorCoding | None = csfield(c.If(c.this.edit != Edit.DELETE, TENSOR_CODING))


TENSOR_TABLE_UNIT = DataclassStruct(TensorTableUnit)
TENSOR_RECORD = DataclassStruct(TensorRecord)
TABLE_EDIT = DataclassStruct(TableEdit)


def parse_tensor_table_unit(unit: Unit, session: Session) -> TensorTableUnit:
    """The record that `unit` holds. Raises InvalidStreamError."""
    return parse(TENSOR_TABLE_UNIT, bytes(unit.payload), session)


def build_tensor_records(records: Sequence[TensorRecord]) -> bytes:
    """The body of a table that stands by itself, before it is coded. Raises EncodeError."""
    return b"".join(build(TENSOR_RECORD, record) for record in records)


def build_table_edits(edits: Sequence[TableEdit]) -> bytes:
    """The body of an inherited table before it is coded. Raises EncodeError."""
    return b"".join(build(TABLE_EDIT, edit) for edit in edits)


def parse_tensor_records(body: bytes, most: int, session: Session) -> list[TensorRecord]:
    """The records that fill the decoded `body` of a table that stands by itself, `most` at most.

    A name that comes again ends it at once (R-7.1.6): a few bytes may decompress to a great many records.
    Raises InvalidStreamError.
    """
    records: dict[str, TensorRecord] = {}
    for record in parse_all(TENSOR_RECORD, body, most, session):
        if record.name in records:
            what = f"two tensors are named {record.name!r}"
            raise InvalidStreamError(ErrorClass.DUPLICATE, what, clause="R-7.1.6")
        records[record.name] = record
    return list(records.values())


def parse_table_edits(body: bytes, most: int, session: Session) -> list[TableEdit]:
    """The edits that fill the decoded `body` of an inherited table, `most` at most. Raises InvalidStreamError."""
    return list(parse_all(TABLE_EDIT, body, most, session))
