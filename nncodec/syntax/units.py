"""SPEC.md clause 6.3: units, the self-delimiting, individually checked parts of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from construct_typed import DataclassMixin, DataclassStruct, csfield

from nncodec.errors import ErrorClass, InvalidStreamError, UnsupportedStreamError
from nncodec.limits import MAX_UNIT_BYTES
from nncodec.syntax.descriptors import Element, Leb128, Session, Unsigned
from nncodec.syntax.door import build, crc32c, parse_front
from nncodec.tables import ANCILLARY_UNIT, CRC_BYTES, UnitType

CLAUSE = "6.3"


@dataclass(frozen=True)
class UnitHeader(DataclassMixin):
    """Type and size; the payload and a CRC-32C over header and payload follow."""

    unit_type: int = csfield(Unsigned(8))
    payload_size: int = csfield(Leb128(MAX_UNIT_BYTES))


UNIT_HEADER = DataclassStruct(UnitHeader)
_LONGEST_HEADER = 1 + 6


@dataclass(frozen=True)
class Unit:
    """One unit as it stands in a stream: `offset` and `size` cover header, payload and CRC."""

    unit_type: int
    offset: int
    size: int
    payload: memoryview
    payload_offset: int

    @property
    def end(self) -> int:
        """Position of the first byte behind the unit."""
        return self.offset + self.size


def unit_parts(unit_type: UnitType | int, *payload: bytes) -> tuple[bytes, ...]:
    """Bytes of a unit with its CRC, in parts, of which those of the `payload` are not copied."""
    header = build(UNIT_HEADER, UnitHeader(unit_type, sum(map(len, payload))))
    return header, *payload, crc32c(header, *payload)


def build_unit(unit_type: UnitType | int, *payload: bytes) -> bytes:
    """The same in one piece."""
    return b"".join(unit_parts(unit_type, *payload))


def parse_unit(data: memoryview, offset: int, trace: list[Element] | None = None) -> Unit:
    """The unit at `offset`, its CRC checked, its type known or ancillary.

    Raises InvalidStreamError (TRUNCATED, UNIT_CRC, non-canonical size) or UnsupportedStreamError (unknown type).
    """
    if offset >= len(data):
        raise _truncated("the stream ends where a unit should begin: its end unit is missing", len(data))
    header, header_size = _parse_header(data, offset, trace)
    payload_offset = offset + header_size
    payload_end = payload_offset + header.payload_size
    if payload_end + CRC_BYTES > len(data):
        raise _truncated(f"a unit of {header.payload_size} bytes is cut off", len(data))
    check = bytes(data[payload_end : payload_end + CRC_BYTES])
    if check != crc32c(data[offset:payload_end]):
        what = "the unit does not match its CRC-32C: the stream is damaged"
        raise InvalidStreamError(ErrorClass.UNIT_CRC, what, clause=CLAUSE, offset=offset)
    if trace is not None:
        value = int.from_bytes(check, "little")
        trace.append(Element("UnitHeader.crc32c", payload_end, CRC_BYTES, "u(32)", value, CLAUSE))
    _check_type(header.unit_type, offset)
    size = header_size + header.payload_size + CRC_BYTES
    return Unit(header.unit_type, offset, size, data[payload_offset:payload_end], payload_offset)


def _parse_header(data: memoryview, offset: int, trace: list[Element] | None) -> tuple[UnitHeader, int]:
    front = bytes(data[offset : offset + _LONGEST_HEADER])
    if len(front) < _LONGEST_HEADER and all(byte >= 128 for byte in front[1:]):
        raise _truncated("the stream ends inside a unit header", len(data))
    return parse_front(UNIT_HEADER, front, Session(offset, CLAUSE, trace))


def _check_type(unit_type: int, offset: int) -> None:
    if unit_type < ANCILLARY_UNIT and unit_type not in UnitType.__members__.values():
        what = f"unit type {unit_type} is critical and unknown to this decoder"
        raise UnsupportedStreamError(ErrorClass.UNSUPPORTED_UNIT, what, clause=CLAUSE, offset=offset)


def _truncated(what: str, offset: int) -> InvalidStreamError:
    return InvalidStreamError(ErrorClass.TRUNCATED, what, clause=CLAUSE, offset=offset)
