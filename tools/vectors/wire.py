"""The primitives of the syntax (SPEC.md clauses 3, 4 and 9.3), written again without nncodec.

One rule: nothing here knows whether what it writes is valid. The vectors must be able to say what no encoder would.
"""

from __future__ import annotations

import hashlib
import lzma
import struct
from collections.abc import Iterable
from typing import Final

MAGIC: Final = b"\x89NMC\r\n\x1a\n"
FOOTER_MAGIC: Final = b"NMC\x1a"
VERSION: Final = 0

BASELINE, MAIN = 0, 1
PARAMETERS, TOPOLOGY, TABLE, SLICE, END, INDEX = 1, 2, 3, 4, 5, 6
RAW, LZMA2 = 0, 1
EXACT, LEVELS = 0, 1
PREDICT_NONE, PREDICT_COPY, PREDICT_REFERENCE = 0, 1, 2
CHANGE, REPLACE, INSERT, DELETE = 0, 1, 2, 3
NO_TOPOLOGY, ONNX, SAFETENSORS = 0, 1, 2

DTYPES: Final[dict[str, tuple[int, int]]] = {
    "float32": (1, 32),
    "uint8": (2, 8),
    "int8": (3, 8),
    "uint16": (4, 16),
    "int16": (5, 16),
    "int32": (6, 32),
    "int64": (7, 64),
    "string": (8, 0),
    "bool": (9, 8),
    "float16": (10, 16),
    "float64": (11, 64),
    "uint32": (12, 32),
    "uint64": (13, 64),
    "complex64": (14, 64),
    "complex128": (15, 128),
    "bfloat16": (16, 16),
    "float8e4m3fn": (17, 8),
    "float8e4m3fnuz": (18, 8),
    "float8e5m2": (19, 8),
    "float8e5m2fnuz": (20, 8),
    "uint4": (21, 4),
    "int4": (22, 4),
    "float4e2m1": (23, 4),
    "float8e8m0": (24, 8),
    "uint2": (25, 2),
    "int2": (26, 2),
}
"""Table 4.1: code and bits of an element."""


def u8(value: int) -> bytes:
    """One byte."""
    return value.to_bytes(1, "little")


def u16(value: int) -> bytes:
    """Two bytes, little-endian."""
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    """Four bytes, little-endian."""
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    """Eight bytes, little-endian."""
    return value.to_bytes(8, "little")


def i8(value: int) -> bytes:
    """One byte, two's complement."""
    return value.to_bytes(1, "little", signed=True)


def leb(value: int, size: int = 0) -> bytes:
    """A leb128 in its shortest form, or drawn out to `size` bytes."""
    out = []
    while value > 127 or len(out) < size - 1:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def zigzag(value: int) -> int:
    """The unsigned integer that a zz writes for `value`."""
    return 2 * value if value >= 0 else -2 * value - 1


def text(name: str) -> bytes:
    """An st."""
    data = name.encode()
    return leb(len(data)) + data


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # noqa: PLW2901
        table.append(value)
    return table


_CRC: Final = _crc_table()


def crc32c(data: bytes) -> bytes:
    """CRC-32C, bit by bit as clause 3.4 defines it (by a table of 256 of its steps)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 255]
    return u32(value ^ 0xFFFFFFFF)


def unit(unit_type: int, payload: bytes) -> bytes:
    """A unit with its CRC."""
    body = u8(unit_type) + leb(len(payload)) + payload
    return body + crc32c(body)


def decadic(s_bits: int, q_bits: int, offset: int = 0) -> bytes:
    """Quantiser record of a decadic step."""
    return u8(0) + u8(s_bits) + u8(q_bits) + i8(offset)


def compact(code: int, offset: int = 0) -> bytes:
    """Quantiser record of a compact step."""
    return u8(1) + u16(code) + i8(offset)


def binary64(step: float, offset: int = 0) -> bytes:
    """Quantiser record of any step."""
    return u8(2) + struct.pack("<d", step) + i8(offset)


def strings(*values: bytes) -> bytes:
    """Data of a string tensor."""
    return b"".join(u32(len(value)) + value for value in values)


def planes(data: bytes, width: int) -> bytes:
    """9.2.2: words of `width` bytes as planes, the most significant first."""
    return b"".join(data[byte::width] for byte in reversed(range(width)))


def stored(data: bytes, chunk: int = 2**16) -> bytes:
    """LZMA2 of uncompressed chunks, made by hand: the same bytes for ever, whatever liblzma does."""
    parts = [data[start : start + chunk] for start in range(0, len(data), chunk)]
    chunks = [u8(2 if index else 1) + (len(part) - 1).to_bytes(2, "big") + part for index, part in enumerate(parts)]
    return b"".join(chunks) + b"\x00"


def dictionary(size: int) -> int:
    """9.3: dictionary of a payload that decodes to `size` bytes."""
    return next(2**bits for bits in range(12, 64) if 2**bits >= size or bits == 23)


def packed(data: bytes, lc: int = 3, lp: int = 0, pb: int = 2) -> bytes:
    """LZMA2 as liblzma compresses it."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": dictionary(len(data)), "lc": lc, "lp": lp, "pb": pb}]
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters)


def tensor_id(dtype: str, dims: Iterable[int], data: bytes) -> bytes:
    """5.3: content id of a tensor."""
    dims = list(dims)
    head = u8(DTYPES[dtype][0]) + u8(len(dims)) + b"".join(map(u64, dims))
    return hashlib.sha256(b"NMC tensor\0" + head + data).digest()


def topology_id(topology_format: int, data: bytes) -> bytes:
    """5.3: content id of a topology."""
    return hashlib.sha256(b"NMC topology\0" + u8(topology_format) + data).digest()
