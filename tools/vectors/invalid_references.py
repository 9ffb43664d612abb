"""Invalid vectors: references that are missing or do not fit (SPEC.md clause 8.3)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import (
    ONE,
    copied,
    difference,
    plain,
    reference_model,
    tensor_of,
)
from tools.vectors.cases import invalid
from tools.vectors.draft import Draft, Group, Item, Term, exact
from tools.vectors.valid_prediction import (
    copy_of_everything,
    difference_of_equal_shape,
    difference_with_own_quantiser,
    predicted,
    two_parents,
)

REF = ("reference-model",)


@invalid("REF_MISSING", "8.3", "R-7.2.3")
def reference_missing_for_copy() -> Draft:
    """A copy, and no reference is given."""
    return copy_of_everything()


@invalid("REF_MISSING", "8.3", "R-7.2.3")
def reference_missing_for_difference() -> Draft:
    """A difference, and no reference is given."""
    return difference_of_equal_shape()


@invalid("REF_MISSING", "8.3", "R-7.2.3")
def reference_missing_though_unused() -> Draft:
    """A parent from which nothing is predicted must be there all the same."""
    return replace(plain(), parents=[reference_model().content_id])


@invalid("REF_MISSING", "8.3", "R-7.2.3")
def reference_to_itself() -> Draft:
    """A stream that names its own model as its parent and copies everything from it."""
    draft = replace(copy_of_everything(), topology=None)
    return replace(draft, parents=[draft.content_id])


@invalid("REF_MISMATCH", "8.3", "R-7.2.3", refs=("reference-second",))
def reference_is_another() -> Draft:
    """Another model is given, which has a tensor of the right name and rank."""
    return difference_of_equal_shape()


@invalid("REF_MISMATCH", "8.3", "R-7.2.3", refs=("reference-without-topology",))
def reference_lacks_its_topology() -> Draft:
    """The model given has the right tensors and no topology."""
    return difference_of_equal_shape()


@invalid("REF_MISMATCH", "8.3", "R-7.2.3", refs=REF)
def reference_second_missing() -> Draft:
    """Two parents, and only the first is given."""
    return two_parents()


@invalid("REF_MISMATCH", "8.3", "R-7.2.3", refs=("reference-second",))
def reference_first_missing() -> Draft:
    """Two parents, and only the second is given."""
    return two_parents()


@invalid("REF_MISMATCH", "8.3", "R-7.2.3", refs=REF)
def reference_id_with_one_bit_wrong() -> Draft:
    """The right model is given, but the stream names it with one bit wrong."""
    parent = reference_model().content_id
    return replace(difference_of_equal_shape(), parents=[bytes([parent[0] ^ 1]) + parent[1:]])


@invalid("VALUE_RANGE", "R-8.3.1", refs=REF)
def copy_of_unknown_name() -> Draft:
    """The parent has no tensor of that name."""
    return predicted(copied("unknown", tensor_of(reference_model(), "w")))


@invalid("VALUE_RANGE", "R-8.3.1", refs=REF)
def copy_of_position_beyond_the_last() -> Draft:
    """The parent has nine tensors; the tenth is asked for."""
    return predicted(copied("w", tensor_of(reference_model(), "w"), 10))


@invalid("VALUE_RANGE", "R-8.3.1", refs=REF)
def difference_to_unknown_name() -> Draft:
    """A difference to a name that the parent does not have."""
    return predicted(_difference("new", "float32", (2, 4)))


@invalid("VALUE_RANGE", "R-8.3.1", refs=REF)
def difference_to_position_beyond_the_last() -> Draft:
    """A difference to the largest position that can be written."""
    return predicted(_difference("w", "float32", (2, 4), 2**20))


def _difference(name: str, dtype: str, dims: tuple[int, ...], reference: int = 0) -> Item:
    """A difference that can never be reconstructed; its data is zeros of the right size."""
    count = 1
    for dim in dims:
        count *= dim
    item = difference(name, dtype, dims, (1,) * count, Term(reference=reference))
    size = count * wire.DTYPES[dtype][1] // 8
    return replace(item, prediction=wire.PREDICT_REFERENCE, data=bytes(size))


@invalid("VALUE_RANGE", "R-8.3.2", refs=REF)
def difference_of_lower_rank() -> Draft:
    """A vector as a difference to a matrix of as many elements."""
    return predicted(_difference("w", "float32", (8,)))


@invalid("VALUE_RANGE", "R-8.3.2", refs=REF)
def difference_of_higher_rank() -> Draft:
    """A matrix as a difference to a scalar."""
    return predicted(_difference("scalar", "float32", (1, 1)))


@invalid("VALUE_RANGE", "R-8.3.3", refs=REF)
def difference_to_integers() -> Draft:
    """A difference to a tensor of int64."""
    return predicted(_difference("ids", "float32", (2,)))


@invalid("VALUE_RANGE", "R-8.3.3", refs=REF)
def difference_to_strings() -> Draft:
    """A difference to a tensor of strings."""
    return predicted(_difference("names", "float32", (2,)))


def _changed_copy(name: str, dtype: str, dims: tuple[int, ...], data: bytes) -> Draft:
    source = tensor_of(reference_model(), name)
    return predicted(replace(copied(name, source), dtype=dtype, dims=dims, data=data))


@invalid("VALUE_RANGE", "R-8.3.4", refs=REF)
def copy_of_another_type() -> Draft:
    """The tensor is to be int32, that of the parent is float32."""
    return _changed_copy("w", "int32", (2, 4), bytes(32))


@invalid("VALUE_RANGE", "R-8.3.2", refs=REF)
def copy_of_another_rank() -> Draft:
    """The tensor is to be 1x2x4, that of the parent is 2x4."""
    return _changed_copy("w", "float32", (1, 2, 4), bytes(32))


@invalid("VALUE_RANGE", "R-8.3.4", refs=REF)
def copy_of_packed_elements_in_another_shape() -> Draft:
    """Elements of four bits cannot be cropped, though three of them would fit the bytes."""
    return _changed_copy("nibbles", "int4", (4,), bytes(2))


@invalid("VALUE_RANGE", "R-8.3.4", refs=REF)
def copy_of_strings_in_another_shape() -> Draft:
    """Strings can be copied only in the shape that they have."""
    return _changed_copy("names", "string", (1, 2), wire.strings(b"x", b"\xff\x00"))


@invalid("VALUE_RANGE", "R-8.3.4", refs=REF)
def copy_of_packed_elements_mapped() -> Draft:
    """A channel map, though one of nothing, for elements of four bits."""
    source = tensor_of(reference_model(), "nibbles")
    return predicted(replace(copied("nibbles", source), terms=(Term(map_of_nothing=True),)))


@invalid("VALUE_RANGE", "R-8.3.4", refs=REF)
def copy_of_another_string_size() -> Draft:
    """The strings are to take 12 bytes, those of the parent take 11."""
    return _changed_copy("names", "string", (2,), wire.strings(b"xx", b"yy"))


@invalid("CONTENT_ID", "R-8.5.1", refs=REF)
def difference_with_levels_changed() -> Draft:
    """A level of a difference is changed, the CRC repaired."""
    return replace(difference_of_equal_shape(), patches={"slice0.payload": bytes([1, 255, 0, 5, 250, 7, 0, 3])})


@invalid("CONTENT_ID", "R-8.5.1", refs=REF)
def difference_with_offset_changed() -> Draft:
    """The offset of an own quantiser is changed, the CRC repaired."""
    return replace(difference_with_own_quantiser(), patches={"record1.quantiser": wire.decadic(6, 0, -5)})


def _without_elements(item: Item) -> Draft:
    """A stream of a predicted tensor that has no elements, so that no slice asks for its prediction."""
    item = replace(item, prediction=wire.PREDICT_REFERENCE, terms=item.terms or (Term(),))
    return Draft([item], [Group(None if item.levels is None else ONE)], parents=[reference_model().content_id])


def _no_levels(name: str, dims: tuple[int, ...], *terms: Term) -> Draft:
    return _without_elements(Item(name, "float32", dims, b"", levels=(), width=1, terms=terms))


@invalid("VALUE_RANGE", "R-8.3.1", "8.5", refs=REF)
def difference_without_elements_to_unknown_name() -> Draft:
    """No levels, as a difference to a name that the parent does not have."""
    return _no_levels("nowhere", (0, 3))


@invalid("VALUE_RANGE", "R-8.3.2", "8.5", refs=REF)
def difference_without_elements_of_another_rank() -> Draft:
    """No levels, as a difference of a vector to a matrix."""
    return _no_levels("empty", (0,))


@invalid("VALUE_RANGE", "R-8.3.3", "8.5", refs=REF)
def difference_without_elements_to_integers() -> Draft:
    """No levels, as a difference to a tensor of int64."""
    return _no_levels("ids", (0,))


@invalid("VALUE_RANGE", "R-8.3.3", "8.5", refs=REF)
def difference_without_elements_with_gains() -> Draft:
    """No levels, and two gains for no rows."""
    return _no_levels("empty", (0, 3), Term(gains=(1.0, 1.0)))


@invalid("VALUE_RANGE", "R-8.3.1", "8.5", refs=REF)
def exact_difference_without_elements_to_unknown_name() -> Draft:
    """No words, as a difference to a name that the parent does not have."""
    return _without_elements(exact("nowhere", "float32", (0, 3), b""))


@invalid("VALUE_RANGE", "R-8.3.5", "8.5", refs=REF)
def exact_difference_without_elements_to_another_type() -> Draft:
    """No words of uint64, as a difference to a tensor of int64."""
    return _without_elements(exact("ids", "uint64", (0,), b""))
