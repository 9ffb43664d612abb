"""Invalid vectors: inherited tensor tables and topologies (SPEC.md clauses 6.4, 6.6.4, 7.1 and 7.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import copied, plain, reference_model, tensor_of
from tools.vectors.cases import invalid, patched
from tools.vectors.draft import Draft, Edit, Group, Item, exact, table_body
from tools.vectors.valid_inherited import (
    TENSORS,
    inherited,
    inherited_change_first,
    inherited_delete,
    inherited_every_edit,
    inherited_table_without_edits,
    kept,
)
from tools.vectors.wire import leb, u8

REF: Final = ("reference-model",)
EDITS: Final = len(table_body(replace(inherited_every_edit(), header_pack=None)))


def every_edit() -> Draft:
    """All four edits: a change, a deletion, an insertion, a replacement."""
    return replace(inherited_every_edit(), header_pack=None)


patched(
    inherited_table_without_edits,
    (
        ("table-parent-2-of-1 VALUE_RANGE R-7.1.3", {"table.table_parent": leb(2)}, "table_parent 2 of one parent."),
        ("table-parent-16-of-1 VALUE_RANGE R-7.1.3", {"table.table_parent": leb(16)}, "table_parent 16 of one."),
        ("table-parent-over-range VALUE_RANGE 3.3 6.6", {"table.table_parent": leb(17)}, "table_parent 17."),
        ("table-parent-overlong VALUE_RANGE 3.3 6.6", {"table.table_parent": leb(1, 2)}, "More bytes than 16 needs."),
        ("table-parent-none SIZE_MISMATCH R-7.1.15 7.3", {"table.table_parent": leb(0)}, "A table of no records."),
        (
            "topology-parent-2-of-1 VALUE_RANGE R-7.1.3",
            {"parameters.topology_parent": leb(2)},
            "topology_parent 2 of one parent.",
        ),
        (
            "topology-parent-over-range VALUE_RANGE 3.3 6.4",
            {"parameters.topology_parent": leb(17)},
            "topology_parent 17.",
        ),
        (
            "topology-parent-overlong VALUE_RANGE 3.3 6.4",
            {"parameters.topology_parent": leb(1, 2)},
            "More bytes than a maximum of 16 needs.",
        ),
        (
            "topology-parent-dropped CONTENT_ID R-8.5.1 5.3",
            {"parameters.topology_parent": leb(0)},
            "No topology, where the content id has that of the parent.",
        ),
        (
            "inherited-count-low SIZE_MISMATCH R-7.1.15",
            {"start.tensor_count": leb(8)},
            "The start says one tensor less than the inherited table.",
        ),
        (
            "inherited-count-high SIZE_MISMATCH R-7.1.15",
            {"start.tensor_count": leb(10)},
            "The start says one tensor more than the inherited table.",
        ),
        (
            "inherited-size-low SIZE_MISMATCH R-7.1.15",
            {"start.decoded_size": leb(1)},
            "The start says fewer bytes than the inherited table.",
        ),
        (
            "inherited-elements-high SIZE_MISMATCH R-7.1.15",
            {"start.element_count": leb(2**18)},
            "The start says more elements than the inherited table.",
        ),
        (
            "inherited-table-size SIZE_MISMATCH 9.1",
            {"table.body_size": leb(1)},
            "body_size 1 for edits of no bytes.",
        ),
    ),
    REF,
)


@invalid("VALUE_RANGE", "R-7.1.3")
def table_parent_of_none() -> Draft:
    """An inherited table in a stream without parents."""
    return replace(plain(), patches={"table.table_parent": leb(1)})


@invalid("VALUE_RANGE", "R-7.1.3")
def topology_parent_of_none() -> Draft:
    """An inherited topology in a stream without parents."""
    return replace(plain(), patches={"parameters.topology_parent": leb(1)})


@invalid("REF_MISSING", "R-7.2.3", "7.3")
def reference_missing_for_inherited_table() -> Draft:
    """An inherited table, and no reference is given."""
    return inherited_table_without_edits()


@invalid("REF_MISMATCH", "R-7.2.3", "7.3", refs=("reference-second",))
def reference_of_inherited_table_is_another() -> Draft:
    """An inherited table, and another reference is given."""
    return inherited_table_without_edits()


@invalid("UNIT_ORDER", "R-7.2.1", refs=REF)
def topology_inherited_and_given() -> Draft:
    """A topology unit, though the topology is inherited."""
    draft = replace(inherited_table_without_edits(), topology_parent=0)
    return replace(draft, patches={"parameters.topology_parent": leb(1)})


patched(
    every_edit,
    (
        ("edit-4 VALUE_RANGE 4 6.6.4", {"edit1.edit": u8(4)}, "A reserved kind of edit."),
        ("edit-255 VALUE_RANGE 4 6.6.4", {"edit3.edit": u8(255)}, "A reserved kind of edit."),
        ("edit-skip-over-range VALUE_RANGE 3.3 6.6.4", {"edit0.skip": leb(2**20 + 1)}, "skip 2^20 + 1."),
        ("edit-skip-overlong NONCANONICAL 3.3 6.1", {"edit1.skip": leb(1, 2)}, "skip in two bytes."),
        ("edit-skip-beyond VALUE_RANGE R-7.3.1", {"edit3.skip": leb(5)}, "The last edit takes tensor 10 of nine."),
        ("edit-skip-far-beyond VALUE_RANGE R-7.3.1", {"edit0.skip": leb(2**20)}, "The first edit skips 2^20 tensors."),
        (
            "edit-insert-beyond VALUE_RANGE R-7.3.1",
            {"edit2.skip": leb(7)},
            "An insertion behind ten of nine tensors.",
        ),
        ("edit-cut UNIT_SIZE 6.6.4 3.3", {"edit3.level_width": b""}, "The last edit lacks its last element."),
        (
            "edit-without-identity UNIT_SIZE 6.6.4 3.3",
            {f"edit3.{name}": b"" for name in ("name", "dtype", "rank", "dims", "prediction", "slice_group")}
            | {"edit3.level_width": b"\x01a"},
            "A replacement that ends within its identity.",
        ),
        (
            "edit-name-not-utf-8 BAD_NAME 3.3 6.6.4",
            {"edit2.name": b"\x03\xffew"},
            "The name of an inserted tensor is not UTF-8.",
        ),
        (
            "edit-name-twice DUPLICATE R-7.1.6",
            {"edit2.name": wire.text("scalar")},
            "An inserted tensor has the name of one that is copied.",
        ),
        (
            "edit-names-equal DUPLICATE R-7.1.6",
            {"edit3.name": wire.text("new")},
            "Two edits give tensors of one name.",
        ),
        (
            "edit-group-2-of-2 VALUE_RANGE R-7.1.10",
            {"edit3.slice_group": leb(2)},
            "slice_group 2 of two groups, in an edit.",
        ),
        (
            "edit-width-among-exact VALUE_RANGE R-7.1.11",
            {"edit3.level_width": u8(1) + u8(0)},
            "An edit gives levels in an exact group.",
        ),
        (
            "edit-exact-types VALUE_RANGE R-7.1.13",
            {"edit3.dtype": u8(3)},
            "Two edits give tensors of two types in an exact group.",
        ),
        (
            "edit-term-parent VALUE_RANGE R-7.1.3",
            {"edit0.terms0.parent": leb(1)},
            "The term of a change names a second parent.",
        ),
        (
            "edit-term-tensor VALUE_RANGE R-8.3.1",
            {"edit0.terms0.reference_tensor": leb(10)},
            "The term of a change names the tenth tensor of nine.",
        ),
        (
            "edit-name-changed CONTENT_ID R-8.5.1 5.3",
            {"edit2.name": wire.text("now")},
            "The name of an inserted tensor is changed, the CRC repaired.",
        ),
        (
            "edit-table-size-high SIZE_MISMATCH 9.1",
            {"table.body_size": leb(EDITS + 1)},
            "body_size one over the edits.",
        ),
        ("edit-left-over UNIT_SIZE 6.6.4 3.3", {"edit3.tail": b"\0"}, "Half an edit behind the last."),
    ),
    REF,
)
patched(
    inherited_change_first,
    (
        (
            "change-of-nothing-coded VALUE_RANGE R-7.1.12",
            {"edit0.skip": leb(6)},
            "Levels for the changed int64 tensor.",
        ),
        (
            "change-with-identity SIZE_MISMATCH 7.3 R-7.1.15",
            {"edit0.tail": u8(0) + u8(wire.DELETE)},
            "A deletion that the start does not know of.",
        ),
    ),
    REF,
)
patched(
    inherited_delete,
    (
        ("delete-beyond VALUE_RANGE R-7.3.1", {"edit2.skip": leb(4)}, "A deletion of tensor 10 of nine."),
        ("delete-behind-last VALUE_RANGE R-7.3.1", {"edit2.tail": u8(0) + u8(wire.DELETE)}, "One deletion too many."),
        ("skip-behind-last VALUE_RANGE R-7.3.1", {"edit2.skip": leb(2**20)}, "A skip of 2^20 tensors."),
        (
            "delete-with-coding VALUE_RANGE 4 6.6.4",
            {"edit2.tail": u8(0) + u8(4)},
            "Something that is no edit behind a deletion.",
        ),
    ),
    REF,
)


@invalid("SIZE_MISMATCH", "7.3", refs=REF)
def delete_ten_of_nine() -> Draft:
    """One deletion more than tensor_count (none) and the parent's tensors (nine): stopped before it is applied."""
    return inherited([], *[Edit(wire.DELETE)] * (TENSORS + 1))


@invalid("SIZE_MISMATCH", "7.3", refs=REF)
def edits_too_many() -> Draft:
    """More edits than tensor_count and the parent's tensors: one more than could ever be."""
    edits = [Edit(wire.INSERT, 0, _copy(f"n{n}")) for n in range(3)]
    draft = inherited([*(edit.item for edit in edits if edit.item), *kept()], *edits, *[Edit(wire.DELETE)] * TENSORS)
    return replace(draft, patches={"start.tensor_count": leb(2)})


@invalid("SIZE_MISMATCH", "7.3", refs=REF)
def edits_insert_too_many() -> Draft:
    """Insertions without end: 11 for a start of one tensor and a parent of nine."""
    edits = [Edit(wire.INSERT, 0, _copy(f"n{n}")) for n in range(11)]
    draft = inherited([*(edit.item for edit in edits if edit.item), *kept()], *edits)
    return replace(draft, patches={"start.tensor_count": leb(1)})


def _copy(name: str) -> Item:
    return copied(name, tensor_of(reference_model(), "scalar"), 2)


@invalid("COVERAGE", "R-7.1.14", refs=REF)
def inherited_group_unused() -> Draft:
    """A slice group in a stream whose tensors are all copied."""
    return replace(inherited_table_without_edits(), groups=[Group()])


@invalid("COVERAGE", "R-7.2.4", refs=REF)
def inherited_insert_without_slice() -> Draft:
    """An inserted tensor has symbols, and there is no slice."""
    item = exact("new", "uint8", (2,), b"\1\2")
    draft = inherited([item, *kept()], Edit(wire.INSERT, 0, item), groups=[Group()])
    return replace(draft, order=("parameters", "table"))


@invalid("DUPLICATE", "R-7.1.6", refs=REF)
def inherited_insert_of_a_kept_name() -> Draft:
    """The first tensor is inserted once more under its name."""
    item = copied("w", tensor_of(reference_model(), "w"))
    return inherited([item, *kept()], Edit(wire.INSERT, 0, item))


@invalid("ENTROPY", "9.1", "9.3", refs=REF)
def inherited_table_lzma2_damaged() -> Draft:
    """Edits that are said to be LZMA2 and are not."""
    return replace(inherited_every_edit(), patches={"table.body": b"\x7f" * 12})
