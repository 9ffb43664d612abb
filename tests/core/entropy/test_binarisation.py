"""SPEC.md clause 9.2: symbols as bytes, both directions."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncodec.entropy.binarisation import (
    bytes_to_levels,
    levels_to_bytes,
    planes_to_words,
    smallest_width,
    words_to_planes,
)
from nncodec.tables import LevelWidth

CODES = {LevelWidth.INT8: "b", LevelWidth.INT16: "h", LevelWidth.INT32: "i"}


@st.composite
def parts(draw: st.DrawFn) -> list[tuple[list[int], LevelWidth]]:
    """Parts of levels, each within its width."""
    found = []
    for width in draw(st.lists(st.sampled_from(list(CODES)), max_size=5)):
        bound = 2 ** (8 * width - 1)
        found.append((draw(st.lists(st.integers(-bound, bound - 1), max_size=8)), width))
    return found


def as_arrays(found: list[tuple[list[int], LevelWidth]]) -> list[tuple[np.ndarray, LevelWidth]]:
    return [(np.array(levels, np.int32), width) for levels, width in found]


@given(parts())
def test_levels_become_little_endian_integers_of_their_width(found: list[tuple[list[int], LevelWidth]]) -> None:
    expected = b"".join(struct.pack(f"<{len(levels)}{CODES[width]}", *levels) for levels, width in found)
    assert levels_to_bytes(as_arrays(found)) == expected


@given(parts())
def test_bytes_become_the_same_levels(found: list[tuple[list[int], LevelWidth]]) -> None:
    data = levels_to_bytes(as_arrays(found))
    again = bytes_to_levels(data, [(len(levels), width) for levels, width in found])
    assert again.tolist() == [level for levels, _ in found for level in levels]
    assert again.dtype == np.int32


@given(st.binary(max_size=12).filter(lambda data: len(data) % 4 == 0), st.sampled_from(list(CODES)))
def test_any_bytes_are_levels_and_become_the_same_bytes(data: bytes, width: LevelWidth) -> None:
    levels = bytes_to_levels(data, [(len(data) // width, width)])
    assert levels_to_bytes([(levels, width)]) == data


BORDERS = [
    ([], LevelWidth.INT8),
    ([0], LevelWidth.INT8),
    ([127, -128], LevelWidth.INT8),
    ([128], LevelWidth.INT16),
    ([-129], LevelWidth.INT16),
    ([32767, -32768], LevelWidth.INT16),
    ([32768], LevelWidth.INT32),
    ([0, -32769, 0], LevelWidth.INT32),
    ([2**31 - 1, -(2**31)], LevelWidth.INT32),
]


@pytest.mark.parametrize(("levels", "width"), BORDERS)
def test_smallest_width_at_each_border(levels: list[int], width: LevelWidth) -> None:
    assert smallest_width(min(levels, default=0), max(levels, default=0)) == width


def test_level_beyond_32_bits_has_no_width() -> None:
    for level in (2**31, -(2**31) - 1):
        with pytest.raises(ValueError, match="32 bits"):
            smallest_width(min(level, 0), max(level, 0))


@given(st.sampled_from([1, 2, 4, 8]), st.binary(max_size=40))
def test_planes_hold_the_bytes_of_words_from_the_highest_down(width: int, data: bytes) -> None:
    data = data[: len(data) // width * width]
    planes = words_to_planes(data, width)
    assert planes == b"".join(data[place::width] for place in reversed(range(width)))
    assert planes_to_words(planes, width) == data


@given(st.sampled_from([1, 2, 4, 8]), st.binary(max_size=40))
def test_any_planes_are_words(width: int, planes: bytes) -> None:
    planes = planes[: len(planes) // width * width]
    assert words_to_planes(memoryview(planes_to_words(planes, width)), width) == planes


def test_planes_of_an_example() -> None:
    words = struct.pack("<2I", 0x01020304, 0xA1A2A3A4)
    assert words_to_planes(words, 4).hex() == "01a102a203a304a4"
