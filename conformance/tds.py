"""SPEC.md Annex B.3: tensor dump stream, read strictly: what is not exactly as written there is refused."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

_HEADER: Final = re.compile(rb"tensor ([^ \n]+) ([a-z0-9]+) (-|(?:0|[1-9]\d*)(?:x(?:0|[1-9]\d*))*) (0|[1-9]\d*)\n")
_MODEL: Final = re.compile(rb"model ([^ \n]+)\n")
_END: Final = re.compile(rb"end (0|[1-9]\d*)\n")
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:-")


class TdsError(Exception):
    """The bytes are not a tensor dump stream."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a dump; its data only as a digest."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True)
class Model:
    """The tensors of one model; without a name where a stream of one model was decoded."""

    name: str | None
    tensors: tuple[Tensor, ...]


def parse(data: bytes) -> list[Model]:
    """The models of a dump, in order: those of a set by name, or one without. Raises TdsError."""
    if not data.startswith(b"TDS 1\n"):
        raise TdsError("it does not begin with the line 'TDS 1'")
    models: list[Model] = []
    position, count = len(b"TDS 1\n"), 0
    while (found := _MODEL.match(data, position)) is not None or not models:
        name, begin = (unquote(found[1]), found.end()) if found is not None else (None, position)
        tensors, position = _tensors(data, begin)
        models.append(Model(name, tensors))
        count += len(tensors)
        if name is None:
            break
    _check_end(data, position, count)
    return models


def _tensors(data: bytes, position: int) -> tuple[tuple[Tensor, ...], int]:
    """The tensors from `position` on, and where they end."""
    tensors = []
    while (found := _HEADER.match(data, position)) is not None:
        tensor, position = _tensor(data, found)
        tensors.append(tensor)
    return tuple(tensors), position


def _tensor(data: bytes, found: re.Match[bytes]) -> tuple[Tensor, int]:
    name, dims, size = unquote(found[1]), found[3].decode(), int(found[4])
    end = found.end() + size
    if data[end : end + 1] != b"\n":
        raise TdsError(f"behind {size} bytes of tensor {name!r} there is no line end")
    shape = () if dims == "-" else tuple(map(int, dims.split("x")))
    digest = hashlib.sha256(data[found.end() : end]).hexdigest()
    return Tensor(name, found[2].decode(), shape, digest), end + 1


def _check_end(data: bytes, position: int, count: int) -> None:
    found = _END.match(data, position)
    if found is None:
        raise TdsError(f"neither a tensor nor an end at byte {position}: {data[position : position + 40]!r}")
    if int(found[1]) != count:
        raise TdsError(f"'end {int(found[1])}' behind {count} tensors")
    if found.end() != len(data):
        raise TdsError(f"{len(data) - found.end()} bytes behind the end")


def is_complete(data: bytes) -> bool:
    """Whether `data` ends like a dump: a rejected stream must not leave one."""
    return re.search(rb"(?:^|\n)end \d+\n$", data[-64:]) is not None


def quote(name: str) -> bytes:
    """`name` as a dump writes it."""
    return b"".join(bytes([byte]) if byte in _PLAIN else b"%%%02X" % byte for byte in name.encode()) or b"%"


def unquote(text: bytes) -> str:
    """The name that `text` stands for. Raises TdsError where it is not written as it must be."""
    raw = b"" if text == b"%" else re.sub(rb"%([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), text)
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise TdsError(f"the name {text!r} is not UTF-8") from None
    if quote(name) != text:
        raise TdsError(f"the name {text!r} is not percent-encoded as it must be")
    return name
