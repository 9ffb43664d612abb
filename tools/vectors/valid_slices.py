"""Valid vectors: slice groups and slices (SPEC.md clauses 6.7, 7.2 and 9.4)."""

from __future__ import annotations

import struct
from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import ONE, THOUSANDTH, f32, full, plain
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, Item, exact, quantised


@valid("6.7", "7.2", "R-7.2.4")
def slices_of_one_symbol() -> Draft:
    """A slice for every symbol of a tensor."""
    return replace(plain(), cuts={0: [1, 1, 1, 1]})


@valid("7.2", "R-7.2.4", "9.2.2")
def slices_cut_tensors() -> Draft:
    """Three tensors of one group in slices that begin and end inside tensors; each slice has byte planes of its own."""
    items = [
        exact(name, "float32", (3,), f32(*values)) for name, *values in (("a", 1, 2, 3), ("b", 4, 5, 6), ("c", 7, 8, 9))
    ]
    return Draft(items, [Group()], cuts={0: [2, 5, 2]})


@valid("7.2", "9.2.2")
def slice_of_several_tensors() -> Draft:
    """One slice holds three tensors; its byte planes run over all of them."""
    items = [exact(f"t{n}", "uint16", (n,), bytes(range(2 * n))) for n in (1, 2, 3)]
    return Draft(items, [Group()])


@valid("7.2", "9.2.1", "R-7.2.4")
def slices_cut_levels_of_mixed_width() -> Draft:
    """Levels of one, two and four bytes in one group, in slices that cut every tensor."""
    items = [
        quantised("narrow", "float32", [1, -2, 3], THOUSANDTH, 1),
        quantised("middle", "float32", [300, -301, 302], THOUSANDTH, 2),
        quantised("wide", "float32", [70000, -70001, 70002], THOUSANDTH, 4),
    ]
    return Draft(items, [Group(THOUSANDTH)], cuts={0: [1, 4, 3, 1]})


@valid("5.1", "7.2")
def slices_cut_complex_elements() -> Draft:
    """A symbol of a complex tensor is half an element: slices part the real from the imaginary part."""
    items = [
        exact("c64", "complex64", (2,), f32(1, -1, 0.5, -0.0), 0),
        exact("c128", "complex128", (2,), struct.pack("<4d", 1e-300, -2, 3, float("inf")), 1),
    ]
    return Draft(items, [Group(), Group()], cuts={0: [1, 2, 1], 1: [3, 1]})


@valid("5.1", "7.2")
def slices_cut_strings() -> Draft:
    """A symbol of a string tensor is one byte: slices cut counts and characters."""
    data = wire.strings("é".encode(), b"", b"three")
    return Draft([exact("s", "string", (3,), data)], [Group()], cuts={0: [1, 4, 1, len(data) - 6]})


@valid("5.1", "7.2")
def slices_cut_packed_elements() -> Draft:
    """A symbol of a packed tensor is a byte of several elements."""
    return Draft([exact("n", "int2", (11,), bytes([0xE4, 0x1B, 0x3F]))], [Group()], cuts={0: [2, 1]})


@valid("6.6.1", "7.2")
def groups_interleaved() -> Draft:
    """Tensors of two groups alternate in the table, the higher group first; slices come in order of groups."""
    items = [
        exact(f"t{n}", "uint8" if n % 2 else "int16", (2,), bytes([n] * (2 if n % 2 else 4)), 1 - n % 2)
        for n in range(4)
    ]
    return Draft(items, [Group(), Group()], cuts={0: [3, 1], 1: [1, 2, 1]})


@valid("7.2", "R-7.1.13")
def groups_of_one_type() -> Draft:
    """Two exact groups may hold the same element type, one raw and one LZMA2."""
    items = [exact("a", "uint8", (2,), b"\1\2", 0), exact("b", "uint8", (2,), b"\3\4", 1)]
    return Draft(items, [Group(), Group(pack=wire.stored)])


@valid("7.2", "R-7.1.12")
def group_of_levels_of_four_types() -> Draft:
    """One group of levels holds all four quantisable types."""
    names = ("float64", "float32", "float16", "bfloat16")
    return Draft([quantised(name, name, [1, -3, 100], THOUSANDTH) for name in names], [Group(THOUSANDTH)])


@valid("7.2")
def group_with_empty_tensors_between() -> Draft:
    """Tensors without elements between others, at both ends of a group, and in slices that begin at them."""
    sizes = (0, 2, 0, 0, 1, 0)
    items = [exact(f"t{n}", "uint8", (size,), bytes([n] * size)) for n, size in enumerate(sizes)]
    return Draft(items, [Group()], cuts={0: [2, 1]})


@valid("7.2", "8.2")
def levels_of_no_elements() -> Draft:
    """A tensor with levels, of no elements, alone in its group."""
    return Draft([Item("e", "float32", (0,), b"", levels=(), width=1)], [Group(THOUSANDTH)])


@valid("7.2", "8.2")
def levels_of_a_scalar() -> Draft:
    """A tensor of no dimensions with one level."""
    one = quantised("s", "float64", [-7], THOUSANDTH)
    return Draft([replace(one, dims=())], [Group(THOUSANDTH)])


@valid("9.4", "9.3")
def slices_lzma2_stored() -> Draft:
    """LZMA2 of uncompressed chunks in every slice of every group."""
    draft = full()
    groups = [replace(group, pack=wire.stored) for group in draft.groups]
    return replace(draft, groups=groups, cuts={0: [3, 5], 2: [4, 7]})


@valid("9.4", "9.3", stable=False)
def slices_lzma2_levels() -> Draft:
    """Levels under LZMA2 with the parameters of the reference encoder (3/1/1), in two slices."""
    levels = [(n * n) % 17 - 8 for n in range(200)]
    pack = lambda data: wire.packed(data, 3, 1, 1)  # noqa: E731
    return Draft([quantised("w", "float32", levels, ONE)], [Group(ONE, pack)], cuts={0: [150, 50]})


@valid("9.4", "9.3", stable=False)
def slices_lzma2_planes() -> Draft:
    """Byte planes under LZMA2 with the parameters of the reference encoder (0/0/0)."""
    pack = lambda data: wire.packed(data, 0, 0, 0)  # noqa: E731
    data = f32(*(0.01 * n for n in range(100)))
    return Draft([exact("w", "float32", (10, 10), data)], [Group(pack=pack)])


@valid("9.3", stable=False)
def lzma2_with_other_parameters() -> Draft:
    """An LZMA2 payload says itself which lc, lp and pb it uses: 1/3/4 here."""
    pack = lambda data: wire.packed(data, 1, 3, 4)  # noqa: E731
    return Draft([exact("w", "uint32", (300,), b"".join(wire.u32(n // 7) for n in range(300)))], [Group(pack=pack)])


@valid("9.3", stable=False)
def lzma2_that_expands_a_thousandfold() -> Draft:
    """A payload of zeros that LZMA2 compresses about as far as it can."""
    pack = lambda data: wire.packed(data, 0, 0, 0)  # noqa: E731
    return Draft([exact("zeros", "uint8", (2**17,), bytes(2**17))], [Group(pack=pack)])


@valid("9.3", stable=False)
def lzma2_dictionary_of_4096() -> Draft:
    """A match at distance 4000 in a payload of 4096 bytes: the smallest dictionary is needed in full."""
    data = bytes(n * n % 251 for n in range(96)) + bytes(4000 - 96) + bytes(n * n % 251 for n in range(96))
    return Draft([exact("d", "uint8", (4096,), data)], [Group(pack=wire.packed)])
