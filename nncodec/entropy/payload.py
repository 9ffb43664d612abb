"""SPEC.md clause 9.4: the payload of a slice: the seam between symbols and entropy coded bytes.

A new entropy coder is one more branch here and one more file beside this one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nncodec.entropy import lzma2
from nncodec.entropy.binarisation import (
    FOLDED_BYTES,
    Levels,
    bytes_to_levels,
    folded_to_levels,
    levels_to_bytes,
    planes_to_words,
    words_to_planes,
)
from nncodec.entropy.mixing.coder import Area, decode_areas, encode_areas
from nncodec.entropy.rans import coder as rans
from nncodec.entropy.rans.coder import WordArea
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.memory import Octets
from nncodec.tables import EntropyCoder, LevelWidth

CLAUSE = "9.4"


def encode_levels(parts: Sequence[tuple[Levels, Area, LevelWidth]], coder: EntropyCoder) -> bytes:
    """Payload of a slice of levels, under any coder but rANS, which needs a head."""
    if coder == EntropyCoder.MIXING:
        return encode_areas([(levels, area) for levels, area, _ in parts])
    return _encode(levels_to_bytes([(levels, width) for levels, _, width in parts]), lzma2.Content.LEVELS, coder)


def decode_levels(
    payload: memoryview, parts: Sequence[tuple[Area, LevelWidth]], coder: EntropyCoder, offset: int
) -> Levels:
    """The levels of a slice, part after part. Raises InvalidStreamError."""
    size = sum(area.count * width for area, width in parts)
    if coder in {EntropyCoder.MIXING, EntropyCoder.RANS}:
        lzma2.check_expansion(size, payload, offset)
    if coder == EntropyCoder.MIXING:
        return decode_areas(payload, [area for area, _ in parts], offset)
    if coder == EntropyCoder.RANS:
        areas = [WordArea(area.count) for area, _ in parts]
        return folded_to_levels(rans.decode_words(payload, areas, FOLDED_BYTES, offset))
    counts = [(area.count, width) for area, width in parts]
    return bytes_to_levels(_decode(payload, size, coder, offset), counts)


def encode_words(data: bytes | memoryview, width: int, coder: EntropyCoder) -> bytes:
    """Payload of a slice of exact words of `width` bytes, under LZMA2 or RAW."""
    return _encode(words_to_planes(data, width), lzma2.Content.BYTE_PLANES, coder)


@dataclass(frozen=True)
class WordSlice:
    """What a slice of exact words holds: `areas` of words of `width` bytes; room: where they may be put."""

    areas: Sequence[WordArea]
    width: int
    room: Octets | None = None

    @property
    def size(self) -> int:
        """Bytes of all words."""
        return sum(area.count for area in self.areas) * self.width


def decode_words(payload: memoryview, what: WordSlice, coder: EntropyCoder, offset: int) -> Octets:
    """The bytes of a slice of exact words, not to be written to. Raises InvalidStreamError."""
    width, room = what.width, what.room
    if coder != EntropyCoder.RANS:
        return np.frombuffer(planes_to_words(_decode(payload, what.size, coder, offset), width), np.uint8)
    lzma2.check_expansion(what.size, payload, offset)
    given = None if room is None or sys.byteorder == "big" else room.view(f"u{width}")
    words = rans.decode_words(payload, what.areas, width, offset, given).astype(f"<u{width}", copy=False)
    octets = words.view(np.uint8)
    octets.flags.writeable = False
    return octets


def _encode(data: bytes, content: lzma2.Content, coder: EntropyCoder) -> bytes:
    if coder == EntropyCoder.LZMA2:
        return lzma2.compress(data, content)
    return data


def _decode(payload: memoryview, size: int, coder: EntropyCoder, offset: int) -> bytes:
    if coder == EntropyCoder.LZMA2:
        return lzma2.decompress(payload, size, offset)
    if len(payload) != size:
        what = f"a raw payload of {len(payload)} bytes, {size} are needed"
        raise InvalidStreamError(ErrorClass.SIZE_MISMATCH, what, clause=CLAUSE, offset=offset)
    return bytes(payload)
