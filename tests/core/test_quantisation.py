"""SPEC.md clauses 8.1, 8.2 and E.2: steps, levels and values, against fractions and the paper's closed forms."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nncodec.encoder.estimate import entropy_bits
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.quantisation import compact_code, compact_step, decadic_step, dequantise, half_levels, quantise, step_of
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import StepKind
from tests.core.handmade import compact, decadic

MAX_LEVEL = 2**31 - 1
STEPS = st.one_of(
    st.sampled_from([1.0, 2.0**-10, 1e-4, 1e-3, 0.1]), st.integers(0, 65535).map(compact_step), st.floats(1e-12, 1e6)
)


def levels_of(values: list[float], step: float, f: float) -> list[int] | None:
    levels = quantise(np.array(values, float), step, f)
    return None if levels is None else levels.tolist()


def eq_1(value: float, step: float, f: float) -> int:
    """sgn(x) floor(|x| / step + f) in exact arithmetic."""
    magnitude = math.floor(abs(Fraction(value)) / Fraction(step) + Fraction(f))
    return magnitude if value > 0 else -magnitude


def nearest_binary64(exact: Fraction) -> Fraction:
    """Round to nearest, ties to even, for numbers in the normal range."""
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    if Fraction(2) ** exponent > exact:
        exponent -= 1
    quantum = Fraction(2) ** (exponent - 52)
    return round(exact / quantum) * quantum


@pytest.mark.parametrize("power", range(-154, 155))
def test_decadic_step_is_the_binary64_nearest_to_the_power_of_ten(power: int) -> None:
    exact = Fraction(10) ** power
    assert Fraction(decadic_step(max(-power, 0), max(power, 0))) == nearest_binary64(exact)
    assert decadic_step(max(-power, 0), max(power, 0)) == float(Decimal(10) ** power)


@pytest.mark.parametrize(
    ("s_bits", "q_bits", "step"), [(12, 8, 1e-4), (12, 12, 1.0), (0, 3, 1000.0), (255, 101, 1e-154)]
)
def test_decadic_step_depends_on_the_difference_only(s_bits: int, q_bits: int, step: float) -> None:
    assert step_of(decadic(q_bits, s_bits=s_bits)) == step


def test_every_compact_code_has_its_own_exact_step() -> None:
    steps = [compact_step(code) for code in range(65536)]
    assert steps == sorted(set(steps))
    for code in range(0, 65536, 7):
        mantissa, exponent = code & 1023, code >> 10
        assert Fraction(steps[code]) == (1024 + mantissa) * Fraction(2) ** (exponent - 58)
    assert [compact_code(step) for step in steps] == list(range(65536))


@pytest.mark.parametrize(
    "step", [2.0**-49, 2.0**16, 0.1, 1e-4, compact_step(0) * (1 + 2**-11), math.nextafter(1.0, 2.0), 2047.5 * 2.0**5]
)
def test_step_between_the_codes_has_none(step: float) -> None:
    assert compact_code(step) is None


@given(st.floats(2.0**-512, 2.0**512))
def test_compact_code_is_found_exactly_if_there_is_one(step: float) -> None:
    code = compact_code(step)
    assert code is None or compact_step(code) == step


@pytest.mark.parametrize(
    "quantiser",
    [
        decadic(255, s_bits=0),
        decadic(155, s_bits=0),
        decadic(0, s_bits=155),
        decadic(0, s_bits=255),
        Quantiser(StepKind.BINARY64, None, None, None, 2.0**513, 0),
        Quantiser(StepKind.BINARY64, None, None, None, 0.0, 0),
    ],
)
def test_step_out_of_bounds_is_refused(quantiser: Quantiser) -> None:
    with pytest.raises(InvalidStreamError) as caught:
        step_of(quantiser)
    assert (caught.value.error_class, caught.value.clause) == (ErrorClass.VALUE_RANGE, "R-7.1.4")


def test_step_of_every_kind() -> None:
    assert step_of(compact(58 << 10)) == 1024.0
    assert step_of(Quantiser(StepKind.BINARY64, None, None, None, 0.3, 0)) == 0.3
    assert step_of(decadic(154, s_bits=0)) == 1e154
    assert step_of(decadic(0, s_bits=154)) == 1e-154


@pytest.mark.parametrize(
    ("f", "values", "levels"),
    [
        (0.0, [0.0, 0.999, 1.0, 1.999, 2.0], [0, 0, 1, 1, 2]),
        (0.5, [0.0, 0.4999, 0.5, 1.4999, 1.5, 2.5], [0, 0, 1, 1, 2, 3]),
        (0.4, [0.0, 0.599, 0.601, 1.599, 1.601], [0, 0, 1, 1, 2]),
    ],
)
@pytest.mark.parametrize("step", [1.0, 2.0**-13])
def test_cells_are_half_open_and_symmetric(f: float, values: list[float], levels: list[int], step: float) -> None:
    assert levels_of([value * step for value in values], step, f) == levels
    assert levels_of([-value * step for value in values], step, f) == [-level for level in levels]


def test_minus_zero_and_the_smallest_numbers_give_level_0() -> None:
    assert levels_of([-0.0, 0.0, 5e-324, -5e-324], 1e-4, 0.5) == [0, 0, 0, 0]


@settings(max_examples=300)
@given(st.floats(-1e6, 1e6), st.sampled_from([2.0**-10, 0.25, 1.0, 8.0]), st.sampled_from([0.0, 0.25, 0.5]))
def test_levels_are_exact_where_the_division_is(value: float, step: float, f: float) -> None:
    value = math.floor(value * 2**20) / 2**20
    assert levels_of([value], step, f) == [eq_1(value, step, f)]


@settings(max_examples=300)
@given(st.floats(-1e3, 1e3), st.sampled_from([1e-4, 1e-3, 0.3]), st.sampled_from([0.0, 0.4, 0.5]))
@example(0.9, 0.3, 0.0)
def test_levels_are_those_of_eq_1_up_to_one_rounding_at_a_border(value: float, step: float, f: float) -> None:
    found, expected = levels_of([value], step, f), eq_1(value, step, f)
    place = abs(Fraction(value)) / Fraction(step) + Fraction(f)
    at_border = abs(place - round(place)) <= place * Fraction(1, 2**51)
    assert found == [expected] or (at_border and found is not None and abs(found[0] - expected) == 1)


@given(st.lists(st.floats(-100, 100), max_size=20), STEPS, st.sampled_from([0.0, 0.4, 0.5]))
def test_sign_does_not_change_the_magnitude(values: list[float], step: float, f: float) -> None:
    levels, mirrored = levels_of(values, step, f), levels_of([-value for value in values], step, f)
    assert levels is None if mirrored is None else levels == [-level for level in mirrored]


@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_have_no_levels(special: float) -> None:
    assert quantise(np.array([1.0, special]), 1.0, 0.5) is None


def test_levels_end_at_31_bits() -> None:
    assert levels_of([MAX_LEVEL, -MAX_LEVEL], 1.0, 0.0) == [MAX_LEVEL, -MAX_LEVEL]
    assert levels_of([MAX_LEVEL + 0.4], 1.0, 0.5) == [MAX_LEVEL]
    for value in (MAX_LEVEL + 0.5, MAX_LEVEL + 1, -MAX_LEVEL - 1, 1e300, -1.7e308):
        assert quantise(np.array([0.0, value]), 1.0, 0.5) is None
    assert quantise(np.array([1e300]), 2.0**-512, 0.5) is None


def test_nothing_has_no_levels_and_no_values() -> None:
    levels = quantise(np.zeros(0), 1.0, 0.4)
    assert levels is not None
    assert (levels.shape, levels.dtype) == ((0,), np.int32)
    assert dequantise(levels, 1.0, 3).shape == (0,)


def test_quantise_leaves_its_input_alone() -> None:
    values = np.array([-1.5, 0.0, 2.5])
    values.flags.writeable = False
    assert quantise(values, 1.0, 0.5) is not None


@settings(max_examples=400)
@given(st.integers(-(2**31), MAX_LEVEL), STEPS, st.integers(-128, 127))
@example(-(2**31), 2.0**512, -128)
@example(MAX_LEVEL, 2.0**512, 127)
@example(1, 2.0**-512, -128)
def test_dequantise_rounds_one_exact_product(level: int, step: float, offset: int) -> None:
    sign = (level > 0) - (level < 0)
    exact = Fraction(256 * level + sign * offset) * Fraction(step) / 256
    value = float(dequantise(np.array([2 * level]), step, offset)[0])
    expected = math.copysign(nearest_binary64(abs(exact)), exact) if exact else 0.0
    assert struct.pack("<d", value) == struct.pack("<d", expected)


def test_level_0_gives_plus_zero_whatever_the_offset() -> None:
    for offset in (-128, -1, 0, 1, 127):
        assert dequantise(np.array([0]), 0.1, offset).tobytes() == bytes(8)


@given(st.integers(-(2**20), 2**20), STEPS, st.sampled_from([0.0, 0.4, 0.5]))
def test_reconstructed_values_keep_their_level_at_nearest(level: int, step: float, f: float) -> None:
    value = dequantise(np.array([2 * level]), step, 0)
    again = quantise(value, step, f)
    assert again is not None
    assert int(again[0]) == level if f else abs(int(again[0]) - level) <= 1


def laplace_rate(a: float, f: float) -> float:
    """Paper eq. 8, in bits."""
    zero = 1 - math.exp(-(1 - f) * a)
    other = 1 - zero
    tail = math.log(2) - math.log1p(-math.exp(-a)) - f * a + a / (1 - math.exp(-a))
    return (-zero * math.log(zero) + other * tail) / math.log(2)


def laplace_distortion(a: float, f: float) -> float:
    """Paper eq. 7, times Lambda squared."""
    return (a * math.exp(f * a) * (2 + a - 2 * f * a) + 2 - 2 * math.exp(a)) / (1 - math.exp(a))


@pytest.mark.parametrize(
    ("a", "distortion", "rate"), [(1.0, 0.0899441055, 2.3658806685), (3.0, 0.6431132589, 0.8617997875)]
)
def test_rate_and_distortion_of_laplace_weights_are_the_papers(a: float, distortion: float, rate: float) -> None:
    assert math.isclose(laplace_distortion(a, 0.4), distortion, rel_tol=1e-9)
    assert math.isclose(laplace_rate(a, 0.4), rate, rel_tol=1e-9)
    scale, step = 20.0, a / 20.0
    samples = np.random.default_rng(2019).laplace(0.0, 1 / scale, 1_000_000)
    levels = quantise(samples, step, 0.4)
    assert levels is not None
    measured = float(np.mean((dequantise(half_levels(levels, None), step, 0) - samples) ** 2)) * scale**2
    assert math.isclose(measured, distortion, rel_tol=0.01)
    assert math.isclose(entropy_bits(np.unique(levels, return_counts=True)[1]) / samples.size, rate, rel_tol=0.01)
