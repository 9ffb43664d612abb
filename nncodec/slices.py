"""SPEC.md clauses 8.2 to 8.4, 8.7: one slice, from its payload to the bytes of the tensor parts that it holds.

A slice is decoded by whoever is free: tasks and results can be pickled, and say nothing about the stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nncodec.difference import add, exponents
from nncodec.entropy.binarisation import Levels
from nncodec.entropy.mixing.coder import Area
from nncodec.entropy.payload import WordSlice, decode_levels, decode_words
from nncodec.entropy.rans.coder import WordArea
from nncodec.memory import Octets
from nncodec.prediction import Predictor, WordPredictor
from nncodec.reconstruction import Part, reconstructed
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import DType, EntropyCoder, LevelWidth, Trellis


@dataclass(frozen=True)
class LevelPart:
    """A tensor part with levels: what codes them, and what becomes of them; quantiser: None where nothing can."""

    area: Area
    width: LevelWidth
    dtype: DType
    quantiser: Quantiser | None
    prediction: Predictor | None


@dataclass(frozen=True)
class LevelTask:
    """A slice of levels to be decoded; `offset` is the place of the payload in the stream.

    is_lost: nothing of it is left; its symbols count as 0.
    """

    payload: bytes | memoryview
    parts: list[LevelPart]
    coder: EntropyCoder
    offset: int
    trellis: Trellis | None
    is_lost: bool

    def __getstate__(self) -> dict[str, object]:
        """For pickling: a view of the stream has to be copied then."""
        return vars(self) | {"payload": bytes(self.payload)}


@dataclass(frozen=True)
class WordPart:
    """A tensor part of `count` exact words."""

    count: int
    dtype: DType
    prediction: WordPredictor | None


@dataclass(frozen=True)
class WordTask:
    """A slice of exact words of `width` bytes to be decoded; offset, is_lost: as in `LevelTask`.

    room: where the words of the only part belong, if that is known and nothing predicts them. It need not be used.
    """

    payload: bytes | memoryview
    parts: list[WordPart]
    width: int
    coder: EntropyCoder
    offset: int
    is_lost: bool
    room: Octets | None = None

    def __getstate__(self) -> dict[str, object]:
        """As that of `LevelTask`; elsewhere there is no such room."""
        return vars(self) | {"payload": bytes(self.payload), "room": None}


def decode_slice(task: LevelTask | WordTask) -> list[bytes | Octets]:
    """The bytes of each tensor part of a slice. Raises InvalidStreamError."""
    return list(_from_words(task) if isinstance(task, WordTask) else _from_levels(task))


def _from_levels(task: LevelTask) -> list[bytes | Octets]:
    parts = [Part(part.area.count, part.dtype, part.quantiser, part.prediction) for part in task.parts]
    return reconstructed(_levels(task), parts, task.trellis)


def _levels(task: LevelTask) -> Levels:
    if task.is_lost:
        return np.zeros(sum(part.area.count for part in task.parts), np.int32)
    areas = [(part.area, part.width) for part in task.parts]
    return decode_levels(memoryview(task.payload), areas, task.coder, task.offset)


def _from_words(task: WordTask) -> Iterator[bytes | Octets]:
    predicted = [None if part.prediction is None else part.prediction.words() for part in task.parts]
    data = _words(task, predicted)
    for part, base, words in zip(task.parts, predicted, _cut(data, task), strict=True):
        yield words if base is None else add(words, base, part.dtype, task.width)


def _words(task: WordTask, predicted: Sequence[bytes | None]) -> Octets:
    if task.is_lost:
        return np.zeros(task.width * sum(part.count for part in task.parts), np.uint8)
    areas = [_area(part, words, task) for part, words in zip(task.parts, predicted, strict=True)]
    what = WordSlice(areas, task.width, task.room)
    return decode_words(memoryview(task.payload), what, task.coder, task.offset)


def _area(part: WordPart, predicted: bytes | None, task: WordTask) -> WordArea:
    """What the entropy coder is told of a part: under rANS, the exponents of its prediction."""
    if predicted is None or task.coder != EntropyCoder.RANS:
        return WordArea(part.count)
    return WordArea(part.count, exponents(predicted, part.dtype, task.width))


def _cut(data: Octets, task: WordTask) -> Sequence[bytes | Octets]:
    """The words of each part; `data` itself where there is one, not a copy."""
    if len(task.parts) == 1:
        return [data]
    words, position = [], 0
    for part in task.parts:
        end = position + part.count * task.width
        words.append(data[position:end].tobytes())
        position = end
    return words
