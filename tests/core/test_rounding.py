"""SPEC.md clause 3.5: rounding binary64 to an element type, against exact fractions."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nncodec.rounding import round_to, widen
from nncodec.tables import QUANTISABLE, DType

PRECISION = {
    DType.FLOAT64: (53, -1022, 1023),
    DType.FLOAT32: (24, -126, 127),
    DType.FLOAT16: (11, -14, 15),
    DType.BFLOAT16: (8, -126, 127),
}
"""Bits of the significand, exponents of the smallest and largest normal numbers (IEEE 754-2019 table 3.5)."""
NARROW = {DType.FLOAT16: 5, DType.BFLOAT16: 8}
"""Exponent bits of the 16-bit types."""

BFLOAT16_OVERFLOW = (2 - 2.0**-8) * 2.0**127
"""The tie between the largest finite number and what would follow it."""

every_type = pytest.mark.parametrize("dtype", sorted(QUANTISABLE))


def nearest(value: float, dtype: DType) -> float:
    """Round to nearest, ties to even, in exact arithmetic; the result as binary64 (which holds all of these types)."""
    if value == 0 or math.isinf(value):
        return value
    digits, lowest, highest = PRECISION[dtype]
    exact = abs(Fraction(value))
    exponent = max(math.frexp(value)[1] - 1, lowest)
    quantum = Fraction(2) ** (exponent - digits + 1)
    rounded = round(exact / quantum) * quantum  # Fraction rounds halves to even
    magnitude = math.inf if rounded >= Fraction(2) ** (highest + 1) else float(rounded)
    return math.copysign(magnitude, value)


def decoded(bits: int, dtype: DType) -> float:
    """Value of a 16-bit pattern, from the definition of the format."""
    exponent_bits = NARROW[dtype]
    fraction_bits = 15 - exponent_bits
    exponent, fraction = bits >> fraction_bits & (1 << exponent_bits) - 1, bits & (1 << fraction_bits) - 1
    bias = (1 << exponent_bits - 1) - 1
    if exponent == (1 << exponent_bits) - 1:
        return math.inf
    significand = fraction + ((1 << fraction_bits) if exponent else 0)
    return math.ldexp(significand, max(exponent, 1) - bias - fraction_bits)


def rounded(value: float, dtype: DType) -> float:
    return float(widen(round_to(np.array([value]), dtype), dtype)[0])


def same(left: float, right: float) -> bool:
    return struct.pack("<d", left) == struct.pack("<d", right)


@every_type
@settings(max_examples=300)
@given(value=st.floats(allow_nan=False))
@example(value=0.0)
@example(value=-0.0)
@example(value=math.inf)
@example(value=-math.inf)
@example(value=5e-324)
@example(value=-1e-46)
@example(value=1.7976931348623157e308)
@example(value=65519.99999999999)
@example(value=65520.0)
@example(value=3.4028235677973366e38)
@example(value=3.4028235677973362e38)
@example(value=BFLOAT16_OVERFLOW)
@example(value=math.nextafter(BFLOAT16_OVERFLOW, 0))
def test_any_value_is_rounded_once(dtype: DType, value: float) -> None:
    assert same(rounded(value, dtype), nearest(value, dtype))


@every_type
@settings(max_examples=300)
@given(st.integers(-160, 128), st.integers(2**53, 2**54), st.integers(-2, 2), st.sampled_from([8, 11, 24]))
def test_values_beside_a_tie_are_rounded_once(dtype: DType, exponent: int, bits: int, off: int, keep: int) -> None:
    cut = 54 - keep
    tie = (bits >> cut << cut) + (1 << cut - 1) + 2 * off
    value = math.ldexp(tie, exponent - 53)
    assert same(rounded(value, dtype), nearest(value, dtype))
    assert same(rounded(-value, dtype), nearest(-value, dtype))


@pytest.mark.parametrize("dtype", NARROW)
def test_every_number_of_16_bits_and_every_tie_between_two(dtype: DType) -> None:
    exponent_bits = NARROW[dtype]
    infinity = ((1 << exponent_bits) - 1) << 15 - exponent_bits
    values = [decoded(bits, dtype) for bits in range(infinity)]
    values.append(2.0 ** (PRECISION[dtype][2] + 1))  # where the next number would stand: rounding sees infinity there
    lower, upper = np.array(values[:-1]), np.array(values[1:])
    middle = (lower + upper) / 2
    patterns = np.arange(infinity)
    for sign, flag in ((1, 0), (-1, 0x8000)):
        for numbers, expected in (
            (lower, patterns),
            (np.nextafter(middle, 0), patterns),
            (middle, patterns + (patterns & 1)),
            (np.nextafter(middle, np.inf), patterns + 1),
        ):
            assert round_to(sign * numbers, dtype) == (expected | flag).astype("<u2").tobytes()


@pytest.mark.parametrize("dtype", NARROW)
def test_every_pattern_of_16_bits_widens_to_its_value(dtype: DType) -> None:
    infinity = ((1 << NARROW[dtype]) - 1) << 15 - NARROW[dtype]
    patterns = np.arange(infinity + 1)
    expected = np.array([decoded(bits, dtype) for bits in range(infinity + 1)])
    assert widen(patterns.astype("<u2").tobytes(), dtype).tobytes() == expected.tobytes()
    negative = widen((patterns | 0x8000).astype("<u2").tobytes(), dtype)
    assert negative.tobytes() == (-expected).tobytes()


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        (1 + 2**-8 + 2**-40, 0x3F81),  # by way of binary32 this would be a tie, and go down to 0x3F80
        (1 + 3 * 2**-8 - 2**-40, 0x3F81),  # and this up to 0x3F82
        (-(1 + 2**-8 + 2**-40), 0xBF81),
        (2**-134 + 2**-180, 0x0001),  # just over half of the smallest subnormal
        (2**-134, 0x0000),
        (-(2**-134), 0x8000),
        (2.0**-133, 0x0001),
        (BFLOAT16_OVERFLOW, 0x7F80),
        (math.nextafter(BFLOAT16_OVERFLOW, 0), 0x7F7F),
    ],
)
def test_bfloat16_is_not_rounded_twice(value: float, bits: int) -> None:
    assert round_to(np.array([value]), DType.BFLOAT16) == struct.pack("<H", bits)


def test_double_rounding_trap_is_a_trap() -> None:
    value = np.array([1 + 2**-8 + 2**-40])
    twice = value.astype(np.float32).astype(ml_dtypes.bfloat16).tobytes()
    assert twice != round_to(value, DType.BFLOAT16)


@every_type
def test_what_is_representable_stays(dtype: DType) -> None:
    digits, lowest, highest = PRECISION[dtype]
    largest = math.ldexp(2 - 2.0 ** (1 - digits), highest)
    values = [largest, math.ldexp(1, lowest), math.ldexp(1, lowest - digits + 1), 1.5, 0.0]
    for value in values:
        assert same(rounded(value, dtype), value)
        assert same(rounded(-value, dtype), -value)


@every_type
def test_nothing_gives_nothing(dtype: DType) -> None:
    assert round_to(np.zeros(0), dtype) == b""
    assert widen(b"", dtype).shape == (0,)


@every_type
def test_widening_takes_views_and_gives_new_memory(dtype: DType) -> None:
    data = bytearray(round_to(np.array([1.0, 2.0]), dtype))
    values = widen(memoryview(data), dtype)
    data[:] = bytes(len(data))
    assert values.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [
        (DType.FLOAT32, "0100807f"),
        (DType.FLOAT16, "017c"),
        (DType.BFLOAT16, "817f"),
        (DType.FLOAT64, "010000000000f07f"),
    ],
)
def test_signalling_nan_widens_without_a_warning(dtype: DType, bits: str) -> None:
    assert np.isnan(widen(bytes.fromhex(bits), dtype)).all()
