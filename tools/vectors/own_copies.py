"""Vectors, valid and invalid: copies within a model (SPEC.md clause 8.3.1, R-8.3.6)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import copied, f32, levels_only, reference_model, tensor_of
from tools.vectors.cases import invalid, patched, valid
from tools.vectors.draft import Draft, Group, Term, exact

REF = ("reference-model",)


def _twice() -> Draft:
    """An exact tensor, one like it in type but not in shape, one like it in shape, and a copy of the first."""
    first = exact("first", "float32", (2, 3), f32(1, 2, 3, 4, 5, 6))
    flat = exact("flat", "float32", (6,), first.data)
    other = exact("other", "int32", (2, 3), first.data, group=1)
    return Draft(
        [first, flat, other, copied("again", first, 1), exact("last", "float32", (2, 3), first.data)], [Group()] * 2
    )


@valid("8.3.1", "R-8.3.6", "R-7.1.3")
def own_copy() -> Draft:
    """A copy of an earlier tensor of the same model, in a stream without parents."""
    return _twice()


@valid("8.3.1", "R-8.3.6")
def own_copy_of_copy() -> Draft:
    """A copy of a copy."""
    draft = _twice()
    return replace(draft, items=[*draft.items, copied("and again", draft.items[3], 4)])


@valid("8.3.1", "R-8.3.6")
def own_copy_of_levels() -> Draft:
    """A copy of a tensor with levels is what these decode to."""
    draft = levels_only()
    return replace(draft, items=[*draft.items, copied("again", draft.items[0], 1)])


@valid("8.3.1", "R-8.3.6", refs=REF)
def own_copy_beside_parents() -> Draft:
    """With one parent, parent 1 is the model itself: a copy of what was copied from parent 0."""
    old = reference_model()
    first = copied("w", tensor_of(old, "w"))
    return Draft([first, copied("again", first, 1, 1)], parents=[old.content_id])


@valid("8.3.1", "R-8.3.6")
def own_copy_of_strings() -> Draft:
    """Strings of the same size in bytes are copied like all else."""
    first = exact("s", "string", (2,), wire.strings(b"conv", b"bias"))
    return Draft([first, copied("again", first, 1)], [Group()])


TERM = "record3.terms0"
patched(
    _twice,
    (
        ("own-copy-by-name VALUE_RANGE R-8.3.6", {f"{TERM}.reference_tensor": wire.leb(0)}, "A name is no place."),
        ("own-copy-of-itself VALUE_RANGE R-8.3.6", {f"{TERM}.reference_tensor": wire.leb(4)}, "The copy itself."),
        ("own-copy-of-later VALUE_RANGE R-8.3.6", {f"{TERM}.reference_tensor": wire.leb(5)}, "A later tensor."),
        (
            "own-copy-of-none VALUE_RANGE R-8.3.6",
            {f"{TERM}.reference_tensor": wire.leb(6)},
            "A tensor that is not there.",
        ),
        ("own-copy-of-other-shape VALUE_RANGE R-8.3.6", {f"{TERM}.reference_tensor": wire.leb(2)}, "Another shape."),
        ("own-copy-of-other-type VALUE_RANGE R-8.3.6", {f"{TERM}.reference_tensor": wire.leb(3)}, "Another type."),
        ("baseline-own-copy VALUE_RANGE R-7.1.3 A.1", {"start.profile": wire.u8(wire.BASELINE)}, "In BASELINE."),
    ),
)


@invalid("VALUE_RANGE", "R-8.3.6")
def own_copy_mapped() -> Draft:
    """A copy within the model with a channel map of nothing."""
    draft = _twice()
    item = replace(draft.items[3], terms=(Term(0, 1, map_of_nothing=True),))
    return replace(draft, items=[*draft.items[:3], item, draft.items[4]])


@invalid("VALUE_RANGE", "R-8.3.6")
def own_copy_of_other_string_size() -> Draft:
    """A copy that is like its original in all but string_size, which says two bytes more."""
    first = exact("s", "string", (2,), wire.strings(b"conv", b"bias"))
    size = len(first.data)
    patches = {"record1.string_size": wire.leb(size + 2), "start.decoded_size": wire.leb(2 * size + 2)}
    return Draft([first, copied("again", first, 1)], [Group()], patches=patches)


@invalid("ENTROPY", "R-8.3.6", "8.5", "9.3")
def own_copy_of_later_behind_a_damaged_payload() -> Draft:
    """A copy of a later tensor, which is judged in reconstruction, and damaged LZMA2 in the slice of that tensor."""
    last = exact("last", "uint8", (2,), b"\1\2")
    draft = Draft([copied("first", last, 2), last], [Group(pack=wire.stored)])
    return replace(draft, patches={"slice0.payload": b"\3\0\0\0"})
