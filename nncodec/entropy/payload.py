"""SPEC.md clause 9.4: the payload of a slice: the seam between symbols and entropy coded bytes.

A new entropy coder is one more branch here and one more file beside this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from nncodec.entropy import lzma2
from nncodec.entropy.binarisation import (
    Levels,
    bytes_to_levels,
    levels_to_bytes,
    levels_to_words,
    planes_to_words,
    words_to_levels,
    words_to_planes,
)
from nncodec.entropy.mixing.coder import Area, decode_areas, encode_areas
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.tables import EntropyCoder, LevelWidth

CLAUSE = "9.4"


def encode_levels(parts: Sequence[tuple[Levels, Area, LevelWidth]], coder: EntropyCoder) -> bytes:
    """Payload of a slice of levels."""
    if coder == EntropyCoder.MIXING:
        return encode_areas([(levels, area) for levels, area, _ in parts])
    return _encode(levels_to_bytes([(levels, width) for levels, _, width in parts]), lzma2.Content.LEVELS, coder)


def decode_levels(
    payload: memoryview, parts: Sequence[tuple[Area, LevelWidth]], coder: EntropyCoder, offset: int
) -> list[Levels]:
    """The levels of a slice, part by part. Raises InvalidStreamError."""
    size = sum(area.count * width for area, width in parts)
    lzma2.check_expansion(size, payload, offset)
    if coder == EntropyCoder.MIXING:
        return decode_areas(payload, [area for area, _ in parts], offset)
    counts = [(area.count, width) for area, width in parts]
    return bytes_to_levels(_decode(payload, size, coder, offset), counts)


def encode_words(data: bytes | memoryview, width: int, coder: EntropyCoder, areas: Sequence[Area] = ()) -> bytes:
    """Payload of a slice of exact words of `width` bytes; the mixing coder is told what `areas` they are."""
    if coder == EntropyCoder.MIXING:
        levels = words_to_levels(data, width)
        ends = list(accumulate(area.count for area in areas))
        return encode_areas([(levels[end - area.count : end], area) for area, end in zip(areas, ends, strict=True)])
    return _encode(words_to_planes(data, width), lzma2.Content.BYTE_PLANES, coder)


def decode_words(payload: memoryview, areas: Sequence[Area], width: int, coder: EntropyCoder, offset: int) -> bytes:
    """The bytes of a slice of exact words. Raises InvalidStreamError."""
    size = sum(area.count for area in areas) * width
    if coder != EntropyCoder.MIXING:
        return planes_to_words(_decode(payload, size, coder, offset), width)
    lzma2.check_expansion(size, payload, offset)
    words = levels_to_words(np.concatenate(decode_areas(payload, areas, offset)), width)
    if words is None:
        what = f"a level that stands for no word of {width} bytes"
        raise InvalidStreamError(ErrorClass.ENTROPY, what, clause="9.2.3", offset=offset)
    return words


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
