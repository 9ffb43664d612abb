"""SPEC.md clause 7.2: the sequence of units of a stream, checked and taken apart, nothing decoded yet.

Decoder and inspection both read a stream through `read_stream`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import BinaryIO

from nncodec.constraints import check_coverage, check_limit, check_parameters, check_parent, check_records, invalid
from nncodec.entropy.lzma2 import decompress
from nncodec.errors import ErrorClass, UnsupportedStreamError, shifted
from nncodec.layout import GroupLayout, Piece, lay_out
from nncodec.limits import DEFAULT_LEVEL, LEVELS, Limits, bounds_of
from nncodec.memory import Releaser
from nncodec.model import NO_TOPOLOGY, Model, Topology
from nncodec.prediction import resolve_parents
from nncodec.syntax import end as end_syntax
from nncodec.syntax import model_parameter_set, slice, tensor_table, topology
from nncodec.syntax.descriptors import Element, Session
from nncodec.syntax.end import FOOTER_BYTES, End, end_unit_size, parse_end_unit, parse_footer
from nncodec.syntax.model_parameter_set import ModelParameterSet, Quantiser, parse_model_parameter_set
from nncodec.syntax.slice import SliceHeader, parse_slice_unit
from nncodec.syntax.start import Start, parse_start
from nncodec.syntax.tensor_table import TensorRecord, parse_table_edits, parse_tensor_records, parse_tensor_table_unit
from nncodec.syntax.topology import parse_topology_unit
from nncodec.syntax.units import Unit, parse_unit
from nncodec.table import apply_edits
from nncodec.tables import ANCILLARY_UNIT, HeaderCoding, TopologyFormat, UnitType

Ranges = Callable[[int, int], memoryview]
"""Gives the bytes of a file from an offset on, so many of them (fewer where the file ends)."""


def ranges_of(file: BinaryIO) -> Ranges:
    """Ranges of a seekable file that is open for reading; threads take turns."""
    turn = Lock()

    def read(offset: int, size: int) -> memoryview:
        parts, missing = [], size
        with turn:
            file.seek(offset)
            while missing > 0 and (part := file.read(missing)):
                parts.append(part)
                missing -= len(part)
        return memoryview(b"".join(parts))

    return read


def ranges_of_bytes(data: memoryview) -> Ranges:
    """Ranges of `data`, none of it copied."""
    return lambda offset, size: data[offset : offset + size]


@dataclass(frozen=True)
class Slice:
    """One slice, located but not decoded; one that is lost (clause 8.7) has a payload that means nothing."""

    header: SliceHeader
    pieces: tuple[Piece, ...]
    payload: memoryview
    payload_offset: int
    unit_offset: int
    unit_size: int
    is_lost: bool = False


@dataclass
class Stream:
    """All parts of a stream of one model."""

    start: Start
    units: list[Unit]
    parameters: ModelParameterSet
    parents: list[Model]
    topology: Topology
    records: list[TensorRecord]
    layouts: list[GroupLayout]
    slices: list[Slice] = field(default_factory=list)
    end: End | None = None

    def quantiser_of(self, record: TensorRecord) -> Quantiser:
        """The quantiser that holds for a tensor with levels. Raises InvalidStreamError where there is none."""
        group = record.coding.slice_group
        quantiser = record.coding.quantiser or self.parameters.groups[group or 0].quantiser
        if quantiser is None:
            raise invalid(ErrorClass.VALUE_RANGE, "R-7.1.11", f"tensor {record.name!r} has no quantiser")
        return quantiser

    def is_own_copy(self, record: TensorRecord) -> bool:
        """Whether a tensor is a copy of another one of the same model (clause 8.3.1)."""
        return any(term.parent == self.parameters.parent_count for term in record.coding.terms)

    @property
    def content_id(self) -> bytes:
        """Content id that the stream gives for its model."""
        return self.end.content_id if self.end else b""


class UnitReader:
    """Hands out the critical units in order and remembers all units that it passed."""

    def __init__(self, data: memoryview, position: int, bounds: Limits, trace: list[Element] | None) -> None:
        self.data = data
        self.bounds = bounds
        self.position = position
        self.trace = trace
        self.units: list[Unit] = []
        self._releaser = Releaser()

    def any(self) -> Unit:
        """The next unit."""
        unit = parse_unit(self.data, self.position, self.trace)
        self.units.append(unit)
        self.position = unit.end
        self._releaser.used(unit.payload)
        return unit

    def next(self) -> Unit:
        """The next critical unit; ancillary units are passed over (all that this version knows of them)."""
        while (unit := self.any()).unit_type >= ANCILLARY_UNIT:
            pass
        return unit

    def session(self, unit: Unit, clause: str) -> Session:
        """A parse session for the payload of `unit`."""
        return Session(unit.payload_offset, clause, self.trace)


def read_stream(
    data: bytes | memoryview,
    limits: Limits = LEVELS[DEFAULT_LEVEL],
    references: Sequence[Model] | None = None,
    trace: list[Element] | None = None,
) -> Stream:
    """Take `data` apart and check all of it but the coded payloads. Raises BitstreamError.

    The parents must be among `references`. With None, they are asked for (REF_MISSING) only if the tensor table or the
    topology is inherited. With `trace`, every syntax element is appended to it as it is parsed.
    """
    reader, stream = read_headers(data, limits, references, trace)
    _read_slices(reader, stream)
    return stream


def read_headers(
    data: bytes | memoryview,
    limits: Limits = LEVELS[DEFAULT_LEVEL],
    references: Sequence[Model] | None = None,
    trace: list[Element] | None = None,
) -> tuple[UnitReader, Stream]:
    """All units before the slices, as by `read_stream`, and the reader that stands behind them."""
    reader, start, parameters = _read_front(data, limits, trace)
    parents = [] if references is None else resolve_parents(parameters.parents, references)
    graph, unit = _read_topology(reader, parameters, parents)
    unit = _expect(unit, UnitType.TENSOR_TABLE)
    own_topology = 0 if parameters.topology_parent else len(graph.data)
    records = _read_tensor_table(reader, unit, (start, parameters, parents), own_topology)
    check_records(records, parameters, start, reader.bounds)
    layouts = lay_out(records, parameters.group_count)
    return reader, Stream(start, reader.units, parameters, parents, graph, records, layouts)


@dataclass(frozen=True)
class Identity:
    """What a stream says of itself without any reference: the id of its model, those it needs, its own start."""

    content_id: bytes
    parents: tuple[bytes, ...]
    start: Start


def read_identity(data: bytes | memoryview, limits: Limits = LEVELS[DEFAULT_LEVEL]) -> Identity:
    """Identity of the stream `data`; CRCs are checked, tables are not read. Raises BitstreamError."""
    reader, start, parameters = _read_front(data, limits)
    unit = reader.next()
    while unit.unit_type != UnitType.END:
        unit = reader.next()
    end = parse_end_unit(unit, reader.session(unit, end_syntax.CLAUSE))
    parse_footer(reader.data, unit)
    return Identity(end.content_id, tuple(parameters.parents), start)


def find_end(ranges: Ranges, size: int, slices: int) -> tuple[End, int]:
    """The end unit of the stream of `size` bytes, found by the footer, and where it stands.

    Raises BitstreamError, also for a unit that is longer than one of so many `slices`, of which nothing is read then.
    """
    footer_offset = size - FOOTER_BYTES
    if footer_offset < 0:
        raise invalid(ErrorClass.TRUNCATED, "6.8", f"{size} bytes are less than a footer", size)
    unit_size = end_unit_size(bytes(ranges(footer_offset, FOOTER_BYTES)), footer_offset)
    end_offset = footer_offset - unit_size
    if end_offset < 0:
        what = f"the footer gives the end unit {unit_size} bytes, of {size}"
        raise invalid(ErrorClass.SIZE_MISMATCH, "6.8", what, footer_offset)
    if unit_size > end_syntax.longest_end_unit(slices):
        what = f"the footer gives the end unit {unit_size} bytes, more than the index of {slices} slices takes"
        raise invalid(ErrorClass.SIZE_MISMATCH, "6.8", what, footer_offset)
    with shifted(end_offset):
        unit = parse_unit(ranges(end_offset, unit_size), 0)
        if unit.unit_type != UnitType.END or unit.size != unit_size:
            raise invalid(ErrorClass.SIZE_MISMATCH, "6.8", "the footer does not lead to an end unit", 0)
        return parse_end_unit(unit, Session(unit.payload_offset, end_syntax.CLAUSE)), end_offset


def read_parents(data: bytes | memoryview, limits: Limits = LEVELS[DEFAULT_LEVEL]) -> tuple[bytes, ...]:
    """Content ids of the models that the stream `data` needs. Raises BitstreamError.

    What stands behind the model parameter set is not judged: decoding will do so, in the order of clause 7.
    """
    return tuple(_read_front(data, limits)[2].parents)


def _read_front(
    data: bytes | memoryview, limits: Limits, trace: list[Element] | None = None
) -> tuple[UnitReader, Start, ModelParameterSet]:
    view = memoryview(data).cast("B")
    start, position = parse_start(view, limits, trace)
    if start.model_count > 1:
        what = f"the stream is a set of {start.model_count} models; what was asked for reads streams of one"
        raise UnsupportedStreamError(ErrorClass.UNSUPPORTED_FEATURE, what, clause="6.9")
    reader = UnitReader(view, position, bounds_of(start.level, limits), trace)
    unit = _expect(reader.next(), UnitType.MODEL_PARAMETER_SET)
    parameters = parse_model_parameter_set(unit, reader.session(unit, model_parameter_set.CLAUSE))
    check_parameters(parameters, start, reader.bounds)
    return reader, start, parameters


def _expect(unit: Unit, unit_type: UnitType) -> Unit:
    if unit.unit_type != unit_type:
        what = f"unit type {unit.unit_type} where {unit_type.name} must stand"
        raise invalid(ErrorClass.UNIT_ORDER, "R-7.2.1", what, unit.offset)
    return unit


def _read_topology(
    reader: UnitReader, parameters: ModelParameterSet, parents: Sequence[Model]
) -> tuple[Topology, Unit]:
    """The topology and the unit behind it; a model without a topology of its own has no topology unit."""
    unit = reader.next()
    if parameters.topology_parent:
        return _parent(parameters, parents, parameters.topology_parent).topology, unit
    if unit.unit_type != UnitType.TOPOLOGY:
        return NO_TOPOLOGY, unit
    record = parse_topology_unit(unit, reader.session(unit, topology.CLAUSE))
    if record.topology_format == TopologyFormat.NONE:
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.2.2", "a topology unit of format NONE", unit.payload_offset)
    check_limit("body_size", record.body_size, reader.bounds.header_bytes)
    body = decode_body(record.body, record.header_coding, record.body_size, unit)
    return Topology(record.topology_format, body), reader.next()


def _parent(parameters: ModelParameterSet, parents: Sequence[Model], number: int) -> Model:
    """The parent that `number`, counted from 1, names; asked for where no references were given."""
    return (parents or resolve_parents(parameters.parents, ()))[number - 1]


def _read_tensor_table(
    reader: UnitReader, unit: Unit, context: tuple[Start, ModelParameterSet, Sequence[Model]], topology_size: int
) -> list[TensorRecord]:
    start, parameters, parents = context
    record = parse_tensor_table_unit(unit, reader.session(unit, tensor_table.CLAUSE))
    check_parent("table_parent", record.table_parent - 1, parameters)
    check_limit("body_size", record.body_size, reader.bounds.header_bytes - topology_size)
    body = decode_body(record.body, record.header_coding, record.body_size, unit)
    session = Session(0, tensor_table.CLAUSE, reader.trace, region="tensor table body")
    if record.header_coding == HeaderCoding.RAW:
        session = reader.session(unit, tensor_table.CLAUSE)
        session.base += len(unit.payload) - len(record.body)
    if record.table_parent == 0:
        return parse_tensor_records(body, start.tensor_count, session)
    parent = _parent(parameters, parents, record.table_parent)
    edits = parse_table_edits(body, start.tensor_count + len(parent.tensors), session)
    return apply_edits(parent, record.table_parent - 1, edits)


def decode_body(body: bytes, coding: HeaderCoding, size: int, unit: Unit) -> bytes:
    """9.1: the body of a topology or tensor table unit. Raises InvalidStreamError."""
    if coding == HeaderCoding.LZMA2:
        return decompress(body, size, unit.payload_offset)
    if len(body) != size:
        what = f"body_size is {size}, the unit holds {len(body)} bytes of body"
        raise invalid(ErrorClass.SIZE_MISMATCH, "9.1", what, unit.payload_offset)
    return body


class Coverage:
    """What slices have covered of every group so far: each must begin where the last one ended (R-7.2.4)."""

    def __init__(self, stream: Stream) -> None:
        self.covered = [0] * stream.parameters.group_count
        self.last_group = 0

    def add(self, header: SliceHeader, offset: int) -> None:
        """Count a slice. Raises InvalidStreamError where another must come."""
        group = header.slice_group
        if group < self.last_group or header.first_symbol != self.covered[group]:
            what = f"a slice of group {group} from symbol {header.first_symbol} where {self.covered[group]} comes next"
            raise invalid(ErrorClass.COVERAGE, "R-7.2.4", what, offset)
        self.last_group = group
        self.covered[group] += header.symbol_count


def _read_slices(reader: UnitReader, stream: Stream) -> None:
    coverage = Coverage(stream)
    while (unit := reader.next()).unit_type != UnitType.END:
        _expect(unit, UnitType.SLICE)
        part = read_slice(reader, unit, stream)
        coverage.add(part.header, part.unit_offset)
        stream.slices.append(part)
        check_limit("count of slices", len(stream.slices), reader.bounds.slices)
    stream.end = parse_end_unit(unit, reader.session(unit, end_syntax.CLAUSE))
    parse_footer(reader.data, unit, reader.trace)
    check_coverage(coverage.covered, stream.layouts)
    _check_index(stream)


def read_slice(reader: UnitReader, unit: Unit, stream: Stream) -> Slice:
    """The slice that `unit` holds. Raises BitstreamError."""
    header, payload = parse_slice_unit(unit, reader.session(unit, slice.CLAUSE))
    pieces = pieces_of(header, stream, reader.bounds, unit.payload_offset)
    payload_offset = unit.payload_offset + len(unit.payload) - len(payload)
    return Slice(header, pieces, payload, payload_offset, unit.offset, unit.size)


def pieces_of(header: SliceHeader, stream: Stream, bounds: Limits, offset: int) -> tuple[Piece, ...]:
    """The tensor parts of a slice. Raises BitstreamError where there are none such, or too many bytes of them."""
    if header.slice_group >= stream.parameters.group_count:
        what = f"slice group {header.slice_group} of {stream.parameters.group_count}"
        raise invalid(ErrorClass.VALUE_RANGE, "R-7.2.5", what, offset)
    layout = stream.layouts[header.slice_group]
    if header.symbol_count == 0 or header.first_symbol + header.symbol_count > layout.symbol_count:
        what = f"{header.symbol_count} symbols from {header.first_symbol} of the {layout.symbol_count} of its group"
        raise invalid(ErrorClass.COVERAGE, "R-7.2.4", what, offset)
    pieces = tuple(layout.pieces(header.first_symbol, header.symbol_count))
    check_limit("bytes of a slice", sum(piece.nbytes for piece in pieces), bounds.slice_bytes)
    return pieces


def _check_index(stream: Stream) -> None:
    if stream.end is None:
        return
    offset = stream.units[-1].payload_offset
    found = [(part.unit_offset, part.unit_size, part.header) for part in stream.slices]
    listed = [(entry.unit_offset, entry.unit_size, entry.header) for entry in stream.end.index]
    if found != listed:
        what = "the index of the end unit does not list the slices as they stand in the stream"
        raise invalid(ErrorClass.INDEX_MISMATCH, "R-7.2.6", what, offset)
