"""Valid vectors: exact differences (SPEC.md clauses 8.3.6 and 8.4)."""

from __future__ import annotations

import struct
from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import f32, from_grid, grid, grid_model, reference_model, second_model, tensor_of, words
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, Item, Term, exact
from tools.vectors.prediction import exactly_differing

GRID = ("reference-grid",)


def _stream(*items: Item, pack: bool = False) -> Draft:
    """A stream of exact differences to the grid model, each tensor with a slice group of its own."""
    items = tuple(replace(item, group=index) for index, item in enumerate(items))
    return from_grid(*items, groups=[Group(pack=wire.stored if pack else None) for _ in items])


def _to_grid(name: str, data: bytes, term: Term = Term(), dims: tuple[int, ...] | None = None) -> Item:  # noqa: B008
    source = grid(name)
    target = exact(name, source.dtype, source.dims if dims is None else dims, data)
    return exactly_differing(source, replace(target, terms=(term,)))


NEAR_GRID = f32(1, 2.0000002, 3, 3.9999998, -5, 0.0, -0.0, 8, 9.5, float("inf"), 11, 12)


@valid("8.3.6", "8.4", refs=GRID)
def exact_difference_float32() -> Draft:
    """Neighbours up and down, another sign, both zeros, infinity: all words come back bit for bit."""
    return _stream(_to_grid("grid", NEAR_GRID))


@valid("8.3.6", "8.4", refs=GRID)
def exact_difference_float32_lzma2() -> Draft:
    """The same as byte planes under LZMA2."""
    return _stream(_to_grid("grid", NEAR_GRID), pack=True)


@valid("8.3.6", "8.4", refs=GRID)
def exact_difference_of_nothing() -> Draft:
    """A tensor that has not changed: all differences are 0."""
    return _stream(_to_grid("grid", grid("grid").data))


@valid("8.4", "8.3.6", refs=("reference-model",))
def exact_difference_to_what_is_not_finite() -> Draft:
    """Infinities and NaN predict +0; -0 predicts -0, and the difference of +0 to it is 1 turned about."""
    old = tensor_of(reference_model(), "w")
    data = words(4, 0x3F800001, 0xC01FFFFF, 0x00000000, 0x80000000, 0x00000001, 0x7FC00001, 0x80000001, 0xFFFFFFFF)
    item = exactly_differing(old, replace(exact("w", "float32", (2, 4), data), terms=(Term(),)))
    return Draft([item], [Group()], parents=[reference_model().content_id])


EXTREMES = {
    "float64": words(8, 0, 1 << 63, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF),
    "float32": words(4, 0, 1 << 31, 0x7FFFFFFF, 0xFFFFFFFF),
    "float16": words(2, 0, 0x8000, 0x7FFF, 0xFFFF),
    "bfloat16": words(2, 0, 0x8000, 0x7FFF, 0xFFFF),
}


def _declare_extremes() -> None:
    for dtype, data in EXTREMES.items():

        def make(dtype: str = dtype, data: bytes = data) -> Draft:
            target = replace(exact("bias", dtype, (4,), data), terms=(Term(),))
            return _stream(exactly_differing(grid("bias"), target))

        make.__name__ = f"exact_difference_{dtype}_extremes"
        make.__doc__ = f"The words of {dtype} that lie farthest from anything, as differences to float32 numbers."
        valid("8.3.6", "8.4", refs=GRID)(make)


_declare_extremes()


def _wrapped(name: str) -> bytes:
    """Data as far from that of a tensor of the grid model as modular arithmetic goes, and a little less."""
    source = grid(name)
    size = max(1, wire.DTYPES[source.dtype][1] // 8)
    bits = 8 * size
    out = []
    for at in range(0, len(source.data), size):
        word = int.from_bytes(source.data[at : at + size], "little")
        out.append((word + 2 ** (bits - 1) - at // size % 3 + 1) % 2**bits)
    return words(size, *out)


@valid("8.4", "8.3.6", "R-8.3.5", refs=GRID)
def exact_difference_integers() -> Draft:
    """Integers of four bytes and of one: small differences, and such that wrap around."""
    ints = struct.pack("<6i", 2, -3, 3, 2**31 - 1, -(2**31), -1)
    return _stream(_to_grid("ints", ints), _to_grid("bytes", _wrapped("bytes")))


@valid("8.4", "8.3.6", refs=("reference-integers",))
def exact_difference_every_width() -> Draft:
    """Words of 1, 2, 4 and 8 bytes, by half the range: integers, BOOL, FLOAT8 and complex halves."""
    parent = _integers()
    items = []
    for index, source in enumerate(parent.items):
        data = bytes(byte ^ (0x80 if at % 8 == 7 else 0x01) for at, byte in enumerate(source.data))
        target = replace(exact(source.name, source.dtype, source.dims, data, index), terms=(Term(),))
        items.append(exactly_differing(source, target))
    return Draft(items, [Group() for _ in items], parents=[parent.content_id])


def _integers() -> Draft:
    names = (
        *("int8", "uint16", "int16", "uint32", "int64", "uint64", "bool", "float8e4m3fn", "float8e8m0"),
        *("complex64", "complex128"),
    )
    items = []
    for index, dtype in enumerate(names):
        size = 2 * wire.DTYPES[dtype][1] // 8
        items.append(exact(dtype, dtype, (2,), bytes((37 * n + index) % 256 for n in range(size)), index))
    return Draft(items, [Group() for _ in items])


@valid("5.2")
def reference_integers() -> Draft:
    """A reference of types that are not quantisable."""
    return _integers()


@valid("8.4", "8.3.6", refs=GRID)
def exact_difference_packed() -> Draft:
    """Elements of four bits: the differences are those of whole bytes."""
    return _stream(_to_grid("nibbles", bytes([0x22, 0x42, 0x05])))


@valid("8.4", "8.3.6", refs=GRID)
def exact_difference_complex() -> Draft:
    """The halves of complex elements are words that are not in the order of values."""
    return _stream(_to_grid("complex", f32(1, -1.5, 2, -2, -0.0, -3, 4, float("nan"))))


@valid("8.3.6", "8.3.2", refs=GRID)
def exact_difference_padded_and_cropped() -> Draft:
    """A larger and a smaller shape, of floats and of integers."""
    floats = _to_grid("grid", f32(*range(20)), dims=(5, 4))
    ints = _to_grid("ints", struct.pack("<3i", 7, 8, 9), dims=(3, 1))
    return _stream(floats, ints)


@valid("8.3.6", "8.3.2", refs=GRID)
def exact_difference_mapped() -> Draft:
    """Channel maps of floats, integers and complex elements."""
    items = (
        _to_grid("grid", f32(*(n + 0.5 for n in range(12))), Term(axes=(1, 0), rows=(4, 0, 1, 1)), (4, 3)),
        _to_grid("ints", struct.pack("<6i", 3, 1, 2, 0, 0, 0), Term(columns=(3, 1, 2))),
        _to_grid("complex", f32(*range(8)), Term(rows=(2, 1))),
    )
    return _stream(*items)


@valid("8.3.6", "8.3.3", refs=GRID)
def exact_difference_with_gains() -> Draft:
    """One gain, and one for each row, of a float32 tensor."""
    first = _to_grid("grid", f32(*(n * 1.1 for n in range(12))), Term(gains=(1.0999755859375,)))
    second = replace(
        grid("grid"), name="rows", data=f32(*range(12)), terms=(Term(reference=1, gains=(2.0, -1.0, 0.0)),)
    )
    return _stream(first, exactly_differing(grid("grid"), second))


@valid("8.3.6", "8.3.3", "8.4", refs=GRID)
def exact_difference_to_minus_zero() -> Draft:
    """What is missing is +0; a negative gain makes it -0, towards which the difference is turned."""
    data = f32(-1, 0.25, -3, 8, 1e-45, -1e-45, 0.0, -0.0)
    return _stream(_to_grid("bias", data, Term(gains=(-1.0,)), (8,)))


@valid("8.3.6", "8.3.3", "8.4", refs=GRID)
def exact_difference_two_zeros() -> Draft:
    """-0 and +0 add up to +0, -0 and -0 to -0."""
    terms = (Term(gains=(-1.0,)), Term(gains=(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0)))
    target = replace(exact("bias", "float32", (8,), f32(0.0, -0.0, 1, 2, 0.0, -0.0, 0.0, -0.0)), terms=terms)
    return _stream(exactly_differing([grid("bias")] * 2, target))


@valid("8.3.6", "8.3.3", refs=("reference-grid", "reference-second"))
def exact_difference_of_two_terms() -> Draft:
    """Two terms from two parents: the extrapolation 1.5 a - 0.5 b, rounded to float16."""
    second = second_model()
    terms = (Term(gains=(1.5,)), Term(1, 1, gains=(-0.5,)))
    data = struct.pack("<12e", *(n * 0.75 for n in range(12)))
    target = replace(exact("grid", "float16", (3, 4), data), terms=terms)
    item = exactly_differing([grid("grid"), second.items[0]], target)
    return Draft([item], [Group()], level=1, parents=[grid_model().content_id, second.content_id])


@valid("8.3.6", "3.5", refs=GRID)
def exact_difference_prediction_is_rounded_once() -> Draft:
    """A prediction that rounds to bfloat16 another way by way of float32, and one that overflows float16."""
    gain = 1.0009765625
    items = []
    for dtype, size in (("bfloat16", 2), ("float16", 2)):
        terms = (Term(reference=3, gains=(gain,)), Term(reference=3, gains=(2.0**-24,)))
        target = replace(exact(dtype, dtype, (4,), bytes(4 * size)), terms=terms)
        items.append(exactly_differing([grid("bias")] * 2, target))
    large = replace(exact("large", "float16", (4,), bytes(8)), terms=(Term(reference=3, gains=(65504.0,)),))
    return _stream(*items, exactly_differing(grid("bias"), large))


@valid("8.3.6", "7.2", refs=GRID)
def exact_difference_in_slices() -> Draft:
    """Differences and plain words of one group, in slices that cut both."""
    changed = _to_grid("grid", NEAR_GRID)
    return replace(_stream(changed), items=[changed, exact("new", "float32", (3,), f32(1, 2, 3))], cuts={0: [5, 8, 2]})


@valid("8.3.6", refs=GRID)
def exact_difference_of_no_elements() -> Draft:
    """A tensor without elements."""
    return _stream(_to_grid("grid", b"", dims=(0, 4)))


@valid("8.3.6", "A.1", "R-7.1.9", refs=GRID)
def exact_difference_in_baseline() -> Draft:
    """Profile BASELINE allows a plain exact difference."""
    return replace(_stream(_to_grid("grid", NEAR_GRID)), profile=wire.BASELINE)


@valid("8.3.6", "8.3.3", "7.2", refs=GRID)
def exact_difference_with_gains_in_slices() -> Draft:
    """Slices begin inside tensors and inside rows that have gains of their own."""
    return replace(exact_difference_with_gains(), cuts={0: [7, 5], 1: [1, 6, 5]})
