"""SPEC.md clause E.12 (informative): from coded slices to the bytes of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nncodec.encoder.groups import Plan
from nncodec.encoder.passes import CodedGroup, units_of
from nncodec.encoder.spool import Spool, Stored
from nncodec.encoder.tables import edits_from
from nncodec.entropy.lzma2 import Content, compress
from nncodec.errors import EncodeError
from nncodec.layout import element_total, extent, tensor_bytes
from nncodec.limits import LEVELS, Limits
from nncodec.model import NO_TOPOLOGY, Model, Topology
from nncodec.syntax.door import build
from nncodec.syntax.end import End, IndexEntry, build_end
from nncodec.syntax.model_parameter_set import MODEL_PARAMETER_SET, ModelParameterSet
from nncodec.syntax.start import Start, build_start
from nncodec.syntax.tensor_table import (
    TENSOR_TABLE_UNIT,
    TensorTableUnit,
    build_table_edits,
    build_tensor_records,
)
from nncodec.syntax.topology import TOPOLOGY_UNIT, TopologyUnit
from nncodec.syntax.units import build_unit
from nncodec.tables import HeaderCoding, Profile, TopologyFormat, UnitType


@dataclass(frozen=True)
class Assembled:
    """A stream, ready to be written: what stands before the slices, by name, the slices in a spool, and the end.

    parents: how many models it needs.
    """

    level: int
    parents: int
    front: dict[str, bytes]
    slices: list[Stored]
    end: bytes

    @property
    def bytes_by_part(self) -> dict[str, int]:
        """Where the bytes go."""
        sizes = {name: len(part) for name, part in self.front.items()}
        return {**sizes, "slices": sum(stored.size for stored in self.slices), "end": len(self.end)}

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(self.bytes_by_part.values())

    def parts(self, spool: Spool) -> Iterator[bytes]:
        """The bytes, unit by unit."""
        yield from self.front.values()
        yield from spool.read(self.slices)
        yield self.end


def assemble(plan: Plan, coded: list[CodedGroup], content_id: bytes, frame: Frame) -> Assembled:
    """All units of the stream of one model. Raises EncodeError where no level of Annex A holds it."""
    topology = frame.topology if frame.topology_parent is None else NO_TOPOLOGY
    table, table_size = _tensor_table_unit(plan, frame.parents)
    start = _start(plan, coded, frame, len(topology.data) + table_size)
    front = {
        "start": build_start(start),
        "model_parameter_set": _parameter_unit(coded, frame),
        "topology": _topology_unit(topology),
        "tensor_table": table,
    }
    index, offset = [], sum(map(len, front.values()))
    for header, unit in units_of(coded):
        index.append(IndexEntry(offset, unit.size, header))
        offset += unit.size
    end = build_end(End(len(index), index, content_id))
    return Assembled(start.level, len(frame.parents), front, [unit for _, unit in units_of(coded)], end)


@dataclass(frozen=True)
class Frame:
    """What a stream says of itself as a whole."""

    profile: Profile
    topology: Topology
    parents: list[Model]
    topology_parent: int | None


def _parameter_unit(coded: Sequence[CodedGroup], frame: Frame) -> bytes:
    groups = [part.group for part in coded]
    parents = [parent.content_id for parent in frame.parents]
    topology_parent = 0 if frame.topology_parent is None else frame.topology_parent + 1
    parameters = ModelParameterSet(len(parents), parents, topology_parent, len(groups), groups)
    return build_unit(UnitType.MODEL_PARAMETER_SET, build(MODEL_PARAMETER_SET, parameters))


def _topology_unit(topology: Topology) -> bytes:
    if topology.format == TopologyFormat.NONE:
        return b""
    coding, body = _smaller_body(topology.data)
    record = TopologyUnit(topology.format, coding, len(topology.data), body)
    return build_unit(UnitType.TOPOLOGY, build(TOPOLOGY_UNIT, record))


def _tensor_table_unit(plan: Plan, parents: Sequence[Model]) -> tuple[bytes, int]:
    """The shortest tensor table unit, complete or inherited, and the bytes of its body before coding."""
    forms = [(0, build_tensor_records(plan.records))]
    for index, parent in enumerate(parents[: LEVELS[-1].parents]):  # more are refused where the level is found
        edits = edits_from(parent, index, plan.records)
        if edits is not None:
            forms.append((index + 1, build_table_edits(edits)))
    units = []
    for table_parent, records in forms:
        coding, body = _smaller_body(records)
        record = TensorTableUnit(table_parent, coding, len(records), body)
        units.append((build_unit(UnitType.TENSOR_TABLE, build(TENSOR_TABLE_UNIT, record)), len(records)))
    return min(units, key=lambda unit: len(unit[0]))


def _smaller_body(data: bytes) -> tuple[HeaderCoding, bytes]:
    packed = compress(data, Content.TEXT)
    return (HeaderCoding.LZMA2, packed) if len(packed) < len(data) else (HeaderCoding.RAW, data)


def _start(plan: Plan, coded: Sequence[CodedGroup], frame: Frame, header_size: int) -> Start:
    start = Start(
        profile=frame.profile,
        level=0,
        incompatible_features=0,
        rewrite_features=0,
        compatible_features=0,
        model_count=1,
        tensor_count=len(plan.records),
        element_count=sum(map(element_total, plan.records)),
        decoded_size=sum(map(tensor_bytes, plan.records)),
    )
    needs = {
        "elements": max([start.element_count, *map(extent, plan.records)]),
        "tensors": start.tensor_count,
        "rank": max((record.identity.rank for record in plan.records), default=0),
        "decoded_bytes": start.decoded_size,
        "name_bytes": max((len(record.name.encode()) for record in plan.records), default=0),
        "header_bytes": header_size,
        "parents": len(frame.parents),
        "groups": len(coded),
        "slices": sum(len(group.headers) for group in coded),
        "slice_bytes": max((group.largest_slice for group in coded), default=0),
    }
    return replace(start, level=lowest_level(needs).level)


def lowest_level(needs: dict[str, int], least: int = 0) -> Limits:
    """The lowest level of Annex A, from `least` on, that has room for `needs`. Raises EncodeError where none has."""
    for limits in LEVELS[least:]:
        if all(value <= getattr(limits, name) for name, value in needs.items()):
            return limits
    bounds = {name: getattr(LEVELS[-1], name) for name in needs}
    excess = next(name for name, value in needs.items() if value > bounds[name])
    raise EncodeError(f"coding this needs {excess} = {needs[excess]}; no level allows more than {bounds[excess]}")
