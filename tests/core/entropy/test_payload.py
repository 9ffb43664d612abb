"""SPEC.md clause 9.4: the seam between symbols and payload, for every coder."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from nncodec.entropy.mixing.coder import Area
from nncodec.entropy.payload import decode_levels, decode_words, encode_levels, encode_words
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.tables import EntropyCoder, LevelWidth

coders = pytest.mark.parametrize("coder", EntropyCoder)
AREAS = [Area((3,), 0, 3), Area((2, 2), 1, 1)]
LEVELS = [
    (np.array([1, -2, 127], np.int32), AREAS[0], LevelWidth.INT8),
    (np.array([-32768], np.int32), AREAS[1], LevelWidth.INT16),
]
PARTS = [(AREAS[0], LevelWidth.INT8), (AREAS[1], LevelWidth.INT16)]
WORDS = struct.pack("<3I", 1, 2, 0x01020304)


@coders
def test_levels_come_back(coder: EntropyCoder) -> None:
    payload = encode_levels(LEVELS, coder)
    again = decode_levels(memoryview(payload), PARTS, coder, 0)
    assert [levels.tolist() for levels in again] == [[1, -2, 127], [-32768]]


@pytest.mark.parametrize("coder", [EntropyCoder.RAW, EntropyCoder.LZMA2])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_words_come_back(coder: EntropyCoder, width: int) -> None:
    payload = encode_words(memoryview(WORDS), width, coder)
    assert decode_words(memoryview(payload), len(WORDS), width, coder, 0) == WORDS


def test_raw_payload_is_the_binarisation() -> None:
    assert encode_levels(LEVELS, EntropyCoder.RAW).hex() == "01fe7f" + "0080"
    assert encode_words(WORDS, 4, EntropyCoder.RAW).hex() == "000001" + "000002" + "000003" + "010204"


@pytest.mark.parametrize("change", [-1, 1])
def test_raw_payload_of_another_size_is_refused(change: int) -> None:
    payload = bytes(5 + change)
    with pytest.raises(InvalidStreamError) as caught:
        decode_levels(memoryview(payload), PARTS, EntropyCoder.RAW, 9)
    assert (caught.value.error_class, caught.value.clause) == (ErrorClass.SIZE_MISMATCH, "9.4")
    assert caught.value.offset == 9


def test_lzma2_payload_of_another_size_is_refused() -> None:
    payload = encode_words(WORDS, 4, EntropyCoder.LZMA2)
    with pytest.raises(InvalidStreamError, match="ENTROPY"):
        decode_words(memoryview(payload), len(WORDS) - 4, 4, EntropyCoder.LZMA2, 9)
