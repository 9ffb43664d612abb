"""SPEC.md clause 9.6.5: words as tokens, which are entropy coded, and raw bits.

A token tells how large a word is, roughly; the raw bits tell the rest, of which nothing is known. Every token has an
origin, a factor and a width: its words are origin + factor * raw, for every raw number of that width.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nncodec.entropy.rans import kernels
from nncodec.entropy.rans.narrow import looked_up
from nncodec.kernel import numba

Words = npt.NDArray[np.unsignedinteger[Any]]
Tokens = npt.NDArray[np.uint16]
Integers = npt.NDArray[np.int64]

MAX_CLASS: Final = 63
MOST_TOLD: Final = 13
"""Bits of a FLOATING word that its token holds, at most."""

_MOST_TABULATED = 1 << 16
_BLOCK = 1 << 16
"""Words that are told apart at a time: on the way each takes several times its own size."""


class Kind(IntEnum):
    """How words are read."""

    FOLDED = 0
    SIGNED = 1
    FLOATING = 2
    PALETTE = 3


@dataclass(frozen=True)
class Binarisation:
    """How the words of a set of areas become tokens.

    width: bytes of a word. mantissa: bits behind the leading one (FOLDED, SIGNED), or below the exponent (FLOATING),
    that the token holds. low: bits of a FLOATING word below its token; zeros: how many of these, from the lowest, are
    always 0. palette: the words that occur, ascending.
    """

    kind: Kind
    width: int
    mantissa: int = 0
    low: int = 0
    zeros: int = 0
    palette: tuple[int, ...] = ()

    @property
    def bits(self) -> int:
        """Bits of a word."""
        return 8 * self.width

    @property
    def alphabet(self) -> int:
        """Number of tokens."""
        if self.kind == Kind.PALETTE:
            return len(self.palette)
        if self.kind == Kind.FLOATING:
            return 1 + (1 << (self.bits - self.low))
        return 2 + 2 * ((self.bits - 1) << self.mantissa)

    @property
    def fits(self) -> bool:
        """Whether the bits below a FLOATING token are within the word, and the tokens not too many."""
        return self.kind != Kind.FLOATING or self.zeros <= self.low < self.bits <= self.low + MOST_TOLD

    def classes(self) -> Integers:
        """The class of every token: the length of a number, or an exponent; 0 for the token 0, MAX_CLASS at most."""
        tokens = np.arange(self.alphabet)
        if self.kind == Kind.PALETTE:
            return np.zeros_like(tokens)
        classes = (((tokens - 1) >> 1) >> self.mantissa) + 1
        return np.where(tokens == 0, 0, np.minimum(classes, MAX_CLASS))

    def widths(self) -> Integers:
        """How many raw bits go with every token."""
        tokens = np.arange(self.alphabet)
        if self.kind == Kind.PALETTE:
            return np.zeros_like(tokens)
        if self.kind == Kind.FLOATING:
            return np.where(tokens == 0, 0, self.low - self.zeros)
        behind = ((tokens - 1) >> 1) >> self.mantissa
        is_least = tokens == self.alphabet - 1
        return np.where((tokens == 0) | is_least, 0, np.maximum(behind - self.mantissa, 0))

    def origins(self, base: int) -> Words:
        """The word of every token whose raw bits are 0; `base` is added to exponents (FLOATING)."""
        kind = work_dtype(self.width).type
        if self.kind == Kind.PALETTE:
            return np.array(self.palette, kind)
        tokens = np.arange(self.alphabet)
        cores, negative = np.maximum(tokens - 1, 0) >> 1, ((tokens - 1) & 1).astype(kind)
        if self.kind == Kind.FLOATING:
            around = (1 << (self.bits - 1 - self.low)) - 1
            tops = ((cores + (base << self.mantissa)) & around).astype(kind)
            origins: Words = tops << kind(self.low) | negative << kind(self.bits - 1)
        else:
            origins = self._number_origins(cores, negative)
        return np.where(tokens == 0, kind(0), origins)

    def _number_origins(self, cores: Integers, negative: Words) -> Words:
        """Those of the kinds that are numbers; the last token is the least number, which has no opposite."""
        kind = negative.dtype.type
        behind, told = cores >> self.mantissa, cores & ((1 << self.mantissa) - 1)
        tops = ((1 << self.mantissa) + told).astype(kind) >> np.maximum(self.mantissa - behind, 0).astype(kind)
        magnitudes = tops << np.maximum(behind - self.mantissa, 0).astype(kind)
        magnitudes[-1], least = 0, (1 << self.bits) - 1 if self.kind == Kind.FOLDED else 1 << (self.bits - 1)
        if self.kind == Kind.FOLDED:
            origins: Words = (magnitudes << kind(1)) - negative
        else:
            origins = np.where(negative != 0, kind(0) - magnitudes, magnitudes) & kind((1 << self.bits) - 1)
        origins[-1] = least
        return origins

    def uppers(self) -> Tokens:
        """What stands above bit `low` of a FLOATING word, by its token, where the base is 0; not for the token 0."""
        tokens = np.arange(self.alphabet)
        cores, negative = np.maximum(tokens - 1, 0) >> 1, (tokens - 1) & 1
        return (cores | negative << (self.bits - 1 - self.low)).astype(np.uint16)

    def factors(self) -> Words:
        """What a raw number is multiplied by, token by token."""
        kind = work_dtype(self.width).type
        factors = np.full(self.alphabet, 1, kind)
        if self.kind == Kind.FLOATING:
            factors[:] = 1 << self.zeros
        elif self.kind == Kind.FOLDED:
            factors[:] = 2
        elif self.kind == Kind.SIGNED:
            factors[2::2] = np.iinfo(kind).max  # less it, modulo a power of two
        return factors


def work_dtype(width: int) -> np.dtype[Any]:
    """The unsigned type that words of `width` bytes are handled in."""
    return np.dtype("u8") if width == 8 else np.dtype("u4")


def tokens_of(words: Words, how: Binarisation, base: int) -> Tokens:
    """The token of each word; `base` is taken from exponents (FLOATING)."""
    if how.kind == Kind.PALETTE or numba() is None:
        return tokenise(words, how, base)[0]
    if how.kind != Kind.FLOATING:
        table = _number_table(words, how)
        return _told_apart(words, how)[0] if table is None else looked_up(table[0], words)
    around, tokens = (1 << (how.bits - 1 - how.low)) - 1, np.empty(words.size, np.uint16)
    kernels.tokens_of_floats(words, how.low, (base << how.mantissa) & around, around, how.bits - 1, tokens)
    return tokens


def tokenise(words: Words, how: Binarisation, base: int) -> tuple[Tokens, Words]:
    """The token and the raw bits of each word; `base` is taken from exponents (FLOATING)."""
    words = words.astype(work_dtype(how.width), copy=False)
    if how.kind == Kind.PALETTE:
        places = np.searchsorted(np.array(how.palette, words.dtype), words)
        return places.astype(np.uint16), np.zeros_like(words)
    if how.kind == Kind.FLOATING:
        return _floating_tokens(words, how, base)
    table = _number_table(words, how)
    if table is None:
        return _told_apart(words, how)
    return looked_up(table[0], words), looked_up(table[1], words)


def _told_apart(words: Words, how: Binarisation) -> tuple[Tokens, Words]:
    """Token and raw bits of words that are numbers, block by block."""
    kind = work_dtype(how.width)
    tokens, raw = np.empty(words.size, np.uint16), np.empty(words.size, kind)
    for start in range(0, words.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        tokens[part], raw[part] = _number_parts(words[part].astype(kind, copy=False), how)
    return tokens, raw


def _number_table(words: Words, how: Binarisation) -> tuple[Tokens, Words] | None:
    """Token and raw bits of every word up to the greatest of some that are numbers; None where they are fewer."""
    most = int(words.max(initial=0))
    if most >= min(_MOST_TABULATED, words.size):
        return None
    return _number_parts(np.arange(most + 1, dtype=work_dtype(how.width)), how)


def _number_parts(words: Words, how: Binarisation) -> tuple[Tokens, Words]:
    """Token and raw bits of words that are numbers."""
    kind = words.dtype.type
    if how.kind == Kind.FOLDED:
        negative, magnitudes = words & kind(1), (words >> kind(1)) + (words & kind(1))
    else:
        negative = words >> kind(how.bits - 1)
        magnitudes = np.where(negative != 0, (kind(0) - words) & kind((1 << how.bits) - 1), words)
    return _number_tokens(magnitudes, negative, how)


def _floating_tokens(words: Words, how: Binarisation, base: int) -> tuple[Tokens, Words]:
    kind = words.dtype.type
    around = kind((1 << (how.bits - 1 - how.low)) - 1)
    shifted = kind((base << how.mantissa) & int(around))
    cores = ((words >> kind(how.low)) - shifted) & around
    tokens = ((cores << kind(1)) + (words >> kind(how.bits - 1)) + kind(1)).astype(np.uint16)
    tokens *= words != 0
    return tokens, (words & kind((1 << how.low) - 1)) >> kind(how.zeros)


def _number_tokens(magnitudes: Words, negative: Words, how: Binarisation) -> tuple[Tokens, Words]:
    """Length and the bits behind the leading one; and the bits below."""
    kind, mantissa = magnitudes.dtype.type, how.mantissa
    behind = np.maximum(_lengths(magnitudes) - 1, 0)
    spare = np.maximum(behind - mantissa, 0).astype(magnitudes.dtype)
    told = magnitudes >> spare << np.maximum(mantissa - behind, 0).astype(magnitudes.dtype)
    cores = (behind << mantissa) + (told & kind((1 << mantissa) - 1)).astype(np.int64)
    tokens = 2 * cores + negative.astype(np.int64) + 1
    raw = magnitudes & ((kind(1) << spare) - kind(1))
    is_least = behind == how.bits - 1
    tokens = np.where(is_least, how.alphabet - 1, np.where(magnitudes == 0, 0, tokens))
    return tokens.astype(np.uint16), np.where(is_least, kind(0), raw)


def _lengths(magnitudes: Words) -> Integers:
    """Number of bits of each magnitude; 0 for 0."""
    lengths = np.frexp(magnitudes.astype(np.float64))[1].astype(np.int64)
    if magnitudes.dtype.itemsize == 8:  # beyond 2^53 the conversion may have rounded up to the next power of two
        shift = np.maximum(lengths - 1, 0).astype(magnitudes.dtype)
        lengths -= (magnitudes >> np.minimum(shift, magnitudes.dtype.type(63)) == 0) & (lengths > 0)
    return lengths
