"""Valid vectors: gains and two terms (SPEC.md clauses 6.6.3 and 8.3.3)."""

from __future__ import annotations

import struct
from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import (
    ONE,
    difference,
    f32,
    from_grid,
    from_reference,
    grid,
    grid_model,
    reference_model,
    second_model,
    words,
)
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, Item, Term, exact
from tools.vectors.prediction import differing
from tools.vectors.valid_prediction import reference_cancelling

GRID = ("reference-grid",)
LARGEST_GAIN = 65504.0
SMALLEST_GAIN = 2.0**-24


@valid("5.2", "5.3")
def reference_grid() -> Draft:
    """The reference of channel maps and gains: elements that are all told apart."""
    return grid_model()


def _levels(source: str, *terms: Term) -> Item:
    item = grid(source)
    count = len(item.data) * 8 // wire.DTYPES[item.dtype][1]
    target = difference(source, "float32", item.dims, tuple(n % 5 - 2 for n in range(count)), *terms)
    return differing([item] * len(terms), target, ONE)


@valid("6.6.3", "8.3.3", "R-8.3.3", refs=GRID)
def gain_of_one_tensor() -> Draft:
    """One gain of 0.75 for all elements."""
    return from_grid(_levels("grid", Term(gains=(0.75,))))


@valid("6.6.3", "8.3.3", "R-8.3.3", refs=GRID)
def gain_of_every_row() -> Draft:
    """A gain for each of three rows: one of 0, one negative, one of 1."""
    return from_grid(_levels("grid", Term(gains=(0.0, -1.5, 1.0))))


@valid("6.6.3", "8.3.3", "R-8.3.3", refs=GRID)
def gain_of_every_row_of_a_vector() -> Draft:
    """The rows of a vector are its elements: four gains for four of them."""
    return from_grid(_levels("bias", Term(gains=(1.0, 2.0, -0.5, 0.125))))


@valid("8.3.3", "7.2", refs=GRID)
def gain_of_every_row_in_slices() -> Draft:
    """Slices begin inside rows that have gains of their own: a row is one of the tensor, not of the slice."""
    return replace(gain_of_every_row(), cuts={0: [5, 4, 3]})


@valid("6.6.3", "8.3.3", refs=GRID)
def gain_of_every_slice_of_a_cube() -> Draft:
    """The rows of a tensor of three dimensions are its slices along axis 0."""
    return from_grid(_levels("cube", Term(gains=(3.0, -3.0))))


@valid("6.6.3", "8.3.3", "R-8.3.3", refs=("reference-model",))
def gain_of_a_scalar() -> Draft:
    """A tensor of no dimensions has one gain."""
    target = difference("scalar", "float32", (), (1,), Term(gains=(-2.0,)))
    return replace(from_grid(from_reference("scalar", target=target)), parents=[reference_model().content_id])


@valid("6.6.3", "8.3.3", refs=GRID)
def gain_of_a_single_row() -> Draft:
    """A tensor of one row: one gain for the tensor is one for its row."""
    target = difference("grid", "float32", (1, 4), (0, 1, -1, 0), Term(gains=(1.25,)))
    return from_grid(differing(grid("grid"), target, ONE))


@valid("6.6.3", "8.3.3", refs=GRID)
def gain_for_no_rows() -> Draft:
    """One gain for a tensor without elements."""
    target = difference("grid", "float32", (0, 4), (), Term(gains=(1.25,)))
    return from_grid(differing(grid("grid"), target, ONE))


@valid("3.3", "8.3.3", refs=GRID)
def gain_extremes() -> Draft:
    """The largest and the smallest gain, and both zeros."""
    return from_grid(_levels("bias", Term(gains=(LARGEST_GAIN, SMALLEST_GAIN, -0.0, 0.0))))


@valid("8.3.3", "3.5", refs=("reference-cancelling",))
def gain_product_is_rounded() -> Draft:
    """Products of gains and elements of 53 bits are rounded before the value is added."""
    gains = (wire_half(0x3555), wire_half(0x3C01), wire_half(0xB555), wire_half(0x7BFF))
    source = reference_cancelling().items[0]
    target = difference("d", "float64", (4,), (1, -1, 127, -128), Term(gains=gains))
    item = differing(source, target, wire.binary64(0.1))
    return Draft([item], [Group(wire.binary64(0.1))], parents=[reference_cancelling().content_id])


def wire_half(bits: int) -> float:
    """The binary16 of these bits."""
    return float(struct.unpack("<e", bits.to_bytes(2, "little"))[0])


@valid("8.3.3", refs=("reference-model",))
def gain_of_what_is_not_finite() -> Draft:
    """Infinity and NaN predict 0 whatever the gain, 0 included."""
    targets = [
        difference("w", "float32", (2, 4), (0, 1) * 4, Term(gains=(0.0,))),
        difference("v", "float32", (2, 4), (0, 1) * 4, Term(reference=1, gains=(-2.0,))),
    ]
    items = [from_reference("w", target=target) for target in targets]
    return replace(from_grid(*items), parents=[reference_model().content_id])


def huge_doubles() -> Draft:
    """A model of the largest binary64 numbers."""
    return Draft([exact("h", "float64", (4,), words(8, *[0x7FEFFFFFFFFFFFFF, 0xFFEFFFFFFFFFFFFF] * 2))], [Group()])


@valid("5.2")
def reference_huge_doubles() -> Draft:
    """A reference of the largest binary64 numbers and their negatives."""
    return huge_doubles()


def _from_huge(*terms: Term) -> Draft:
    draft = huge_doubles()
    target = difference("h", "float64", (4,), (1, -1, 0, 2), *terms)
    item = differing([draft.items[0]] * len(terms), target, ONE)
    return Draft([item], [Group(ONE)], parents=[draft.content_id])


@valid("8.3.3", refs=("reference-huge-doubles",))
def gain_overflows() -> Draft:
    """A product beyond binary64 is infinite, so the prediction is +0; a gain of 0.5 stays finite."""
    return _from_huge(Term(gains=(2.0, 0.5, -1.0, -1.5)))


@valid("8.3.3", refs=("reference-huge-doubles",))
def two_terms_overflow() -> Draft:
    """The sum of two predictions is infinite, or zero where they cancel."""
    return _from_huge(Term(), Term(gains=(1.0, 1.0, -1.0, 0.5)))


@valid("8.3.3", refs=("reference-huge-doubles",))
def two_terms_one_infinite() -> Draft:
    """The product of one term overflows: infinite plus finite is infinite, infinity minus infinity is no number."""
    return _from_huge(Term(gains=(2.0,)), Term(gains=(-2.0, -1.0, -2.0, -1.0)))


@valid("6.6.3", "8.3.3", "R-7.1.8", refs=GRID)
def two_terms_of_one_parent() -> Draft:
    """The sum of two tensors of one parent, one of them with a gain; the second is named by place."""
    target = difference("grid", "float32", (3, 4), tuple(range(-6, 6)), Term(), Term(reference=4, gains=(0.5,)))
    return from_grid(differing([grid("grid"), grid("halves")], target, ONE))


@valid("6.6.3", "8.3.3", refs=GRID)
def two_terms_of_the_same_tensor() -> Draft:
    """A tensor predicts twice with other gains."""
    return from_grid(_levels("grid", Term(gains=(2.0,)), Term(gains=(-1.0, -2.0, 0.5))))


@valid("6.6.3", "8.3.3", "8.3", refs=("reference-grid", "reference-second"))
def two_terms_of_two_parents() -> Draft:
    """One term from each of two parents, as for the extrapolation of two checkpoints; the smaller is padded."""
    second = second_model()
    target = difference("grid", "float32", (3, 4), (1, -1) * 6, Term(gains=(1.5,)), Term(1, 1, gains=(-0.5,)))
    item = differing([grid("grid"), second.items[0]], target, ONE)
    return Draft([item], [Group(ONE)], level=1, parents=[grid_model().content_id, second.content_id])


@valid("8.3.3", "3.5", refs=GRID)
def two_terms_sum_is_rounded() -> Draft:
    """The sum of two predictions is rounded to binary64 before the value is added to it."""
    step = wire.binary64(2.0**-54)
    target = difference("bias", "float64", (4,), (1, 1, -1, 3), Term(), Term(gains=(SMALLEST_GAIN,)))
    return from_grid(differing([grid("bias")] * 2, target, step), groups=[Group(step)])


@valid("8.3.3", "8.3.4", refs=GRID)
def terms_of_other_types() -> Draft:
    """A bfloat16 tensor from one of float32 and one of float16."""
    target = difference("mix", "bfloat16", (3, 3), (0,) * 9, Term(reference=1), Term(reference=4, gains=(0.25,)))
    return from_grid(differing([grid("grid"), grid("halves")], target, ONE))


@valid("8.3.4", refs=GRID)
def gain_with_own_quantiser() -> Draft:
    """Gains together with an own quantiser with an offset, and levels of two bytes."""
    target = difference(
        "grid", "float32", (3, 4), tuple(n * 300 - 1700 for n in range(12)), Term(gains=(0.5, 1.0, 2.0))
    )
    own = wire.compact(40 << 10 | 77, -9)
    return from_grid(differing(grid("grid"), replace(target, quantiser=own, width=2), ONE))


@valid("8.3.3", "R-7.1.9", "A.1", refs=GRID)
def profile_baseline_difference() -> Draft:
    """Profile BASELINE: a plain difference of levels, padded, beside an exact difference and a copy."""
    target = difference("grid", "float32", (4, 4), (1,) * 16)
    return replace(from_grid(differing(grid("grid"), target, ONE)), profile=wire.BASELINE)


@valid("8.3.3", refs=GRID)
def gain_of_one_equal_to_none() -> Draft:
    """A gain of 1 gives what no gain gives."""
    items = [_levels("grid", Term(gains=(1.0,))), replace(_levels("grid", Term(reference=1)), name="plain")]
    if items[0].data != items[1].data or items[0].data == f32(*range(1, 13)):
        raise ValueError("a gain of 1 is to change nothing")
    return from_grid(*items)
