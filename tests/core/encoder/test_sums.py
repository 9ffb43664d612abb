"""SPEC.md clause E.6: sums over levels, block by block."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nncodec.encoder.sums as room
from nncodec.encoder.sums import sums_of
from nncodec.quantisation import half_levels
from nncodec.tables import TRELLISES, Representation


@pytest.mark.parametrize("trellis", [None, TRELLISES[Representation.TRELLIS_8], TRELLISES[Representation.TRELLIS_64]])
@pytest.mark.parametrize("compiled", [True, False])
def test_sums_go_on_from_block_to_block(trellis, compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    levels, residual = generator.integers(-4, 5, 1000, np.int32), generator.normal(size=1000)
    halves = half_levels(levels, trellis).astype(float)
    if not compiled:
        monkeypatch.setattr(room, "numba", lambda: None)
    found = sums_of(levels, trellis, iter(np.split(residual, [1, 400, 997])))
    signs = np.sign(halves)
    expected = (
        (signs * residual).sum(),
        np.abs(halves).sum(),
        (halves**2).sum(),
        (halves * residual).sum(),
        (residual**2).sum(),
        np.count_nonzero(halves),
    )
    assert astuple(found) == pytest.approx(expected)


@pytest.mark.parametrize("trellis", [None, TRELLISES[Representation.TRELLIS_8]])
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(0, 3000))
def test_both_forms_give_the_same_to_the_last_bit(trellis, seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    levels, residual = generator.integers(-4, 5, size, np.int32), generator.normal(size=size)
    compiled = sums_of(levels, trellis, iter(np.split(residual, [size // 3])))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "numba", lambda: None)
        assert sums_of(levels, trellis, iter(np.split(residual, [size // 3]))) == compiled
