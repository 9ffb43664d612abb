"""Valid vectors: one rounding to the element type (SPEC.md clauses 3.5, 8.2 and 8.3.4), and what must not be done."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tools.vectors import wire
from tools.vectors.arithmetic import BINARY64, FORMATS, nearest, number
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, quantised


def _power(exponent: int, levels: Sequence[int], dtype: str, offset: int = 0) -> Draft:
    """Levels of four bytes times a power of two: products are exact, so that all rounding is the last one."""
    quantiser = wire.binary64(2.0**exponent, offset)
    return Draft([quantised("w", dtype, levels, quantiser, 4)], [Group(quantiser)])


def _signed(*levels: int) -> list[int]:
    return [sign * level for level in levels for sign in (1, -1)]


@valid("3.5", "8.3.4")
def round_float32_ties() -> Draft:
    """2^24 + 1 and 2^24 + 3 lie half-way between binary32 numbers: to the even one, down and up."""
    return _power(0, _signed(2**24 + 1, 2**24 + 3, 2**25 + 2, 2**25 + 6), "float32")


@valid("3.5", "8.3.4")
def round_float32_beside_ties() -> Draft:
    """An offset of a 256th puts every value just above a half-way case."""
    return _power(0, _signed(2**24 + 1, 2**24 + 3), "float32", 1)


@valid("3.5", "8.3.4")
def round_float32_below_ties() -> Draft:
    """An offset of minus a 256th puts every value just below a half-way case."""
    return _power(0, _signed(2**24 + 1, 2**24 + 3), "float32", -1)


@valid("3.5", "8.3.4")
def round_float32_subnormals() -> Draft:
    """Halves of the smallest subnormal: 1/2 to zero with its sign, 3/2 to 2, and the step up to the normal numbers."""
    return _power(-150, _signed(0, 1, 2, 3, 5, 2**24 - 1, 2**24 - 2, 2**24), "float32")


@valid("3.5", "8.3.4")
def round_float32_underflow() -> Draft:
    """Values far below the smallest subnormal become a zero that keeps the sign; level 0 is +0."""
    return _power(-500, _signed(0, 1, 2**31 - 1), "float32")


@valid("3.5", "8.3.4")
def round_float32_overflow() -> Draft:
    """The largest binary32, the value half-way to the next power of two (infinity), and the one below (finite)."""
    return _power(103, _signed(2**25 - 2, 2**25 - 1, 2**25, 2**26), "float32")


@valid("3.5", "8.3.4")
def round_float16_ties() -> Draft:
    """2049 and 2051 to even, down and up."""
    return _power(0, _signed(2047, 2048, 2049, 2050, 2051, 4098, 4102), "float16")


@valid("3.5", "8.3.4")
def round_float16_overflow() -> Draft:
    """65504 is the largest, 65519 still rounds to it, 65520 is half-way and gives infinity."""
    return _power(0, _signed(65504, 65505, 65519, 65520, 65536), "float16")


@valid("3.5", "8.3.4")
def round_float16_subnormals() -> Draft:
    """Halves of the smallest subnormal, and the largest subnormal and a half, which becomes the smallest normal."""
    return _power(-25, _signed(0, 1, 2, 3, 5, 2045, 2046, 2047, 2048), "float16")


@valid("3.5", "8.3.4")
def round_float16_twice() -> Draft:
    """Just above and below a half-way case by less than binary32 sees: not to be rounded by way of binary32."""
    return _power(-30, _signed(2**30 + 2**19 + 1, 2**30 + 3 * 2**19 - 1, 2**30 + 2**19), "float16")


@valid("3.5", "8.3.4")
def round_bfloat16_ties() -> Draft:
    """257 and 259 lie half-way between bfloat16 numbers: to the even one, down and up."""
    return _power(0, _signed(255, 256, 257, 258, 259, 514, 518), "bfloat16")


@valid("3.5", "8.3.4")
def round_bfloat16_twice() -> Draft:
    """Just above and below a half-way case by less than binary32 sees: not to be rounded by way of binary32."""
    return _power(-30, _signed(2**30 + 2**22 + 1, 2**30 + 3 * 2**22 - 1, 2**30 + 2**22, 2**30 + 3 * 2**22), "bfloat16")


@valid("3.5", "8.3.4")
def round_bfloat16_twice_subnormal() -> Draft:
    """The same among the subnormal numbers, where binary32 has even fewer bits to see with."""
    return _power(-154, _signed(2**20, 2**20 + 1, 3 * 2**20 - 1, 3 * 2**20, 1), "bfloat16")


@valid("3.5", "8.3.4")
def round_bfloat16_overflow() -> Draft:
    """The largest bfloat16, half-way to the next power of two (infinity), just below it, and beyond all of binary32."""
    return _power(119, _signed(510, 511, 512, 2**20), "bfloat16")


@valid("3.5", "8.3.4")
def round_bfloat16_overflow_twice() -> Draft:
    """Just below half-way to infinity by less than binary32 sees: the largest finite number, not infinity."""
    return _power(98, _signed(511 * 2**21 - 1, 511 * 2**21), "bfloat16")


@valid("3.5", "8.2")
def round_negative_zero() -> Draft:
    """A negative level that underflows gives -0 in every type but float64; level 0 gives +0."""
    quantiser = wire.binary64(2.0**-400)
    items = [quantised(dtype, dtype, (-1, 0, 1), quantiser) for dtype in FORMATS]
    return Draft(items, [Group(quantiser)])


def step_on_a_tie() -> float:
    """A step whose triple is just above 1 + 2^-24 and rounds to it in binary64: binary32 then has a tie."""
    return float(nearest(number((1 + Fraction(1, 2**24)) / 3), BINARY64).exact)


@valid("8.2", "8.3.4", "3.5")
def round_product_before_type() -> Draft:
    """A product is rounded to binary64 first and to binary32 then: not once from the exact product."""
    quantiser = wire.binary64(step_on_a_tie())
    return Draft([quantised("w", "float32", _signed(3), quantiser)], [Group(quantiser)])


@valid("8.2", "3.5")
def round_many_products() -> Draft:
    """Sixty-four products of a step of 1/3 by way of all four types."""
    quantiser = wire.binary64(1 / 3, 77)
    levels = [(n * 2654435761) % 2**32 - 2**31 for n in range(64)]
    items = [quantised(dtype, dtype, levels, quantiser, 4) for dtype in FORMATS]
    return Draft(items, [Group(quantiser)])
