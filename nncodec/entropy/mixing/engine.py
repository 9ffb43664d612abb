"""SPEC.md clause 9.5.2: the arithmetic coder: decisions and raw bits to 16-bit words and back, one body for both.

The value is the low end of the interval when encoding, and how far the code lies above that end when decoding.
Invariants between decisions: 2^32 <= width < 2^48; encoding, value + width <= 2^49; decoding, value < width in every
stream that an encoder wrote. Once it is not, it stays at width or little above, and the end is refused. So signed 64
bits hold every number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from nncodec.kernel import index, inlined, sequence

VALUE, WIDTH, POSITION = range(3)
"""Where `coder`, the state of the arithmetic coder between tensors, holds what; the position counts words.

Kernels pass it along as a tuple of these three, which stays in registers, and give it back with their results.
"""

FULL_WIDTH: Final = (1 << 48) - 1
START_WORDS: Final = 3
"""Words that a decoder reads before the first decision; all but one of them lie behind the last word in the end."""

LOOKAHEAD_WORDS: Final = 64
"""Zero words behind a payload: more than one level can use up."""


@inlined
def code_bit(decoding, bit, probability, coder, words):  # type: ignore[no-untyped-def]
    """One decision whose `probability` of 1 is in 1/65536. Returns the bit; when decoding, `bit` is not looked at."""
    value, width, position = coder
    bound = (width >> 16) * probability
    if decoding:
        bit = 1 if value < bound else 0
    if bit:
        width = bound
    else:
        width -= bound
        value += -bound if decoding else bound
    if width < 1 << 32:
        return bit, shifted(decoding, value, width, position, words)
    return bit, (value, width, position)


@inlined
def code_raw(decoding, number, count, coder, words):  # type: ignore[no-untyped-def]
    """`count` (1 to 16) bits of equal probability as one number. Returns the number, as `code_bit`."""
    value, width, position = coder
    width >>= count
    if decoding:
        number = min(value // width, (1 << count) - 1)
        value -= number * width
    else:
        value += number * width
    if width < 1 << 32:
        return number, shifted(decoding, value, width, position, words)
    return number, (value, width, position)


@inlined
def shifted(decoding, value, width, position, words):  # type: ignore[no-untyped-def]
    """The coder after it took one word in (decoding) or put one out (encoding), its interval widened by as much."""
    if decoding:
        return min((value << 16) + words[index(position)], width << 16), width << 16, position + 1
    word = value >> 32
    words[index(position)] = word & 0xFFFF
    before = position
    while word > 0xFFFF:  # a carry, into words that are out already
        before -= 1
        word = words[before] + 1
        words[before] = word & 0xFFFF
    return (value & 0xFFFFFFFF) << 16, width << 16, position + 1


def start_encoding(room: int) -> tuple[Sequence[int], Sequence[int]]:
    """A fresh `coder`, and room for `room` words."""
    return sequence(np.array([0, FULL_WIDTH, 0], np.int64)), sequence(np.empty(room, np.uint16))


def finish_encoding(coder: Sequence[int], words: Sequence[int]) -> bytes:
    """The payload: the words that are out and one more, which names the least multiple of 2^32 in the interval."""
    last = int(coder[POSITION])
    out = np.array(words[: last + 1], np.uint16)
    word = -(-int(coder[VALUE]) >> 32)
    out[last] = word & 0xFFFF
    position = last
    while word > 0xFFFF:
        position -= 1
        word = int(out[position]) + 1
        out[position] = word & 0xFFFF
    return out.astype(">u2").tobytes()


def start_decoding(payload: bytes | memoryview) -> tuple[Sequence[int], Sequence[int]]:
    """A `coder` that holds the first words of `payload`, an even number of bytes, and all words of it."""
    words = np.zeros(len(payload) // 2 + LOOKAHEAD_WORDS, np.uint16)
    words[: len(payload) // 2] = np.frombuffer(payload, ">u2")
    code = int(words[0]) << 32 | int(words[1]) << 16 | int(words[2])
    return sequence(np.array([code, FULL_WIDTH, START_WORDS], np.int64)), sequence(words)


def ends_well(coder: Sequence[int], payload_bytes: int) -> bool:
    """Whether the decoder has used up the payload, and the payload is the one that an encoder writes."""
    used = 2 * (int(coder[POSITION]) - START_WORDS + 1)
    return used == payload_bytes and 0 <= int(coder[VALUE]) < 1 << 32
