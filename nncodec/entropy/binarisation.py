"""SPEC.md clause 9.2: binarisation: symbols as bytes, both directions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.folding import Words, fold, unfold_in_place
from nncodec.tables import LevelWidth

Levels = npt.NDArray[np.int32]

FOLDED_BYTES = 4
"""Bytes of the word that stands for a level (9.2.3)."""

_LEVEL_DTYPE: dict[LevelWidth, np.dtype[Any]] = {
    LevelWidth.INT8: np.dtype("i1"),
    LevelWidth.INT16: np.dtype("<i2"),
    LevelWidth.INT32: np.dtype("<i4"),
}


def smallest_width(low: int, high: int) -> LevelWidth:
    """The narrowest two's-complement integer that holds the levels from `low` to `high` (clause E.7)."""
    for width, dtype in _LEVEL_DTYPE.items():
        info = np.iinfo(dtype)
        if info.min <= low and high <= info.max:
            return width
    raise ValueError(f"levels from {low} to {high} do not fit 32 bits")


def levels_to_bytes(parts: Sequence[tuple[Levels, LevelWidth]]) -> bytes:
    """9.2.1: each part's levels as little-endian two's complement of the part's width, one part after another."""
    return b"".join(levels.astype(_LEVEL_DTYPE[width]).tobytes() for levels, width in parts)


def bytes_to_levels(data: bytes, parts: Sequence[tuple[int, LevelWidth]]) -> Levels:
    """Inverse of `levels_to_bytes`; each part is a count and a width, together as long as `data`."""
    levels = np.empty(sum(count for count, _ in parts), np.int32)
    first = position = 0
    for count, width in parts:
        values = np.frombuffer(data, _LEVEL_DTYPE[width], count, position)
        levels[first : first + count] = values
        first, position = first + count, position + values.nbytes
    return levels


def folded_to_levels(words: Words) -> Levels:
    """9.2.3: 32-bit words 0, 1, 2, 3, ... as levels 0, -1, 1, -2, ..., in place of them."""
    unfold_in_place(words)
    return words.view(np.int32)


def levels_to_folded(levels: Levels) -> Words:
    """Inverse of `folded_to_levels`."""
    return fold(levels.view(np.uint32))


def words_to_planes(data: bytes | memoryview, width: int) -> bytes:
    """9.2.2: the most significant byte of every word, then the next byte of every word, and so on."""
    return np.frombuffer(data, np.uint8).reshape(-1, width).T[::-1].tobytes()


def planes_to_words(data: bytes, width: int) -> bytes:
    """Inverse of `words_to_planes`."""
    return np.frombuffer(data, np.uint8).reshape(width, -1)[::-1].T.tobytes()
