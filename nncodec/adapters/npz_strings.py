"""SPEC.md Annex D.3 (informative): numpy's arrays of strings, which have one width, as STRING tensors, and back."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from nncodec.adapters.strings import join_strings, split_strings
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import Tensor

_WIDENING: Final = 64
_ALWAYS_ALLOWED: Final = 1 << 20
"""A numpy array may be this many times as large as the strings in it, or this many bytes: one long string among
millions of short ones would take terabytes."""

_LAST_CODE_POINT: Final = 0x10FFFF


def pack_strings(array: npt.NDArray[np.generic], name: str) -> bytes:
    """Data of a STRING tensor: per element, row-major, its length and its bytes (UTF-8 for numpy type U)."""
    flat = array.ravel(order="C")
    if array.dtype.kind == "U" and np.any(flat.view(array.dtype.byteorder + "u4") > _LAST_CODE_POINT):
        raise ModelFileError(f"array {name!r}: a string holds a number that is no Unicode character")
    try:
        encoded = [text.encode() if isinstance(text, str) else bytes(text) for text in flat.tolist()]
    except UnicodeEncodeError as error:
        what = f"array {name!r}: a string holds half a surrogate pair, which UTF-8 cannot code"
        raise ModelFileError(what) from error
    return join_strings(encoded)


def unpack_strings(tensor: Tensor) -> npt.NDArray[np.generic]:
    """Array (1-D, row-major order) of numpy type U, or S where a string is not UTF-8.

    Raises UnsupportedModelError for strings that numpy would change (a NUL at the end) or that take too much room.
    """
    encoded = split_strings(tensor.data)
    if any(text.endswith(b"\x00") for text in encoded):
        raise _refused(tensor, "numpy drops the NUL at the end of a string")
    try:
        texts: list[str] | list[bytes] = [text.decode() for text in encoded]
    except UnicodeDecodeError:
        texts = encoded
    kind, unit = ("U", 4) if texts is not encoded else ("S", 1)
    width = max(map(len, texts), default=0) or 1
    if len(texts) * width * unit > max(_ALWAYS_ALLOWED, _WIDENING * tensor.nbytes):
        raise _refused(tensor, "numpy would widen every string to the longest")
    return np.array(texts, dtype=f"<{kind}{width}")


def _refused(tensor: Tensor, why: str) -> UnsupportedModelError:
    return UnsupportedModelError(f"tensor {tensor.name!r}: {why}; write .onnx")
