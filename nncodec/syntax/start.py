"""SPEC.md clause 6.2: the start of a stream: what it is, what it needs, how much it will decode to.

Everything that a decoder compares with its limits before it takes memory stands here.
"""

from __future__ import annotations

from dataclasses import dataclass

from construct_typed import DataclassMixin, DataclassStruct, csfield

from nncodec.errors import (
    BitstreamError,
    ErrorClass,
    InvalidStreamError,
    LimitExceededError,
    UnsupportedStreamError,
)
from nncodec.limits import LEVELS, MAX_FEATURE_MASK, Limits, bounds_of
from nncodec.syntax.descriptors import ByteString, Element, Enumerated, Leb128, Session, Unsigned
from nncodec.syntax.door import build, crc32c, parse
from nncodec.tables import CRC_BYTES, MAGIC, VERSION, Profile

CLAUSE = "6.2"


@dataclass(frozen=True)
class StartPrefix(DataclassMixin):
    """The part that every version of the format begins with."""

    magic: bytes = csfield(ByteString(len(MAGIC), "8"))
    version: int = csfield(Unsigned(8))
    start_size: int = csfield(Unsigned(8))


@dataclass(frozen=True)
class Start(DataclassMixin):
    """Profile, level, feature masks and the totals of the whole stream."""

    profile: Profile = csfield(Enumerated(Profile))
    level: int = csfield(Unsigned(8))
    incompatible_features: int = csfield(Leb128(MAX_FEATURE_MASK))
    rewrite_features: int = csfield(Leb128(MAX_FEATURE_MASK))
    compatible_features: int = csfield(Leb128(MAX_FEATURE_MASK))
    model_count: int = csfield(Leb128(LEVELS[-1].models))
    tensor_count: int = csfield(Leb128(2**32))
    element_count: int = csfield(Leb128(2**48))
    decoded_size: int = csfield(Leb128(2**48))


START_PREFIX = DataclassStruct(StartPrefix)
START = DataclassStruct(Start)
PREFIX_BYTES = len(MAGIC) + 2
LONGEST_START = PREFIX_BYTES + 2**8 - 1 + CRC_BYTES


def build_start(start: Start) -> bytes:
    """Bytes of the start region with its CRC."""
    body = build(START, start)
    region = build(START_PREFIX, StartPrefix(MAGIC, VERSION, len(body))) + body
    return region + crc32c(region)


def parse_start(data: memoryview, limits: Limits, trace: list[Element] | None = None) -> tuple[Start, int]:
    """The start of `data` and the position behind it.

    Raises InvalidStreamError, UnsupportedStreamError (version, incompatible feature) or LimitExceededError (a declared
    total is over `limits` or over the stream's own level).
    """
    prefix = _parse_prefix(data, trace)
    body_end = PREFIX_BYTES + prefix.start_size
    if len(data) < body_end + CRC_BYTES:
        raise _error(ErrorClass.TRUNCATED, "the stream ends inside the start", len(data))
    check = bytes(data[body_end : body_end + CRC_BYTES])
    if check != crc32c(data[:body_end]):
        raise _error(ErrorClass.HEADER_CRC, "the start does not match its CRC-32C: the stream is damaged", body_end)
    start = parse(START, bytes(data[PREFIX_BYTES:body_end]), Session(PREFIX_BYTES, CLAUSE, trace))
    if trace is not None:
        trace.append(Element("Start.crc32c", body_end, CRC_BYTES, "u(32)", int.from_bytes(check, "little"), CLAUSE))
    _check_supported(start)
    _check_limits(start, limits)
    return start, body_end + CRC_BYTES


def _parse_prefix(data: memoryview, trace: list[Element] | None) -> StartPrefix:
    magic = bytes(data[: len(MAGIC)])
    if magic != MAGIC[: len(magic)]:
        raise _error(ErrorClass.BAD_MAGIC, "this is not an NMC stream, or a text-mode transfer damaged it", 0)
    if len(data) > len(MAGIC) and data[len(MAGIC)] != VERSION:
        what = f"the stream has version {data[len(MAGIC)]}, this decoder knows version {VERSION}"
        raise UnsupportedStreamError(ErrorClass.UNSUPPORTED_VERSION, what, clause=CLAUSE, offset=len(MAGIC))
    if len(data) < PREFIX_BYTES:
        raise _error(ErrorClass.TRUNCATED, "the stream ends inside the start", len(data))
    return parse(START_PREFIX, bytes(data[:PREFIX_BYTES]), Session(0, CLAUSE, trace))


def _check_supported(start: Start) -> None:
    if start.incompatible_features:
        what = f"needs features {start.incompatible_features:#x} that version {VERSION} does not define"
        raise UnsupportedStreamError(ErrorClass.UNSUPPORTED_FEATURE, what, clause=CLAUSE, offset=PREFIX_BYTES + 2)


def _check_limits(start: Start, limits: Limits) -> None:
    if start.level >= len(LEVELS):
        raise _error(ErrorClass.VALUE_RANGE, f"level {start.level} is reserved", PREFIX_BYTES + 1)
    if start.model_count == 0:
        raise _error(ErrorClass.VALUE_RANGE, "a stream of 0 models", PREFIX_BYTES)
    if start.level > limits.level:
        what = f"the stream has level {start.level}; the limit set for this decoder is level {limits.level}"
        what += f": allow it by LEVELS[{start.level}] (--level {start.level}) if you trust its sender"
        raise LimitExceededError(ErrorClass.LIMIT_EXCEEDED, what, clause="A.2", offset=PREFIX_BYTES + 1)
    bounds = bounds_of(start.level, limits)
    for name, value, allowed in (
        ("tensor_count", start.tensor_count, bounds.tensors),
        ("element_count", start.element_count, bounds.elements),
        ("decoded_size", start.decoded_size, bounds.decoded_bytes),
        ("model_count", start.model_count, bounds.models),
    ):
        if value > allowed:
            what = f"{name} {value} is over the {allowed} that level {start.level} and this decoder allow"
            raise LimitExceededError(ErrorClass.LIMIT_EXCEEDED, what, clause="A.2", offset=PREFIX_BYTES)


def _error(error_class: ErrorClass, what: str, offset: int) -> BitstreamError:
    return InvalidStreamError(error_class, what, clause=CLAUSE, offset=offset)
