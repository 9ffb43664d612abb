"""SPEC.md clause 6.7: slice unit: a run of symbols of one slice group, coded by itself."""

from __future__ import annotations

from dataclasses import dataclass

from construct_typed import DataclassMixin, DataclassStruct, csfield

from nncodec.limits import LEVELS
from nncodec.syntax.descriptors import Leb128, Session
from nncodec.syntax.door import build, parse_front
from nncodec.syntax.units import Unit, unit_parts
from nncodec.tables import UnitType

CLAUSE = "6.7"


@dataclass(frozen=True)
class SliceHeader(DataclassMixin):
    """Which symbols of which slice group the payload holds; the coded payload follows up to the end of the unit."""

    slice_group: int = csfield(Leb128(LEVELS[-1].groups))
    first_symbol: int = csfield(Leb128(2**48))
    symbol_count: int = csfield(Leb128(LEVELS[-1].slice_bytes))


SLICE_HEADER = DataclassStruct(SliceHeader)
_LONGEST_HEADER = 2 + 7 + 4


def slice_unit_parts(header: SliceHeader, payload: bytes) -> tuple[bytes, ...]:
    """Bytes of the slice unit, in parts, of which one is the payload."""
    return unit_parts(UnitType.SLICE, build(SLICE_HEADER, header), payload)


def build_slice_unit(header: SliceHeader, payload: bytes) -> bytes:
    """The same in one piece."""
    return b"".join(slice_unit_parts(header, payload))


def parse_slice_unit(unit: Unit, session: Session) -> tuple[SliceHeader, memoryview]:
    """Header and coded payload of a slice. Raises InvalidStreamError."""
    header, size = parse_front(SLICE_HEADER, bytes(unit.payload[:_LONGEST_HEADER]), session)
    return header, unit.payload[size:]
