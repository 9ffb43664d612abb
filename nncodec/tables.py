"""SPEC.md clause 4: constants and enumerations. No code lives here.

Values of `DType` are those of ONNX `TensorProto.DataType`, so that no second numbering has to be learnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

MAGIC: Final = b"\x89NMC\r\n\x1a\n"
"""First eight bytes: a non-ASCII byte, the name, and the line ends that a text-mode transfer would damage."""

FOOTER_MAGIC: Final = b"NMC\x1a"
"""Last four bytes of every stream."""

VERSION: Final = 0
"""Version of the bitstream syntax; 0 is a draft without any promise of compatibility."""

FILE_EXTENSION: Final = ".nmc"

CONTENT_ID_BYTES: Final = 32
"""A content id is a SHA-256 digest."""

CRC_BYTES: Final = 4
"""Every region ends in its CRC-32C (Castagnoli), little-endian."""


class DType(IntEnum):
    """Element types (table 4.1)."""

    FLOAT32 = 1
    UINT8 = 2
    INT8 = 3
    UINT16 = 4
    INT16 = 5
    INT32 = 6
    INT64 = 7
    STRING = 8
    BOOL = 9
    FLOAT16 = 10
    FLOAT64 = 11
    UINT32 = 12
    UINT64 = 13
    COMPLEX64 = 14
    COMPLEX128 = 15
    BFLOAT16 = 16
    FLOAT8E4M3FN = 17
    FLOAT8E4M3FNUZ = 18
    FLOAT8E5M2 = 19
    FLOAT8E5M2FNUZ = 20
    UINT4 = 21
    INT4 = 22
    FLOAT4E2M1 = 23
    FLOAT8E8M0 = 24
    UINT2 = 25
    INT2 = 26


DTYPE_BITS: Final[dict[DType, int]] = {
    DType.FLOAT32: 32,
    DType.UINT8: 8,
    DType.INT8: 8,
    DType.UINT16: 16,
    DType.INT16: 16,
    DType.INT32: 32,
    DType.INT64: 64,
    DType.STRING: 0,
    DType.BOOL: 8,
    DType.FLOAT16: 16,
    DType.FLOAT64: 64,
    DType.UINT32: 32,
    DType.UINT64: 64,
    DType.COMPLEX64: 64,
    DType.COMPLEX128: 128,
    DType.BFLOAT16: 16,
    DType.FLOAT8E4M3FN: 8,
    DType.FLOAT8E4M3FNUZ: 8,
    DType.FLOAT8E5M2: 8,
    DType.FLOAT8E5M2FNUZ: 8,
    DType.UINT4: 4,
    DType.INT4: 4,
    DType.FLOAT4E2M1: 4,
    DType.FLOAT8E8M0: 8,
    DType.UINT2: 2,
    DType.INT2: 2,
}
"""Bits of one element; elements below 8 bits are packed, the first in the lowest bits. STRING has no fixed size."""

EXPONENT_BITS: Final = {DType.FLOAT64: 11, DType.FLOAT32: 8, DType.FLOAT16: 5, DType.BFLOAT16: 8}
"""Bits of the exponent, below the sign bit, of the element types that may be represented by levels (clause 8.4)."""

QUANTISABLE: Final = frozenset(EXPONENT_BITS)
"""Those element types; every other type is always exact."""


class Profile(IntEnum):
    """Sets of coding tools (Annex A.1)."""

    BASELINE = 0
    MAIN = 1


class UnitType(IntEnum):
    """Types of unit (table 4.2). Types from 128 up are ancillary: a decoder skips those it does not know."""

    MODEL_PARAMETER_SET = 1
    TOPOLOGY = 2
    TENSOR_TABLE = 3
    SLICE = 4
    END = 5
    MODEL_INDEX = 6


ANCILLARY_UNIT: Final = 128


class TopologyFormat(IntEnum):
    """What the opaque bytes of a topology are (table 4.3)."""

    NONE = 0
    ONNX = 1
    SAFETENSORS_METADATA = 2


class HeaderCoding(IntEnum):
    """How the body of a topology or tensor table unit is stored (table 4.4)."""

    RAW = 0
    LZMA2 = 1


class Representation(IntEnum):
    """What the elements of a slice group are (table 4.5)."""

    EXACT = 0
    LEVELS = 1
    TRELLIS_8 = 2
    TRELLIS_64 = 3


class Trellis(NamedTuple):
    """How the state s moves at a level of parity p (clause 8.2.1): (s >> 1) ^ feedback (s & 1) ^ drive p."""

    feedback: int
    drive: int

    @property
    def states(self) -> int:
        """How many there are: the feedback has their highest bit, so odd states reach the upper half of them."""
        return 1 << self.feedback.bit_length()


TRELLISES: Final[Mapping[Representation, Trellis]] = MappingProxyType(
    {Representation.TRELLIS_8: Trellis(5, 2), Representation.TRELLIS_64: Trellis(33, 10)}
)
"""Of the representations that have one, which are levels as well."""


class EntropyCoder(IntEnum):
    """How the payload of a slice is coded (table 4.6)."""

    RAW = 0
    LZMA2 = 1
    MIXING = 2
    RANS = 3


class LevelWidth(IntEnum):
    """Bytes of one binarised level (table 4.7); NONE where a tensor is exact and has no levels."""

    NONE = 0
    INT8 = 1
    INT16 = 2
    INT32 = 4


class Prediction(IntEnum):
    """How a tensor is predicted (table 4.8)."""

    NONE = 0
    COPY = 1
    REFERENCE = 2


class Edit(IntEnum):
    """How a tensor of an inherited tensor table differs from the parent's (table 4.9)."""

    CHANGE = 0
    REPLACE = 1
    INSERT = 2
    DELETE = 3


class StepKind(IntEnum):
    """How a quantisation step is written (table 4.10)."""

    DECADIC = 0
    COMPACT = 1
    BINARY64 = 2
