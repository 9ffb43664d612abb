"""SPEC.md clause 7.3: inherited tensor tables: a parent's table and the edits that turn it into the model's own.

An update of a large model changes few tensors, or none: what stays is not said again.
"""

from __future__ import annotations

from collections.abc import Sequence

from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.model import Model, Tensor
from nncodec.syntax.tensor_table import TableEdit, TensorCoding, TensorIdentity, TensorRecord, Term
from nncodec.tables import DType, Edit, Prediction


def identity_of(tensor: Tensor) -> TensorIdentity:
    """The identity record of `tensor`."""
    string_size = tensor.nbytes if tensor.dtype == DType.STRING else None
    return TensorIdentity(tensor.name, tensor.dtype, len(tensor.shape), list(tensor.shape), string_size)


def copy_coding(parent: int, reference_tensor: int) -> TensorCoding:
    """The coding record of a tensor that is copied as a whole."""
    term = Term(parent, reference_tensor, mapped=False, channel_map=None, gain_count=0, gains=[])
    return TensorCoding(Prediction.COPY, 1, [term], None, None, None, None)


def apply_edits(parent: Model, parent_index: int, edits: Sequence[TableEdit]) -> list[TensorRecord]:
    """The complete tensor table. Raises InvalidStreamError (R-7.3.1) where the edits run past the parent's tensors."""
    records: list[TensorRecord] = []
    place = 0
    for edit in edits:
        end = place + edit.skip
        consumed = 0 if edit.edit == Edit.INSERT else 1
        if end + consumed > len(parent.tensors):
            what = f"the edits take {end + consumed} tensors of the {len(parent.tensors)} that the parent has"
            raise InvalidStreamError(ErrorClass.VALUE_RANGE, what, clause="R-7.3.1")
        records += _copies(parent, parent_index, range(place, end))
        if edit.coding is not None:
            records.append(TensorRecord(edit.identity or identity_of(parent.tensors[end]), edit.coding))
        place = end + consumed
    return records + _copies(parent, parent_index, range(place, len(parent.tensors)))


def _copies(parent: Model, parent_index: int, places: range) -> list[TensorRecord]:
    return [TensorRecord(identity_of(parent.tensors[place]), copy_coding(parent_index, place + 1)) for place in places]
