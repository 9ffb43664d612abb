"""SPEC.md clause 9.4: the seam between symbols and payload, for every coder."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncodec.encoder.rans_model import Material
from nncodec.entropy.binarisation import folded_to_levels, levels_to_folded
from nncodec.entropy.mixing.coder import Area
from nncodec.entropy.payload import WordSlice, decode_levels, decode_words, encode_levels, encode_words
from nncodec.entropy.rans.coder import WordArea
from nncodec.entropy.rans.coder import encode_words as encode_by_rans
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.tables import DType, EntropyCoder, LevelWidth
from tests.core.entropy.heads import head_of

coders = pytest.mark.parametrize("coder", [coder for coder in EntropyCoder if coder != EntropyCoder.RANS])
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
    assert again.tolist() == [1, -2, 127, -32768]


@pytest.mark.parametrize("coder", [EntropyCoder.RAW, EntropyCoder.LZMA2])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_words_come_back(coder: EntropyCoder, width: int) -> None:
    areas = [WordArea(2), WordArea(len(WORDS) // width - 2)]
    payload = encode_words(memoryview(WORDS), width, coder)
    assert decode_words(memoryview(payload), WordSlice(areas, width), coder, 0).tobytes() == WORDS


@pytest.mark.parametrize("width", [1, 2, 4])
def test_words_come_back_from_rans(width: int) -> None:
    words = np.frombuffer(WORDS, f"<u{width}").astype(np.uint32)
    material = Material(words, [WordArea(len(words))], width, DType.UINT8, is_fast=False)
    payload = encode_by_rans(words, material.areas, head_of(material))
    assert decode_words(memoryview(payload), WordSlice(material.areas, width), EntropyCoder.RANS, 0).tobytes() == WORDS


def test_levels_come_back_from_rans() -> None:
    words = levels_to_folded(np.concatenate([levels for levels, _, _ in LEVELS]))
    material = Material(words, [WordArea(3), WordArea(1)], 4, None, is_fast=False)
    payload = encode_by_rans(words, material.areas, head_of(material))
    again = decode_levels(memoryview(payload), PARTS, EntropyCoder.RANS, 0)
    assert again.tolist() == [1, -2, 127, -32768]


@pytest.mark.parametrize("coder", [EntropyCoder.RANS, EntropyCoder.MIXING])
def test_payload_too_short_for_its_symbols_is_refused_before_it_is_decoded(coder: EntropyCoder) -> None:
    with pytest.raises(InvalidStreamError, match="ENTROPY at byte 9: a payload of 2 bytes cannot hold"):
        decode_levels(memoryview(b"\0\0"), [(Area((20_000,), 0, 20_000), LevelWidth.INT32)], coder, 9)


@given(st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_levels_are_folded_in_the_order_of_zigzag(levels: list[int]) -> None:
    words = levels_to_folded(np.array(levels, np.int32))
    assert words.tolist() == [2 * level if level >= 0 else -2 * level - 1 for level in levels]
    assert folded_to_levels(words).tolist() == levels


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
        decode_words(memoryview(payload), WordSlice([WordArea(2)], 4), EntropyCoder.LZMA2, 9)
