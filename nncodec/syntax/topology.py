"""SPEC.md clause 6.5: topology unit."""

from __future__ import annotations

from dataclasses import dataclass

from construct_typed import DataclassMixin, DataclassStruct, csfield

from nncodec.limits import MAX_UNIT_BYTES
from nncodec.syntax.descriptors import Enumerated, Leb128, Rest, Session
from nncodec.syntax.door import parse
from nncodec.syntax.units import Unit
from nncodec.tables import HeaderCoding, TopologyFormat

CLAUSE = "6.5"


@dataclass(frozen=True)
class TopologyUnit(DataclassMixin):
    """The topology of one model; `body` is coded as `header_coding` says (clause 9.1)."""

    topology_format: TopologyFormat = csfield(Enumerated(TopologyFormat))
    header_coding: HeaderCoding = csfield(Enumerated(HeaderCoding))
    body_size: int = csfield(Leb128(MAX_UNIT_BYTES))
    body: bytes = csfield(Rest())


TOPOLOGY_UNIT = DataclassStruct(TopologyUnit)


def parse_topology_unit(unit: Unit, session: Session) -> TopologyUnit:
    """The record that `unit` holds. Raises InvalidStreamError."""
    return parse(TOPOLOGY_UNIT, bytes(unit.payload), session)
