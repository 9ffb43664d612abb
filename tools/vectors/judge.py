"""What nncodec makes of a vector: for those whose bytes depend on the version of liblzma, so cannot be compared."""

from __future__ import annotations

from collections.abc import Callable

from conformance.adapter_nncodec import Decoded, decode_stream
from nncodec.errors import BitstreamError
from nncodec.model import Model
from tools.vectors.cases import Case
from tools.vectors.draft import Draft
from tools.vectors.set_draft import SetDraft

Contents = list[tuple[str, str, tuple[int, ...], bytes]]
"""Name, element type, shape and data of every tensor of a model."""


def complaint(case: Case, data: bytes, load: Callable[[str], bytes]) -> str | None:
    """Why `data` is not what the vector is declared to be; None if it is. `load` gives the bytes of a reference."""
    try:
        decoded = decode_stream(data, [load(ref) for ref in case.refs])
    except BitstreamError as error:
        if case.error is None:
            return f"{case.id}: rejected with {error}"
        accepted = {case.error, *case.accept}
        return None if error.error_class.value in accepted else f"{case.id}: rejected with {error}, not {case.error}"
    if case.error is not None:
        return f"{case.id}: accepted, though it must be rejected with {case.error}"
    return None if delivered(decoded) == expected(case.make()) else f"{case.id}: decodes to other tensors"


def delivered(decoded: Decoded) -> list[tuple[str | None, Contents]]:
    """What a decoder delivered, by the names of models."""
    return [(name, _tensors(model)) for name, model in decoded]


def _tensors(model: Model) -> Contents:
    return [(t.name, t.dtype.name.lower(), t.shape, bytes(t.data)) for t in model.tensors]


def expected(draft: Draft | SetDraft) -> list[tuple[str | None, Contents]]:
    """What it must deliver."""
    members = draft.models() if isinstance(draft, SetDraft) else [(None, draft)]
    return [(name, [(i.name, i.dtype, i.dims, i.data) for i in member.items]) for name, member in members]
