"""SPEC.md clause 7 (informative): what is inside a stream, and where its bytes go. Decodes no weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nncodec.errors import shifted
from nncodec.limits import DEFAULT_LEVEL, LEVELS, Limits
from nncodec.model import Model
from nncodec.quantisation import OFFSET_SCALE, step_of
from nncodec.set_decoder import SetReader
from nncodec.set_stream import Member
from nncodec.stream import Stream, read_identity, read_stream
from nncodec.syntax.descriptors import Element
from nncodec.syntax.tensor_table import TensorRecord
from nncodec.tables import UnitType


@dataclass(frozen=True)
class TensorInfo:
    """One record of the tensor table; `step` in units of the weights, None for an exact or copied tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    representation: str
    prediction: str
    slice_group: int | None
    step: float | None
    reconstruction_offset: float | None


@dataclass(frozen=True)
class UnitInfo:
    """One unit: its type, place and size in bytes, header and CRC included."""

    unit_type: str
    offset: int
    size: int


@dataclass(frozen=True)
class SliceInfo:
    """One slice: its group, how it is coded, its symbols and the bytes of its payload."""

    slice_group: int
    representation: str
    entropy_coder: str
    first_symbol: int
    symbol_count: int
    payload_bytes: int


@dataclass(frozen=True)
class StreamInfo:
    """Contents of a stream. `elements` is the syntax, element by element, in parse order."""

    size: int
    version: int
    profile: str
    level: int
    content_id: str
    parents: tuple[str, ...]
    topology_format: str
    topology_bytes: int
    element_count: int
    decoded_size: int
    tensors: tuple[TensorInfo, ...]
    units: tuple[UnitInfo, ...]
    slices: tuple[SliceInfo, ...]
    elements: tuple[Element, ...]

    @property
    def bits_per_weight(self) -> float:
        """All bits of the stream over all elements of the model; 0 for an empty model."""
        return 8 * self.size / self.element_count if self.element_count else 0.0


@dataclass(frozen=True)
class ModelInfo:
    """One model of a set: bytes of its stream; its parents, those in the set by name, the others by content id."""

    name: str
    size: int
    profile: str
    level: int
    content_id: str
    parents: tuple[str, ...]
    parents_outside: tuple[str, ...]
    element_count: int
    decoded_size: int


@dataclass(frozen=True)
class SetInfo:
    """Contents of a set of models. `elements` is the syntax of its own headers; those of its models are their own."""

    size: int
    profile: str
    level: int
    tensor_count: int
    element_count: int
    decoded_size: int
    models: tuple[ModelInfo, ...]
    elements: tuple[Element, ...]

    @property
    def bits_per_weight(self) -> float:
        """All bits of the set over all elements of its models; 0 for empty models."""
        return 8 * self.size / self.element_count if self.element_count else 0.0


def inspect_set(reader: SetReader) -> SetInfo:
    """What the set behind `reader` holds; of its models only what their headers say. Raises BitstreamError."""
    start, members = reader.start, reader.members
    return SetInfo(
        size=members[-1].offset + members[-1].size,
        profile=start.profile.name.lower(),
        level=start.level,
        tensor_count=start.tensor_count,
        element_count=start.element_count,
        decoded_size=start.decoded_size,
        models=tuple(_model_info(reader, member) for member in members),
        elements=reader.elements,
    )


def _model_info(reader: SetReader, member: Member) -> ModelInfo:
    with shifted(member.offset):
        identity = read_identity(reader.stream(member.name), reader.limits)
    parents = reader.parents(member.name)
    inside = {reader.content_id(parent) for parent in parents}
    return ModelInfo(
        name=member.name,
        size=member.size,
        profile=member.start.profile.name.lower(),
        level=member.start.level,
        content_id=identity.content_id.hex(),
        parents=tuple(parents),
        parents_outside=tuple(parent.hex() for parent in identity.parents if parent not in inside),
        element_count=member.start.element_count,
        decoded_size=member.start.decoded_size,
    )


def inspect(
    data: bytes | memoryview, references: Sequence[Model] | None = None, limits: Limits = LEVELS[DEFAULT_LEVEL]
) -> StreamInfo:
    """What the stream `data` holds; headers and CRCs are checked, weights are not decoded.

    An update may take its tensor table or topology from a parent: then `references` must hold it (REF_MISSING).
    Raises BitstreamError.
    """
    trace: list[Element] = []
    stream = read_stream(data, limits, references, trace)
    return StreamInfo(
        size=memoryview(data).nbytes,
        version=next(element.value for element in trace if element.path == "StartPrefix.version"),  # type: ignore[arg-type]
        profile=stream.start.profile.name.lower(),
        level=stream.start.level,
        content_id=stream.content_id.hex(),
        parents=tuple(parent.hex() for parent in stream.parameters.parents),
        topology_format=stream.topology.format.name.lower(),
        topology_bytes=len(stream.topology.data),
        element_count=stream.start.element_count,
        decoded_size=stream.start.decoded_size,
        tensors=tuple(_tensor_info(stream, record) for record in stream.records),
        units=tuple(UnitInfo(_unit_name(unit.unit_type), unit.offset, unit.size) for unit in stream.units),
        slices=tuple(_slice_infos(stream)),
        elements=tuple(trace),
    )


def _tensor_info(stream: Stream, record: TensorRecord) -> TensorInfo:
    coding = record.coding
    quantiser = stream.quantiser_of(record) if coding.has_levels else None
    return TensorInfo(
        name=record.name,
        dtype=record.dtype.name.lower(),
        shape=record.shape,
        representation="exact" if quantiser is None else "levels",
        prediction=coding.prediction.name.lower(),
        slice_group=coding.slice_group,
        step=None if quantiser is None else step_of(quantiser),
        reconstruction_offset=None if quantiser is None else quantiser.reconstruction_offset / OFFSET_SCALE,
    )


def _slice_infos(stream: Stream) -> Sequence[SliceInfo]:
    infos = []
    for part in stream.slices:
        group = stream.parameters.groups[part.header.slice_group]
        infos.append(
            SliceInfo(
                slice_group=part.header.slice_group,
                representation=group.representation.name.lower(),
                entropy_coder=group.entropy_coder.name.lower(),
                first_symbol=part.header.first_symbol,
                symbol_count=part.header.symbol_count,
                payload_bytes=len(part.payload),
            )
        )
    return infos


def _unit_name(unit_type: int) -> str:
    if unit_type in UnitType.__members__.values():
        return UnitType(unit_type).name.lower()
    return f"ancillary {unit_type}"
