"""Streams made by hand from records, so that a test can break one thing and leave the rest as it was."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nncodec.model import Model, Tensor
from nncodec.syntax.door import build
from nncodec.syntax.end import End, IndexEntry, build_end
from nncodec.syntax.model_parameter_set import MODEL_PARAMETER_SET, ModelParameterSet, Quantiser, SliceGroup
from nncodec.syntax.slice import SliceHeader, build_slice_unit
from nncodec.syntax.start import Start, build_start
from nncodec.syntax.tensor_table import (
    TENSOR_TABLE_UNIT,
    ChannelMap,
    TableEdit,
    TensorCoding,
    TensorIdentity,
    TensorRecord,
    TensorTableUnit,
    Term,
    build_table_edits,
    build_tensor_records,
)
from nncodec.syntax.topology import TOPOLOGY_UNIT, TopologyUnit
from nncodec.syntax.units import build_unit
from nncodec.tables import (
    DType,
    EntropyCoder,
    HeaderCoding,
    LevelWidth,
    Prediction,
    Profile,
    Representation,
    StepKind,
    TopologyFormat,
    UnitType,
)

NUMPY_NAMES = {DType.FLOAT64: "<f8", DType.FLOAT32: "<f4", DType.FLOAT16: "<f2"}


def weights(
    name: str, shape: tuple[int, ...], seed: int = 0, scale: float = 0.05, dtype: DType = DType.FLOAT32
) -> Tensor:
    """A tensor of Gaussian weights; bfloat16 by cutting off the low half of binary32."""
    values = np.random.default_rng(seed).normal(0.0, scale, shape)
    if dtype == DType.BFLOAT16:
        return Tensor(name, dtype, shape, (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes())
    return Tensor(name, dtype, shape, values.astype(NUMPY_NAMES[dtype]).tobytes())


def tensor_of(name: str, values: Sequence[float] | np.ndarray, dtype: DType = DType.FLOAT32) -> Tensor:
    """A tensor of these values, in the shape of the array."""
    array = np.asarray(values, NUMPY_NAMES[dtype])
    return Tensor(name, dtype, array.shape, array.tobytes())


def decadic(q_bits: int, offset: int = 0, s_bits: int = 12) -> Quantiser:
    """The paper's quantiser."""
    return Quantiser(StepKind.DECADIC, s_bits, q_bits, None, None, offset)


def compact(code: int, offset: int = 0) -> Quantiser:
    """A step given by its code."""
    return Quantiser(StepKind.COMPACT, None, None, code, None, offset)


def group(quantiser: Quantiser | None = None, coder: EntropyCoder = EntropyCoder.RAW) -> SliceGroup:
    """A slice group: of levels with a quantiser, of exact words without."""
    return SliceGroup(Representation(quantiser is not None), coder, quantiser)


def record(name: str, dtype: DType, dims: Sequence[int], **fields: Any) -> TensorRecord:
    """A tensor record: exact, in slice group 0, unless `fields` say otherwise."""
    identity = TensorIdentity(name, dtype, len(dims), list(dims), None)
    coding = TensorCoding(Prediction.NONE, None, [], 0, LevelWidth.NONE, None, None)
    return changed(TensorRecord(identity, coding), **fields)


def changed(item: TensorRecord, **fields: Any) -> TensorRecord:
    """`item` with other fields of its identity or its coding; rank and term_count follow dims and terms."""
    fields |= {"rank": len(fields["dims"])} if "dims" in fields else {}
    fields |= {"term_count": len(fields["terms"])} if fields.get("terms") else {}
    identity = {name: fields.pop(name) for name in list(fields) if hasattr(item.identity, name)}
    return replace(item, identity=replace(item.identity, **identity), coding=replace(item.coding, **fields))


def mapping(axes: Sequence[int] = (), rows: Sequence[int] = (), columns: Sequence[int] = ()) -> ChannelMap:
    """A channel map with these codes as they stand in the syntax."""
    return ChannelMap(len(axes), list(axes), len(rows), list(rows), len(columns), list(columns))


def term(parent: int = 0, place: int = 0, channel_map: ChannelMap | None = None, gains: Sequence[float] = ()) -> Term:
    """A prediction term: the parent's tensor of the same name, as it is, unless said otherwise."""
    return Term(parent, place, channel_map is not None, channel_map, len(gains), list(gains))


def copy_record(name: str, dtype: DType, dims: Sequence[int], *terms: Term, **fields: Any) -> TensorRecord:
    """A tensor record of a copy."""
    coding = {"prediction": Prediction.COPY, "terms": list(terms) or [term()], "slice_group": None, "level_width": None}
    return record(name, dtype, dims, **coding, **fields)


def level_record(name: str, dims: Sequence[int], dtype: DType = DType.FLOAT32, **fields: Any) -> TensorRecord:
    """A tensor record with levels of 8 bits under the quantiser of its group."""
    return record(name, dtype, dims, **{"level_width": LevelWidth.INT8, "own_quantiser": False, **fields})


def _unchanged(units: list[bytes]) -> list[bytes]:
    return units


@dataclass(frozen=True)
class Draft:
    """A stream as records: change one with `dataclasses.replace`, then take `data`."""

    start: Start
    parameters: ModelParameterSet
    records: list[TensorRecord]
    slices: list[tuple[SliceHeader, bytes]]
    content_id: bytes
    topology: TopologyUnit | None = None
    table: dict[str, Any] = field(default_factory=dict)
    edits: list[TableEdit] | None = None
    end: dict[str, Any] = field(default_factory=dict)
    edit_units: Callable[[list[bytes]], list[bytes]] = _unchanged

    @property
    def data(self) -> bytes:
        """The bytes of the stream."""
        return b"".join([self.front, *self.units, self.back])

    @property
    def front(self) -> bytes:
        """The start."""
        return build_start(self.start)

    @property
    def units(self) -> list[bytes]:
        """All units but the last."""
        body = build_tensor_records(self.records) if self.edits is None else build_table_edits(self.edits)
        table = TensorTableUnit(int(self.edits is not None), HeaderCoding.RAW, len(body), body)
        units = [build_unit(UnitType.MODEL_PARAMETER_SET, build(MODEL_PARAMETER_SET, self.parameters))]
        if self.topology is not None:
            units.append(build_unit(UnitType.TOPOLOGY, build(TOPOLOGY_UNIT, self.topology)))
        units.append(build_unit(UnitType.TENSOR_TABLE, build(TENSOR_TABLE_UNIT, replace(table, **self.table))))
        units += [build_slice_unit(header, payload) for header, payload in self.slices]
        return self.edit_units(units)

    @property
    def back(self) -> bytes:
        """End unit and footer."""
        index, offset, headers = [], len(self.front), [header for header, _ in self.slices]
        for unit in self.units:
            if unit[0] == UnitType.SLICE and len(index) < len(headers):
                index.append(IndexEntry(offset, len(unit), headers[len(index)]))
            offset += len(unit)
        end = End(len(index), index, self.content_id)
        return build_end(replace(end, **self.end))

    def with_start(self, **fields: Any) -> Draft:
        """This draft with other fields of the start."""
        return replace(self, start=replace(self.start, **fields))

    def with_parameters(self, **fields: Any) -> Draft:
        """This draft with another parameter set; the counts follow the lists."""
        parameters = replace(self.parameters, **fields)
        counted = replace(parameters, parent_count=len(parameters.parents), group_count=len(parameters.groups))
        return replace(self, parameters=counted)

    def with_record(self, index: int, **fields: Any) -> Draft:
        """This draft with another tensor record."""
        records = list(self.records)
        records[index] = changed(records[index], **fields)
        return replace(self, records=records)

    def with_slice(self, index: int, payload: bytes | None = None, **fields: Any) -> Draft:
        """This draft with another slice."""
        slices = list(self.slices)
        header, coded = slices[index]
        slices[index] = (replace(header, **fields), coded if payload is None else payload)
        return replace(self, slices=slices)


LEVELS_OF_W = (1, -1, 0, 2, 3, -4)
VALUES_OF_W = np.array([0.001, -0.001, 0.0, 0.002, 0.003, -0.004], "<f4")
VALUES_OF_B = (-2, 0, 513)


def draft() -> Draft:
    """A valid stream: "w", FLOAT32 (2, 3), levels of step 10^-3; "b", INT16 (3), exact; a topology of three bytes."""
    records = [level_record("w", (2, 3)), record("b", DType.INT16, (3,), slice_group=1)]
    topology = TopologyUnit(TopologyFormat.ONNX, HeaderCoding.RAW, 3, b"abc")
    return Draft(
        start=Start(Profile.BASELINE, 0, 0, 0, 0, 1, len(records), 9, 30),
        parameters=ModelParameterSet(0, [], 0, 2, [group(decadic(9)), group()]),
        records=records,
        slices=[
            (SliceHeader(0, 0, 6), struct.pack("<6b", *LEVELS_OF_W)),
            (SliceHeader(1, 0, 3), b"\xff\x00\x02" + b"\xfe\x00\x01"),
        ],
        content_id=content_id_of_draft(),
        topology=topology,
    )


def content_id_of_draft() -> bytes:
    """Clause 5.3 for the model of `draft`, byte by byte."""

    def sha256(*parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(parts)).digest()

    w = sha256(b"NMC tensor\0", b"\x01\x02", struct.pack("<QQ", 2, 3), VALUES_OF_W.tobytes())
    b = sha256(b"NMC tensor\0", b"\x05\x01", struct.pack("<Q", 3), struct.pack("<3h", *VALUES_OF_B))
    topology = sha256(b"NMC topology\0", b"\x01", b"abc")
    names = (struct.pack("<I", 1) + b"w" + w, struct.pack("<I", 1) + b"b" + b)
    return sha256(b"NMC model\0", topology, struct.pack("<Q", 2), *names)


def same_tensors(left: Model, right: Model) -> bool:
    """Whether two models have the same tensors, bit for bit, in the same order, and the same topology."""
    return left.topology == right.topology and [
        (tensor.name, tensor.dtype, tensor.shape, bytes(tensor.data)) for tensor in left.tensors
    ] == [(tensor.name, tensor.dtype, tensor.shape, bytes(tensor.data)) for tensor in right.tensors]
