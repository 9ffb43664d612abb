"""Valid vectors: copies and differences (SPEC.md clause 8.3), and the reference models that they need."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import (
    ONE,
    copied,
    difference,
    f32,
    from_reference,
    full,
    plain,
    reference_model,
    second_model,
    tensor_of,
    words,
)
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, Item, Term, exact, quantised
from tools.vectors.prediction import differing

REF = ("reference-model",)
HALF = wire.binary64(0.5)


@valid("5.2", "5.3")
def reference_model_() -> Draft:
    """The model that predicted vectors refer to, with NaN, infinities, -0 and subnormals; valid by itself."""
    return reference_model()


@valid("5.2", "5.3")
def reference_second() -> Draft:
    """A second reference model, for streams with two parents."""
    return second_model()


@valid("5.3")
def reference_without_topology() -> Draft:
    """The reference model without its topology: the same tensors under another content id."""
    return replace(reference_model(), topology=None)


def predicted(*items: Item) -> Draft:
    """A stream of `items` whose only parent is the reference model; its one group is of levels with step 1."""
    groups = [Group(ONE)] if any(item.levels is not None for item in items) else []
    return Draft(items, groups, parents=[reference_model().content_id])


def _from(name: str, target: Item) -> Draft:
    return predicted(from_reference(name, target=target))


@valid("8.3.5", "R-8.3.4", refs=REF)
def copy_of_everything() -> Draft:
    """A copy of every tensor of the reference: NaN payloads, packed, strings, no dimensions, no elements; no slice."""
    old = reference_model()
    return replace(predicted(*(copied(item.name, item) for item in old.items)), topology=old.topology)


@valid("6.6.3", "8.3.1", "R-8.3.1", refs=REF)
def copy_by_position() -> Draft:
    """reference_tensor k names the k-th tensor of the parent, whatever the new name is."""
    old = reference_model().items
    return predicted(*(copied(f"new {n}", old[place - 1], place) for n, place in enumerate((9, 1, 3, 3))))


@valid("6.6.3", "8.3.1", "R-8.3.1", refs=REF)
def copy_by_position_against_name() -> Draft:
    """A tensor called w that copies another tensor by its position, though the parent has a w."""
    return predicted(copied("w", tensor_of(reference_model(), "ids"), 7))


@valid("8.3.5", "6.4", refs=REF)
def copy_beside_coded_tensors() -> Draft:
    """Copies between tensors that are coded: they take no place in any slice group."""
    old = reference_model()
    items = [
        copied("w", tensor_of(old, "w")),
        exact("new", "uint8", (3,), b"\1\2\3"),
        copied("ids", tensor_of(old, "ids")),
        exact("newer", "uint8", (2,), b"\4\5"),
    ]
    return Draft(items, [Group()], parents=[old.content_id], cuts={0: [4, 1]})


@valid("8.3.2", "8.3.3", "8.3.4", refs=REF)
def difference_of_equal_shape() -> Draft:
    """A difference to a reference with infinities and NaN, which predict 0, and -0, which with level 0 gives +0."""
    return _from("w", difference("w", "float32", (2, 4), (1, -1, 0, 5, -6, 7, 0, 2)))


@valid("8.3.2", "8.3.3", "8.3.4", "3.5", refs=REF)
def difference_without_change() -> Draft:
    """All levels 0: finite elements come back bit for bit, except -0 (+0), and what is not finite becomes +0."""
    return _from("w", difference("w", "float32", (2, 4), (0,) * 8))


@valid("8.3.2", "8.3.3", refs=REF)
def difference_cropped() -> Draft:
    """A smaller shape than that of the reference: rows and columns are cropped."""
    return _from("w", difference("w", "float32", (1, 3), (1, 1, 1)))


@valid("8.3.2", "8.3.3", refs=REF)
def difference_padded() -> Draft:
    """A larger shape than that of the reference: new rows and columns are predicted by 0."""
    return _from("w", difference("w", "float32", (3, 5), tuple(range(-7, 8))))


@valid("8.3.2", "8.3.3", refs=REF)
def difference_cropped_and_padded() -> Draft:
    """One axis is cropped, the other padded: alignment is by index, not by position in memory."""
    return _from("w", difference("w", "float32", (4, 2), (0, 0, 0, 0, 1, 2, 3, 4)))


@valid("8.3.2", "8.3.3", refs=REF)
def difference_of_scalar() -> Draft:
    """A difference between tensors of no dimensions."""
    return _from("scalar", difference("scalar", "float32", (), (3,)))


@valid("8.3.2", "8.3.3", refs=REF)
def difference_to_nothing() -> Draft:
    """A reference of no elements predicts 0 everywhere."""
    return _from("empty", difference("empty", "float32", (2, 2), (1, 2, 3, 4)))


@valid("8.3.2", "8.3.3", refs=REF)
def difference_of_nothing() -> Draft:
    """A difference of no elements to a reference that has some."""
    return _from("w", difference("w", "float32", (2, 0), ()))


def _declare_conversions() -> None:
    for source, count in (("half", 4), ("double", 3), ("brain", 3)):
        for dtype in ("float64", "float32", "float16", "bfloat16"):

            def make(source: str = source, count: int = count, dtype: str = dtype) -> Draft:
                quantiser = wire.binary64(2.0**-12)
                target = difference(source, dtype, (count,), (1, -1, 0, 3)[:count])
                return _from(source, replace(target, quantiser=quantiser))

            make.__name__ = f"difference_from_{source}_to_{dtype}"
            make.__doc__ = (
                f"A {dtype} tensor predicted from the reference's tensor {source!r} of another type, or the same."
            )
            valid("8.3.2", "8.3.3", "8.3.4", "R-7.1.12", refs=REF)(make)


_declare_conversions()


@valid("6.6.2", "6.6.3", "8.3.3", refs=REF)
def difference_by_position() -> Draft:
    """A difference to the parent's tensor at a position."""
    return _from("w", difference("renamed", "float32", (8, 1), (1,) * 8, Term(reference=1)))


@valid("6.6.2", "6.6.3", "8.3.3", refs=REF)
def difference_with_own_quantiser() -> Draft:
    """Differences with own quantisers beside one with that of the group."""
    first = Term(reference=1)
    targets = [
        difference("w", "float32", (2, 4), tuple(range(8))),
        replace(difference("fine", "float32", (2, 4), (9,) * 8, first), quantiser=wire.decadic(6, 0, -4)),
        replace(difference("free", "float64", (2, 4), (-9,) * 8, first), quantiser=wire.binary64(0.1)),
    ]
    return predicted(*(from_reference("w", target=target) for target in targets))


@valid("6.4", "8.3", "R-7.1.3", refs=("reference-model", "reference-second"))
def two_parents() -> Draft:
    """Tensors of two parents: copied from the second, differing from the first and from the second."""
    old, second = reference_model(), second_model()
    items = [
        copied("w", tensor_of(second, "w"), 0, 1),
        from_reference("half", target=difference("half", "float16", (4,), (1, 2, 3, 4))),
        differing(second.items[0], difference("v", "float32", (2, 2), (-1,) * 4, Term(1, 1)), ONE),
    ]
    return Draft(items, [Group(ONE)], level=1, parents=[old.content_id, second.content_id])


@valid("8.3", refs=("reference-second", "reference-model"))
def two_parents_given_in_other_order() -> Draft:
    """Reference models are found by content id, not by the order in which they are given."""
    return two_parents()


@valid("8.3", refs=("reference-second", "reference-model", "empty-model"))
def more_references_than_needed() -> Draft:
    """Reference models that the stream does not name do no harm."""
    return copy_by_position()


@valid("8.3", refs=REF)
def reference_not_needed() -> Draft:
    """A stream without parents, decoded with a reference model at hand."""
    return plain()


@valid("6.4", "8.3", refs=REF)
def parent_unused() -> Draft:
    """A parent from which no tensor is predicted."""
    return replace(plain(), parents=[reference_model().content_id])


@valid("8.3", refs=("reference-model", "difference-of-equal-shape"))
def chain_of_two() -> Draft:
    """The reference is itself predicted from a reference."""
    parent = difference_of_equal_shape()
    target = differing(parent.items[0], difference("w", "float32", (2, 4), (-1,) * 8), ONE)
    return replace(predicted(target), parents=[parent.content_id])


@valid("5.3", "8.3", refs=("empty-model",))
def parent_that_is_empty() -> Draft:
    """The parent is a model without tensors."""
    return replace(full(), parents=[Draft().content_id])


@valid("8.3.3", "9.3", "7.2", refs=REF)
def difference_lzma2_in_slices() -> Draft:
    """Two differences in three slices under LZMA2."""
    narrow = difference("w", "float32", (2, 4), tuple(range(8)))
    wide = replace(difference("v", "float32", (2, 4), (1000, -1000) * 4, Term(reference=1)), width=2)
    items = [from_reference("w", target=target) for target in (narrow, wide)]
    return replace(predicted(*items), groups=[Group(ONE, wire.stored)], cuts={0: [3, 9, 4]})


def _doubles(*values: float) -> Draft:
    return Draft([exact("d", "float64", (len(values),), struct.pack(f"<{len(values)}d", *values))], [Group()])


def _difference_to(draft: Draft, dtype: str, levels: Sequence[int], quantiser: bytes) -> Draft:
    target = difference(draft.items[0].name, dtype, draft.items[0].dims, tuple(levels))
    return Draft([differing(draft.items[0], target, quantiser)], [Group(quantiser)], parents=[draft.content_id])


def _cancelling() -> Draft:
    product = quantised("p", "float64", [3, -7, 100, 127], wire.binary64(0.1)).data
    return _doubles(*(-value for value in struct.unpack("<4d", product)))


@valid("5.2")
def reference_cancelling() -> Draft:
    """A reference whose elements are minus the rounded products of the levels 3, -7, 100 and 127 and a step of 0.1."""
    return _cancelling()


@valid("3.5", "8.3.4", refs=("reference-cancelling",))
def difference_not_fused() -> Draft:
    """Prediction and product cancel to +0; a fused multiply-add would leave the rounding error of the product."""
    return _difference_to(_cancelling(), "float64", (3, -7, 100, 127), wire.binary64(0.1))


def _ones() -> Draft:
    return Draft([exact("o", "float32", (4,), f32(1, -1, 1, -1))], [Group()])


@valid("5.2")
def reference_ones() -> Draft:
    """A reference of ones and minus ones."""
    return _ones()


@valid("3.5", "8.3.4", refs=("reference-ones",))
def difference_added_in_binary64() -> Draft:
    """1 plus a little more than half a unit of binary32: to be added in binary64, not in the element type."""
    quantiser = wire.binary64((1 + 2.0**-26) * 2.0**-24)
    return _difference_to(_ones(), "float32", (1, -1, -1, 1), quantiser)


def _huge() -> Draft:
    largest = words(4, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F7FFFFF, 0x00000001)
    return Draft([exact("h", "float32", (4,), largest)], [Group()])


@valid("5.2")
def reference_huge() -> Draft:
    """A reference of the largest binary32 numbers and the smallest subnormal."""
    return _huge()


@valid("3.5", "8.3.4", refs=("reference-huge",))
def difference_overflows() -> Draft:
    """The largest binary32 plus half a unit is infinity; minus half a unit it stays; the subnormal drowns."""
    return _difference_to(_huge(), "float32", (1, -1, -1, 1), wire.binary64(2.0**103))


@valid("3.5", "8.3.4", refs=("reference-huge",))
def difference_subnormal() -> Draft:
    """Predictions and steps among the subnormal numbers are neither flushed nor lost."""
    return _difference_to(_huge(), "float32", (0, 0, 0, -1), wire.binary64(2.0**-149))


@valid("3.5", "8.3.4", refs=("reference-ones",))
def difference_to_zero() -> Draft:
    """Prediction and value cancel exactly: the result is +0 for either sign."""
    return _difference_to(_ones(), "bfloat16", (-2, 2, -2, 2), HALF)
