"""SPEC.md clauses 8.2 and 8.3.4 at once: the same bytes as step by step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nncodec.reconstruction as room
from nncodec.memory import viewed
from nncodec.prediction import reconstruct
from nncodec.quantisation import exact_quantiser, half_levels
from nncodec.reconstruction import Part, reconstructed
from nncodec.syntax.model_parameter_set import Quantiser
from nncodec.tables import QUANTISABLE, TRELLISES, DType, Representation

LEVELS = st.one_of(st.integers(-9, 9), st.integers(-(2**31), 2**31 - 1))
STEPS = st.sampled_from([0.1, 2.0**-149, 1e-9, 3e38, 2.0**-512, 2.0**512])
PARTS = st.lists(st.tuples(st.lists(LEVELS, max_size=9), STEPS, st.integers(-128, 127)), min_size=1, max_size=5)
TRELLIS = st.sampled_from([None, TRELLISES[Representation.TRELLIS_8], TRELLISES[Representation.TRELLIS_64]])


def quantiser(step: float, offset: int) -> Quantiser:
    """BINARY64, with an offset."""
    plain = exact_quantiser(step)
    return Quantiser(plain.step_kind, None, None, None, step, offset)


@settings(deadline=None)
@given(PARTS, TRELLIS, st.sampled_from(sorted(QUANTISABLE)), st.booleans())
def test_all_at_once_gives_what_one_by_one_gives(parts, trellis, dtype: DType, compiled: bool) -> None:
    levels = np.array([level for found, _, _ in parts for level in found], np.int32)
    given_parts = [Part(len(found), dtype, quantiser(step, offset), None) for found, step, offset in parts]
    with pytest.MonkeyPatch.context() as patch:
        if not compiled:
            patch.setattr(room, "numba", lambda: None)
        at_once = reconstructed(levels, given_parts, trellis)
    one_by_one = [
        reconstruct(half_levels(np.array(found, np.int32), trellis), quantiser(step, offset), None, dtype)
        for found, step, offset in parts
    ]
    assert [bytes(viewed(part)) for part in at_once] == one_by_one
    assert all(memoryview(part).readonly for part in at_once)
