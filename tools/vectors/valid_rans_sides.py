"""Valid vectors: contexts of the rANS coder by the exponent of a prediction (SPEC.md clauses 8.4 and 9.6.6)."""

from __future__ import annotations

import struct
from dataclasses import replace

from nncodec.entropy.rans.binarisation import Binarisation, Kind
from tools.vectors import wire
from tools.vectors.arithmetic import FORMATS
from tools.vectors.bases import f32, from_grid, grid, reference_model, tensor_of, words
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, Item, Term, exact
from tools.vectors.prediction import copied_words, exactly_differing, word_bytes
from tools.vectors.rans import GROUP, RANS, Plan, coded

GRID = ("reference-grid",)
REF = ("reference-model",)
EXPONENT_BITS = {"float64": 11, "float32": 8, "float16": 5, "bfloat16": 8}


def _numbers(data: bytes, width: int) -> list[int]:
    return [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]


def _difference(source: Item, data: bytes, plan: Plan) -> Draft:
    """An exact difference to `source`, of its shape: all of one slice, one area."""
    item = replace(exact(source.name, source.dtype, source.dims, data), terms=(Term(),))
    item, width = exactly_differing(source, item), word_bytes(source.dtype)
    exponents: list[int] = []
    if source.dtype in FORMATS:
        bits = EXPONENT_BITS[source.dtype]
        old = _numbers(copied_words(source, Term(), source.dims), width)
        exponents = [word >> (8 * width - 1 - bits) & (2**bits - 1) for word in old]
    numbers = _numbers(item.coded or b"", width)
    payload = coded(numbers, [len(numbers)], plan, exponents)
    patches = {f"{GROUP}.entropy_coder": wire.u8(RANS), "slice0.payload": payload}
    return replace(from_grid(item, groups=[Group()]), patches=patches)


def _plan(width: int, base: int, sides: int, kind: Kind = Kind.FOLDED) -> Plan:
    return Plan([Binarisation(kind, width, 0)], [(0, base)], sides=sides, tables=min(sides, 3), scale=12)


@valid("9.6.6", "8.4", refs=GRID)
def rans_difference_by_exponent_of_negative_numbers() -> Draft:
    """Predictions of both signs: the exponent is what stands below the sign."""
    data = f32(*(n / 4 - 3 + (n * n % 7 - 3) / 64 for n in range(24)))
    return _difference(grid("cube"), data, _plan(4, 123, 7))


@valid("9.6.6", "9.6.3", "8.4", refs=GRID)
def rans_difference_of_two_sides() -> Draft:
    """Two sides are the fewest that have a base."""
    data = f32(*(n / 4 - 3 + (n * n % 7 - 3) / 64 for n in range(24)))
    return _difference(grid("cube"), data, _plan(4, 126, 2))


@valid("9.6.6", "8.4", refs=GRID)
def rans_difference_by_exponent_float16() -> Draft:
    """The exponent of FLOAT16 has 5 bits."""
    data = struct.pack("<12e", *(n - 5.5 + (n * n % 7 - 3) / 64 for n in range(12)))
    return _difference(grid("halves"), data, _plan(2, 13, 6))


def _to_model(name: str, data: bytes, plan: Plan) -> Draft:
    draft = _difference(tensor_of(reference_model(), name), data, plan)
    return replace(draft, parents=[reference_model().content_id])


@valid("9.6.6", "8.4", refs=REF)
def rans_difference_by_exponent_bfloat16() -> Draft:
    """The exponent of BFLOAT16 has 8 bits."""
    return _to_model("brain", words(2, 0x3F83, 0xC01C, 0x0005), _plan(2, 126, 4))


@valid("9.6.6", "8.4", refs=REF)
def rans_difference_by_exponent_float64() -> Draft:
    """The exponent of FLOAT64 has 11 bits."""
    data = struct.pack("<3d", 0.3333333333333339, -1.0000000000000009e-300, 2.0**-1072)
    return _to_model("double", data, _plan(8, 1020, 64))


@valid("9.6.6", "8.3.6", refs=GRID)
def rans_difference_of_integers_has_no_side() -> Draft:
    """Words of a type that is not quantisable have side 0, whatever their predictions are and the base says."""
    data = struct.pack("<6i", 2, -2, 1, -(2**31) + 5, 2**31 - 9, 3)
    return _difference(grid("ints"), data, _plan(4, -100, 5))


@valid("9.6.6", "8.3.6", refs=GRID)
def rans_difference_of_complex_numbers_has_no_side() -> Draft:
    """Halves of complex elements look like FLOAT32, and have side 0 all the same."""
    data = f32(1, -1.0000001, 2, -2, 3.0000002, -3, 4, -4.0000005)
    return _difference(grid("complex"), data, _plan(4, 127, 5, Kind.SIGNED))
