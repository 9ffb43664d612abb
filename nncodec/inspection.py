"""SPEC.md clause 7 (informative): what is inside a stream, and where its bytes go. Decodes no weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nncodec.limits import DEFAULT_LEVEL, LEVELS, Limits
from nncodec.model import Model
from nncodec.quantisation import OFFSET_SCALE, step_of
from nncodec.stream import Stream, read_stream
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
