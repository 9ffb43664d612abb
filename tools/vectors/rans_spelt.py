"""Payloads of the rANS coder (SPEC.md clause 9.6), each head spelt out bit by bit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tools.vectors.bases import THOUSANDTH
from tools.vectors.draft import Draft, Group
from tools.vectors.mixing import item_of
from tools.vectors.rans import with_payloads

DATA = bytes([0, 1, 0, 1])

Number = tuple[int, int]
"""A number and how it is written: in so many bits, or as a Golomb code (0)."""


def g(number: int) -> Number:
    """A Golomb code."""
    return number, 0


def s(number: int) -> Number:
    """A signed Golomb code."""
    return (-2 * number - 1 if number < 0 else 2 * number), 0


def bits(numbers: Iterable[Number]) -> bytes:
    """9.6.2: the numbers one behind the other, padded with 0."""
    text = ""
    for number, count in numbers:
        if count:
            text += format(number, f"0{count}b")[::-1]
        else:
            zeros = (number + 1).bit_length() - 1
            text += "0" * zeros + "1" + (format(number + 1 - 2**zeros, f"0{zeros}b")[::-1] if zeros else "")
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8][::-1], 2) for at in range(0, len(text), 8))


def state_of(places: Iterable[int], frequencies: tuple[int, int] = (128, 128)) -> int:
    """9.6.7 backwards: the state of a lane without words, of the tokens at `places` of a table of two."""
    state = 2**16
    for place in reversed(list(places)):
        frequency = frequencies[place]
        state = (state // frequency << 8) + state % frequency + frequencies[0] * place
    return state


@dataclass(frozen=True)
class Spelt:
    """The payload of `DATA` as bytes: FOLDED without mantissa, two tokens of one half each, one lane without words.

    Token 0 is the word 0, token 2 the word 1.
    """

    front: tuple[Number, ...] = ((0, 4), (0, 3), (0, 3), (0, 6))
    sets: Number = (0, 0)
    kind: tuple[Number, ...] = ((0, 2), (0, 3))
    sides: Number = (0, 0)
    thresholds: tuple[Number, ...] = (g(0),)
    tables: tuple[Number, ...] = (g(0),)
    table: tuple[Number, ...] = (g(1), g(0), s(0), g(1), s(0))
    areas: tuple[Number, ...] = ()
    words: tuple[Number, ...] = (s(0),)
    state: int = state_of(DATA)
    after: bytes = b""
    more: tuple[Number, ...] = field(default=())

    def payload(self) -> bytes:
        """The bytes."""
        numbers = [*self.front, self.sets, *self.kind, self.sides, *self.thresholds, *self.tables, *self.table]
        return bits([*numbers, *self.areas, *self.words, *self.more]) + self.state.to_bytes(4, "little") + self.after


ONE_TOKEN = (g(0), g(0), s(1))
"""A table of token 0 alone, the word 0: no symbol changes the state of its lane."""

ALL_ZERO = Spelt(table=ONE_TOKEN, state=2**16)
"""Symbols of 0, as many as there are."""

ROOM = 8192 * len(ALL_ZERO.payload())
"""9.4: the bytes of symbols that it may stand for."""


def zeros(count: int, width: int) -> Draft:
    """`count` levels of 0 with a level_width of `width` bytes."""
    item = replace(item_of("w", (count,), [0] * count, THOUSANDTH), width=width)
    return with_payloads([item], ALL_ZERO.payload(), group=Group(THOUSANDTH))
