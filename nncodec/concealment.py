"""SPEC.md clause 8.7: what was lost with damaged slices, and what stands in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nncodec.layout import symbol_width
from nncodec.model import Model, Tensor
from nncodec.stream import Stream
from nncodec.tables import Prediction

Ranges = list[tuple[int, int]]
"""Bytes of the data of a tensor, from and to."""


@dataclass(frozen=True)
class Gap:
    """Bytes `start` to `stop` - 1 of the data of the tensor called `name` stood in a lost slice."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class Concealed:
    """What is left of a damaged stream: `model`, in which nothing but `gaps` differs from the model that was coded."""

    model: Model
    gaps: tuple[Gap, ...]


def conceal(stream: Stream, decoded: Sequence[Tensor]) -> Concealed:
    """The model of a stream of which all tensors are decoded, the symbols of lost slices being 0."""
    lost, tensors, gaps = _lost(stream), list(decoded), []
    for place, record in enumerate(stream.records):
        if stream.is_own_copy(record):
            original = record.coding.terms[0].reference_tensor - 1
            lost[place] = lost.get(original, [])
            tensors[place] = _with_data(tensors[place], tensors[original].data)
        elif place in lost and record.coding.prediction == Prediction.NONE:
            tensors[place] = _inherited(tensors[place], lost[place], stream.parents)
        gaps += [Gap(record.name, *between) for between in lost.get(place, [])]
    return Concealed(Model(tuple(tensors), stream.topology), tuple(gaps))


def _lost(stream: Stream) -> dict[int, Ranges]:
    """What lost slices held, by the place of the tensor."""
    found: dict[int, Ranges] = {}
    for piece in (piece for part in stream.slices if part.is_lost for piece in part.pieces):
        width = symbol_width(stream.records[piece.tensor].dtype)
        found.setdefault(piece.tensor, []).append((piece.start * width, (piece.start + piece.count) * width))
    return found


def _inherited(tensor: Tensor, lost: Ranges, parents: Sequence[Model]) -> Tensor:
    """`tensor` with what was lost as in the first parent that has the like."""
    for like in (parent.by_name.get(tensor.name) for parent in parents):
        if like is not None and (like.dtype, like.shape) == (tensor.dtype, tensor.shape):
            data = bytearray(tensor.data)
            for start, stop in lost:
                data[start:stop] = like.data[start:stop]
            return _with_data(tensor, bytes(data))
    return tensor


def _with_data(tensor: Tensor, data: bytes | memoryview) -> Tensor:
    return Tensor(tensor.name, tensor.dtype, tensor.shape, data)
