"""The vectors of the suite for tests: bytes, references already decoded, and nncodec as the decoder."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from conformance import tds
from conformance.adapter_nncodec import Decoded, decode_given
from conformance.vectors import SUITE, Vector, load
from nncodec.errors import BitstreamError, ErrorClass
from nncodec.model import Model, Tensor
from nncodec.syntax import door

VECTORS: dict[str, Vector] = {vector.id: vector for vector in load()}
VALID: list[str] = [name for name, vector in VECTORS.items() if vector.valid]
INVALID: list[str] = [name for name, vector in VECTORS.items() if not vector.valid]
SETS: list[str] = [name for name, vector in VECTORS.items() if len(vector.models) > 1]
"""The valid vectors that are sets of models."""


def data_of(name: str) -> bytes:
    """The bytes of a vector."""
    return (SUITE / VECTORS[name].file).read_bytes()


@cache
def decoded_of(name: str) -> Decoded:
    """What a valid vector decodes to."""
    return decode_given(data_of(name), references_of(name))


def model_of(name: str) -> Model:
    """The model of a valid vector that is the stream of one."""
    ((_, model),) = decoded_of(name)
    return model


def references_of(name: str) -> list[Model]:
    """The reference models of a vector."""
    return [model_of(file.removesuffix(".nmc")) for file in VECTORS[name].refs]


def error_of(data: bytes | bytearray | memoryview, references: Sequence[Model] = ()) -> ErrorClass | None:
    """The class with which nncodec refuses `data`; None if it decodes. Any other exception comes through."""
    try:
        decode_given(data, references)
    except BitstreamError as error:
        return error.error_class
    return None


def summary_of(decoded: Decoded) -> list[tds.Model]:
    """Models and their tensors as the manifest states them."""
    return [tds.Model(name, tuple(map(_summary, model.tensors))) for name, model in decoded]


def _summary(tensor: Tensor) -> tds.Tensor:
    return tds.Tensor(tensor.name, tensor.dtype.name.lower(), tensor.shape, hashlib.sha256(tensor.data).hexdigest())


@contextmanager
def remembered_records() -> Iterator[None]:
    """Parse no record twice: what `door` makes of the same bytes is kept for as long as this lasts.

    A damaged stream is whole up to its damage; without this, parsing the whole part takes nearly all the time. Records
    that are refused are not kept, so errors come as they always do.
    """
    parse: Callable[..., Any] = door._parse_record
    known: dict[tuple[int, bytes], tuple[Any, int]] = {}

    def remembering(declaration: Any, stream: io.BytesIO, session: Any) -> Any:
        start = stream.tell()
        key = (id(declaration), bytes(stream.getbuffer()[start:]))
        if key not in known:
            record = parse(declaration, stream, session)
            known[key] = (record, stream.tell() - start)
        record, size = known[key]
        stream.seek(start + size)
        return record

    door._parse_record = remembering
    try:
        yield
    finally:
        door._parse_record = parse
