"""Valid vectors: every element type, exact (SPEC.md table 4.1, clauses 5.1 and 9.2.2)."""

from __future__ import annotations

import struct
from typing import Final

from tools.vectors import wire
from tools.vectors.bases import words
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, exact

FLOAT32_BITS: Final = words(
    4, 0x00000000, 0x80000000, 0x00000001, 0x807FFFFF, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001,
    0xFFFFFFFF,
)  # fmt: skip
"""Zeros, subnormals, the largest number, infinities, quiet and signalling NaN with payload."""

DATA: Final[dict[str, tuple[tuple[int, ...], bytes]]] = {
    "float32": ((10,), FLOAT32_BITS),
    "uint8": ((2, 2), bytes([0, 1, 128, 255])),
    "int8": ((4,), struct.pack("<4b", 0, -1, -128, 127)),
    "uint16": ((3,), struct.pack("<3H", 0, 258, 65535)),
    "int16": ((3,), struct.pack("<3h", -32768, -2, 32767)),
    "int32": ((3,), struct.pack("<3i", -(2**31), 66051, 2**31 - 1)),
    "int64": ((3,), struct.pack("<3q", -(2**63), 0x0102030405060708, 2**63 - 1)),
    "string": ((4,), wire.strings(b"", b"ascii", "ünï".encode(), bytes([0, 255, 10]))),
    "bool": ((5,), bytes([0, 1, 1, 2, 255])),
    "float16": ((7,), words(2, 0x0000, 0x8000, 0x0001, 0x7BFF, 0x7C00, 0x7E00, 0xFD01)),
    "float64": (
        (6,),
        words(8, 1 << 63, 1, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF0000000000001, 0xFFF8DEADBEEF0123),
    ),
    "uint32": ((2,), struct.pack("<2I", 0x01020304, 2**32 - 1)),
    "uint64": ((2,), struct.pack("<2Q", 0x0102030405060708, 2**64 - 1)),
    "complex64": ((2,), words(4, 0x3F800000, 0x80000000, 0x7FC00001, 0xFF800000)),
    "complex128": ((1, 2), words(8, 0x3FF0000000000000, 1 << 63, 0x7FF4000000000000, 2)),
    "bfloat16": ((7,), words(2, 0x0000, 0x8000, 0x0001, 0x7F7F, 0x7F80, 0x7FC0, 0xFF81)),
    "float8e4m3fn": ((4,), bytes([0x00, 0x80, 0x7E, 0x7F])),
    "float8e4m3fnuz": ((4,), bytes([0x00, 0x80, 0x01, 0x7F])),
    "float8e5m2": ((4,), bytes([0x00, 0x80, 0x7C, 0xFF])),
    "float8e5m2fnuz": ((4,), bytes([0x00, 0x80, 0x7F, 0xFF])),
    "uint4": ((3,), bytes([0x21, 0x0F])),
    "int4": ((2, 2), bytes([0x87, 0xF0])),
    "float4e2m1": ((5,), bytes([0x10, 0x7F, 0x08])),
    "float8e8m0": ((3,), bytes([0x00, 0x7F, 0xFF])),
    "uint2": ((5,), bytes([0xE4, 0x02])),
    "int2": ((4,), bytes([0xE4])),
}
"""Shape and data of an instructive tensor of each type."""


def _one(dtype: str, pack: bool) -> Draft:  # noqa: FBT001
    dims, data = DATA[dtype]
    return Draft([exact(dtype, dtype, dims, data)], [Group(pack=wire.stored if pack else None)])


def _declare_types() -> None:
    for dtype, (_, bits) in wire.DTYPES.items():

        def raw(dtype: str = dtype) -> Draft:
            return _one(dtype, pack=False)

        def coded(dtype: str = dtype) -> Draft:
            return _one(dtype, pack=True)

        raw.__name__, coded.__name__ = f"type_{dtype}", f"type_{dtype}_lzma2"
        raw.__doc__ = f"An exact {dtype} tensor with the extremes of its type, raw, bit for bit."
        coded.__doc__ = f"An exact {dtype} tensor under LZMA2: its words as byte planes."
        valid("4", "5.1", "9.2.2", "9.4")(raw)
        if bits > 8:
            valid("9.2.2", "9.3", "9.4")(coded)


_declare_types()


@valid("5.1")
def packed_elements_keep_their_padding() -> Draft:
    """The unused bits of the last byte of packed elements are kept as they are, here all set."""
    items = [
        exact("uint4", "uint4", (1,), b"\xf5", 0),
        exact("int4", "int4", (3,), b"\x12\xfe", 1),
        exact("float4e2m1", "float4e2m1", (1, 1), b"\xa3", 2),
        exact("uint2", "uint2", (1,), b"\xfe", 3),
        exact("int2", "int2", (7,), b"\xff\xe4", 4),
    ]
    return Draft(items, [Group() for _ in items])


@valid("5.1", "R-8.5.2", "R-7.1.7")
def strings_all_empty() -> Draft:
    """Strings of no bytes: the data is nothing but counts."""
    return Draft([exact("s", "string", (2, 3), wire.strings(*[b""] * 6))], [Group()])


@valid("5.1", "R-8.5.2", "R-7.1.7")
def strings_of_an_empty_tensor() -> Draft:
    """A string tensor of no elements has no data."""
    return Draft([exact("s", "string", (0,), b"")], [Group()])


@valid("5.1", "R-8.5.2")
def string_scalar() -> Draft:
    """A string of no dimensions."""
    return Draft([exact("s", "string", (), wire.strings(b"alone"))], [Group()])


@valid("5.1", "6.6.1", "7.2")
def types_of_more_elements_than_bits() -> Draft:
    """Nineteen elements of every type of up to eight bits: the bytes that they take leave no doubt of its bits."""
    small = {dtype: bits for dtype, (_, bits) in wire.DTYPES.items() if 0 < bits <= 8}
    items = [
        exact(dtype, dtype, (19,), bytes(37 * n % 256 for n in range(-(-19 * bits // 8))), group)
        for group, (dtype, bits) in enumerate(small.items())
    ]
    return Draft(items, [Group() for _ in items])
