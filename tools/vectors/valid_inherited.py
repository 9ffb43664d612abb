"""Valid vectors: inherited tensor tables and topologies (SPEC.md clauses 6.4, 6.6.4 and 7.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import (
    ONE,
    copied,
    difference,
    f32,
    from_reference,
    grid_model,
    reference_model,
    second_model,
    tensor_of,
)
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Edit, Group, Item, Term, exact

REF = ("reference-model",)
TENSORS = 9
"""Tensors of the reference model."""


def kept(first: int = 0, last: int = TENSORS) -> list[Item]:
    """Tensors of the reference model that an inherited table copies, by place."""
    return [copied(item.name, item, place + 1) for place, item in list(enumerate(reference_model().items))[first:last]]


def inherited(items: Sequence[Item], *edits: Edit, groups: Sequence[Group] = ()) -> Draft:
    """A stream whose table is that of the reference model, edited, and whose topology is the reference's."""
    parent = reference_model()
    draft = Draft(items, groups, parents=[parent.content_id], topology=parent.topology, topology_parent=1)
    return replace(draft, table_parent=1, edits=edits)


@valid("6.6.4", "7.3", "R-7.3.1", refs=REF)
def inherited_table_without_edits() -> Draft:
    """A table of no bytes: the parent's tensors as they are, and its topology."""
    return inherited(kept())


@valid("6.4", "R-7.2.1", "R-7.1.3", refs=REF)
def inherited_topology_alone() -> Draft:
    """The topology is that of the parent; the table stands by itself."""
    item = exact("a", "uint8", (2,), b"\1\2")
    return replace(inherited([item], groups=[Group()]), table_parent=0)


@valid("6.4", "R-7.2.1", refs=REF)
def inherited_table_own_topology() -> Draft:
    """The table is that of the parent, the topology is new."""
    return replace(inherited(kept()), topology=(wire.ONNX, b"new graph"), topology_parent=0)


@valid("6.4", "R-7.2.1", refs=REF)
def inherited_table_without_topology() -> Draft:
    """The table is that of the parent, and the model has no topology though the parent has one."""
    return replace(inherited(kept()), topology=None, topology_parent=0)


@valid("6.4", "5.2", refs=("reference-grid",))
def inherited_topology_of_none() -> Draft:
    """The topology of a parent that has none."""
    parent = grid_model()
    draft = Draft([exact("a", "uint8", (1,), b"\1")], [Group()], parents=[parent.content_id], topology_parent=1)
    return replace(draft, topology=None)


def _change() -> Item:
    return from_reference("w", target=difference("w", "float32", (2, 4), (1, -1) * 4))


@valid("6.6.4", "7.3", refs=REF)
def inherited_change_first() -> Draft:
    """CHANGE of the first tensor: a difference by name; the rest is copied."""
    item = _change()
    return inherited([item, *kept(1)], Edit(wire.CHANGE, 0, item), groups=[Group(ONE)])


@valid("6.6.4", "7.3", refs=REF)
def inherited_change_last() -> Draft:
    """CHANGE of the last tensor, behind eight that are skipped: a string tensor that is coded anew."""
    item = exact("names", "string", (2,), wire.strings(b"yy", b"\xff"))
    data = wire.strings(b"y", b"\xff\x00")
    item = replace(item, data=data)
    return inherited([*kept(0, 8), item], Edit(wire.CHANGE, 8, item), groups=[Group()])


@valid("6.6.4", "7.3", refs=REF)
def inherited_change_to_copy() -> Draft:
    """CHANGE whose coding is a copy of another tensor of the parent, of the same type and shape."""
    item = copied("w", tensor_of(reference_model(), "w"), 1)
    return inherited([item, *kept(1)], Edit(wire.CHANGE, 0, item))


@valid("6.6.4", "7.3", refs=REF)
def inherited_replace() -> Draft:
    """REPLACE: another name, type and shape at the place of a tensor."""
    item = exact("fresh", "int16", (3,), bytes(range(6)))
    return inherited([*kept(0, 3), item, *kept(4)], Edit(wire.REPLACE, 3, item), groups=[Group()])


@valid("6.6.4", "7.3", refs=REF)
def inherited_replace_renames() -> Draft:
    """REPLACE that renames: the tensor is copied by its place."""
    item = copied("weight", tensor_of(reference_model(), "w"), 1)
    return inherited([item, *kept(1)], Edit(wire.REPLACE, 0, item))


@valid("6.6.4", "7.3", refs=REF)
def inherited_insert_at_both_ends() -> Draft:
    """INSERT before the first tensor, between two, and behind the last."""
    items = [exact(name, "uint8", (1,), bytes([index])) for index, name in enumerate(("front", "middle", "back"))]
    edits = [Edit(wire.INSERT, skip, item) for skip, item in zip((0, 4, 5), items, strict=True)]
    return inherited([items[0], *kept(0, 4), items[1], *kept(4), items[2]], *edits, groups=[Group()])


@valid("6.6.4", "7.3", refs=REF)
def inherited_insert_several_at_one_place() -> Draft:
    """Two INSERT in a row without a skip between."""
    items = [exact(name, "uint8", (2,), b"\1\2") for name in ("one", "two")]
    edits = [Edit(wire.INSERT, 2, items[0]), Edit(wire.INSERT, 0, items[1])]
    return inherited([*kept(0, 2), *items, *kept(2)], *edits, groups=[Group()])


@valid("6.6.4", "7.3", "R-7.3.1", refs=REF)
def inherited_delete() -> Draft:
    """DELETE of the first, of one in the middle, and of the last tensor: the edits take all that the parent has."""
    edits = (Edit(wire.DELETE), Edit(wire.DELETE, 3), Edit(wire.DELETE, 3))
    return inherited([*kept(1, 4), *kept(5, 8)], *edits)


@valid("6.6.4", "7.3", "R-7.3.1", refs=REF)
def inherited_delete_everything() -> Draft:
    """All tensors are deleted: as many edits as the parent has tensors."""
    return inherited([], *[Edit(wire.DELETE)] * TENSORS)


@valid("6.6.4", "7.3", "R-7.1.6", refs=REF)
def inherited_move() -> Draft:
    """DELETE at one place and INSERT of the same name at another: the tensor has moved."""
    moved = copied("w", tensor_of(reference_model(), "w"))
    edits = (Edit(wire.DELETE), Edit(wire.INSERT, 8, moved))
    return inherited([*kept(1), moved], *edits)


@valid("6.6.4", "7.3", refs=REF)
def inherited_every_edit() -> Draft:
    """All four edits in one table, under LZMA2."""
    change = _change()
    new, other = exact("new", "uint8", (1,), b"\1", 1), exact("other", "uint8", (2,), b"\2\3", 1)
    edits = (
        Edit(wire.CHANGE, 0, change),
        Edit(wire.DELETE, 1),
        Edit(wire.INSERT, 1, new),
        Edit(wire.REPLACE, 0, other),
    )
    items = [change, *kept(1, 2), *kept(3, 4), new, other, *kept(5)]
    draft = inherited(items, *edits, groups=[Group(ONE), Group()])
    return replace(draft, header_pack=wire.stored)


@valid("6.6.4", "7.3", refs=("reference-second", "reference-model"))
def inherited_table_of_second_parent() -> Draft:
    """table_parent 2 and topology_parent 2; a tensor is changed to a copy from the first parent."""
    second, old = second_model(), reference_model()
    swapped = copied("w", second.items[0], 1, 0)
    items = [replace(item, terms=(Term(1, place + 2),)) for place, item in enumerate(kept(1))]
    draft = Draft([swapped, *items], level=1, parents=[second.content_id, old.content_id], topology=old.topology)
    edits = (Edit(wire.REPLACE, 0, swapped),)
    return replace(draft, topology_parent=2, table_parent=2, edits=edits)


@valid("6.6.4", "7.3", "5.2", refs=("empty-model",))
def inherited_table_of_an_empty_parent() -> Draft:
    """The parent has no tensors: everything is inserted."""
    items = [exact(name, "float32", (1,), f32(1.5)) for name in ("a", "b")]
    draft = Draft(items, [Group()], parents=[Draft().content_id], table_parent=1)
    return replace(draft, edits=[Edit(wire.INSERT, 0, item) for item in items])


@valid("7.3", "8.3", refs=("reference-model", "inherited-change-first"))
def inherited_chain() -> Draft:
    """The parent's own table was inherited."""
    parent = inherited_change_first()
    items = [copied(item.name, item, place + 1) for place, item in enumerate(parent.items)]
    draft = Draft(items, parents=[parent.content_id], topology=parent.topology)
    return replace(draft, topology_parent=1, table_parent=1)


@valid("7.3", "A.1", refs=REF)
def inherited_in_baseline() -> Draft:
    """Profile BASELINE may inherit tables and topologies too."""
    return replace(inherited_change_first(), profile=wire.BASELINE)
