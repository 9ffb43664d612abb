"""SPEC.md clauses 8.3.2 to 8.3.6: alignment, gains, two references and copies, against loops in plain Python."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.errors import BitstreamError
from nncodec.model import Tensor
from nncodec.prediction import align, copied, pick_codes, predictor, word_predictor
from nncodec.syntax.tensor_table import ChannelMap, Term
from nncodec.tables import DType
from tests.core.handmade import mapping, tensor_of, term

Values = dict[tuple[int, ...], Any]


def aligned_by_hand(values: Values, dims: list[int], plan: ChannelMap | None, shape: tuple[int, ...]) -> list[Any]:
    """The four steps of 8.3.2 on a table from places to values; what is missing is 0."""
    if plan is not None and plan.axes:
        values = {tuple(place[axis] for axis in plan.axes): value for place, value in values.items()}
        dims = [dims[axis] for axis in plan.axes]
    for axis, codes in ((0, plan.rows if plan else []), (1, plan.columns if plan else [])):
        if codes:
            positions, last = [], 0
            for code in codes:
                last = last + 1 + code
                positions.append(last)
            picked: Values = {}
            for new, old in enumerate(positions):
                for place, value in values.items():
                    if place[axis] == old - 1:
                        picked[(*place[:axis], new, *place[axis + 1 :])] = value
            values = picked
    return [values.get(place, 0) for place in itertools.product(*map(range, shape))]


@dataclass(frozen=True)
class Case:
    """A reference, a map for it, and the shape it is aligned to."""

    dims: list[int]
    plan: ChannelMap | None
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return math.prod(self.dims)

    def by_hand(self, values: list[Any]) -> list[Any]:
        places = itertools.product(*map(range, self.dims))
        return aligned_by_hand(dict(zip(places, values, strict=True)), self.dims, self.plan, self.shape)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rank = draw(st.integers(1, 3))
    dims = draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank))
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank)))
    if draw(st.booleans()):
        return Case(dims, None, shape)
    axes = draw(st.one_of(st.just([]), st.permutations(range(rank)).map(list)))
    turned = [dims[axis] for axis in axes] if axes else dims
    picks: list[list[int]] = []
    for axis in range(2):
        positions: list[int] = []
        if axis < rank and draw(st.booleans()):
            count = shape[axis]
            positions = draw(st.lists(st.integers(0, turned[axis]), min_size=count, max_size=count))
        picks.append(pick_codes(positions))
    return Case(dims, mapping(axes, *picks), shape)


@settings(max_examples=200, deadline=None)
@given(cases())
def test_alignment_is_the_four_steps_of_the_clause(case: Case) -> None:
    values = np.arange(1, case.count + 1).reshape(case.dims)
    assert align(values, case.plan, case.shape).ravel().tolist() == case.by_hand(values.ravel().tolist())


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from([DType.INT8, DType.UINT16, DType.FLOAT32, DType.INT64, DType.COMPLEX128]))
def test_copy_moves_whole_elements(case: Case, dtype: DType) -> None:
    width = {DType.INT8: 1, DType.UINT16: 2, DType.FLOAT32: 4, DType.INT64: 8, DType.COMPLEX128: 16}[dtype]
    data = np.random.default_rng(0).bytes(case.count * width)
    elements = [data[width * index : width * (index + 1)] for index in range(case.count)]
    reference = Tensor("r", dtype, tuple(case.dims), data)
    expected = b"".join(element or bytes(width) for element in case.by_hand(elements))
    result = copied(reference, term(channel_map=case.plan), "t", case.shape)
    assert (result.name, result.shape, bytes(result.data)) == ("t", case.shape, expected)


GAINS = st.floats(-4, 4, width=16)
ODD = [math.nan, math.inf, -math.inf, -0.0, 1.7e308, -1.7e308, 0.1, -3.25, 5e-324]


@settings(max_examples=200, deadline=None)
@given(cases(), st.data())
def test_prediction_is_products_and_one_sum(case: Case, data: st.DataObject) -> None:
    rows = case.shape[0]
    expected = [0.0] * math.prod(case.shape)
    pairs: list[tuple[Term, Tensor]] = []
    for number in range(data.draw(st.integers(1, 2))):
        values = data.draw(st.lists(st.sampled_from(ODD), min_size=case.count, max_size=case.count))
        size = data.draw(st.sampled_from([0, 1, rows]))
        gains = data.draw(st.lists(GAINS, min_size=size, max_size=size))
        reference = tensor_of("r", np.array(values).reshape(case.dims), DType.FLOAT64)
        pairs.append((term(channel_map=case.plan, gains=gains), reference))
        one = [float(value) for value in case.by_hand(values)]
        if gains:
            inner = len(one) // rows
            one = [value * gains[place // inner if len(gains) > 1 else 0] for place, value in enumerate(one)]
        expected = [left + right for left, right in zip(expected, one, strict=True)] if number else one
    expected = [value if math.isfinite(value) else 0.0 for value in expected]
    assert predictor(pairs, case.shape).values().tobytes() == np.array(expected).tobytes()


R = tensor_of("r", np.ones((2, 3)))
BROKEN = [
    ("R-8.3.2", mapping([0]), ()),
    ("R-8.3.2", mapping([0, 0]), ()),
    ("R-8.3.2", mapping([0, 2]), ()),
    ("R-8.3.2", mapping([0, 1, 2]), ()),
    ("R-8.3.2", mapping([], [0]), ()),
    ("R-8.3.2", mapping([], [0, 0, 0]), ()),
    ("R-8.3.2", mapping([], [0, 1]), ()),
    ("R-8.3.2", mapping([], [-2, 0]), ()),
    ("R-8.3.2", mapping([], [], [2**31, 0, 0]), ()),
    ("R-8.3.2", mapping([], [], [-(2**31), 0, 0]), ()),
    ("R-8.3.2", mapping([1, 0], [0, 0], [0, 0, 0]), ()),
    ("R-8.3.3", None, (1.0, 1.0, 1.0)),
]


@pytest.mark.parametrize(("rule", "plan", "gains"), BROKEN)
def test_map_or_gains_that_do_not_fit_are_refused(rule: str, plan: ChannelMap | None, gains: tuple[float, ...]) -> None:
    with pytest.raises(BitstreamError) as caught:
        predictor([(term(channel_map=plan, gains=gains), R)], (2, 3))
    assert caught.value.clause == rule


def test_rows_need_a_first_axis_and_columns_a_second() -> None:
    for values, plan, shape in ((np.float64(1), mapping([], [0]), ()), (np.ones(2), mapping([], [], [0]), (1,))):
        with pytest.raises(BitstreamError, match=r"R-8\.3\.2"):
            align(np.asarray(values), plan, shape)
    with pytest.raises(BitstreamError, match=r"R-8\.3\.3"):
        predictor([(term(gains=[1.0, 2.0]), tensor_of("r", np.float64(1)))], ())


@pytest.mark.parametrize("dtype", [DType.INT4, DType.UINT2, DType.FLOAT4E2M1, DType.STRING])
def test_packed_types_and_strings_are_copied_as_they_are_only(dtype: DType) -> None:
    data = {DType.INT4: b"\x21", DType.UINT2: b"\x01", DType.FLOAT4E2M1: b"\x21"}.get(dtype, bytes(8))
    reference = Tensor("r", dtype, (2,), data)
    assert bytes(copied(reference, term(), "t", (2,)).data) == data
    for plan, shape in ((None, (1,)), (mapping(), (2,)), (None, (3,))):
        with pytest.raises(BitstreamError, match=r"R-8\.3\.4"):
            copied(reference, term(channel_map=plan), "t", shape)


def test_exact_prediction_of_other_types_is_one_ungained_copy_of_their_own() -> None:
    reference = Tensor("r", DType.INT16, (2,), b"\1\0\2\0")
    assert word_predictor([(term(), reference)], DType.INT16, (3,), 2).words() == b"\1\0\2\0\0\0"
    wrong = [
        ([(term(), reference)] * 2, DType.INT16),
        ([(term(gains=[1.0]), reference)], DType.INT16),
        ([(term(), reference)], DType.UINT16),
        ([(term(), Tensor("r", DType.STRING, (0,), b""))], DType.STRING),
    ]
    for pairs, dtype in wrong:
        with pytest.raises(BitstreamError, match=r"R-8\.3\.5"):
            word_predictor(pairs, dtype, (2,), 2)
