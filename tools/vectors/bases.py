"""Streams that many vectors begin from."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from tools.vectors import wire
from tools.vectors.draft import Draft, Group, Item, Pack, Term, exact, quantised
from tools.vectors.prediction import differing

THOUSANDTH: Final = wire.decadic(3, 0)
ONE: Final = wire.decadic(0, 0)


def f32(*values: float) -> bytes:
    """Data of binary32 elements."""
    return struct.pack(f"<{len(values)}f", *values)


def words(size: int, *values: int) -> bytes:
    """Data of unsigned elements of `size` bytes, or the bits of floats."""
    return b"".join(value.to_bytes(size, "little") for value in values)


def plain(pack: Pack | None = None) -> Draft:
    """One exact tensor of four bytes in one slice."""
    return Draft([exact("a", "uint8", (4,), bytes([1, 2, 3, 250]))], [Group(pack=pack)])


def full() -> Draft:
    """A topology, levels under a group quantiser and under an own one, exact floats and strings: four tensors."""
    own = quantised("own", "float16", [1, -2], wire.binary64(0.25), 2)
    items = [
        quantised("w", "float32", [5, -3, 0, 127, -128, 1], THOUSANDTH),
        Item("own", "float16", (2,), own.data, 0, own.levels, 2, wire.binary64(0.25)),
        exact("bias", "float32", (3,), f32(1.5, -0.0, 3.25), 1),
        exact("labels", "string", (2,), wire.strings(b"cat", b""), 2),
    ]
    return Draft(items, [Group(THOUSANDTH), Group(), Group()], topology=(wire.ONNX, b"graph"))


def levels_only(*, pack: Pack | None = None) -> Draft:
    """One tensor of levels with one-byte symbols."""
    return Draft([quantised("w", "float32", [1, -1, 7, 0], THOUSANDTH)], [Group(THOUSANDTH, pack)])


REFERENCE_BITS: Final = words(4, 0x3F800000, 0xC0200000, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00001, 1, 0x3E99999A)
"""1, -2.5, -0, inf, -inf, NaN, the smallest subnormal, 0.3 (binary32)."""


def reference_model() -> Draft:
    """The model that most predicted vectors refer to: one tensor of each kind that matters to a prediction."""
    items = [
        exact("w", "float32", (2, 4), REFERENCE_BITS, 0),
        exact("scalar", "float32", (), f32(0.5), 0),
        exact("empty", "float32", (0, 3), b"", 0),
        exact("half", "float16", (4,), words(2, 0x3C00, 0xC100, 0x8000, 0x0001), 1),
        exact("double", "float64", (3,), struct.pack("<3d", 1 / 3, -1e-300, 2.0**-1074), 2),
        exact("brain", "bfloat16", (3,), words(2, 0x3F80, 0xC020, 0x0001), 3),
        exact("ids", "int64", (2,), struct.pack("<2q", -1, 2**40), 4),
        exact("nibbles", "int4", (3,), bytes([0x7F, 0xA8]), 5),
        exact("names", "string", (2,), wire.strings(b"x", b"\xff\x00"), 6),
    ]
    return Draft(items, [Group() for _ in range(7)], topology=(wire.ONNX, b"old graph"))


def second_model() -> Draft:
    """Another model with a tensor w of its own."""
    return Draft([exact("w", "float32", (2, 2), f32(10, 20, 30, 40))], [Group()])


def grid_model() -> Draft:
    """A model of tensors whose elements are all told apart: rows, columns and axes show where they went."""
    items = [
        exact("grid", "float32", (3, 4), f32(*range(1, 13)), 0),
        exact("cube", "float32", (2, 3, 4), f32(*(n / 4 - 3 for n in range(24))), 0),
        exact("bias", "float32", (4,), f32(0.5, -0.25, 3.0, -8.0), 0),
        exact("halves", "float16", (4, 3), struct.pack("<12e", *(n - 5.5 for n in range(12))), 1),
        exact("ints", "int32", (2, 3), struct.pack("<6i", 1, -2, 3, -(2**31), 2**31 - 1, 0), 2),
        exact("bytes", "uint8", (3, 3), bytes([0, 1, 2, 127, 128, 129, 253, 254, 255]), 3),
        exact("complex", "complex64", (2, 2), f32(1, -1, 2, -2, 3, -3, 4, -4), 4),
        exact("nibbles", "uint4", (2, 3), bytes([0x21, 0x43, 0xF5]), 5),
        exact("names", "string", (2,), wire.strings(b"one", b"two"), 6),
    ]
    return Draft(items, [Group() for _ in range(7)])


def grid(name: str) -> Item:
    """A tensor of `grid_model`."""
    return tensor_of(grid_model(), name)


def from_grid(*items: Item, groups: Sequence[Group] = ()) -> Draft:
    """A stream of `items` whose only parent is the grid model; one group with step 1 if any item has levels."""
    usual = [Group(ONE)] if any(item.levels is not None for item in items) else []
    return Draft(items, groups or usual, parents=[grid_model().content_id])


def tensor_of(draft: Draft, name: str) -> Item:
    """The tensor `name` of a draft."""
    return next(item for item in draft.items if item.name == name)


def copied(name: str, source: Item, reference: int = 0, parent: int = 0) -> Item:
    """A copy of `source` under `name`."""
    term = Term(parent, reference)
    return Item(name, source.dtype, source.dims, source.data, prediction=wire.PREDICT_COPY, terms=(term,))


def difference(name: str, dtype: str, dims: tuple[int, ...], levels: tuple[int, ...], *terms: Term) -> Item:
    """A tensor to be handed to `differing`: one-byte levels in group 0; a plain term by name where none is given."""
    return Item(name, dtype, dims, b"", levels=levels, width=1, terms=terms or (Term(),))


def from_reference(*names: str, target: Item) -> Item:
    """`target` with levels, predicted from those tensors of the reference model."""
    return differing([tensor_of(reference_model(), name) for name in names], target, ONE)
