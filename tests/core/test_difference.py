"""SPEC.md clause 8.4: exact differences of words, against the pseudo-code of the clause, both ways."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.difference import add, differ
from nncodec.layout import symbol_width
from nncodec.tables import QUANTISABLE, DType

DTYPES = sorted(set(DType) - {DType.STRING})


def words(width: int) -> st.SearchStrategy[int]:
    """Any word, with zeros, infinities, NaN and extremes of that width often among them."""
    bits = 8 * width
    top = 1 << (bits - 1)
    special = {0, 1, top - 1, top, top + 1, 2 * top - 1}
    special |= {2: {0x7C00, 0xFC00, 0x7E01, 0x7F80}, 4: {0x7F800000, 0xFFC00001}, 8: {0x7FF << 52, 0xFFF8 << 48}}.get(
        width, set()
    )
    return st.one_of(st.sampled_from(sorted(special)), st.integers(0, 2 * top - 1))


def folded_by_hand(word: int, base: int, bits: int, *, quantisable: bool) -> int:
    top, mask = 1 << (bits - 1), (1 << bits) - 1

    def ordered(u: int) -> int:
        return u if not quantisable else ~u & mask if u & top else u | top

    difference = (ordered(word) - ordered(base)) & mask
    if quantisable and base & top:
        difference = -difference & mask
    return ((difference << 1) ^ (mask if difference & top else 0)) & mask


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(DTYPES), st.data())
def test_folded_differences_are_those_of_the_clause_and_come_back(dtype: DType, data: st.DataObject) -> None:
    width = symbol_width(dtype)
    pairs = data.draw(st.lists(st.tuples(words(width), words(width)), max_size=6))
    packed, base = (b"".join(pair[side].to_bytes(width, "little") for pair in pairs) for side in (0, 1))
    expected = [folded_by_hand(*pair, 8 * width, quantisable=dtype in QUANTISABLE) for pair in pairs]
    folded = differ(packed, base, dtype, width)
    assert [
        int.from_bytes(folded[place : place + width], "little") for place in range(0, len(folded), width)
    ] == expected
    assert add(folded, base, dtype, width) == packed


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(DTYPES), st.data())
def test_any_bytes_are_differences_of_some_words(dtype: DType, data: st.DataObject) -> None:
    width = symbol_width(dtype)
    folded, base = (b"".join(data.draw(words(width)).to_bytes(width, "little") for _ in range(3)) for _ in range(2))
    assert differ(memoryview(add(folded, base, dtype, width)), base, dtype, width) == folded


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_growth_by_one_step_looks_alike_on_both_sides_of_zero(sign: float) -> None:
    grown, base = (struct.pack("<f", sign * value) for value in (1.0 + 2.0**-23, 1.0))
    assert differ(grown, base, DType.FLOAT32, 4) == b"\2\0\0\0"
    assert differ(base, grown, DType.FLOAT32, 4) == b"\1\0\0\0"


def test_zeros_of_both_signs_are_neighbours() -> None:
    plus, minus = struct.pack("<f", 0.0), struct.pack("<f", -0.0)
    assert differ(minus, plus, DType.FLOAT32, 4) == b"\1\0\0\0"
    assert differ(plus, minus, DType.FLOAT32, 4) == b"\1\0\0\0"
