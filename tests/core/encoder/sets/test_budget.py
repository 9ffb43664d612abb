"""Sets in a budget of bytes: it is kept and used, what cannot be is said, and what matters gets the bytes."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nncodec import (
    EncodedSet,
    EncodeError,
    EncoderConfig,
    Model,
    SetConfig,
    SetStructure,
    Tensor,
    decode_set,
    encode_set,
    encode_set_with_report,
)
from nncodec.encoder.sets import budget as budget_room
from nncodec.encoder.sets.allocation import Allocation, Alternative, OperatingPoint, allocate
from nncodec.evaluation import Utility, WeightProxy
from tests.core.encoder.sets.related import changed, model_of, random_model, relatives

BASE = random_model(1)
RELATED = {"a": BASE, "b": changed(BASE, 2, 0.2), "c": changed(BASE, 3, 0.2)}
STRANGERS = {"a": BASE, "b": random_model(2), "c": random_model(3)}
SETS = [RELATED, STRANGERS]
LOSSLESS = EncoderConfig(lossless=True)


def spent(members: dict[str, Model], budget: int, utilities: dict[str, Utility] | None = None, **more) -> EncodedSet:
    """A set in a budget, which is kept, and whose decoded models are as expected."""
    encoded = encode_set_with_report(members, SetConfig(max_bytes=budget, **more), utilities=utilities)
    assert len(encoded.data) <= budget
    decoded = decode_set(encoded.data)
    assert {name: model.content_id for name, model in decoded.items()} == {
        name: member.encoded.model.content_id for name, member in encoded.members.items()
    }
    return encoded


def bytes_of(encoded: EncodedSet) -> dict[str, int]:
    """Of each stream."""
    return {name: len(member.encoded.data) for name, member in encoded.members.items()}


@pytest.mark.parametrize("members", SETS)
@pytest.mark.parametrize("budget", [2500, 4000, 8000, 15000])
@pytest.mark.parametrize("structure", [SetStructure.TREE, SetStructure.SEPARATE])
def test_budget_is_kept_and_used(members, budget, structure):
    encoded = spent(members, budget, structure=structure)
    assert len(encoded.data) >= 0.97 * budget
    spending = encoded.spending
    assert spending is not None
    assert {name: member.encoded.config.quality for name, member in encoded.members.items()} == spending.qualities
    assert spending.utility == pytest.approx(sum(spending.utilities.values()))
    for name, utility in spending.utilities.items():
        assert utility == WeightProxy(members[name])(encoded.members[name].encoded.model)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(relatives(), st.floats(0.05, 1.2))
def test_any_set_fits_or_the_least_is_said(members, share):
    whole = len(encode_set(members, SetConfig(LOSSLESS)))
    budget = max(round(share * whole), 1)
    try:
        spent(members, budget)
    except EncodeError as error:
        least = said_least(error)
        assert least > budget
        spent(members, least)


def test_models_with_numbers_near_the_end_of_their_type():
    """Their energies are beyond all numbers: the proxy leaves them out, and numpy warns of nothing."""
    generator = np.random.default_rng(1)
    weights = np.ldexp(generator.standard_normal((6, 11)), 1000)
    others = generator.standard_normal((9, 99)).astype(np.float32)
    model = Model((Tensor.from_numpy("conv1.weight", weights), Tensor.from_numpy("fc.weight", others)))
    whole = len(encode_set({"a": model, "b": model}, SetConfig(LOSSLESS)))
    spent({"a": model, "b": model}, whole // 2)


def said_least(error: EncodeError) -> int:
    """The bytes that a message names."""
    found = re.search(r"takes (\d+) bytes: allow that many", str(error))
    assert found, str(error)
    return int(found[1])


@pytest.mark.parametrize("members", SETS)
def test_budget_that_is_too_small(members):
    with pytest.raises(EncodeError, match="max_bytes 300: the coarsest quality takes") as caught:
        spent(members, 300)
    least = said_least(caught.value)
    spent(members, least)
    with pytest.raises(EncodeError, match="the coarsest quality takes"):
        spent(members, round(0.8 * least))  # a little less may do, by qualities that differ


@pytest.mark.parametrize("members", SETS)
def test_lossless_where_that_fits(members):
    whole = encode_set(members, SetConfig(LOSSLESS))
    encoded = spent(members, len(whole))
    assert encoded.data == whole
    assert encoded.spending is None
    assert spent(members, len(whole) - 1).spending is not None


def test_more_bytes_leave_more():
    found = [spent(RELATED, budget).spending for budget in (2000, 4000, 8000)]
    utilities = [spending.utility for spending in found if spending is not None]
    assert len(utilities) == 3
    assert utilities == sorted(utilities)
    curve = found[1].curve
    assert len(curve) > 3
    assert list(curve) == sorted(curve)
    assert [point.utility for point in curve] == sorted(point.utility for point in curve)


def test_weights_shift_bytes():
    plain, weighted = (bytes_of(spent(STRANGERS, 5000, weights=weights)) for weights in ({}, {"b": 20.0, "c": 0.0}))
    assert weighted["b"] > 1.15 * plain["b"]
    assert weighted["c"] < plain["c"]


def test_a_utility_gets_its_model_the_bytes():
    utilities: dict[str, Utility] = {"a": WeightProxy(STRANGERS["a"]), "b": lambda _: 5.0, "c": lambda _: 5.0}
    plain, encoded = spent(STRANGERS, 4000), spent(STRANGERS, 4000, utilities)
    assert bytes_of(encoded)["a"] > 1.4 * bytes_of(plain)["a"]
    assert encoded.spending is not None
    assert encoded.spending.utilities["b"] == encoded.spending.utilities["c"] == 1.0
    assert encoded.spending.utilities["a"] > plain.spending.utilities["a"]


def test_a_utility_is_a_share_of_that_of_the_original():
    measured: dict[str, Utility] = {name: lambda m: 1000 * WeightProxy(STRANGERS["a"])(m) for name in ["a"]}
    assert spent(STRANGERS, 4000, measured).spending.utilities["a"] < 1
    counted = {
        name: bytes_of(spent(STRANGERS, 4000, each))["a"] for name, each in (("with", measured), ("without", {}))
    }
    assert counted["with"] == pytest.approx(counted["without"], rel=0.25)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "of which there are no shares"), (-1.0, "no shares"), (math.nan, "must be finite"), ("x", "not a number")],
)
def test_utilities_without_shares_are_refused(value, words):
    with pytest.raises(EncodeError, match=f"'b'.*{words}"):
        spent(STRANGERS, 4000, {"b": lambda _: value})


def test_what_a_utility_raises_is_not_touched():
    def fails(_: Model) -> float:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        spent(STRANGERS, 4000, {"a": fails})


@pytest.mark.parametrize("members", SETS)
def test_utility_is_about_as_expected(members):
    spending = spent(members, 5000).spending
    expected = np.interp(5000, *np.array(spending.curve).T)
    assert spending.utility == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("members", SETS)
@pytest.mark.parametrize("budget", [2500, 5000])
def test_choice_is_within_one_per_cent_of_all_there_are(members, budget, monkeypatch):
    """By the planner's own operating points: every combination of these is tried."""
    seen: list[tuple[Sequence[Alternative], int, Allocation]] = []

    def watched(alternatives: Sequence[Alternative], most: int) -> Allocation:
        found = allocate(alternatives, most)
        seen.append((alternatives, most, found))
        return found

    monkeypatch.setattr(budget_room, "allocate", watched)
    spent(members, budget)
    assert len(seen) == 2
    for alternatives, most, found in seen:
        assert found.bytes <= most
        assert found.utility >= 0.99 * exhaustive(alternatives, most)


def exhaustive(alternatives: Sequence[Alternative], budget: int) -> float:
    """The greatest utility of any choice in any alternative."""
    return max(
        sum(curve.weight * point.utility for curve, point in zip(alternative.curves, choice, strict=True))
        for alternative in alternatives
        for choice in itertools.product(*(curve.points for curve in alternative.curves))
        if sum(point.bytes for point in choice) <= budget
    )


def test_budget_is_no_worse_than_one_quality_for_all():
    """The proxy is what the plan maximises, so that it cannot lose much where models differ."""
    members = STRANGERS | {"d": model_of({"w": np.random.default_rng(9).normal(size=(10, 10))})}
    encoded = spent(members, 5000)
    best = 0.0
    for quality in range(2, 60, 2):
        uniform = encode_set_with_report(members, SetConfig(EncoderConfig(quality=quality)))
        if len(uniform.data) <= 5000:
            best = sum(WeightProxy(members[name])(uniform.members[name].encoded.model) for name in members)
    assert encoded.spending.utility >= 0.995 * best


def test_curve_ends_are_operating_points():
    curve = spent(RELATED, 4000).spending.curve
    assert all(isinstance(point, OperatingPoint) for point in curve)
    assert curve[0].bytes < 4000 < curve[-1].bytes
