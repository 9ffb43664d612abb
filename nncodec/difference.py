"""SPEC.md clause 8.4: exact differences: the words of a tensor given the words of its prediction, and back.

Subtraction of integers, so that nothing is lost whatever the words mean. Floating-point words are first put into the
order of their values, so that near values have near integers; and the difference is turned towards the sign of the
prediction, so that growth and decay look alike on both sides of zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nncodec.folding import Words, fold, unfold
from nncodec.tables import EXPONENT_BITS, QUANTISABLE, DType

Exponents = npt.NDArray[np.uint16]

_WORD: dict[int, np.dtype[Any]] = {1: np.dtype("u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4"), 8: np.dtype("<u8")}


def differ(data: bytes | memoryview, predicted: bytes, dtype: DType, width: int) -> bytes:
    """8.4: folded differences of the `width`-byte words of `data` from those of `predicted`, as words."""
    words, base = _words(data, width), _words(predicted, width)
    turned = _is_negative(base, dtype)
    difference = _ordered(words, dtype) - _ordered(base, dtype)
    difference = np.where(turned, np.zeros_like(difference) - difference, difference)
    return fold(difference).tobytes()


def add(differences: bytes | npt.NDArray[np.uint8], predicted: bytes, dtype: DType, width: int) -> bytes:
    """Inverse of `differ`."""
    folded, base = _words(differences, width), _words(predicted, width)
    difference = unfold(folded)
    difference = np.where(_is_negative(base, dtype), np.zeros_like(difference) - difference, difference)
    return _restored(_ordered(base, dtype) + difference, dtype).tobytes()


def exponents(predicted: bytes, dtype: DType, width: int) -> Exponents | None:
    """8.4: the exponents of the words of a prediction; None where the type has none."""
    if dtype not in EXPONENT_BITS:
        return None
    return exponent_fields(_words(predicted, width), dtype, width)


def exponent_fields(words: Words, dtype: DType, width: int) -> Exponents:
    """The numbers in the bits below the sign of `width`-byte words of a quantisable type."""
    kind, bits = words.dtype.type, EXPONENT_BITS[dtype]
    return (words >> kind(8 * width - 1 - bits) & kind((1 << bits) - 1)).astype(np.uint16)


def _words(data: bytes | memoryview | npt.NDArray[np.uint8], width: int) -> Words:
    words: Words = np.frombuffer(data, _WORD[width])
    return words


def _top_bit(words: Words) -> np.unsignedinteger[Any]:
    top: np.unsignedinteger[Any] = words.dtype.type(1 << (8 * words.itemsize - 1))
    return top


def _is_negative(base: Words, dtype: DType) -> npt.NDArray[np.bool_]:
    if dtype not in QUANTISABLE:
        return np.zeros(base.shape, np.bool_)
    return np.asarray((base & _top_bit(base)) != 0)


def _ordered(words: Words, dtype: DType) -> Words:
    """8.4: sign-magnitude words as unsigned integers in the order of their values; other words as they are."""
    if dtype not in QUANTISABLE:
        return words
    return np.where((words & _top_bit(words)) != 0, ~words, words | _top_bit(words))


def _restored(ordered: Words, dtype: DType) -> Words:
    if dtype not in QUANTISABLE:
        return ordered
    return np.where((ordered & _top_bit(ordered)) != 0, ordered ^ _top_bit(ordered), ~ordered)
