"""What nncodec makes of a vector: for those whose bytes depend on the version of liblzma, so cannot be compared."""

from __future__ import annotations

from collections.abc import Callable

from nncodec.decoder import decode
from nncodec.errors import BitstreamError
from nncodec.limits import LEVELS
from nncodec.model import Model
from tools.vectors.cases import Case
from tools.vectors.draft import Draft


def complaint(case: Case, data: bytes, load: Callable[[str], bytes]) -> str | None:
    """Why `data` is not what the vector is declared to be; None if it is. `load` gives the bytes of a reference."""
    try:
        model = decode_with(data, [load(ref) for ref in case.refs])
    except BitstreamError as error:
        if case.error is None:
            return f"{case.id}: rejected with {error}"
        accepted = {case.error, *case.accept}
        return None if error.error_class.value in accepted else f"{case.id}: rejected with {error}, not {case.error}"
    if case.error is not None:
        return f"{case.id}: accepted, though it must be rejected with {case.error}"
    return None if delivered(model) == expected(case.make()) else f"{case.id}: decodes to other tensors"


def decode_with(data: bytes, references: list[bytes]) -> Model:
    """The model of `data`; each reference may need those before it."""
    models: list[Model] = []
    for reference in references:
        models.append(decode(reference, models, limits=LEVELS[-1]))
    return decode(data, models, limits=LEVELS[-1])


def delivered(model: Model) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    """What a decoder delivered."""
    return [(t.name, t.dtype.name.lower(), t.shape, bytes(t.data)) for t in model.tensors]


def expected(draft: Draft) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    """What it must deliver."""
    return [(item.name, item.dtype, item.dims, item.data) for item in draft.items]
