"""Eq. 4 to 8 against eq. 7 and 8 as printed in 110 digits, quadrature, Monte-Carlo, and what is known at the ends."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from nncodec.analysis.laplace import Laplace, best_offset, distortion, rate

RATIOS = [10.0**k for k in range(-12, 3)] + [0.0099, 0.0101, 0.5, 0.999999, 1.0, 1.000001, 1.6, 3.0, 31.4, 320.0, 700.0]
ROUNDINGS = [0.0, 0.1, 0.25, 0.4, 0.5]

ratios = st.floats(math.log(1e-12), math.log(700)).map(math.exp)
roundings = st.floats(0, 0.5)


def printed_distortion(ratio: float, rounding: float) -> float:
    """Eq. 7 times Λ²/a², that is in units of Q², as the paper prints it."""
    with localcontext() as context:
        context.prec = 110
        a, f = Decimal(ratio), Decimal(rounding)
        e = a.exp()
        return float((a * (f * a).exp() * (2 + a - 2 * f * a) + 2 - 2 * e) / (a * a * (1 - e)))


def printed_rate(ratio: float, rounding: float) -> float:
    """Eq. 8, as the paper prints it."""
    with localcontext() as context:
        context.prec = 110
        context.Emin = -(10**6)
        a, f = Decimal(ratio), Decimal(rounding)
        e, one = (-(1 - f) * a).exp(), Decimal(1)
        within = Decimal(2).ln() - (one - (-a).exp()).ln() - f * a + a / (one - (-a).exp())
        return float((-(one - e) * (one - e).ln() + e * within) / Decimal(2).ln())


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("ratio", RATIOS)
def test_rate_and_distortion_keep_all_digits(ratio: float, rounding: float) -> None:
    assert float(distortion(ratio, rounding)) == pytest.approx(printed_distortion(ratio, rounding), rel=1e-13)
    assert float(rate(ratio, rounding)) == pytest.approx(printed_rate(ratio, rounding), rel=1e-13)


@given(ratios, roundings)
def test_they_do_everywhere(ratio: float, rounding: float) -> None:
    assert float(distortion(ratio, rounding)) == pytest.approx(printed_distortion(ratio, rounding), rel=1e-12)
    assert float(rate(ratio, rounding)) == pytest.approx(printed_rate(ratio, rounding), rel=1e-12)


@pytest.mark.parametrize(
    ("step", "expected_distortion", "expected_rate"),
    [(1.0, 0.0899441055, 2.3658806685), (3.0, 0.6431132589, 0.8617997875), (0.05, 2.33232371e-4, 6.7569967233)],
)
def test_known_values(step: float, expected_distortion: float, expected_rate: float) -> None:
    assert float(Laplace(1.0).distortion(step)) == pytest.approx(expected_distortion, rel=2e-9)
    assert float(Laplace(1.0).rate(step)) == pytest.approx(expected_rate, rel=1e-10)


@given(st.floats(math.log(1e-12), math.log(1e-2)).map(math.exp), roundings)
def test_small_ratios_follow_the_series(ratio: float, rounding: float) -> None:
    f, a = rounding, ratio
    second = (90 * f**4 - 180 * f**3 + 120 * f**2 - 30 * f + 1) * a * a / 360
    series = 1 / 12 + (0.5 - f) ** 2 + (2 * f - 1) ** 3 * a / 12 + second
    assert float(distortion(a, f)) == pytest.approx(series, abs=a**3 + 1e-15)
    assert float(rate(a, f)) == pytest.approx(math.log2(2 * math.e / a), abs=2 * a * (1 + abs(math.log(a))))


def test_where_the_printed_form_gives_nothing_ours_does() -> None:
    a, f = 1e-5, 0.4
    e = math.exp(a)
    printed = (a * math.exp(f * a) * (2 + a - 2 * f * a) + 2 - 2 * e) / (a * a * (1 - e))
    assert abs(printed - 0.0933) > 0.09
    assert float(distortion(a, f)) == pytest.approx(0.0933, abs=1e-4)


@pytest.mark.parametrize("offset", [0.0, -0.1, 0.05])
@pytest.mark.parametrize(("ratio", "rounding"), [(0.3, 0.4), (1.0, 0.4), (2.5, 0.2), (6.0, 0.5), (1.4, 0.0)])
def test_rate_and_distortion_are_those_of_quadrature(ratio: float, rounding: float, offset: float) -> None:
    def half_density(x: float) -> float:
        return ratio / 2 * math.exp(-ratio * x)

    edges = [0.0, *(n - rounding for n in range(1, int(60 / ratio) + 2))]
    masses, error = [], 0.0
    for level, (low, high) in enumerate(itertools.pairwise(edges)):
        point = level + offset if level else 0.0
        masses.append(quad(half_density, low, high, epsabs=0)[0])
        error += 2 * quad(lambda x, p=point: (x - p) ** 2 * half_density(x), low, high, epsabs=0)[0]
    entropy = -2 * masses[0] * math.log2(2 * masses[0]) - sum(2 * p * math.log2(p) for p in masses[1:])
    assert float(distortion(ratio, rounding, offset)) == pytest.approx(error, rel=1e-9)
    assert float(rate(ratio, rounding)) == pytest.approx(entropy, rel=1e-9)


@pytest.mark.parametrize(("step", "rounding"), [(0.01, 0.4), (0.03, 0.5), (0.1, 0.2)])
def test_rate_and_distortion_are_those_of_drawn_weights(step: float, rounding: float) -> None:
    weights = np.random.default_rng(7).laplace(scale=0.02, size=1_000_000)
    model = Laplace.fit(weights)
    assert model.scale == pytest.approx(50, rel=5e-3)
    magnitudes = np.floor(np.abs(weights) / step + rounding)
    offset = float(model.best_offset(step, rounding))
    for shift in (0.0, offset):
        decoded = np.sign(weights) * np.where(magnitudes > 0, magnitudes + shift, 0) * step
        measured = float(np.mean((weights - decoded) ** 2))
        assert float(model.distortion(step, rounding, shift)) == pytest.approx(measured, rel=5e-3)
    share = np.unique(np.sign(weights) * magnitudes, return_counts=True)[1] / weights.size
    assert float(model.rate(step, rounding)) == pytest.approx(float(-(share * np.log2(share)).sum()), rel=5e-3)


@given(ratios, roundings, st.floats(-0.5, 0.5))
def test_no_offset_is_better_than_the_best(ratio: float, rounding: float, offset: float) -> None:
    best = float(best_offset(ratio, rounding))
    closed = 1 / ratio - 1 / math.expm1(ratio) - rounding
    assert best == pytest.approx(closed, abs=1e-9 + 1e-15 / ratio)
    least = float(distortion(ratio, rounding, best))
    plain = float(distortion(ratio, rounding))
    assert least <= float(distortion(ratio, rounding, offset)) * (1 + 1e-14)
    assert least == pytest.approx(plain - math.exp(-(1 - rounding) * ratio) * best**2, rel=1e-9)


@given(ratios, ratios, roundings)
def test_a_coarser_step_costs_less_and_errs_more(one: float, other: float, rounding: float) -> None:
    fine, coarse = sorted((one, other))
    assert float(rate(coarse, rounding)) <= float(rate(fine, rounding)) * (1 + 1e-14)
    assert coarse**2 * float(distortion(coarse, rounding, best_offset(coarse, rounding))) >= (
        fine**2 * float(distortion(fine, rounding, best_offset(fine, rounding))) * (1 - 1e-12)
    )


def test_what_never_reaches_a_step_is_all_error_and_no_rate() -> None:
    assert float(rate(1e300)) == 0
    assert float(rate(math.inf)) == 0
    assert float(Laplace(1.0).distortion(700.0)) == pytest.approx(2)
    nothing = Laplace.fit(np.zeros(5))
    assert nothing.scale == math.inf
    assert float(nothing.rate(1e-3)) == float(nothing.distortion(1e-3)) == 0


def test_arrays_are_broadcast() -> None:
    steps, f = np.array([[0.1], [0.2]]), np.array([0.3, 0.4, 0.5])
    model = Laplace(3.0)
    for table in (model.rate(steps, f), model.distortion(steps, f), model.best_offset(steps, f)):
        assert table.shape == (2, 3)
    assert model.rate(steps, f)[1, 2] == model.rate(0.2, 0.5)


@given(st.floats(1e-6, 1e3), st.floats(1e-6, 1e3), st.floats(1e-3, 1e3))
def test_units_of_the_weights_do_not_matter_but_to_the_error(scale: float, step: float, unit: float) -> None:
    here, there = Laplace(scale), Laplace(scale / unit)
    assert float(there.rate(step * unit)) == pytest.approx(float(here.rate(step)), rel=1e-9)
    assert float(there.distortion(step * unit)) == pytest.approx(float(here.distortion(step)) * unit**2, rel=1e-9)


def test_values_that_are_not_finite_are_left_out_of_a_fit() -> None:
    assert Laplace.fit([1.0, -3.0, math.nan, math.inf]).scale == 0.5


def test_tiniest_and_largest_weights_can_be_fitted() -> None:
    assert Laplace.fit([1e308, -1.7e308]).scale == pytest.approx(1 / 1.35e308)
    assert Laplace.fit([5e-324]).scale == math.inf
    assert float(Laplace(1e-300).rate(1e-300)) == pytest.approx(math.log2(2 * math.e) + 1022, abs=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rate(0.0),
        lambda: rate(math.nan),
        lambda: distortion(-1.0),
        lambda: distortion(1.0, 0.6),
        lambda: rate(1.0, math.nan),
        lambda: Laplace(0.0),
        lambda: Laplace(math.nan),
        lambda: Laplace(1.0).rate(0.0),
        lambda: Laplace(1.0).rate(math.inf),
        lambda: Laplace.fit([]),
        lambda: Laplace.fit([math.nan]),
    ],
)
def test_what_has_no_meaning_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"must be|finite"):
        call()
