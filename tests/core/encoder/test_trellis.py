"""SPEC.md clauses 8.2.1 and E.9: the trellis: half levels by the rule, and the search against all sequences."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nncodec
from nncodec import EncoderConfig, Model, Tensor
from nncodec.encoder.trellis import LAGRANGIAN, expected_octaves, quantise_trellis, rate_table
from nncodec.quantisation import half_levels
from nncodec.stream import read_stream
from nncodec.tables import TRELLISES, Representation, Trellis

EACH = pytest.mark.parametrize("trellis", TRELLISES.values(), ids=["8", "64"])


@EACH
@settings(deadline=None)
@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40))
def test_half_levels_follow_the_states(trellis: Trellis, levels: list[int]) -> None:
    state, expected = 0, []
    for level in levels:
        sign = (level > 0) - (level < 0)
        expected.append(2 * level - sign * (state & 1))
        state = (state >> 1) ^ (trellis.feedback * (state & 1)) ^ (trellis.drive * (level & 1))
    assert half_levels(np.array(levels, np.int32), trellis).tolist() == expected
    assert half_levels(np.array(levels, np.int32), None).tolist() == [2 * level for level in levels]


@EACH
def test_every_state_is_reached_by_two_of_one_quantiser(trellis: Trellis) -> None:
    states = trellis.states
    before: dict[int, list[tuple[int, int]]] = {state: [] for state in range(states)}
    for state, parity in product(range(states), (0, 1)):
        before[(state >> 1) ^ (trellis.feedback * (state & 1)) ^ (trellis.drive * parity)].append((state, parity))
    for reached, moves in before.items():
        assert [state & 1 for state, _ in moves] == [reached >= states // 2] * 2
        assert {parity for _, parity in moves} == {0, 1}


def cost(levels: tuple[int, ...], magnitudes: np.ndarray, classes: np.ndarray, trellis: Trellis) -> float:
    """What the search minimises, of levels without signs."""
    rates = rate_table(LAGRANGIAN)
    halves = half_levels(np.array(levels, np.int32), trellis)
    total, state = 0.0, 0
    for level, half, x, kind in zip(levels, halves, magnitudes, classes, strict=True):
        odd = state & 1
        zero, more, unit = rates[kind, [2 * odd, 2 * odd + 1, 4]]
        total += (x - half / 2) ** 2 + zero + (more + unit * level if level else 0.0)
        state = (state >> 1) ^ (trellis.feedback * odd) ^ (trellis.drive * (level & 1))
    return total


@EACH
@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-2.4, 2.4), min_size=1, max_size=5))
def test_search_finds_the_cheapest_sequence(trellis: Trellis, values: list[float]) -> None:
    residual, shape = np.array(values), (len(values),)
    found = quantise_trellis(residual, shape, 0, trellis)
    magnitudes = np.abs(residual)
    rows, columns = expected_octaves(residual, 1, 0)
    classes = np.where(magnitudes > 0, (rows + columns + 0.5).clip(0, 95).astype(int), 96)
    best = min(cost(levels, magnitudes, classes, trellis) for levels in product(range(5), repeat=len(values)))
    assert cost(tuple(np.abs(found).tolist()), magnitudes, classes, trellis) == pytest.approx(
        best, abs=1e-5
    )  # costs are counted in parts of 2^-20
    assert all(np.sign(found) * residual >= 0)


def test_what_is_zero_stays_zero() -> None:
    values = np.random.default_rng(0).standard_normal((40, 50))
    values[np.random.default_rng(1).random(values.shape) < 0.3] = 0
    for trellis in TRELLISES.values():
        found = quantise_trellis(10 * values.ravel(), values.shape, 0, trellis)
        assert not found[values.ravel() == 0].any()


@pytest.mark.parametrize(("start", "count"), [(0, 70), (3, 60), (69, 1), (4, 66), (21, 14)])
def test_octaves_are_those_of_the_means_of_row_and_column(start: int, count: int) -> None:
    residual = np.random.default_rng(1).standard_normal(count)
    magnitudes = np.abs(residual)
    rows, columns = expected_octaves(residual, 7, start)
    row, column = np.arange(start, start + count) // 7 - start // 7, np.arange(start, start + count) % 7
    tenth = magnitudes.mean() / 10
    means = [[magnitudes[part == part[i]].mean() + tenth for i in range(count)] for part in (row, column)]
    expected = np.array(means[0]) if row[-1] < 4 else np.sqrt(np.multiply(*means))
    assert rows[row] + columns[column] == pytest.approx(4 * np.log2(expected) + 32)


def test_the_trellis_is_nearer_than_the_same_step_without_it() -> None:
    weights = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    model = Model((Tensor.from_numpy("w", weights),))
    trellis = nncodec.encode_with_report(model, EncoderConfig(step=0.05)).report
    plain = nncodec.encode_with_report(model, EncoderConfig(step=0.05, rounding=0.5)).report
    assert trellis.matrices.snr_db is not None
    assert plain.matrices.snr_db is not None
    assert trellis.matrices.snr_db > plain.matrices.snr_db + 0.5
    assert trellis.bytes < plain.bytes * 1.02


@pytest.mark.parametrize("request_", [{"step": 0.1}, {"quality": 30.0}, {"snr": 20.0}, {"max_bytes": 12_000}], ids=str)
def test_the_best_takes_fewer_bits_at_equal_error(request_: dict[str, float]) -> None:
    weights = np.random.default_rng(0).laplace(size=(200, 100)).astype(np.float32)
    model, bits = Model((Tensor.from_numpy("w", weights),)), []
    for best in (False, True):
        encoded = nncodec.encode_with_report(model, EncoderConfig(**request_, best=best))
        group = read_stream(encoded.data).parameters.groups[0]
        assert group.representation == (Representation.TRELLIS_64 if best else Representation.TRELLIS_8)
        assert nncodec.decode(encoded.data).content_id == encoded.model.content_id
        bits.append(8 * len(encoded.data) + weights.size * math.log2(encoded.report.matrices.mse) / 2)
    assert 0.01 * weights.size < bits[0] - bits[1] < 0.05 * weights.size


def test_the_best_keeps_to_8_states_where_these_serve_better() -> None:
    rows = np.repeat(np.random.default_rng(0).standard_normal((1, 400)), 60, 0) * 5
    noisy = rows + np.random.default_rng(1).standard_normal(rows.shape) * 0.05
    model = Model((Tensor.from_numpy("w", noisy.astype(np.float32)),))
    found = {best: nncodec.encode_with_report(model, EncoderConfig(step=1.0, best=best)) for best in (False, True)}
    assert found[True].data == found[False].data
    assert not found[True].config.best


def test_fast_and_best_exclude_one_another() -> None:
    with pytest.raises(nncodec.EncodeError, match="best means nothing with fast"):
        EncoderConfig(fast=True, best=True)


@pytest.mark.parametrize("slice_symbols", [7, 100, 4096])
def test_slices_begin_in_state_0_on_both_sides(slice_symbols: int) -> None:
    weights = np.random.default_rng(0).standard_normal((12, 30)).astype(np.float32)
    encoded = nncodec.encode_with_report(
        Model((Tensor.from_numpy("w", weights),)), EncoderConfig(step=0.1, slice_symbols=slice_symbols)
    )
    assert nncodec.decode(encoded.data).content_id == encoded.model.content_id
