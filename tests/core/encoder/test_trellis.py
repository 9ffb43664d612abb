"""SPEC.md clauses 8.2.1 and E.9: the trellis: half levels by the rule, and the search against all sequences."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nncodec
from nncodec import EncoderConfig, Model, Tensor
from nncodec.encoder.trellis import LAGRANGIAN, expected_octaves, quantise_trellis, rate_tables
from nncodec.quantisation import half_levels


@given(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40))
def test_half_levels_follow_the_states(levels: list[int]) -> None:
    state, expected = 0, []
    for level in levels:
        sign = (level > 0) - (level < 0)
        expected.append(2 * level - sign * (state & 1))
        state = (state >> 1) ^ (5 * (state & 1)) ^ (2 * (level & 1))
    assert half_levels(np.array(levels, np.int32), trellis=True).tolist() == expected
    assert half_levels(np.array(levels, np.int32), trellis=False).tolist() == [2 * level for level in levels]


def cost(levels: tuple[int, ...], magnitudes: np.ndarray, classes: np.ndarray) -> float:
    """What the search minimises, of levels without signs."""
    bases, units = rate_tables(LAGRANGIAN)
    halves = half_levels(np.array(levels, np.int32), trellis=True)
    total, state = 0.0, 0
    for level, half, x, kind in zip(levels, halves, magnitudes, classes, strict=True):
        odd = state & 1
        total += 4 * (x - half / 2) ** 2
        total += bases[odd][kind] if level == 0 else bases[2 + odd][kind] + units[kind] * level
        state = (state >> 1) ^ (5 * odd) ^ (2 * (level & 1))
    return total


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-2.4, 2.4), min_size=1, max_size=5))
def test_search_finds_the_cheapest_sequence(values: list[float]) -> None:
    residual, shape = np.array(values), (len(values),)
    found = quantise_trellis(residual, shape, 1.0, 0)
    magnitudes = np.abs(residual)
    rows, columns = expected_octaves(magnitudes, 1, 0)
    classes = np.where(magnitudes > 0, (rows + columns + 0.5).clip(0, 95).astype(int), 96)
    best = min(cost(levels, magnitudes, classes) for levels in product(range(5), repeat=len(values)))
    assert cost(tuple(np.abs(found).tolist()), magnitudes, classes) == pytest.approx(best, abs=1e-9)
    assert all(np.sign(found) * residual >= 0)


def test_what_is_zero_stays_zero() -> None:
    values = np.random.default_rng(0).standard_normal((40, 50))
    values[np.random.default_rng(1).random(values.shape) < 0.3] = 0
    found = quantise_trellis(values.ravel(), values.shape, 0.1, 0)
    assert not found[values.ravel() == 0].any()


@pytest.mark.parametrize(("start", "count"), [(0, 70), (3, 60), (69, 1), (4, 66), (21, 14)])
def test_octaves_are_those_of_the_means_of_row_and_column(start: int, count: int) -> None:
    magnitudes = np.abs(np.random.default_rng(1).standard_normal(count))
    rows, columns = expected_octaves(magnitudes, 7, start)
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


@pytest.mark.parametrize("slice_symbols", [7, 100, 4096])
def test_slices_begin_in_state_0_on_both_sides(slice_symbols: int) -> None:
    weights = np.random.default_rng(0).standard_normal((12, 30)).astype(np.float32)
    encoded = nncodec.encode_with_report(
        Model((Tensor.from_numpy("w", weights),)), EncoderConfig(step=0.1, slice_symbols=slice_symbols)
    )
    assert nncodec.decode(encoded.data).content_id == encoded.model.content_id
