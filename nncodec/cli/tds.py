"""SPEC.md Annex B.3: tensor dump stream, the form in which a decoder under test hands over what it decoded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Final

from nncodec.errors import BitstreamError, UnsupportedStreamError
from nncodec.model import Model, Tensor

_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:-")


def write_tds(models: Iterable[tuple[str | None, Model]], stream: IO[bytes]) -> None:
    """Write all tensors of `models` to `stream`, in order; a name stands before those of a model of a set."""
    stream.write(b"TDS 1\n")
    count = 0
    for name, model in models:
        if name is not None:
            stream.write(f"model {_quoted(name)}\n".encode())
        for tensor in model.tensors:
            stream.write(_header(tensor).encode())
            stream.write(tensor.data)
            stream.write(b"\n")
        count += len(model.tensors)
    stream.write(f"end {count}\n".encode())


def _header(tensor: Tensor) -> str:
    dims = "x".join(map(str, tensor.shape)) or "-"
    return f"tensor {_quoted(tensor.name)} {tensor.dtype.name.lower()} {dims} {tensor.nbytes}\n"


def _quoted(name: str) -> str:
    # A lone % cannot come from any other name: it would be written %25.
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in name.encode()) or "%"


def error_line(error: BitstreamError) -> str:
    """What the last line on standard error must be for `error`, without its line end."""
    verdict = "unsupported" if isinstance(error, UnsupportedStreamError) else "error"
    return f"{verdict}: {error.error_class.value}"
