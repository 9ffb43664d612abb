"""Eq. 10: allocation against exhaustive search and against dynamic programming byte by byte."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec import EncodeError
from nncodec.encoder.sets import allocation
from nncodec.encoder.sets.allocation import Alternative, Curve, OperatingPoint, allocate, rate_utility_curve

points = st.builds(OperatingPoint, st.integers(0, 60), st.floats(-1, 1))


@st.composite
def sets(draw: st.DrawFn, members: int = 6, most: int = 4) -> Alternative:
    """Any curves at all: not even more bytes for more utility."""
    count = draw(st.integers(1, members))
    curves = [
        Curve(f"m{index}", tuple(draw(st.lists(points, min_size=1, max_size=most))), draw(st.floats(0, 3)))
        for index in range(count)
    ]
    return Alternative("any", tuple(curves))


def exhaustive(alternative: Alternative, budget: int) -> float:
    """The greatest utility, of every choice there is; minus infinity where none fits."""
    best = -math.inf
    for choice in itertools.product(*(curve.points for curve in alternative.curves)):
        if sum(point.bytes for point in choice) <= budget:
            pairs = zip(alternative.curves, choice, strict=True)
            best = max(best, math.fsum(curve.weight * point.utility for curve, point in pairs))
    return best


def byte_by_byte(alternative: Alternative, budget: int) -> float:
    """The same by dynamic programming over the bytes spent."""
    best = np.full(budget + 1, -math.inf)
    best[0] = 0.0
    for curve in alternative.curves:
        after = np.full(budget + 1, -math.inf)
        for point in curve.points:
            if point.bytes <= budget:
                shifted = best[: budget + 1 - point.bytes] + curve.weight * point.utility
                after[point.bytes :] = np.maximum(after[point.bytes :], shifted)
        best = after
    return float(best.max())


def drawn_set(seed: int, members: int, most: int) -> Alternative:
    """Curves such as models have: utility rises with the bytes, less and less, with some noise."""
    rng = np.random.default_rng(seed)
    curves = []
    for index in range(members):
        sizes = np.sort(rng.integers(100, 3000, most))
        utilities = 1 - np.exp(-sizes / rng.uniform(300, 2000)) + rng.normal(0, 0.02, most)
        drawn = tuple(OperatingPoint(int(size), float(value)) for size, value in zip(sizes, utilities, strict=True))
        curves.append(Curve(f"m{index}", drawn, float(rng.uniform(0.5, 2))))
    return Alternative(f"seed {seed}", tuple(curves))


def check(found: allocation.Allocation, budget: int) -> None:
    """What `found` says of itself is so."""
    pairs = [(curve, curve.points[at]) for curve, at in zip(found.alternative.curves, found.choice, strict=True)]
    assert found.bytes == sum(point.bytes for _, point in pairs) <= budget
    assert found.utility == pytest.approx(math.fsum(curve.weight * point.utility for curve, point in pairs))
    assert found.bound >= found.utility


@settings(max_examples=300)
@given(sets(), st.integers(0, 400))
def test_no_choice_is_better(alternative: Alternative, budget: int) -> None:
    best = exhaustive(alternative, budget)
    if best == -math.inf:
        least = sum(min(point.bytes for point in curve.points) for curve in alternative.curves)
        with pytest.raises(EncodeError, match=f"max_bytes {budget}: the least .* {least} bytes"):
            allocate([alternative], budget)
        return
    found = allocate([alternative], budget)
    check(found, budget)
    assert found.utility == pytest.approx(best, rel=1e-12, abs=1e-12)
    assert found.bound == found.utility


@settings(max_examples=60)
@given(st.lists(sets(4, 3), min_size=1, max_size=5), st.integers(0, 240))
def test_the_best_alternative_is_taken(alternatives: list[Alternative], budget: int) -> None:
    best = max(exhaustive(alternative, budget) for alternative in alternatives)
    if best == -math.inf:
        with pytest.raises(EncodeError, match="the least"):
            allocate(iter(alternatives), budget)
        return
    found = allocate(iter(alternatives), budget)
    check(found, budget)
    assert any(found.alternative is alternative for alternative in alternatives)
    assert found.utility == pytest.approx(best, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_six_models_of_ten_points_are_allocated_at_best(seed: int) -> None:
    alternative = drawn_set(seed, 6, 10)
    for budget in (1500, 4000, 7000, 12000):
        try:
            found = allocate([alternative], budget)
        except EncodeError:
            assert byte_by_byte(alternative, budget) == -math.inf
            continue
        check(found, budget)
        assert found.bound == found.utility == pytest.approx(byte_by_byte(alternative, budget), rel=1e-12)


def test_many_members_are_allocated_near_the_best() -> None:
    alternative = drawn_set(99, 80, 12)
    budget = 80 * 900
    found = allocate([alternative], budget)
    check(found, budget)
    best = byte_by_byte(alternative, budget)
    assert best * 0.9999 <= found.utility <= best * (1 + 1e-12)
    assert found.bound >= best * (1 - 1e-12)


def test_where_states_had_to_go_the_bound_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation, "MOST_STATES", 2)
    inexact = 0
    for seed in range(20):
        alternative = drawn_set(seed, 6, 10)
        found = allocate([alternative], 6000)
        check(found, 6000)
        best = byte_by_byte(alternative, 6000)
        assert 0.97 * best <= found.utility <= best * (1 + 1e-12)
        assert found.bound >= best * (1 - 1e-12)
        inexact += found.bound > found.utility
    assert inexact


def test_left_over_bytes_are_spent_between_the_hull_points() -> None:
    """On the hull are only the ends; the budget reaches the middle."""
    curve = Curve("m", (OperatingPoint(0, 0.0), OperatingPoint(50, 0.1), OperatingPoint(100, 1.0)))
    assert allocate([Alternative("", (curve,))], 99).choice == (1,)
    assert allocate([Alternative("", (curve,))], 100).choice == (2,)


def test_weights_decide_whose_utility_is_kept() -> None:
    pair = (OperatingPoint(0, 0.0), OperatingPoint(10, 1.0))
    for weights, expected in (((1.0, 2.0), (0, 1)), ((2.0, 1.0), (1, 0))):
        curves = tuple(Curve(f"m{index}", pair, weight) for index, weight in enumerate(weights))
        assert allocate([Alternative("", curves)], 15).choice == expected


def test_a_set_of_no_models_takes_nothing() -> None:
    found = allocate([Alternative("", ())], 0)
    assert (found.bytes, found.utility, found.choice) == (0, 0.0, ())


@settings(max_examples=60)
@given(st.lists(sets(3, 4), min_size=1, max_size=3))
def test_curve_is_concave_reached_and_exceeded_by_nothing(alternatives: list[Alternative]) -> None:
    curve = rate_utility_curve(alternatives)
    for a, b in itertools.pairwise(curve):
        assert a.bytes < b.bytes
        assert a.utility < b.utility
    slopes = [(b.utility - a.utility) / (b.bytes - a.bytes) for a, b in itertools.pairwise(curve)]
    assert all(b < a + 1e-9 for a, b in itertools.pairwise(slopes))
    sizes, utilities = zip(*curve, strict=True)
    for point in curve:
        assert allocate(alternatives, point.bytes).utility == pytest.approx(point.utility, abs=1e-9)
    for budget in range(sizes[0], sizes[-1] + 20, 7):
        assert allocate(alternatives, budget).utility <= np.interp(budget, sizes, utilities) + 1e-9


def test_no_curve_of_no_alternatives() -> None:
    assert rate_utility_curve([]) == ()
    with pytest.raises(EncodeError, match="no set"):
        allocate([], 10)


@pytest.mark.parametrize(
    ("given_points", "weight", "message"),
    [
        ((), 1.0, "'cat' has no operating point"),
        ((OperatingPoint(-1, 0.5),), 1.0, "'cat': -1 bytes"),
        ((OperatingPoint(1, math.nan),), 1.0, "'cat': 1 bytes of utility nan"),
        ((OperatingPoint(1, 0.5),), -1.0, "'cat': weight -1"),
        ((OperatingPoint(1, 0.5),), math.inf, "'cat': weight inf"),
    ],
)
def test_what_is_no_curve_is_refused_by_name(given_points: tuple, weight: float, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        Curve("cat", given_points, weight)
