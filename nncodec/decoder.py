"""SPEC.md clause 8.5: the decoding process: bytes and reference models in, a model out.

The decoder makes no choices; it takes limits, never options that change a result.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nncodec.difference import add, exponents
from nncodec.entropy.lzma2 import check_expansion
from nncodec.entropy.mixing.coder import Area
from nncodec.entropy.payload import decode_levels, decode_words
from nncodec.entropy.rans.coder import WordArea
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.layout import Piece, element_total, level_area, symbol_width, tensor_bytes
from nncodec.limits import DEFAULT_LEVEL, LEVELS, Limits
from nncodec.model import Model, Tensor, strings_are_well_formed
from nncodec.prediction import copied, predict, predicted_words, reconstruct, referenced
from nncodec.quantisation import HalfLevels, half_levels
from nncodec.stream import Slice, Stream, read_stream
from nncodec.syntax.tensor_table import TensorIdentity, TensorRecord, Term
from nncodec.tables import DType, EntropyCoder, LevelWidth, Prediction, Representation
from nncodec.work import Work

CLAUSE = "8.5"


def decode(
    data: bytes | memoryview,
    references: Sequence[Model] = (),
    *,
    limits: Limits = LEVELS[DEFAULT_LEVEL],
    tensors: Collection[str] | None = None,
    work: Work | None = None,
) -> Model:
    """The model that the stream `data` holds, bit for bit the same on every machine.

    `references` are the models that the receiver holds; those that the stream is predicted from must be among them,
    named by content id. With `tensors`, only those tensors are decoded; the result then has no topology, and the
    content id of the whole model is not checked. `work` says how slices are decoded: by threads, for example.

    Raises BitstreamError for any `data` that is not a valid stream within `limits`, KeyError for a name in `tensors`
    that the stream does not have.
    """
    stream = read_stream(data, limits, references)
    if tensors is not None:
        return decode_tensors(stream, tensors, work or Work())
    model = Model(decode_tensors(stream, None, work or Work()).tensors, stream.topology)
    if model.content_id != stream.content_id:
        what = f"the decoded model has content id {model.content_id.hex()}, the stream says {stream.content_id.hex()}"
        raise InvalidStreamError(ErrorClass.CONTENT_ID, what, clause="R-8.5.1")
    return model


def decode_tensors(stream: Stream, names: Collection[str] | None, work: Work) -> Model:
    """The tensors called `names` (None: all) of a stream that holds the slices they need, without a topology.

    Raises BitstreamError, or KeyError for a name that the stream does not have.
    """
    wanted = wanted_tensors(stream, names)
    coded = _decode_slices(stream, wanted, work)
    for index in wanted:
        coded.finished[index] = _reconstruct(stream, index, coded)
    return Model(tuple(t for t in coded.finished.values() if names is None or t.name in names))


def wanted_tensors(stream: Stream, names: Collection[str] | None) -> list[int]:
    """Places of the tensors called `names`, and of those that they are copies of."""
    if names is None:
        return list(range(len(stream.records)))
    missing = set(names) - {record.name for record in stream.records}
    if missing:
        raise KeyError(f"the stream has no tensor {min(missing)!r}")
    wanted = {index for index, record in enumerate(stream.records) if record.name in names}
    for index in sorted(wanted, reverse=True):
        _add_originals(stream, index, wanted)
    return sorted(wanted)


def _add_originals(stream: Stream, index: int, wanted: set[int]) -> None:
    """Add the tensors of the model itself of which tensor `index` is a copy, in one step or several."""
    while stream.is_own_copy(stream.records[index]):
        original = stream.records[index].coding.terms[0].reference_tensor - 1
        if not 0 <= original < index:
            return  # reconstruction will say what is wrong
        wanted.add(original)
        index = original


class _Coded:
    """What the slices hold of each tensor: its words or its half levels, gathered piece by piece."""

    def __init__(self) -> None:
        self.words: dict[int, list[bytes]] = {}
        self.halves: dict[int, list[HalfLevels]] = {}
        self.finished: dict[int, Tensor] = {}
        self._predictions: dict[int, bytes] = {}

    def add_words(self, part: Slice, words: bytes) -> None:
        """Keep the words of a slice, tensor by tensor."""
        position = 0
        for piece in part.pieces:
            self.words.setdefault(piece.tensor, []).append(words[position : position + piece.nbytes])
            position += piece.nbytes

    def prediction_of(self, stream: Stream, index: int) -> bytes:
        """8.3.6: the prediction of an exact tensor, made once."""
        record = stream.records[index]
        if index not in self._predictions:
            terms = _terms(stream, record)
            self._predictions[index] = predicted_words(terms, record.dtype, record.shape)
        return self._predictions[index]

    def forget(self, index: int) -> None:
        """The tensor is finished: its prediction is not needed any more."""
        self._predictions.pop(index, None)


def _decode_slices(stream: Stream, wanted: Collection[int], work: Work) -> _Coded:
    coded, needed = _Coded(), set(wanted)
    parts = [part for part in stream.slices if any(piece.tensor in needed for piece in part.pieces)]
    sizes = [sum(piece.nbytes for piece in part.pieces) for part in parts]
    tasks = (_task(stream, part, coded) for part in parts)
    for part, symbols in zip(parts, work.map(decode_slice, tasks, sizes), strict=True):
        if isinstance(symbols, bytes):
            coded.add_words(part, symbols)
        else:
            for piece, halves in zip(part.pieces, symbols, strict=True):
                coded.halves.setdefault(piece.tensor, []).append(halves)
    return coded


@dataclass(frozen=True)
class LevelTask:
    """A slice of levels to be decoded; `offset` is the place of the payload in the stream."""

    payload: bytes
    parts: list[tuple[Area, LevelWidth]]
    coder: EntropyCoder
    offset: int
    trellis: bool


@dataclass(frozen=True)
class WordTask:
    """A slice of exact words of `width` bytes to be decoded."""

    payload: bytes
    areas: list[WordArea]
    width: int
    coder: EntropyCoder
    offset: int


def decode_slice(task: LevelTask | WordTask) -> list[HalfLevels] | bytes:
    """The half levels of a slice, part by part, or its words. Raises InvalidStreamError."""
    payload = memoryview(task.payload)
    if isinstance(task, WordTask):
        return decode_words(payload, task.areas, task.width, task.coder, task.offset)
    levels = decode_levels(payload, task.parts, task.coder, task.offset)
    return [half_levels(values, trellis=task.trellis) for values in levels]


def _task(stream: Stream, part: Slice, coded: _Coded) -> LevelTask | WordTask:
    group = stream.parameters.groups[part.header.slice_group]
    coder, payload = group.entropy_coder, bytes(part.payload)
    if group.representation == Representation.EXACT:
        uses_exponents = coder == EntropyCoder.RANS
        if uses_exponents:
            check_expansion(sum(piece.nbytes for piece in part.pieces), payload, part.payload_offset)
        areas = [_word_area(stream, piece, coded, uses_exponents=uses_exponents) for piece in part.pieces]
        return WordTask(payload, areas, part.pieces[0].width, coder, part.payload_offset)
    trellis = group.representation == Representation.TRELLIS
    parts = [
        (level_area(stream.records[piece.tensor], piece, trellis=trellis), LevelWidth(piece.width))
        for piece in part.pieces
    ]
    return LevelTask(payload, parts, coder, part.payload_offset, trellis)


def _word_area(stream: Stream, piece: Piece, coded: _Coded, *, uses_exponents: bool) -> WordArea:
    """What the entropy coder is told of a part of an exact tensor."""
    record = stream.records[piece.tensor]
    if not uses_exponents or record.coding.prediction != Prediction.REFERENCE:
        return WordArea(piece.count)
    found = exponents(coded.prediction_of(stream, piece.tensor), record.dtype, piece.width)
    return WordArea(piece.count, None if found is None else found[piece.start : piece.start + piece.count])


def _reconstruct(stream: Stream, index: int, coded: _Coded) -> Tensor:
    record = stream.records[index]
    coding = record.coding
    if stream.is_own_copy(record):
        return _copy(record, [_own_term(stream, index, coded)])
    terms = _terms(stream, record)
    if coding.prediction == Prediction.COPY:
        return _copy(record, terms)
    if coding.has_levels:
        data = _from_levels(stream, record, _joined(coded.halves.pop(index, [])), terms)
    else:
        data = b"".join(coded.words.pop(index, []))
        if terms:
            data = add(data, coded.prediction_of(stream, index), record.dtype, symbol_width(record.dtype))
            coded.forget(index)
    if record.dtype == DType.STRING and not strings_are_well_formed(data, element_total(record)):
        what = f"tensor {record.name!r} does not hold {element_total(record)} strings"
        raise InvalidStreamError(ErrorClass.SIZE_MISMATCH, what, clause="R-8.5.2")
    return Tensor(record.name, record.dtype, record.shape, data)


def _own_term(stream: Stream, index: int, coded: _Coded) -> tuple[Term, Tensor]:
    """The term of a copy within the model, and the tensor that it names, which is finished."""
    record = stream.records[index]
    term = record.coding.terms[0]
    place = term.reference_tensor - 1
    if not 0 <= place < index or term.mapped or not _is_alike(record.identity, stream.records[place].identity):
        what = f"tensor {record.name!r} cannot be a copy of tensor {place + 1} of the model"
        raise InvalidStreamError(ErrorClass.VALUE_RANGE, what, clause="R-8.3.6")
    return term, coded.finished[place]


def _is_alike(one: TensorIdentity, other: TensorIdentity) -> bool:
    """Whether two tensors differ in nothing but their names."""
    return replace(one, name=other.name) == other


def _terms(stream: Stream, record: TensorRecord) -> list[tuple[Term, Tensor]]:
    """The terms of a tensor with the reference tensors that they name."""
    return [(term, referenced(term, record.name, stream.parents)) for term in record.coding.terms]


def _joined(parts: list[HalfLevels]) -> HalfLevels:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _from_levels(
    stream: Stream, record: TensorRecord, halves: HalfLevels, terms: Sequence[tuple[Term, Tensor]]
) -> bytes:
    """8.3.4, with the quantiser and the prediction that the record asks for."""
    prediction = predict(terms, record.shape) if terms else None
    return reconstruct(halves, stream.quantiser_of(record), prediction, record.dtype)


def _copy(record: TensorRecord, terms: Sequence[tuple[Term, Tensor]]) -> Tensor:
    term, reference = terms[0]
    tensor = copied(reference, term, record.name, record.shape)
    if reference.dtype != record.dtype or tensor.nbytes != tensor_bytes(record):
        what = f"tensor {record.name!r} is to be copied from one of another type or size"
        raise InvalidStreamError(ErrorClass.VALUE_RANGE, what, clause="R-8.3.4")
    return tensor
