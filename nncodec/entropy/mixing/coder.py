"""SPEC.md clause 9.5.1: the payload of a slice under the mixing coder: areas of levels to bytes and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from nncodec.entropy.binarisation import Levels
from nncodec.entropy.mixing import contexts, engine, mixer, predictor, residual, tables
from nncodec.entropy.mixing.tensor import MARGIN, decode_tensor, encode_tensor
from nncodec.errors import EncodeError, ErrorClass, InvalidStreamError
from nncodec.kernel import sequence
from nncodec.tables import Trellis

CLAUSE = "9.5"

FRESH_ERROR: Final = 32
"""Mean error that the first row of a slice starts from: two levels."""

_CLASSES = 3
_USUAL_WORDS = 4
_MOST_WORDS = engine.LOOKAHEAD_WORDS


@dataclass(frozen=True)
class Area:
    """The part of one tensor that one slice holds: `count` levels from level `first` of a tensor of this shape.

    trellis: that of its levels, if they have one.
    """

    shape: tuple[int, ...]
    first: int
    count: int
    trellis: Trellis | None = None

    @property
    def spread(self) -> tuple[int, int, int, int]:
        """Clause 9.5.8: class, columns, plane and across: how the shape lays the levels out."""
        rank = len(self.shape)
        if rank < 2:
            total = max(self.shape[0] if rank else 1, 1)
            return 2, total, total, total
        columns = _product(self.shape[1:])
        if rank == 2:
            return 1, columns, columns, columns
        plane = _product(self.shape[2:])
        return (1, columns, columns, columns) if plane == 1 else (0, columns, plane, self.shape[-1])


class _Memory:
    """What the levels of a slice leave behind for the levels after them."""

    def __init__(self) -> None:
        cells = np.full(contexts.CELLS, mixer.FRESH_CELL, np.int32)
        cells[: contexts.TAIL].reshape(-1, contexts.PHASES)[:, residual.SUMMED] = mixer.FRESH_ODDS
        fixed = (
            tables.squash_table(),
            tables.pace_table().astype(np.int64),  # as wide as the products: loading them then takes no conversion
            tables.rate_table().astype(np.int64),
            tables.logarithm_table().astype(np.int8),
        )
        self.model = tuple(sequence(part) for part in (cells, *fixed))
        self.taps = [sequence(np.zeros(predictor.TAPS, np.int64)) for _ in range(_CLASSES)]
        self.carried = [sequence(np.array([FRESH_ERROR, 0, 0], np.int64)) for _ in range(_CLASSES)]

    def code(self, decoding: bool, levels: Any, area: Area, engine_state: tuple[Any, Any], end: int) -> int:
        """Code one area; returns how many of its levels were coded."""
        kind, columns, plane, across = area.spread
        trellis = area.trellis or (0, 0)  # without one the state stays 0
        lap = min(columns, area.count)
        numbers = np.array([area.count, area.first, columns, plane, across, *trellis], np.int64)
        near = sequence(np.zeros(lap + MARGIN + area.count, np.int32))
        errors = sequence(np.zeros(lap + MARGIN + area.count, np.int32))
        of_columns = sequence(np.zeros(lap, np.int32))
        kept = self.carried[kind], self.taps[kind]
        code = decode_tensor if decoding else encode_tensor
        done: int = code(levels, sequence(numbers), near, errors, of_columns, *kept, self.model, *engine_state, end)
        return done


def encode_areas(parts: Sequence[tuple[Levels, Area]]) -> bytes:
    """Payload of a slice of levels, each area's flat and int32."""
    total = sum(area.count for _, area in parts)
    payload = _encode(parts, _USUAL_WORDS * total + engine.LOOKAHEAD_WORDS)
    if payload is None:  # levels that no model of them fits: the room that is always enough
        payload = _encode(parts, _MOST_WORDS * (total + 1))
    if payload is None:
        raise EncodeError("the mixing coder needs more room than its levels can take")
    return payload


def _encode(parts: Sequence[tuple[Levels, Area]], room: int) -> bytes | None:
    memory = _Memory()
    coder, words = engine.start_encoding(room)
    for levels, area in parts:
        if memory.code(False, sequence(levels), area, (coder, words), room - engine.LOOKAHEAD_WORDS) < area.count:
            return None
    return engine.finish_encoding(coder, words)


def decode_areas(payload: memoryview, areas: Sequence[Area], offset: int) -> Levels:
    """The levels of a slice, area after area; `offset` is the payload's place in the stream, for messages.

    Raises InvalidStreamError (ENTROPY) where the payload is damaged, ends early or goes on.
    """
    if len(payload) % 2 or not payload:
        raise _error(f"{len(payload)} bytes are not a whole number of words, one or more", offset)
    memory = _Memory()
    coder, words = engine.start_decoding(payload)
    end = len(payload) // 2 + engine.START_WORDS - 1
    decoded, first = np.zeros(sum(area.count for area in areas), np.int32), 0
    for area in areas:
        its = decoded[first : first + area.count]
        levels = sequence(its)
        done = memory.code(True, levels, area, (coder, words), end)
        if done < area.count:
            raise _error(f"the payload is damaged or ends early, at level {area.first + done} of a tensor", offset)
        if levels is not its:
            its[:] = levels
        first += area.count
    if not engine.ends_well(coder, len(payload)):
        raise _error("the payload does not end with its last level", offset)
    return decoded


def _product(dims: Sequence[int]) -> int:
    return max(math.prod(dims), 1)


def _error(what: str, offset: int) -> InvalidStreamError:
    return InvalidStreamError(ErrorClass.ENTROPY, what, clause=CLAUSE, offset=offset)
