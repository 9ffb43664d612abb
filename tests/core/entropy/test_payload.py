"""SPEC.md clause 9.4: the seam between symbols and payload, for every coder."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncodec.entropy.binarisation import levels_to_words, words_to_levels
from nncodec.entropy.mixing.coder import Area, encode_areas
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


@coders
@pytest.mark.parametrize("width", [1, 2, 4])
def test_words_come_back(coder: EntropyCoder, width: int) -> None:
    areas = [Area((2,), 0, 2), Area((5, 2), 0, len(WORDS) // width - 2)]
    payload = encode_words(memoryview(WORDS), width, coder, areas)
    assert decode_words(memoryview(payload), areas, width, coder, 0) == WORDS


def test_mixed_levels_that_stand_for_no_word_are_refused() -> None:
    area = Area((2,), 0, 2)
    payload = encode_areas([(np.array([0, 128], np.int32), area)])
    with pytest.raises(InvalidStreamError) as caught:
        decode_words(memoryview(payload), [area], 1, EntropyCoder.MIXING, 9)
    assert (caught.value.error_class, caught.value.clause) == (ErrorClass.ENTROPY, "9.2.3")


@given(st.binary(max_size=64), st.sampled_from([1, 2, 4]))
def test_words_are_levels_in_the_order_of_zigzag(data: bytes, width: int) -> None:
    data = data[: len(data) // width * width]
    numbers = [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]
    levels = words_to_levels(data, width)
    assert levels.tolist() == [number // 2 if number % 2 == 0 else -(number + 1) // 2 for number in numbers]
    assert levels_to_words(levels, width) == data


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
        decode_words(memoryview(payload), [Area((2,), 0, 2)], 4, EntropyCoder.LZMA2, 9)
