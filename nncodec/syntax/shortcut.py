"""SPEC.md clause 6.1 (informative): records read and written without construct's detours, for tables of many tensors.

A declaration is turned once into plain functions. One rule: what they do not take, or cannot, is left to construct,
which then says what is wrong; so they are faster and never change a result or a message.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import construct as c
from construct_typed import DataclassStruct

from nncodec.syntax.descriptors import Descriptor
from nncodec.syntax.runs import Row

Reader = Callable[[io.BytesIO, Any], Any]
Writer = Callable[[Any, Any], bytes]
"""From a value and the record that holds it to bytes."""


class UnfitError(ValueError):
    """A record that only construct can judge."""


@cache
def reader(declaration: Any) -> Reader:  # noqa: ANN401 - construct's types do not say more
    """What reads `declaration` from a stream, given the record that holds it, of which all before it is read."""
    if isinstance(declaration, Descriptor):
        return declaration.read
    if isinstance(declaration, c.Renamed):
        return reader(declaration.subcon)
    if isinstance(declaration, DataclassStruct):
        return _record_reader(declaration)
    if isinstance(declaration, c.Array):
        return _array_reader(declaration.count, reader(declaration.subcon))
    if isinstance(declaration, c.IfThenElse):
        return _choice_reader(declaration.condfunc, reader(declaration.thensubcon))
    raise TypeError(f"{type(declaration).__name__} is not known to the shortcut")


def _record_reader(declaration: DataclassStruct[Any]) -> Reader:
    make, parts = declaration.dc_type, [(str(part.name), reader(part)) for part in declaration.subcon.subcons]
    new = object.__new__

    def read(stream: io.BytesIO, _: object) -> object:
        record = new(make)
        fields = vars(record)  # a frozen dataclass would set them slowly
        for name, read_part in parts:
            fields[name] = read_part(stream, record)
        return record

    return read


def _array_reader(count: Any, read: Reader) -> Reader:  # noqa: ANN401
    return lambda stream, record: [read(stream, record) for _ in range(count(record))]


def _choice_reader(condition: Any, read: Reader) -> Reader:  # noqa: ANN401
    return lambda stream, record: read(stream, record) if condition(record) else None


@cache
def writer(declaration: Any) -> Writer:  # noqa: ANN401
    """What writes `declaration`; raises some exception where construct must say why it cannot."""
    if isinstance(declaration, Row):
        return _row_writer(declaration)
    if isinstance(declaration, Descriptor):
        write = declaration.write
        return lambda value, _: write(value)
    if isinstance(declaration, c.Renamed):
        return writer(declaration.subcon)
    if isinstance(declaration, DataclassStruct):
        return _record_writer(declaration)
    if isinstance(declaration, c.Array):
        return _array_writer(declaration.count, writer(declaration.subcon))
    if isinstance(declaration, c.IfThenElse):
        return _choice_writer(declaration.condfunc, writer(declaration.thensubcon))
    raise TypeError(f"{type(declaration).__name__} is not known to the shortcut")


def _record_writer(declaration: DataclassStruct[Any]) -> Writer:
    kind, parts = declaration.dc_type, [(str(part.name), writer(part)) for part in declaration.subcon.subcons]

    def write(record: Any, _: object) -> bytes:  # noqa: ANN401
        if not isinstance(record, kind):
            raise UnfitError(type(record).__name__)
        values = vars(record)
        return b"".join([write_part(values[name], record) for name, write_part in parts])

    return write


def _array_writer(count: Any, write: Writer) -> Writer:  # noqa: ANN401
    def write_all(values: Any, fields: Any) -> bytes:  # noqa: ANN401
        if len(values) != count(fields):
            raise UnfitError(f"{len(values)} elements")
        return b"".join([write(value, fields) for value in values])

    return write_all


def _row_writer(declaration: Row) -> Writer:
    count, write = declaration.count, declaration.write

    def write_all(values: Any, fields: Any) -> bytes:  # noqa: ANN401
        if len(values) != count(fields):
            raise UnfitError(f"{len(values)} elements")
        return write(values)

    return write_all


def _choice_writer(condition: Any, write: Writer) -> Writer:  # noqa: ANN401
    return lambda value, fields: write(value, fields) if condition(fields) else b""
