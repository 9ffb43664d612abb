"""SPEC.md Annex B: the closed list of errors.

One hierarchy under `NncodecError`. Whose mistake it was decides the branch: `BitstreamError` is about bytes that
were received, `EncodeError` about a request to the encoder, `ModelFileError` about a model file on disk. Every
bitstream error names its class, the clause it enforces and the byte where parsing stood.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import partial
from typing import Any


class ErrorClass(str, Enum):
    """The classes a conforming decoder reports when it rejects a bitstream (Annex B, table B.1)."""

    BAD_MAGIC = "BAD_MAGIC"
    UNSUPPORTED_VERSION = "UNSUPPORTED_VERSION"
    UNSUPPORTED_FEATURE = "UNSUPPORTED_FEATURE"
    UNSUPPORTED_UNIT = "UNSUPPORTED_UNIT"
    TRUNCATED = "TRUNCATED"
    TRAILING_DATA = "TRAILING_DATA"
    HEADER_CRC = "HEADER_CRC"
    UNIT_CRC = "UNIT_CRC"
    CONTENT_ID = "CONTENT_ID"
    RESERVED_NONZERO = "RESERVED_NONZERO"
    NONCANONICAL = "NONCANONICAL"
    VALUE_RANGE = "VALUE_RANGE"
    UNIT_ORDER = "UNIT_ORDER"
    UNIT_SIZE = "UNIT_SIZE"
    DUPLICATE = "DUPLICATE"
    BAD_NAME = "BAD_NAME"
    SIZE_MISMATCH = "SIZE_MISMATCH"
    COVERAGE = "COVERAGE"
    INDEX_MISMATCH = "INDEX_MISMATCH"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    REF_MISSING = "REF_MISSING"
    REF_MISMATCH = "REF_MISMATCH"
    ENTROPY = "ENTROPY"


class NncodecError(Exception):
    """Base of every error that nncodec raises on purpose."""


class BitstreamError(NncodecError):
    """A bitstream was not decoded.

    Attributes: `error_class` (Annex B), `clause` of SPEC.md that was not met, `offset` in bytes from the start of
    the stream where parsing stood (None where no single place is at fault).
    """

    def __init__(self, error_class: ErrorClass, what: str, *, clause: str, offset: int | None = None) -> None:
        self.error_class = error_class
        self.clause = clause
        self.offset = offset
        self._what = what
        where = "" if offset is None else f" at byte {offset}"
        super().__init__(f"{error_class.value}{where}: {what} (SPEC.md clause {clause})")

    def moved(self, distance: int) -> BitstreamError:
        """The same error, `distance` bytes further on in the stream."""
        offset = None if self.offset is None else self.offset + distance
        return type(self)(self.error_class, self._what, clause=self.clause, offset=offset)

    def __reduce__(self) -> tuple[Any, ...]:
        """How the error is pickled: it may come from another process (clause 8.5)."""
        return partial(type(self), clause=self.clause, offset=self.offset), (self.error_class, self._what)


@contextmanager
def shifted(base: int) -> Iterator[None]:
    """Errors from bytes that were read from `base` on, told with their place in the file."""
    try:
        yield
    except BitstreamError as error:
        raise error.moved(base) from None


class InvalidStreamError(BitstreamError):
    """The bytes break a rule of the format: damaged, truncated, or written by a faulty encoder."""


class UnsupportedStreamError(BitstreamError):
    """The bytes may be valid, but need a version, feature or unit type that this decoder does not have."""


class LimitExceededError(BitstreamError):
    """The stream asks for more than the decoder's limits allow; nothing was allocated for it."""


class UnknownNameError(NncodecError, KeyError):
    """A stream has no tensor, or a set no model, of the name that was asked for."""

    __str__ = Exception.__str__  # that of KeyError puts the sentence in quotation marks


class EncodeError(NncodecError):
    """The encoder cannot code what it was asked to code, exactly as asked."""


class ModelFileError(NncodecError):
    """A model file cannot be read or written: not the format it claims, damaged, or unsafe."""


class UnsupportedModelError(ModelFileError):
    """The model file or the requested output format has no place for something the model holds."""
