"""SPEC.md clauses 9.1 and 9.3: LZMA2, as the standard library has it, with every size known beforehand.

One rule: the decoder never holds more than the size that was declared and checked, whatever the bytes say.
"""

from __future__ import annotations

import lzma
from enum import Enum
from typing import Any

from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.limits import MAX_EXPANSION

CLAUSE = "9.3"
_SMALLEST_DICTIONARY = 2**12
_LARGEST_DICTIONARY = 2**23


class Content(Enum):
    """What is compressed decides the encoder's fixed parameters (lc, lp, pb); the decoder needs none of them."""

    TEXT = (4, 0, 0)
    BYTE_PLANES = (0, 0, 0)
    LEVELS = (3, 1, 1)


def dictionary_size(size: int) -> int:
    """Dictionary of a payload that decodes to `size` bytes: the power of two that holds it, 4 KiB to 8 MiB."""
    return min(max(1 << max(size - 1, 0).bit_length(), _SMALLEST_DICTIONARY), _LARGEST_DICTIONARY)


def _filters(size: int, content: Content | None = None) -> list[dict[str, Any]]:
    lzma2: dict[str, Any] = {"id": lzma.FILTER_LZMA2, "dict_size": dictionary_size(size)}
    if content is not None:
        lc, lp, pb = content.value
        lzma2 |= {"preset": 9, "dict_size": dictionary_size(size), "lc": lc, "lp": lp, "pb": pb}
    return [lzma2]


def compress(data: bytes, content: Content) -> bytes:
    """Raw LZMA2 of `data`. The same bytes give the same result with the same version of liblzma."""
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=_filters(len(data), content))


def check_expansion(size: int, payload: bytes | memoryview, offset: int) -> None:
    """9.3: refuse a payload too short to hold `size` bytes, before memory is taken for them."""
    if size > MAX_EXPANSION * len(payload):
        raise _error(f"a payload of {len(payload)} bytes cannot hold {size} bytes", offset)


def decompress(payload: bytes | memoryview, size: int, offset: int) -> bytes:
    """The `size` bytes that `payload` decodes to; `offset` is its place in the stream, for messages.

    Raises InvalidStreamError (ENTROPY) where the payload is damaged, ends early, goes on, or cannot hold that much.
    """
    check_expansion(size, payload, offset)
    decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=_filters(size))
    try:
        data = decompressor.decompress(payload, max_length=size)
        if not decompressor.eof:
            # The end marker may still be unread; anything else that comes now is data beyond the declared size.
            data += decompressor.decompress(b"", max_length=1)
    except lzma.LZMAError as error:
        raise _error(f"the LZMA2 payload is damaged: {error}", offset) from None
    if len(data) != size:
        raise _error(f"the LZMA2 payload decodes to {len(data)} bytes or more, not to {size}", offset)
    if not decompressor.eof:
        raise _error("the LZMA2 payload has no end marker", offset)
    if decompressor.unused_data:
        raise _error(f"{len(decompressor.unused_data)} bytes follow the LZMA2 end marker", offset)
    return data


def _error(what: str, offset: int) -> InvalidStreamError:
    return InvalidStreamError(ErrorClass.ENTROPY, what, clause=CLAUSE, offset=offset)
