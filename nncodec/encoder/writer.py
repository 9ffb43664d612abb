"""SPEC.md clause E.10 (informative): from a plan to the bytes of a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.groups import GroupPlan, Plan, slice_ranges
from nncodec.encoder.tables import edits_from
from nncodec.entropy.lzma2 import Content, compress
from nncodec.entropy.payload import encode_levels, encode_words
from nncodec.errors import EncodeError
from nncodec.layout import Piece, element_total, exact_area, extent, level_area, tensor_bytes
from nncodec.limits import LEVELS, MAX_EXPANSION, Limits
from nncodec.model import NO_TOPOLOGY, Model, Topology
from nncodec.syntax.door import build
from nncodec.syntax.end import End, IndexEntry, build_end
from nncodec.syntax.model_parameter_set import MODEL_PARAMETER_SET, ModelParameterSet, SliceGroup
from nncodec.syntax.slice import SliceHeader, build_slice_unit
from nncodec.syntax.start import Start, build_start
from nncodec.syntax.tensor_table import (
    TENSOR_TABLE_UNIT,
    TensorTableUnit,
    build_table_edits,
    build_tensor_records,
)
from nncodec.syntax.topology import TOPOLOGY_UNIT, TopologyUnit
from nncodec.syntax.units import build_unit
from nncodec.tables import EntropyCoder, HeaderCoding, LevelWidth, Profile, Representation, TopologyFormat, UnitType

Progress = Callable[[int, int], None]
"""Called with the bytes coded so far and the bytes in all."""


@dataclass(frozen=True)
class CodedGroup:
    """A slice group with the payloads of its slices."""

    group: SliceGroup
    headers: list[SliceHeader]
    payloads: list[bytes]
    largest_slice: int


@dataclass(frozen=True)
class Written:
    """A stream, and where its bytes went."""

    data: bytes
    level: int
    bytes_by_part: dict[str, int]


def code_groups(plan: Plan, config: EncoderConfig, progress: Progress | None) -> list[CodedGroup]:
    """Code every slice of every group with each admissible coder, and keep the shortest."""
    total = sum(segment.count * segment.width for group in plan.groups for segment in group.layout.segments)
    done, coded = 0, []
    for index, group in enumerate(plan.groups):
        headers = [SliceHeader(index, *place) for place in slice_ranges(group.layout, config)]
        payloads: dict[EntropyCoder, list[bytes]] = {coder: [] for coder in group.coders}
        sizes = []
        for header in headers:
            pieces = list(group.layout.pieces(header.first_symbol, header.symbol_count))
            for candidate, parts in payloads.items():
                parts.append(_payload(plan, pieces, group, candidate))
            sizes.append(sum(piece.nbytes for piece in pieces))
            done += sizes[-1]
            if progress is not None:
                progress(done, total)
        if _is_too_short(payloads.get(EntropyCoder.MIXING, []), sizes):
            pieces_of = [list(group.layout.pieces(header.first_symbol, header.symbol_count)) for header in headers]
            del payloads[EntropyCoder.MIXING]
            payloads[EntropyCoder.LZMA2] = [_payload(plan, pieces, group, EntropyCoder.LZMA2) for pieces in pieces_of]
        coded.append(_cheapest(group, headers, payloads, max(sizes, default=0)))
    return coded


def _is_too_short(payloads: Sequence[bytes], sizes: Sequence[int]) -> bool:
    """Whether a decoder would not believe (clause 9.3) that a payload holds so much: next to nothing but zeros."""
    return any(size > MAX_EXPANSION * len(payload) for payload, size in zip(payloads, sizes, strict=False))


def _cheapest(
    group: GroupPlan, headers: list[SliceHeader], payloads: dict[EntropyCoder, list[bytes]], largest: int
) -> CodedGroup:
    coder = min(payloads, key=lambda choice: sum(map(len, payloads[choice])))
    return CodedGroup(SliceGroup(group.representation, coder, group.quantiser), headers, payloads[coder], largest)


def _payload(plan: Plan, pieces: Sequence[Piece], group: GroupPlan, coder: EntropyCoder) -> bytes:
    if group.quantiser is None:
        parts = []
        for piece in pieces:
            choice = plan.choices[piece.tensor]
            data = memoryview(choice.tensor.data if choice.words is None else choice.words).cast("B")
            parts.append(data[piece.start * piece.width : (piece.start + piece.count) * piece.width])
        areas = [exact_area(plan.records[piece.tensor], piece) for piece in pieces]
        return encode_words(b"".join(parts), pieces[0].width, coder, areas)
    levels = []
    for piece in pieces:
        values = plan.choices[piece.tensor].levels
        if values is not None:
            trellis = group.representation == Representation.TRELLIS
            area = level_area(plan.records[piece.tensor], piece, trellis=trellis)
            levels.append((values[piece.start : piece.start + piece.count], area, LevelWidth(piece.width)))
    return encode_levels(levels, coder)


def write_stream(plan: Plan, coded: Sequence[CodedGroup], decoded: Model, frame: Frame) -> Written:
    """All units of the stream of one model. Raises EncodeError where no level of Annex A holds it."""
    topology = decoded.topology if frame.topology_parent is None else NO_TOPOLOGY
    table, table_size = _tensor_table_unit(plan, frame.parents)
    start = _start(plan, coded, frame, len(topology.data) + table_size)
    parts = {
        "start": build_start(start),
        "model_parameter_set": _parameter_unit(coded, frame),
        "topology": _topology_unit(topology),
        "tensor_table": table,
    }
    slices = [
        (header, build_slice_unit(header, payload))
        for group in coded
        for header, payload in zip(group.headers, group.payloads, strict=True)
    ]
    index, offset = [], sum(map(len, parts.values()))
    for header, unit in slices:
        index.append(IndexEntry(offset, len(unit), header))
        offset += len(unit)
    parts["slices"] = b"".join(unit for _, unit in slices)
    parts["end"] = build_end(End(len(index), index, decoded.content_id))
    return Written(b"".join(parts.values()), start.level, {name: len(part) for name, part in parts.items()})


@dataclass(frozen=True)
class Frame:
    """What a stream says of itself as a whole."""

    profile: Profile
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
    return replace(start, level=_lowest_level(needs).level)


def _lowest_level(needs: dict[str, int]) -> Limits:
    """The lowest level of Annex A that has room for `needs`."""
    for limits in LEVELS:
        if all(value <= getattr(limits, name) for name, value in needs.items()):
            return limits
    bounds = {name: getattr(LEVELS[-1], name) for name in needs}
    excess = next(name for name, value in needs.items() if value > bounds[name])
    raise EncodeError(f"the model needs {excess} = {needs[excess]}; no level allows more than {bounds[excess]}")
