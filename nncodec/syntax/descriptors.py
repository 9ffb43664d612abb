"""SPEC.md clause 3.3: descriptors, the types that a syntax element can have.

Each descriptor reads and writes one syntax element, holds it to its range and canonical form, and reports it to the
trace of the parse in progress. One rule: whatever a descriptor accepts, it builds back to the same bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from io import SEEK_CUR
from typing import IO, Any

import construct as c
import numpy as np
import numpy.typing as npt
from construct_typed import Construct, Context, PathType

from nncodec.errors import EncodeError, ErrorClass, InvalidStreamError
from nncodec.limits import MAX_STEP, MIN_STEP
from nncodec.syntax.leb128s import leb128_bytes, read_leb128s, write_leb128s

STREAM = "stream"
"""Region of elements whose offsets count from the start of the stream."""


@dataclass(frozen=True)
class Element:
    """One syntax element as it was parsed: where it stood (offset and size in bytes, in `region`), what it was."""

    path: str
    offset: int
    size: int
    descriptor: str
    value: object
    clause: str
    region: str = STREAM


@dataclass
class Session:
    """State of one parse: where the region starts, the clause that governs it, the trace, and the record's name.

    `base` counts from the start of `region`: the stream, or the decoded body of a tensor table unit.
    """

    base: int
    clause: str
    trace: list[Element] | None = None
    record: str = ""
    region: str = STREAM


def session_of(context: Context) -> Session:
    """The `Session` that the door passed along."""
    session = context._params.session
    if not isinstance(session, Session):
        raise TypeError("syntax is parsed through nncodec.syntax.door only")
    return session


def element_name(session: Session, path: PathType) -> str:
    """Dotted name of the element at construct's `path`, led by the record that holds it."""
    return ".".join([session.record, *path.split(" -> ")[1:]])


class Descriptor(Construct[Any, Any]):
    """Base of all descriptors: `read` and `write` are the only things a subclass adds."""

    text = ""

    def read(self, stream: IO[bytes], context: Context) -> object:
        """Value of the element that starts here. Raises `FlawError` where its bytes break a rule."""
        raise NotImplementedError

    def write(self, value: Any) -> bytes:
        """Bytes of `value`. Raises ValueError where it has no encoding."""
        raise NotImplementedError

    def shown(self, value: Any) -> object:
        """What stands in a trace for `value`."""
        return value

    def _parse(self, stream: IO[bytes], context: Context, path: PathType) -> object:
        session = session_of(context)
        start = stream.tell()
        try:
            value = self.read(stream, context)
        except FlawError as flaw:
            what = f"{element_name(session, path)}: {flaw.what}"
            offset = session.base + start
            raise InvalidStreamError(flaw.error_class, what, clause=session.clause, offset=offset) from None
        if session.trace is not None:
            name, size = element_name(session, path), stream.tell() - start
            place = session.base + start
            shown = self.shown(value)
            session.trace.append(Element(name, place, size, self.text, shown, session.clause, session.region))
        return value

    def _build(self, obj: Any, stream: IO[bytes], context: Context, path: PathType) -> Any:
        try:
            stream.write(self.write(obj))
        except (ValueError, struct.error, OverflowError) as error:
            raise EncodeError(f"{path.rpartition(' -> ')[2]} cannot be written as {self.text}: {error}") from None
        return obj

    def _sizeof(self, context: Context, path: PathType) -> int:
        raise c.SizeofError("the size of a syntax element depends on its value", path=path)


class FlawError(Exception):
    """A rule that the bytes of one element break; `Descriptor` adds name, offset and clause."""

    def __init__(self, error_class: ErrorClass, what: str) -> None:
        self.error_class = error_class
        self.what = what
        super().__init__(what)


def take(stream: IO[bytes], count: int) -> bytes:
    """Exactly `count` bytes; a region that ends too early breaks clause 6.1."""
    data = stream.read(count)
    if len(data) != count:
        raise FlawError(ErrorClass.UNIT_SIZE, f"needs {count} bytes, the region holds {len(data)} more")
    return data


class Unsigned(Descriptor):
    """u(n): unsigned, n/8 bytes, little-endian."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.size = bits // 8
        self.text = f"u({bits})"

    def read(self, stream: IO[bytes], context: Context) -> int:
        """Any value is valid."""
        return int.from_bytes(take(stream, self.size), "little")

    def write(self, value: int) -> bytes:
        """Raises OverflowError where `value` does not fit."""
        return value.to_bytes(self.size, "little")


class Signed(Descriptor):
    """i(n): two's complement, n/8 bytes, little-endian."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.size = bits // 8
        self.text = f"i({bits})"

    def read(self, stream: IO[bytes], context: Context) -> int:
        """Any value is valid."""
        return int.from_bytes(take(stream, self.size), "little", signed=True)

    def write(self, value: int) -> bytes:
        """Raises OverflowError where `value` does not fit."""
        return value.to_bytes(self.size, "little", signed=True)


class Leb128(Descriptor):
    """leb128: unsigned, seven bits a byte, least significant first, no byte more than needed, at most `maximum`."""

    text = "leb128"

    def __init__(self, maximum: int) -> None:
        super().__init__()
        self.maximum = maximum
        self.max_bytes = leb128_bytes(maximum)

    def read(self, stream: IO[bytes], context: Context) -> int:
        """Raises FlawError on an over-long form or a value over the maximum."""
        front = stream.read(1)
        if front and front[0] < 128 and front[0] <= self.maximum:  # nearly all
            return front[0]
        stream.seek(-len(front), SEEK_CUR)
        value = 0
        for index in range(self.max_bytes):
            byte = take(stream, 1)[0]
            value |= (byte & 127) << (7 * index)
            if byte < 128:
                break
        else:
            raise FlawError(ErrorClass.VALUE_RANGE, f"longer than {self.max_bytes} bytes")
        if byte == 0 and index > 0:
            raise FlawError(ErrorClass.NONCANONICAL, "leb128 with a needless last byte")
        if value > self.maximum:
            raise FlawError(ErrorClass.VALUE_RANGE, f"{value} is over the maximum {self.maximum}")
        return value

    def write(self, value: int) -> bytes:
        """Raises ValueError where `value` is out of range."""
        if not 0 <= value <= self.maximum:
            raise ValueError(f"{value} is not in 0..{self.maximum}")
        if value < 128:
            return bytes((value,))
        out = bytearray()
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
        return bytes(out)


class ZigZag(Descriptor):
    """zz: a leb128 of 2v for v >= 0 and of -2v - 1 for v < 0."""

    text = "zz"

    def __init__(self, maximum: int) -> None:
        super().__init__()
        self.folded = Leb128(maximum)
        self.max_bytes = self.folded.max_bytes

    def read(self, stream: IO[bytes], context: Context) -> int:
        """Raises FlawError as leb128 does."""
        value = int(self.folded.read(stream, context))
        return -(value + 1) // 2 if value & 1 else value // 2

    def write(self, value: int) -> bytes:
        """Raises ValueError where `value` is out of range."""
        return self.folded.write(2 * value if value >= 0 else -2 * value - 1)

    kind = "q"

    def run(self, data: bytes, most: int) -> tuple[npt.NDArray[np.int64], int]:
        """The first elements of `data`, `most` at most, up to one that breaks a rule; and their bytes."""
        values, used = read_leb128s(data, most, self.folded.maximum)
        return (values >> 1) ^ -(values & 1), used

    def together(self, values: Sequence[int]) -> bytes:
        """The bytes of all `values`. Raises ValueError or OverflowError where one is out of range."""
        numbers = np.array(values, np.int64)
        return write_leb128s((numbers << 1) ^ (numbers >> 63), self.folded.maximum)


class Enumerated(Descriptor):
    """e(TABLE): u(8) that must be one of the values of a table of clause 4."""

    def __init__(self, enum: type[IntEnum]) -> None:
        super().__init__()
        self.enum = enum
        self.members = {member.value: member for member in enum}
        self.text = f"e({enum.__name__})"

    def read(self, stream: IO[bytes], context: Context) -> IntEnum:
        """Raises FlawError on a reserved value."""
        value = take(stream, 1)[0]
        member = self.members.get(value)
        if member is None:
            raise FlawError(ErrorClass.VALUE_RANGE, f"{value} is reserved in {self.enum.__name__}")
        return member

    def write(self, value: int) -> bytes:
        """Raises ValueError on a reserved value."""
        if value not in self.members:
            raise ValueError(f"{value} is reserved in {self.enum.__name__}")
        return bytes((value,))


class Flag(Descriptor):
    """flag: u(8) that is 0 or 1."""

    text = "flag"

    def read(self, stream: IO[bytes], context: Context) -> bool:
        """Raises FlawError on any other value."""
        value = take(stream, 1)[0]
        if value > 1:
            raise FlawError(ErrorClass.RESERVED_NONZERO, f"{value:#04x} has reserved bits set")
        return value == 1

    def write(self, value: bool) -> bytes:
        """Always succeeds."""
        return b"\x01" if value else b"\x00"


class ByteString(Descriptor):
    """b(n): n bytes as they are; `count` is fixed or computed from the elements before it."""

    def __init__(self, count: int | Any, text: str) -> None:
        super().__init__()
        self.count = count
        self.text = f"b({text})"

    def read(self, stream: IO[bytes], context: Context) -> bytes:
        """Any bytes are valid."""
        return take(stream, self.count(context) if callable(self.count) else self.count)

    def write(self, value: bytes) -> bytes:
        """Raises ValueError where a fixed size is not met."""
        if not callable(self.count) and len(value) != self.count:
            raise ValueError(f"{len(value)} bytes instead of {self.count}")
        return value


class Rest(Descriptor):
    """rest: all bytes up to the end of the region."""

    text = "rest"

    def read(self, stream: IO[bytes], context: Context) -> bytes:
        """Any bytes are valid."""
        return stream.read()

    def write(self, value: bytes) -> bytes:
        """Always succeeds."""
        return bytes(value)


class Text(Descriptor):
    """st: leb128 count of bytes, then that many bytes of UTF-8."""

    text = "st"

    def __init__(self, maximum: int) -> None:
        super().__init__()
        self.length = Leb128(maximum)

    def read(self, stream: IO[bytes], context: Context) -> str:
        """Raises FlawError on bytes that are not UTF-8."""
        data = take(stream, self.length.read(stream, context))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FlawError(ErrorClass.BAD_NAME, f"not UTF-8: {error}") from None

    def write(self, value: str) -> bytes:
        """Raises ValueError where the text has no UTF-8 form or is too long."""
        data = value.encode("utf-8")
        return self.length.write(len(data)) + data


class Step(Descriptor):
    """f(64): IEEE-754 binary64, little-endian, holding a quantisation step: finite, within the bounds of Annex A."""

    text = "f(64)"

    def read(self, stream: IO[bytes], context: Context) -> float:
        """Raises FlawError where the value cannot be a step."""
        value: float = struct.unpack("<d", take(stream, 8))[0]
        if not MIN_STEP <= value <= MAX_STEP:
            raise FlawError(ErrorClass.VALUE_RANGE, f"{value!r} is not a step (2^-512 to 2^512)")
        return value

    def write(self, value: float) -> bytes:
        """Raises ValueError where `value` cannot be a step."""
        if not (math.isfinite(value) and MIN_STEP <= value <= MAX_STEP):
            raise ValueError(f"{value!r} is not a step (2^-512 to 2^512)")
        return struct.pack("<d", value)


class Half(Descriptor):
    """f(16): IEEE-754 binary16, little-endian, holding a gain: finite."""

    text = "f(16)"

    def read(self, stream: IO[bytes], context: Context) -> float:
        """Raises FlawError where the value is infinite or not a number."""
        value: float = struct.unpack("<e", take(stream, 2))[0]
        if not math.isfinite(value):
            raise FlawError(ErrorClass.VALUE_RANGE, f"{value!r} is not a gain")
        return value

    def write(self, value: float) -> bytes:
        """Raises ValueError or OverflowError where `value` cannot be a gain."""
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is not a gain")
        return struct.pack("<e", value)

    kind = "d"
    max_bytes = 2

    def run(self, data: bytes, most: int) -> tuple[npt.NDArray[np.float64], int]:
        """The first elements of `data`, `most` at most, up to one that breaks a rule; and their bytes."""
        values = np.frombuffer(data, "<f2", min(len(data) // 2, most)).astype(np.float64)
        is_wrong = ~np.isfinite(values)
        right = int(np.argmax(is_wrong)) if is_wrong.any() else values.size
        return values[:right], 2 * right

    def together(self, values: Sequence[float]) -> bytes:
        """The bytes of all `values`. Raises ValueError where one cannot be a gain."""
        with np.errstate(over="ignore"):
            halves = np.array(values, np.float64).astype("<f2")
        if not np.isfinite(halves).all():
            raise ValueError("a gain that is not finite in binary16")
        return halves.tobytes()
