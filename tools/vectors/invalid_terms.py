"""Invalid vectors: terms, gains, channel maps, exact differences (SPEC.md clauses 6.6.3, 7.1 and 8.3)."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import ONE, copied, difference, from_grid, grid, reference_model
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, Group, Item, Term, exact, positions
from tools.vectors.prediction import differing
from tools.vectors.valid_exact_difference import exact_difference_float32
from tools.vectors.valid_maps import MANY, aligned_copy, map_axes_rows_and_columns, map_rows_and_columns
from tools.vectors.valid_terms import gain_of_every_row, gain_of_one_tensor, profile_baseline_difference
from tools.vectors.wire import leb, u8

GRID: Final = ("reference-grid",)
T0: Final = "record0.terms0"


def plain_difference() -> Draft:
    """One difference of levels to the grid, one plain term."""
    return from_grid(differing(grid("grid"), difference("grid", "float32", (3, 4), (1,) * 12), ONE))


def plain_copy() -> Draft:
    """One copy from the grid model."""
    return from_grid(copied("grid", grid("grid")))


TERM: Final = bytes(4)
"""A plain term: parent 0, by name, not mapped, no gains."""
GAIN: Final = struct.pack("<e", 0.5)

patched(
    plain_difference,
    (
        (
            "term-count-0 VALUE_RANGE R-7.1.8",
            {
                "record0.term_count": u8(0),
                **dict.fromkeys((f"{T0}.parent", f"{T0}.reference_tensor", f"{T0}.mapped", f"{T0}.gain_count"), b""),
            },
            "A prediction without terms.",
        ),
        ("term-count-3 VALUE_RANGE R-7.1.8", {"record0.term_count": u8(3), f"{T0}.gains": 2 * TERM}, "Three terms."),
        (
            "term-count-255 VALUE_RANGE R-7.1.8",
            {"record0.term_count": u8(255), f"{T0}.gains": 254 * TERM},
            "255 terms.",
        ),
        ("term-missing UNIT_SIZE 6.6.3 3.3", {"record0.term_count": u8(2)}, "Two terms are declared, one is given."),
        (
            "term-second-parent-1-of-1 VALUE_RANGE R-7.1.3",
            {"record0.term_count": u8(2), f"{T0}.gains": leb(1) + TERM[1:]},
            "The second of two terms names no parent.",
        ),
        ("term-mapped-2 RESERVED_NONZERO 3.3 6.6.3", {f"{T0}.mapped": u8(2)}, "The flag mapped is 2."),
        ("term-mapped-128 RESERVED_NONZERO 3.3 6.6.3", {f"{T0}.mapped": u8(128)}, "The flag mapped is 128."),
        (
            "term-reference-beyond-last VALUE_RANGE R-8.3.1",
            {f"{T0}.reference_tensor": leb(10)},
            "The tenth tensor of nine.",
        ),
        (
            "term-reference-first-over-range VALUE_RANGE 3.3 6.6.3",
            {f"{T0}.reference_tensor": leb(2**20 + 1)},
            "reference_tensor 2^20 + 1.",
        ),
        (
            "gain-count-2-of-3-rows VALUE_RANGE R-8.3.3",
            {f"{T0}.gain_count": leb(2), f"{T0}.gains": GAIN * 2},
            "Two gains for three rows.",
        ),
        (
            "gain-count-4-of-3-rows VALUE_RANGE R-8.3.3",
            {f"{T0}.gain_count": leb(4), f"{T0}.gains": GAIN * 4},
            "A gain for every column.",
        ),
        (
            "gain-count-of-elements VALUE_RANGE R-8.3.3",
            {f"{T0}.gain_count": leb(12), f"{T0}.gains": GAIN * 12},
            "A gain for every element.",
        ),
        ("gain-count-over-range VALUE_RANGE 3.3 6.6.3", {f"{T0}.gain_count": leb(2**48 + 1)}, "2^48 + 1 gains."),
        ("gain-count-huge UNIT_SIZE 3.3 6.6.3", {f"{T0}.gain_count": leb(2**48)}, "2^48 gains in a few bytes."),
        ("gain-count-overlong NONCANONICAL 3.3 6.1", {f"{T0}.gain_count": leb(0, 2)}, "gain_count in two bytes."),
        ("difference-of-strings-type VALUE_RANGE R-8.3.3", {f"{T0}.reference_tensor": leb(9)}, "Strings for numbers."),
        ("difference-of-integer-type VALUE_RANGE R-8.3.3", {f"{T0}.reference_tensor": leb(5)}, "Integers for numbers."),
        ("difference-of-rank-three VALUE_RANGE R-8.3.2", {f"{T0}.reference_tensor": leb(2)}, "Rank 3 for rank 2."),
    ),
    GRID,
)
patched(
    gain_of_one_tensor,
    [
        (f"gain-{name} VALUE_RANGE 3.3 6.6.3", {f"{T0}.gains": bits.to_bytes(2, "little")}, f"A gain that is {what}.")
        for name, bits, what in (
            *(("infinite", 0x7C00, "infinity"), ("minus-infinite", 0xFC00, "minus infinity")),
            *(("nan", 0x7E00, "NaN"), ("nan-signalling", 0x7C01, "a signalling NaN"), ("nan-negative", 0xFFFF, "-NaN")),
        )
    ],
    GRID,
)
patched(
    gain_of_every_row,
    (
        (
            "gain-of-last-row-nan VALUE_RANGE 3.3 6.6.3",
            {f"{T0}.gains": GAIN * 2 + struct.pack("<e", float("nan"))},
            "The last of three gains is NaN.",
        ),
        (
            "gain-changed CONTENT_ID R-8.5.1",
            {f"{T0}.gains": struct.pack("<3e", 0, -1.5, 1.25)},
            "A gain is changed, the CRC repaired.",
        ),
        (
            "gain-sign-changed CONTENT_ID R-8.5.1",
            {f"{T0}.gains": struct.pack("<3e", 0, 1.5, 1)},
            "The sign of a gain is changed, the CRC repaired.",
        ),
    ),
    GRID,
)
patched(
    plain_copy,
    (
        (
            "copy-with-gain VALUE_RANGE R-7.1.8",
            {f"{T0}.gain_count": leb(1), f"{T0}.gains": struct.pack("<e", 1)},
            "A copy with a gain, though one of 1.",
        ),
        (
            "copy-of-two-terms VALUE_RANGE R-7.1.8",
            {"record0.term_count": u8(2), f"{T0}.gains": TERM},
            "A copy with two terms.",
        ),
        (
            "copy-without-term VALUE_RANGE R-7.1.8",
            {"record0.term_count": u8(0)}
            | dict.fromkeys((f"{T0}.parent", f"{T0}.reference_tensor", f"{T0}.mapped", f"{T0}.gain_count"), b""),
            "A copy without a term.",
        ),
    ),
    GRID,
)
patched(
    profile_baseline_difference,
    (
        ("baseline-gain VALUE_RANGE R-7.1.9 A.1", {f"{T0}.gain_count": leb(1), f"{T0}.gains": GAIN}, "A gain."),
        ("baseline-mapped VALUE_RANGE R-7.1.9 A.1", {f"{T0}.mapped": u8(1) + bytes(3)}, "A channel map of nothing."),
        (
            "baseline-two-terms VALUE_RANGE R-7.1.9 A.1",
            {"record0.term_count": u8(2), f"{T0}.gains": TERM},
            "Two terms in BASELINE.",
        ),
    ),
    GRID,
)
# The base is a cube of 2x3x4 as 3x4x1: axes 2 1 0, rows 4 0 1 of 4, columns 3 3 0 1 of 3.
patched(
    map_axes_rows_and_columns,
    (
        ("map-axes-twice VALUE_RANGE R-8.3.2", {f"{T0}.axes": bytes([2, 2, 0])}, "An axis twice."),
        ("map-axes-beyond VALUE_RANGE R-8.3.2", {f"{T0}.axes": bytes([3, 1, 0])}, "Axis 3 of three."),
        ("map-axes-255 VALUE_RANGE R-8.3.2", {f"{T0}.axes": bytes([2, 1, 255])}, "Axis 255."),
        (
            "map-axes-too-few VALUE_RANGE R-8.3.2",
            {f"{T0}.axis_count": u8(2), f"{T0}.axes": b"\1\0"},
            "Two axes for three.",
        ),
        (
            "map-axes-too-many VALUE_RANGE R-8.3.2",
            {f"{T0}.axis_count": u8(4), f"{T0}.axes": b"\2\1\0\3"},
            "Four axes for three.",
        ),
        ("map-axes-missing UNIT_SIZE 6.6.3 3.3", {f"{T0}.axis_count": u8(64)}, "64 axes in a few bytes."),
        ("map-row-beyond VALUE_RANGE R-8.3.2", {f"{T0}.rows": positions((5, 0, 1))}, "Row 5 of four."),
        ("map-row-negative VALUE_RANGE R-8.3.2", {f"{T0}.rows": positions((4, -1, 1))}, "Row -1."),
        ("map-row-last-beyond VALUE_RANGE R-8.3.2", {f"{T0}.rows": positions((4, 0, 5))}, "The last row is 5 of four."),
        ("map-column-beyond VALUE_RANGE R-8.3.2", {f"{T0}.columns": positions((3, 4, 0, 1))}, "Column 4 of three."),
        ("map-column-negative VALUE_RANGE R-8.3.2", {f"{T0}.columns": positions((-1, 3, 0, 1))}, "Column -1."),
        (
            "map-columns-huge-sum VALUE_RANGE R-8.3.2",
            {f"{T0}.columns": leb(2**32) * 4},
            "Columns that add up to more than 2^32.",
        ),
        (
            "map-rows-huge VALUE_RANGE R-8.3.2",
            {f"{T0}.rows": leb(2**32) + leb(2**32 - 1) + leb(0)},
            "Row 2^31 + 1, and back.",
        ),
        ("map-rows-over-range VALUE_RANGE 3.3 6.6.3", {f"{T0}.rows": leb(2**32 + 1) + bytes(2)}, "A code 2^32 + 1."),
        ("map-rows-overlong NONCANONICAL 3.3 6.1", {f"{T0}.rows": leb(6, 2) + leb(9) + leb(0)}, "3 in two bytes."),
        ("map-row-count-over-range VALUE_RANGE 3.3 6.6.3", {f"{T0}.row_count": leb(2**48 + 1)}, "2^48 + 1 rows."),
        (
            "map-row-count-huge VALUE_RANGE 3.3 6.6.3",
            {f"{T0}.row_count": leb(2**48), f"{T0}.rows": b"\xff" * 9},
            "2^48 rows, the first of which never ends.",
        ),
        (
            "map-row-count-low VALUE_RANGE R-8.3.2",
            {f"{T0}.row_count": leb(2), f"{T0}.rows": positions((4, 0))},
            "Two rows for three.",
        ),
        (
            "map-row-count-high VALUE_RANGE R-8.3.2",
            {f"{T0}.row_count": leb(4), f"{T0}.rows": positions((4, 0, 1, 1))},
            "Four rows for three.",
        ),
        (
            "map-column-count-low VALUE_RANGE R-8.3.2",
            {f"{T0}.column_count": leb(3), f"{T0}.columns": positions((3, 3, 0))},
            "Three columns for four.",
        ),
        (
            "map-column-count-of-reference VALUE_RANGE R-8.3.2",
            {f"{T0}.column_count": leb(3), f"{T0}.columns": positions((1, 2, 3))},
            "As many columns as the reference has.",
        ),
        (
            "map-columns-huge-count UNIT_SIZE 3.3 6.6.3",
            {f"{T0}.column_count": leb(2**48), f"{T0}.columns": b""},
            "2^48 columns in a few bytes.",
        ),
        ("map-columns-changed CONTENT_ID R-8.5.1", {f"{T0}.columns": positions((3, 2, 0, 1))}, "Another column."),
    ),
    GRID,
)


@invalid("VALUE_RANGE", "R-8.3.2", refs=GRID)
def map_columns_of_a_vector() -> Draft:
    """A vector has no columns."""
    return replace(
        from_grid(_zeros("bias", "float32", (4,), Term(rows=(1, 2, 3, 4)))),
        patches={f"{T0}.column_count": leb(4), f"{T0}.columns": bytes(4)},
    )


@invalid("VALUE_RANGE", "R-8.3.2", refs=("reference-model",))
def map_rows_of_a_scalar() -> Draft:
    """A tensor of no dimensions has no rows."""
    item = _zeros("scalar", "float32", (), Term(rows=(1,)))
    return replace(from_grid(item), parents=[reference_model().content_id])


@invalid("VALUE_RANGE", "R-8.3.2", refs=GRID)
def map_axes_of_a_record_of_other_rank() -> Draft:
    """The axes are those of the reference, but the record has two dimensions."""
    return from_grid(_zeros("cube", "float32", (2, 3), Term(axes=(0, 1, 2))))


@invalid("VALUE_RANGE", "R-8.3.2", refs=GRID)
def map_row_of_the_record_not_the_reference() -> Draft:
    """The record has five rows, the reference three: row 5 is none of the reference."""
    return from_grid(_zeros("grid", "float32", (5, 4), Term(rows=(1, 2, 3, 4, 5))))


@invalid("VALUE_RANGE", "R-8.3.3", refs=("reference-model",))
def gains_for_a_scalar() -> Draft:
    """Two gains for a tensor of no dimensions."""
    item = _zeros("scalar", "float32", (), Term(gains=(1.0, 1.0)))
    return replace(from_grid(item), parents=[reference_model().content_id])


@invalid("VALUE_RANGE", "R-8.3.3", refs=GRID)
def gains_of_the_reference_not_the_record() -> Draft:
    """Three gains, as the reference has rows, for a record of four."""
    return from_grid(_zeros("grid", "float32", (4, 4), Term(gains=(1.0, 2.0, 3.0))))


@invalid("VALUE_RANGE", "R-8.3.3", refs=GRID)
def second_term_of_integers() -> Draft:
    """The first of two terms is of numbers, the second of integers."""
    return from_grid(_zeros("grid", "float32", (2, 3), Term(), Term(reference=5)))


@invalid("VALUE_RANGE", "R-8.3.2", refs=GRID)
def second_term_of_another_rank() -> Draft:
    """The second of two terms has another rank."""
    return from_grid(_zeros("grid", "float32", (3, 4), Term(), Term(reference=3)))


def _zeros(name: str, dtype: str, dims: tuple[int, ...], *terms: Term) -> Item:
    """A difference that can never be reconstructed; its data is zeros of the right size."""
    count = 1
    for dim in dims:
        count *= dim
    item = difference(name, dtype, dims, (1,) * count, *terms)
    return replace(item, prediction=wire.PREDICT_REFERENCE, data=bytes(count * wire.DTYPES[dtype][1] // 8))


def _exact(name: str, dtype: str, dims: tuple[int, ...], data: bytes, *terms: Term) -> Draft:
    item = replace(exact(name, dtype, dims, data), terms=terms, prediction=wire.PREDICT_REFERENCE)
    return from_grid(item, groups=[Group()])


@invalid("VALUE_RANGE", "R-8.3.5", refs=GRID)
def exact_difference_of_integers_with_gain() -> Draft:
    """Integers predicted with a gain of 1."""
    return _exact("ints", "int32", (2, 3), bytes(24), Term(gains=(1.0,)))


@invalid("VALUE_RANGE", "R-8.3.5", refs=GRID)
def exact_difference_of_integers_two_terms() -> Draft:
    """Integers predicted by two terms."""
    return _exact("ints", "int32", (2, 3), bytes(24), Term(), Term())


@invalid("VALUE_RANGE", "R-8.3.5", refs=GRID)
def exact_difference_of_integers_to_floats() -> Draft:
    """Integers predicted by floats of the same size."""
    return _exact("grid", "int32", (3, 4), bytes(48), Term())


@invalid("VALUE_RANGE", "R-8.3.5", refs=GRID)
def exact_difference_of_integers_to_another_type() -> Draft:
    """Unsigned integers predicted by signed ones of the same size."""
    return _exact("ints", "uint32", (2, 3), bytes(24), Term())


@invalid("VALUE_RANGE", "R-8.3.5", refs=GRID)
def exact_difference_of_strings() -> Draft:
    """Strings predicted by strings of the same size."""
    return _exact("names", "string", (2,), grid("names").data, Term())


@invalid("VALUE_RANGE", "R-8.3.3", refs=GRID)
def exact_difference_of_floats_to_integers() -> Draft:
    """Floats predicted by integers of the same size."""
    return _exact("ints", "float32", (2, 3), bytes(24), Term())


@invalid("VALUE_RANGE", "R-8.3.4", refs=GRID)
def exact_difference_of_packed_in_another_shape() -> Draft:
    """Elements of four bits predicted by more of them."""
    return _exact("nibbles", "uint4", (2, 2), bytes(2), Term())


@invalid("VALUE_RANGE", "R-8.3.2", refs=GRID)
def exact_difference_of_another_rank() -> Draft:
    """Integers predicted by a reference of another rank."""
    return _exact("ints", "int32", (6,), bytes(24), Term())


@invalid("VALUE_RANGE", "R-8.3.1", refs=GRID)
def exact_difference_to_unknown_name() -> Draft:
    """The parent has no tensor of that name."""
    return _exact("unknown", "int32", (2, 3), bytes(24), Term())


@invalid("VALUE_RANGE", "R-8.3.4", "F", refs=GRID)
def copy_padded_too_far() -> Draft:
    """Four elements copied to a shape of 8192 times as many and one."""
    return from_grid(aligned_copy("bias", (4 * MANY + 1,), Term()))


@invalid("VALUE_RANGE", "R-8.3.4", "F", refs=("reference-model",))
def copy_of_nothing_padded() -> Draft:
    """A tensor of no elements copied to one of a quarter of a million."""
    term = Term()
    item = replace(exact("empty", "float32", (2**10, 2**7), bytes(2**19)), prediction=wire.PREDICT_COPY, terms=(term,))
    return replace(from_grid(item), parents=[reference_model().content_id])


patched(
    exact_difference_float32,
    (
        (
            "exact-difference-changed CONTENT_ID R-8.5.1 8.4",
            {"slice0.payload": bytes(48)},
            "All differences are set to 0, the CRC repaired.",
        ),
        (
            "exact-difference-short SIZE_MISMATCH 9.4",
            {"slice0.payload": bytes(47)},
            "A byte less than the differences take.",
        ),
    ),
    GRID,
)
patched(
    map_rows_and_columns,
    (("map-swapped CONTENT_ID R-8.5.1 8.3.2", {f"{T0}.rows": positions((0, 2, 3, 1))}, "Two rows change places."),),
    GRID,
)
