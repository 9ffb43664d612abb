"""SPEC.md clause 6.1: canonical form. The one door between records and bytes.

`parse` accepts a region only if all of it is used and building the record again would give the same bytes; construct
by itself lets much through (over-long forms, slack, unknown keys), so of its records that is tried. Nothing outside
this file calls construct's own parse or build, and no error of construct's leaves it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import TypeVar, cast

import construct as c
from construct_typed import DataclassMixin, DataclassStruct
from crc32c import crc32c as _crc32c

from nncodec.errors import EncodeError, ErrorClass, InvalidStreamError
from nncodec.syntax.descriptors import FlawError, Session
from nncodec.syntax.shortcut import reader, writer
from nncodec.tables import CRC_BYTES

R = TypeVar("R", bound=DataclassMixin)


def parse(declaration: DataclassStruct[R], region: bytes, session: Session) -> R:
    """The record that fills `region` exactly. Raises InvalidStreamError naming element, offset and clause."""
    session.record = declaration.dc_type.__name__
    stream = io.BytesIO(region)
    record = _parse_record(declaration, stream, session)
    _check_filled(stream, session)
    return record


def parse_front(declaration: DataclassStruct[R], region: bytes, session: Session) -> tuple[R, int]:
    """The record at the front of `region` and the position behind it. Raises InvalidStreamError."""
    session.record = declaration.dc_type.__name__
    stream = io.BytesIO(region)
    record = _parse_record(declaration, stream, session)
    return record, stream.tell()


def parse_all(declaration: DataclassStruct[R], region: bytes, most: int, session: Session) -> Iterator[R]:
    """The records that fill `region` exactly, one after another, `most` at most. Raises InvalidStreamError."""
    stream = io.BytesIO(region)
    count = 0
    while (position := stream.tell()) < len(region):
        if count == most:
            what = f"more than {most} records"
            raise InvalidStreamError(
                ErrorClass.SIZE_MISMATCH, what, clause=session.clause, offset=session.base + position
            )
        session.record = f"{declaration.dc_type.__name__}[{count}]"
        yield _parse_record(declaration, stream, session)
        count += 1


def _parse_record(declaration: DataclassStruct[R], stream: io.BytesIO, session: Session) -> R:
    """The next record. What the shortcut takes is canonical, as every descriptor is (clause 3.3): it is not proved."""
    start = stream.tell()
    record = _parse_plainly(declaration, stream) if session.trace is None else None
    if record is None:
        stream.seek(start)
        record = _parse_by_construct(declaration, stream, session)
    return record


def _parse_plainly(declaration: DataclassStruct[R], stream: io.BytesIO) -> R | None:
    """The record, or None where construct has to find out what is wrong with it."""
    try:
        return cast("R", reader(declaration)(stream, None))
    except (FlawError, ValueError, LookupError, TypeError):
        return None


def _parse_by_construct(declaration: DataclassStruct[R], stream: io.BytesIO, session: Session) -> R:
    start = stream.tell()
    offset = session.base + start
    try:
        record = declaration.parse_stream(stream, session=session)
    except c.ConstructError as error:
        what = f"{session.record} cannot be parsed: {error}"
        raise InvalidStreamError(ErrorClass.NONCANONICAL, what, clause=session.clause, offset=offset) from error
    if build(declaration, record) != stream.getbuffer()[start : stream.tell()]:
        what = f"{session.record}: the canonical form of these values has other bytes"
        raise InvalidStreamError(ErrorClass.NONCANONICAL, what, clause="6.1", offset=offset)
    return record


def _check_filled(stream: io.BytesIO, session: Session) -> None:
    position = stream.tell()
    left = len(stream.getbuffer()) - position
    if left:
        what = f"{left} bytes are left over behind the last element"
        raise InvalidStreamError(ErrorClass.UNIT_SIZE, what, clause="6.1", offset=session.base + position)


def build(declaration: DataclassStruct[R], record: R) -> bytes:
    """The bytes of `record`. Raises EncodeError where a value has no encoding."""
    try:
        return writer(declaration)(record, None)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, struct.error):
        pass  # construct says what is wrong
    try:
        return declaration.build(record)
    except c.ConstructError as error:
        raise EncodeError(f"{type(record).__name__} cannot be written: {error}") from error


def crc32c(*parts: bytes | memoryview) -> bytes:
    """CRC-32C over the concatenation of `parts`, as the four bytes that close a region (clause 3.4)."""
    value = 0
    for part in parts:
        value = _crc32c(part, value)
    return value.to_bytes(CRC_BYTES, "little")
