"""SPEC.md clause 8.5: the decoding process: bytes and reference models in, a model out.

The decoder makes no choices; it takes limits, never options that change a result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from nncodec.entropy.lzma2 import check_expansion
from nncodec.errors import ErrorClass, InvalidStreamError, UnknownNameError
from nncodec.layout import Piece, element_total, level_area, symbol_width, tensor_bytes
from nncodec.limits import DEFAULT_LEVEL, LEVELS, MAX_EXPANSION, Limits
from nncodec.memory import Octets, Releaser, release, viewed
from nncodec.model import Model, Tensor, TensorDigest, strings_are_well_formed
from nncodec.prediction import Predictor, WordPredictor, copied, predictor, referenced, word_predictor
from nncodec.sink import Gathered, Sink
from nncodec.slices import LevelPart, LevelTask, WordPart, WordTask, decode_slice
from nncodec.stream import Slice, Stream, read_stream
from nncodec.syntax.tensor_table import TensorIdentity, TensorRecord, Term
from nncodec.tables import TRELLISES, DType, EntropyCoder, LevelWidth, Prediction, Representation, Trellis
from nncodec.work import Work

Made = TypeVar("Made")


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

    Raises BitstreamError for any `data` that is not a valid stream within `limits`, UnknownNameError, which is
    a KeyError, for a name in `tensors` that the stream does not have.
    """
    stream = read_stream(data, limits, references)
    if tensors is not None:
        return decode_tensors(stream, tensors, work or Work())
    model = Model(decode_tensors(stream, None, work or Work()).tensors, stream.topology)
    check_content_id(stream, model.content_id)
    return model


def check_content_id(stream: Stream, content_id: bytes) -> None:
    """R-8.5.1: whether the decoded model, which has `content_id`, is the one that the stream says."""
    if content_id != stream.content_id:
        what = f"the decoded model has content id {content_id.hex()}, the stream says {stream.content_id.hex()}"
        raise InvalidStreamError(ErrorClass.CONTENT_ID, what, clause="R-8.5.1")


def decode_tensors(stream: Stream, names: Collection[str] | None, work: Work) -> Model:
    """The tensors called `names` (None: all) of a stream that holds the slices they need, without a topology.

    Those that were asked for get bytes of their own, lest they keep the memory of what was decoded with them.
    Raises BitstreamError, or UnknownNameError for a name that the stream does not have.
    """
    names = None if names is None else distinct(names)
    wanted = wanted_tensors(stream, names)
    gathered = Gathered()
    ids = decode_into(stream, wanted, gathered, work)
    records = [(place, stream.records[place]) for place in wanted]
    kept = gathered.data if names is None else lambda place: bytes(gathered.data(place))
    tensors = [
        Tensor(record.name, record.dtype, record.shape, kept(place)).known_as(ids[place])
        for place, record in records
        if names is None or record.name in names
    ]
    return Model(tuple(tensors))


def distinct(names: Iterable[str]) -> frozenset[str]:
    """The names, gone through once. Raises TypeError for a string, which is one name and not several."""
    if isinstance(names, str):
        raise TypeError(f"names must be a collection of strings, not the string {names!r}: write [{names!r}]")
    return frozenset(names)


def wanted_tensors(stream: Stream, names: Collection[str] | None) -> list[int]:
    """Places of the tensors called `names`, and of those that they are copies of."""
    if names is None:
        return list(range(len(stream.records)))
    missing = set(names) - {record.name for record in stream.records}
    if missing:
        raise UnknownNameError(f"the stream has no tensor {min(missing)!r}")
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


def decode_into(stream: Stream, wanted: Collection[int], sink: Sink, work: Work) -> dict[int, bytes]:
    """Decode the tensors at places `wanted` into `sink`; their content ids. Raises BitstreamError.

    Needs memory for a few slices, and for the references of one tensor that are cropped, padded or permuted.
    """
    decoding = _Decoding(stream, sink, work)
    try:
        decoding.slices(frozenset(wanted))
        for place in sorted(wanted):
            decoding.finish(place)
    finally:
        decoding.cancel()
    return decoding.ids


class _Decoding:
    """Tensors on their way from the slices of a stream to a sink."""

    def __init__(self, stream: Stream, sink: Sink, work: Work) -> None:
        self.ids: dict[int, bytes] = {}
        self._stream, self._sink, self._work = stream, sink, work
        self._hashing: dict[int, Future[bytes]] = {}
        self._predictors: dict[int, Predictor | WordPredictor | None] = {}
        self._digests: dict[int, TensorDigest] = {}
        self._strings: dict[int, list[bytes | memoryview]] = {}
        self._faults: dict[int, InvalidStreamError] = {}
        self._releaser = Releaser()
        self._rooms: dict[int, Octets] = {}
        self._wanted: frozenset[int] = frozenset()
        self._payload_bytes = sum(len(part.payload) for part in stream.slices)

    def slices(self, wanted: frozenset[int]) -> None:
        """Decode all slices with parts of `wanted`: these tensors are written, but for copies and empty ones."""
        self._wanted = wanted
        parts = [part for part in self._stream.slices if any(piece.tensor in wanted for piece in part.pieces)]
        sizes = [sum(piece.nbytes for piece in part.pieces) for part in parts]
        results = self._work.map(decode_slice, map(self._task, parts), sizes)
        for part, found in zip(parts, results, strict=True):
            for piece, data in zip(part.pieces, found, strict=True):
                if piece.tensor in self._rooms:
                    self._fill(piece, viewed(data))
                elif piece.tensor in wanted:
                    self._write(piece.tensor, viewed(data))
            self._releaser.used(part.payload)

    def finish(self, place: int) -> None:
        """What is left to do for a tensor when all slices are decoded."""
        record = self._stream.records[place]
        if place in self._faults:
            raise self._faults[place]
        if self._stream.is_own_copy(record):
            original = _original(self._stream, place)
            self.ids[place] = self.ids[original]
            self._sink.copy(place, original)
        elif record.coding.prediction == Prediction.COPY:
            tensor = _copy(record, _terms(self._stream, record))
            self.ids[place] = tensor.content_id
            self._sink.write(place, tensor.data)
            release(tensor.data)
        else:
            if place not in self._digests and place not in self._hashing:
                self._predictor(place)  # the tensor is empty, but its references may still be wrong
                self._write(place, b"")
            self.ids[place] = self._content_id(place)
            if record.dtype == DType.STRING:
                _check_strings(record, b"".join(self._strings.pop(place)))

    def cancel(self) -> None:
        """Have nobody hash what is not wanted any more."""
        for each in self._hashing.values():
            each.cancel()

    def _write(self, place: int, data: bytes | memoryview) -> None:
        record = self._stream.records[place]
        digest = self._digests.setdefault(place, TensorDigest(record.dtype, record.shape))
        digest.update(data)
        if record.dtype == DType.STRING:
            self._strings.setdefault(place, []).append(data)
        self._sink.write(place, data)

    def _fill(self, piece: Piece, data: bytes | memoryview) -> None:
        """Write a part of a tensor that has a room; when it is full, somebody may hash it while others decode."""
        record, room = self._stream.records[piece.tensor], self._rooms[piece.tensor]
        if self._work.threads is None:
            self._write(piece.tensor, data)
            return
        self._sink.write(piece.tensor, data)
        if (piece.start + piece.count) * piece.width == room.size:
            self._hashing[piece.tensor] = self._work.threads.submit(_hashed, record, room.data)

    def _content_id(self, place: int) -> bytes:
        return self._hashing.pop(place).result() if place in self._hashing else self._digests.pop(place).content_id()

    def _task(self, part: Slice) -> LevelTask | WordTask:
        stream = self._stream
        group = stream.parameters.groups[part.header.slice_group]
        coder, payload, offset = group.entropy_coder, part.payload, part.payload_offset
        if group.representation == Representation.EXACT:
            if coder == EntropyCoder.RANS:
                check_expansion(sum(piece.nbytes for piece in part.pieces), payload, offset)
            make = self._word_part if coder == EntropyCoder.RANS else self._word_part_without_exponents
            words = [make(piece) for piece in part.pieces]
            width, room = part.pieces[0].width, self._room(part) if coder == EntropyCoder.RANS else None
            return WordTask(payload, words, width, coder, offset, part.is_lost, room)
        trellis = TRELLISES.get(group.representation)
        levels = [self._level_part(piece, trellis) for piece in part.pieces]
        return LevelTask(payload, levels, coder, offset, trellis, part.is_lost)

    def _room(self, part: Slice) -> Octets | None:
        """Where the words of a slice of one tensor part belong, in a tensor of several parts.

        Such a tensor is not larger than its slices, which are there, can become (9.4).
        """
        for piece in part.pieces:
            record, is_wanted = self._stream.records[piece.tensor], piece.tensor in self._wanted
            size = tensor_bytes(record)
            if record.dtype == DType.STRING:
                continue  # what it holds is looked at when it is whole
            if is_wanted and piece.nbytes < size <= MAX_EXPANSION * self._payload_bytes:
                room = self._sink.room(piece.tensor, size)
                if room is not None:
                    self._rooms[piece.tensor] = room
        piece = part.pieces[0]
        room = self._rooms.get(piece.tensor)
        if len(part.pieces) > 1 or room is None or self._predictor(piece.tensor) is not None:
            return None
        return room[piece.start * piece.width :][: piece.nbytes]

    def _level_part(self, piece: Piece, trellis: Trellis | None) -> LevelPart:
        record = self._stream.records[piece.tensor]
        area, place = level_area(record, piece, trellis), piece.tensor
        found = self._later(place, lambda: (self._predictor(place), self._stream.quantiser_of(record)))
        predicted, quantiser = found or (None, None)
        part = predicted.cut(piece.start, piece.count) if isinstance(predicted, Predictor) else None
        return LevelPart(area, LevelWidth(piece.width), record.dtype, quantiser, part)

    def _word_part(self, piece: Piece) -> WordPart:
        predicted = self._predictor(piece.tensor)
        part = predicted.cut(piece.start, piece.count) if isinstance(predicted, WordPredictor) else None
        return WordPart(piece.count, self._stream.records[piece.tensor].dtype, part)

    def _word_part_without_exponents(self, piece: Piece) -> WordPart:
        """The same for a coder that is not told of predictions."""
        found = self._later(piece.tensor, lambda: self._word_part(piece))
        return found or WordPart(piece.count, self._stream.records[piece.tensor].dtype, None)

    def _later(self, place: int, make: Callable[[], Made]) -> Made | None:
        """8.5: what `make` gives; its errors are judged after all payloads, so None where it has one."""
        try:
            return make()
        except InvalidStreamError as error:
            self._faults.setdefault(place, error)
            return None

    def _predictor(self, place: int) -> Predictor | WordPredictor | None:
        """What predicts a tensor, if anything; made once, for the pieces of a tensor follow one another."""
        if place not in self._predictors:
            self._predictors = {place: _predictor(self._stream, self._stream.records[place])}
            self._releaser.all()
        return self._predictors[place]


def _hashed(record: TensorRecord, data: memoryview) -> bytes:
    digest = TensorDigest(record.dtype, record.shape)
    digest.update(data)
    return digest.content_id()


def _predictor(stream: Stream, record: TensorRecord) -> Predictor | WordPredictor | None:
    terms = _terms(stream, record)
    if not terms:
        return None
    if record.coding.has_levels:
        return predictor(terms, record.shape)
    return word_predictor(terms, record.dtype, record.shape, symbol_width(record.dtype))


def _check_strings(record: TensorRecord, data: bytes) -> None:
    if not strings_are_well_formed(data, element_total(record)):
        what = f"tensor {record.name!r} does not hold {element_total(record)} strings"
        raise InvalidStreamError(ErrorClass.SIZE_MISMATCH, what, clause="R-8.5.2")


def _original(stream: Stream, place: int) -> int:
    """The place of the tensor of the model of which that at `place` is a copy."""
    record = stream.records[place]
    term = record.coding.terms[0]
    original = term.reference_tensor - 1
    if not 0 <= original < place or term.mapped or not _is_alike(record.identity, stream.records[original].identity):
        what = f"tensor {record.name!r} cannot be a copy of tensor {original + 1} of the model"
        raise InvalidStreamError(ErrorClass.VALUE_RANGE, what, clause="R-8.3.6")
    return original


def _is_alike(one: TensorIdentity, other: TensorIdentity) -> bool:
    """Whether two tensors differ in nothing but their names."""
    return replace(one, name=other.name) == other


def _terms(stream: Stream, record: TensorRecord) -> list[tuple[Term, Tensor]]:
    """The terms of a tensor with the reference tensors that they name."""
    return [(term, referenced(term, record.name, stream.parents)) for term in record.coding.terms]


def _copy(record: TensorRecord, terms: Sequence[tuple[Term, Tensor]]) -> Tensor:
    term, reference = terms[0]
    tensor = copied(reference, term, record.name, record.shape)
    if reference.dtype != record.dtype or tensor.nbytes != tensor_bytes(record):
        what = f"tensor {record.name!r} is to be copied from one of another type or size"
        raise InvalidStreamError(ErrorClass.VALUE_RANGE, what, clause="R-8.3.4")
    return tensor
