"""SPEC.md clause 7.2: the symbol sequence of a slice group, against a list that names every symbol."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nncodec.layout import GroupLayout, Piece, Segment, extent, lay_out, symbol_width, tensor_bytes
from nncodec.syntax.tensor_table import TensorRecord
from nncodec.tables import DTYPE_BITS, DType, LevelWidth
from tests.core.handmade import copy_record, level_record, record

Symbol = tuple[int, int, int]
"""Tensor, position in the tensor, width."""

WIDTHS = st.sampled_from([1, 2, 4, 8])
COUNTS = st.one_of(st.just(0), st.integers(0, 5), st.integers(0, 40))


def layout_of(tensors: list[tuple[int, int]]) -> GroupLayout:
    """A layout of tensors 10, 11, ... with these counts and widths."""
    first, segments = 0, []
    for index, (count, width) in enumerate(tensors):
        segments.append(Segment(10 + index, first, count, width))
        first += count
    return GroupLayout(tuple(segments))


def all_symbols(tensors: list[tuple[int, int]]) -> list[Symbol]:
    return [(10 + index, place, width) for index, (count, width) in enumerate(tensors) for place in range(count)]


def symbols_in(pieces: list[Piece]) -> list[Symbol]:
    return [
        (piece.tensor, place, piece.width)
        for piece in pieces
        for place in range(piece.start, piece.start + piece.count)
    ]


@settings(max_examples=200)
@given(st.lists(st.tuples(COUNTS, WIDTHS), max_size=12), st.data())
@example([(0, 1), (0, 2), (3, 1), (0, 1), (0, 4), (2, 2), (0, 1)], None)
def test_pieces_are_exactly_the_symbols_asked_for(tensors: list[tuple[int, int]], data: st.DataObject | None) -> None:
    layout, symbols = layout_of(tensors), all_symbols(tensors)
    assert layout.symbol_count == len(symbols)
    total = len(symbols)
    if data is None:
        spans = [(first, stop) for first in range(total) for stop in range(first + 1, total + 1)]
    else:
        first = data.draw(st.integers(0, total))
        spans = [(first, data.draw(st.integers(first, total)))]
    for first, stop in spans:
        pieces = list(layout.pieces(first, stop - first))
        assert symbols_in(pieces) == symbols[first:stop]
        assert all(piece.count > 0 for piece in pieces)
        assert len({piece.tensor for piece in pieces}) == len(pieces)
        assert sum(piece.nbytes for piece in pieces) == sum(width for _, _, width in symbols[first:stop])


@given(st.lists(st.tuples(COUNTS, WIDTHS), max_size=12), st.integers(1, 50))
def test_slices_of_any_size_cover_a_group_exactly(tensors: list[tuple[int, int]], size: int) -> None:
    layout, symbols = layout_of(tensors), all_symbols(tensors)
    found: list[Symbol] = []
    for first in range(0, layout.symbol_count, size):
        found += symbols_in(list(layout.pieces(first, min(size, layout.symbol_count - first))))
    assert found == symbols


def test_group_without_symbols_has_no_pieces() -> None:
    for layout in (GroupLayout(()), layout_of([(0, 1), (0, 4)])):
        assert layout.symbol_count == 0
        assert list(layout.pieces(0, 0)) == []


def test_slice_that_cuts_tensors_names_the_parts() -> None:
    layout = layout_of([(4, 1), (0, 1), (3, 2), (5, 4)])
    assert list(layout.pieces(2, 7)) == [Piece(10, 2, 2, 1), Piece(12, 0, 3, 2), Piece(13, 0, 2, 4)]
    assert list(layout.pieces(3, 1)) == [Piece(10, 3, 1, 1)]
    assert list(layout.pieces(4, 1)) == [Piece(12, 0, 1, 2)]
    assert list(layout.pieces(11, 1)) == [Piece(13, 4, 1, 4)]


WORDS = {DType.STRING: 1, DType.COMPLEX64: 4, DType.COMPLEX128: 8}


@pytest.mark.parametrize("dtype", DType)
def test_symbol_is_an_element_a_half_of_a_complex_one_or_a_byte(dtype: DType) -> None:
    assert symbol_width(dtype) == WORDS.get(dtype, max(8, DTYPE_BITS[dtype]) // 8)


@pytest.mark.parametrize(
    ("item", "count", "width"),
    [
        (record("t", DType.FLOAT32, (2, 3)), 6, 4),
        (record("t", DType.FLOAT64, ()), 1, 8),
        (record("t", DType.COMPLEX64, (5,)), 10, 4),
        (record("t", DType.COMPLEX128, (5,)), 10, 8),
        (record("t", DType.BFLOAT16, (0, 7)), 0, 2),
        (record("t", DType.UINT4, (3, 3)), 5, 1),
        (record("t", DType.INT2, (5,)), 2, 1),
        (record("t", DType.BOOL, (5,)), 5, 1),
        (record("t", DType.STRING, (2,), string_size=11), 11, 1),
        (level_record("t", (2, 3), DType.FLOAT64), 6, 1),
        (level_record("t", (2, 3), level_width=LevelWidth.INT16), 6, 2),
        (level_record("t", (2, 3), DType.FLOAT16, level_width=LevelWidth.INT32), 6, 4),
    ],
)
def test_tensor_has_this_many_symbols_of_this_width(item: TensorRecord, count: int, width: int) -> None:
    assert lay_out([item], 1) == [GroupLayout((Segment(0, 0, count, width),))]
    if item.coding.level_width == LevelWidth.NONE:
        assert tensor_bytes(item) == count * width


def test_tensors_stand_in_their_groups_in_table_order_and_copies_nowhere() -> None:
    copy = copy_record("c", DType.INT8, (9,))
    records = [
        record("a", DType.INT8, (2,), slice_group=1),
        level_record("b", (3,), slice_group=0),
        copy,
        record("d", DType.INT8, (0,), slice_group=1),
        record("e", DType.INT8, (4,), slice_group=1),
    ]
    levels, words, empty = lay_out(records, 3)
    assert levels.segments == (Segment(1, 0, 3, 1),)
    assert words.segments == (Segment(0, 0, 2, 1), Segment(3, 2, 0, 1), Segment(4, 2, 4, 1))
    assert empty.segments == ()


@pytest.mark.parametrize(
    ("dims", "product"), [((), 1), ((0,), 1), ((3, 0, 5), 15), ((2, 3), 6), ((2**40, 0, 2**40), 2**80)]
)
def test_extent_counts_an_empty_dimension_as_1(dims: tuple[int, ...], product: int) -> None:
    assert extent(record("t", DType.INT8, dims)) == product


def test_finding_a_slice_does_not_walk_over_the_group() -> None:
    """A stream may have a million tensors and as many slices: quadratic work would be a way to stop a decoder."""

    class Counting(tuple[Segment, ...]):
        __slots__ = ()
        looked_at = 0

        def __getitem__(self, key: object) -> object:
            got = super().__getitem__(key)  # type: ignore[index]
            Counting.looked_at += len(got) if isinstance(key, slice) else 1  # type: ignore[arg-type]
            return got

    count = 4096
    layout = GroupLayout(Counting(layout_of([(1, 1)] * count).segments))
    assert [next(iter(layout.pieces(first, 1))).tensor for first in range(count)] == list(range(10, 10 + count))
    assert Counting.looked_at < 32 * count
