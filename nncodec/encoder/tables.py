"""SPEC.md clause E.8 (informative): the shorter form of a tensor table: complete, or inherited and edited."""

from __future__ import annotations

from collections.abc import Sequence

from nncodec.model import Model
from nncodec.syntax.tensor_table import TableEdit, TensorRecord
from nncodec.table import copy_coding, identity_of
from nncodec.tables import Edit


def edits_from(parent: Model, parent_index: int, records: Sequence[TensorRecord]) -> list[TableEdit] | None:
    """The edits that turn the table of `parent` into `records`; None where the order of tensors has changed."""
    theirs = {tensor.name: place for place, tensor in enumerate(parent.tensors)}
    ours = {record.name for record in records}
    edits: list[TableEdit] = []
    place = skip = 0
    for record in records:
        while place < len(parent.tensors) and parent.tensors[place].name not in ours:
            edits.append(TableEdit(skip, Edit.DELETE, None, None))
            place, skip = place + 1, 0
        known = theirs.get(record.name)
        if known is not None and known != place:
            return None
        if known is None:
            edits.append(TableEdit(skip, Edit.INSERT, record.identity, record.coding))
            skip = 0
            continue
        place += 1
        edit = _edit(record, parent, parent_index, known)
        if edit is None:
            skip += 1
            continue
        identity = record.identity if edit == Edit.REPLACE else None
        edits.append(TableEdit(skip, edit, identity, record.coding))
        skip = 0
    deletions = [TableEdit(0, Edit.DELETE, None, None)] * (len(parent.tensors) - place)
    if deletions:
        deletions[0] = TableEdit(skip, Edit.DELETE, None, None)
    return edits + deletions


def _edit(record: TensorRecord, parent: Model, parent_index: int, place: int) -> Edit | None:
    """What is to be done to the parent's tensor at `place`; None where it is copied as it is."""
    if record.identity != identity_of(parent.tensors[place]):
        return Edit.REPLACE
    if record.coding in (copy_coding(parent_index, 0), copy_coding(parent_index, place + 1)):
        return None
    return Edit.CHANGE
