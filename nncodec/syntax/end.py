"""SPEC.md clause 6.8: end unit (index of slices, content ids) and the footer by which it is found."""

from __future__ import annotations

from dataclasses import dataclass

import construct as c
from construct_typed import DataclassMixin, DataclassStruct, csfield

from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.limits import LEVELS, MAX_UNIT_BYTES
from nncodec.syntax.descriptors import ByteString, Element, Leb128, Session, Unsigned
from nncodec.syntax.door import build, parse
from nncodec.syntax.slice import SLICE_HEADER, SliceHeader
from nncodec.syntax.units import Unit, build_unit
from nncodec.tables import CONTENT_ID_BYTES, FOOTER_MAGIC, UnitType

CLAUSE = "6.8"


@dataclass(frozen=True)
class IndexEntry(DataclassMixin):
    """Where one slice unit stands, and a copy of its header."""

    unit_offset: int = csfield(Leb128(MAX_UNIT_BYTES))
    unit_size: int = csfield(Leb128(MAX_UNIT_BYTES))
    header: SliceHeader = csfield(SLICE_HEADER)


INDEX_ENTRY = DataclassStruct(IndexEntry)


@dataclass(frozen=True)
class End(DataclassMixin):
    """Index of all slices in stream order, and the content id of the model."""

    slice_count: int = csfield(Leb128(LEVELS[-1].slices))
    index: list[IndexEntry] = csfield(c.Array(c.this.slice_count, INDEX_ENTRY))
    content_id: bytes = csfield(ByteString(CONTENT_ID_BYTES, "32"))


@dataclass(frozen=True)
class Footer(DataclassMixin):
    """The last eight bytes of a stream."""

    end_unit_size: int = csfield(Unsigned(32))
    magic: bytes = csfield(ByteString(len(FOOTER_MAGIC), "4"))


END = DataclassStruct(End)
FOOTER = DataclassStruct(Footer)
FOOTER_BYTES = 8
_LONGEST_FRAME = 64
_LONGEST_ENTRY = 32
"""Bytes of an end unit without its index, and of an entry of that, at most, and some to spare."""


def build_end(end: End) -> bytes:
    """Bytes of the end unit and the footer."""
    unit = build_unit(UnitType.END, build(END, end))
    return unit + build(FOOTER, Footer(len(unit), FOOTER_MAGIC))


def parse_end_unit(unit: Unit, session: Session) -> End:
    """The record that the end unit holds. Raises InvalidStreamError."""
    return parse(END, bytes(unit.payload), session)


def longest_end_unit(slices: int) -> int:
    """More bytes no end unit has that lists so many slices."""
    return _LONGEST_FRAME + slices * _LONGEST_ENTRY


def end_unit_size(footer: bytes, offset: int) -> int:
    """Size of the end unit, from the last bytes of a stream, which stand at `offset`. Raises InvalidStreamError."""
    record = parse(FOOTER, footer, Session(offset, CLAUSE))
    if record.magic != FOOTER_MAGIC:
        raise _error(ErrorClass.BAD_MAGIC, "the footer does not end as it must: the stream is damaged", offset + 4)
    return record.end_unit_size


def parse_footer(data: memoryview, unit: Unit, trace: list[Element] | None = None) -> None:
    """Check that the footer and nothing else follows the end unit. Raises InvalidStreamError."""
    rest = len(data) - unit.end
    if rest < FOOTER_BYTES:
        raise _error(ErrorClass.TRUNCATED, "the stream ends inside the footer", len(data))
    footer = parse(FOOTER, bytes(data[unit.end : unit.end + FOOTER_BYTES]), Session(unit.end, CLAUSE, trace))
    if footer.magic != FOOTER_MAGIC:
        raise _error(ErrorClass.BAD_MAGIC, "the footer does not end as it must: the stream is damaged", unit.end + 4)
    if footer.end_unit_size != unit.size:
        what = f"the footer gives the end unit {footer.end_unit_size} bytes; it has {unit.size}"
        raise _error(ErrorClass.SIZE_MISMATCH, what, unit.end)
    if rest > FOOTER_BYTES:
        what = f"{rest - FOOTER_BYTES} bytes follow the end of the stream"
        raise _error(ErrorClass.TRAILING_DATA, what, unit.end + FOOTER_BYTES)


def _error(error_class: ErrorClass, what: str, offset: int) -> InvalidStreamError:
    return InvalidStreamError(error_class, what, clause=CLAUSE, offset=offset)
