"""SPEC.md clause 9.5: the mixing coder against its specification, itself, and damage."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.entropy.mixing import tables
from nncodec.entropy.mixing.coder import Area, decode_areas, encode_areas
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.tables import TRELLISES, Representation
from tests.core.entropy import spec_mixing

SMALL = TRELLISES[Representation.TRELLIS_8]

SHAPES = [(), (1,), (40,), (5, 7), (4, 3, 3, 3), (3, 4, 1, 5), (6, 5, 1, 1), (2, 2, 2, 2, 2)]
EXTREMES = [-(2**31), 2**31 - 1, 0, 1, -1]


def laplace(shape: tuple[int, ...], scale: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = np.rint(generator.laplace(0, scale, int(np.prod(shape))))
    return values.clip(-(2**31), 2**31 - 1).astype(np.int32)


@st.composite
def slices(draw) -> list[tuple[np.ndarray, Area]]:
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        shape = draw(st.sampled_from(SHAPES))
        total = int(np.prod(shape))
        first = draw(st.integers(0, total - 1))
        count = draw(st.integers(1, total - first))
        scale = draw(st.sampled_from([0.2, 2.0, 60.0, 1e4, 1e9]))
        levels = laplace((count,), scale, draw(st.integers(0, 99)))
        if draw(st.booleans()):
            levels[draw(st.integers(0, count - 1))] = draw(st.sampled_from(EXTREMES))
        parts.append((levels, Area(shape, first, count, draw(st.sampled_from((None, *TRELLISES.values()))))))
    return parts


@settings(max_examples=60, deadline=None)
@given(slices())
def test_levels_come_back_and_the_specification_agrees(parts) -> None:
    payload = encode_areas(parts)
    areas = [area for _, area in parts]
    again = decode_areas(memoryview(payload), areas, 0)
    assert again.tolist() == [level for levels, _ in parts for level in levels.tolist()]
    by_spec = spec_mixing.decode(payload, [(a.shape, a.first, a.count, a.trellis) for a in areas])
    assert by_spec == [levels.tolist() for levels, _ in parts]


def test_a_longer_tensor_agrees_with_the_specification() -> None:
    shape = (24, 6, 3, 3)
    levels = laplace(shape, 3.0) + np.repeat(laplace((24,), 20.0, 1), 54)
    for trellis in TRELLISES.values():
        payload = encode_areas([(levels, Area(shape, 0, levels.size, trellis))])
        assert spec_mixing.decode(payload, [(shape, 0, levels.size, trellis)]) == [levels.tolist()]


@pytest.mark.parametrize("columns", [1, 3, 15, 40])
def test_taps_that_run_away_are_bounded(columns: int) -> None:
    """Levels by which prediction and its errors are as large as can be, in rows that begin anywhere."""
    generator = np.random.default_rng(columns)
    levels = generator.choice(np.array([*EXTREMES, 2**19, -(2**19)]), 1200).astype(np.int32)
    shape = (1300 // columns + 1, columns)
    payload = encode_areas([(levels, Area(shape, 7, levels.size))])
    assert spec_mixing.decode(payload, [(shape, 7, levels.size, None)]) == [levels.tolist()]


def test_tables_equal_the_specification() -> None:
    squash, pace, rate, log = spec_mixing.tables()
    assert tables.squash_table().tolist() == [squash[x] for x in range(-3071, 3072)]
    assert tables.pace_table().tolist() == pace
    assert tables.rate_table().tolist() == rate
    assert tables.logarithm_table().tolist() == log


PINNED = """
import hashlib, numpy as np
from nncodec.entropy.mixing.coder import Area, encode_areas
from nncodec.tables import Trellis
from tests.core.entropy.test_mixing import laplace
parts = [(laplace(s, k), Area(s, 0, int(np.prod(s)), t)) for s, k, t in
         [((8, 4, 3, 3), 1.0, Trellis(5, 2)), ((10, 30), 200.0, None), ((50,), 9.0, None)]]
print(hashlib.sha256(encode_areas(parts)).hexdigest())
"""
DIGEST = "dab7cae2c7ced3f46968b1add24ca68fb2be868127ee86cc87540051540f215e"


@pytest.mark.parametrize("disabled", ["0", "1"])
def test_bytes_are_pinned_with_and_without_numba(disabled: str) -> None:
    environment = os.environ | {"NUMBA_DISABLE_JIT": disabled, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", PINNED], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == DIGEST


def rejected(payload: bytes, areas: list[Area]) -> bool:
    try:
        decode_areas(memoryview(payload), areas, 7)
    except InvalidStreamError as error:
        assert (error.error_class, error.clause, error.offset) == (ErrorClass.ENTROPY, "9.5", 7)
        return True
    return False


def test_a_payload_that_ends_early_or_goes_on_is_refused() -> None:
    area = Area((20, 20), 0, 400, SMALL)
    payload = encode_areas([(laplace((20, 20), 2.0), area)])
    assert all(rejected(payload[:size], [area]) for size in range(len(payload)))
    assert rejected(payload + b"\0\0", [area])
    assert rejected(payload + b"\0", [area])


def test_damage_never_leaves_as_anything_but_our_error() -> None:
    area = Area((6, 4, 3, 3), 0, 216)
    payload = encode_areas([(laplace((216,), 5.0), area)])
    for bit in range(0, 8 * len(payload), 3):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        rejected(bytes(damaged), [area])
    noise = np.random.default_rng(3)
    for size in range(2, 60, 2):
        rejected(noise.bytes(size), [area])


def test_zeros_cost_next_to_nothing() -> None:
    payload = encode_areas([(np.zeros(100_000, np.int32), Area((100, 1000), 0, 100_000, SMALL))])
    assert len(payload) < 100


def test_laplace_levels_stay_near_their_entropy() -> None:
    levels = laplace((200, 300), 3.0)
    counts = np.unique(levels, return_counts=True)[1]
    entropy = -(counts * np.log2(counts / levels.size)).sum() / 8
    assert len(encode_areas([(levels, Area((200, 300), 0, levels.size))])) < 1.01 * entropy + 100
