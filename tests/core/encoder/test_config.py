"""SPEC.md clauses E.1 and E.2: what may be asked of the encoder, and which tensors it quantises."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from nncodec.encoder.config import EncoderConfig, matches
from nncodec.encoder.encode import encode, encode_with_report
from nncodec.encoder.sets.config import SetConfig
from nncodec.encoder.sets.encode import encode_set
from nncodec.errors import EncodeError
from nncodec.model import Model, Tensor
from nncodec.quantisation import step_of
from nncodec.tables import QUANTISABLE, DType, Profile, StepKind
from tests.core.handmade import weights
from tests.strategies import random_data

REFUSED = [
    ({"q_bits": -1}, "q_bits"),
    ({"q_bits": 256}, "q_bits"),
    ({"s_bits": -1}, "s_bits"),
    ({"s_bits": 256}, "s_bits"),
    ({"q_bits": 0, "s_bits": 155}, "step"),
    ({"q_bits": 155, "s_bits": 0}, "step"),
    ({"rounding": -0.01}, "rounding"),
    ({"rounding": 0.51}, "rounding"),
    ({"rounding": math.nan}, "rounding"),
    ({"step": 0.0}, "step"),
    ({"step": -1e-3}, "step"),
    ({"step": math.nan}, "step"),
    ({"step": math.inf}, "step"),
    ({"step": 2.0**513}, "step"),
    ({"step": 2.0**-513}, "step"),
    ({"step": 1e-3, "profile": Profile.BASELINE}, "baseline"),
    ({"quality": -20.5}, "quality"),
    ({"quality": 120.5}, "quality"),
    ({"quality": math.nan}, "quality"),
    ({"snr": -1.0}, "snr"),
    ({"snr": math.inf}, "snr"),
    ({"update_snr": math.nan}, "update_snr"),
    ({"mse": 0.0}, "mse"),
    ({"mse": math.inf}, "mse"),
    ({"mse": math.nan}, "mse"),
    ({"max_bytes": 0}, "max_bytes"),
    ({"snr": 30.0, "profile": Profile.BASELINE}, "baseline"),
    ({"max_bytes": 1000, "profile": Profile.BASELINE}, "baseline"),
    ({"quality": 0.0, "lossless": True}, "lossless and quality"),
    ({"q_bits": 0, "step": 0.5}, "q_bits and step"),
    ({"snr": 30.0, "mse": 1e-6, "max_bytes": 9}, "snr and mse and max_bytes"),
    ({"slice_symbols": 0}, "slice_symbols"),
    ({"slice_symbols": -5}, "slice_symbols"),
    ({"slice_symbols": 2**22 + 1}, "slice_symbols"),
    ({"slice_symbols": 2.5}, "slice_symbols"),
    ({"q_bits": 8.0}, "q_bits 8.0 must be a whole number"),
    ({"max_bytes": 1e5}, "max_bytes"),
    ({"quality": True}, "quality True must be a number"),
    ({"quality": "40"}, "quality"),
    ({"lossless": 1}, "lossless 1 must be True or False"),
    ({"fast": "no"}, "fast"),
    ({"profile": "baseline"}, "Profile"),
    ({"exclude": "conv*"}, "not a string"),
    ({"exclude": b"conv*"}, "not a string"),
    ({"include": (1,)}, "include"),
    ({"include": None}, "include"),
    ({"profile": None}, "Profile"),
    ({"lossless": None}, "lossless"),
    ({"slice_symbols": None}, "slice_symbols"),
    ({"name_map": ("ab",)}, "pairs of names"),
    ({"name_map": [("v",)]}, "pairs of names"),
    ({"include": "conv*"}, "not a string"),
    ({"fast": True, "best": True}, "best means nothing with fast"),
    ({"lossless": True, "best": True}, "best means nothing with lossless"),
    ({"lossless": True, "rounding": 0.4}, "rounding means nothing with lossless"),
    ({"lossless": True, "rounding": 0.0}, "rounding means nothing with lossless"),
    ({"lossless": True, "include": ("a",)}, "include means nothing with lossless"),
    ({"lossless": True, "least_squares": True}, "least_squares means nothing with lossless"),
    ({"profile": Profile.BASELINE, "fast": True}, "fast means nothing with baseline"),
    ({"best": True, "rounding": 0.5}, "best means nothing with rounding"),
    ({"s_bits": 3}, "s_bits goes with q_bits"),
]

ACCEPTED = [
    {"q_bits": 0, "s_bits": 154},
    {"q_bits": 154, "s_bits": 0},
    {"q_bits": 255, "s_bits": 255},
    {"rounding": 0.0},
    {"rounding": 0.5},
    {"step": 2.0**512},
    {"step": 2.0**-512},
    {"quality": -20.0},
    {"quality": 120.0},
    {"snr": 0.0, "rounding": 0.4},
    {"slice_symbols": 1},
    {"slice_symbols": 2**22},
    {"quality": np.float32(40), "max_bytes": None},
    {"rounding": np.float64(0.4), "fast": np.True_},
    {"q_bits": np.uint8(9)},
    {"step": Fraction(1, 10)},
    {"name_map": {"new": "old"}},
    {"q_bits": np.int64(8), "s_bits": 3},
    {"s_bits": 3, "profile": Profile.BASELINE},
    {"lossless": True, "fast": True, "exclude": ["a", "b*"]},
]


@pytest.mark.parametrize(("fields", "word"), REFUSED)
def test_request_that_no_stream_can_carry_is_refused(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(EncodeError, match=word):
        EncoderConfig(**fields)


@pytest.mark.parametrize("fields", ACCEPTED)
def test_request_at_the_bounds_is_accepted(fields: dict[str, Any]) -> None:
    step_of(EncoderConfig(**fields).quantiser())


def test_rounding_is_the_papers_in_baseline_and_nearest_in_main() -> None:
    assert EncoderConfig(profile=Profile.BASELINE).f == 0.4
    assert EncoderConfig(profile=Profile.MAIN).f == 0.5
    assert EncoderConfig(profile=Profile.BASELINE, rounding=0.0).f == 0.0
    assert EncoderConfig(rounding=0.25).f == 0.25


@pytest.mark.parametrize(
    ("config", "kind", "step"),
    [
        (EncoderConfig(profile=Profile.BASELINE), StepKind.DECADIC, 1e-4),
        (EncoderConfig(q_bits=9, s_bits=10), StepKind.DECADIC, 0.1),
        (EncoderConfig(step=1e-4), StepKind.BINARY64, 1e-4),
        (EncoderConfig(step=2.0**-13), StepKind.COMPACT, 2.0**-13),
        (EncoderConfig(step=1025 * 2.0**-20), StepKind.COMPACT, 1025 * 2.0**-20),
        (EncoderConfig(step=2.0**-100), StepKind.BINARY64, 2.0**-100),
    ],
)
def test_step_is_written_in_the_shortest_kind_that_is_exact(config: EncoderConfig, kind: StepKind, step: float) -> None:
    quantiser = config.quantiser(-7)
    assert (quantiser.step_kind, step_of(quantiser), quantiser.reconstruction_offset) == (kind, step, -7)


def tensor(name: str, shape: tuple[int, ...], dtype: DType = DType.FLOAT32) -> Tensor:
    return Tensor(name, dtype, shape, random_data(dtype, shape, 1))


RULE = [
    ((8, 8), True),
    ((9, 7), False),
    ((64,), False),
    ((4096,), False),
    ((1, 4096, 1), False),
    ((), False),
    ((32, 2, 1, 1), True),
    ((1, 2, 32), True),
    ((0, 64, 64), False),
]


@pytest.mark.parametrize(("shape", "expected"), RULE)
@pytest.mark.parametrize("dtype", sorted(QUANTISABLE))
def test_matrices_of_64_elements_and_more_are_quantised(shape: tuple[int, ...], expected: bool, dtype: DType) -> None:
    assert EncoderConfig().quantises(tensor("w", shape, dtype)) == expected


@pytest.mark.parametrize("dtype", sorted(set(DType) - QUANTISABLE))
def test_other_types_are_never_quantised(dtype: DType) -> None:
    config = EncoderConfig(include=("*",))
    assert not config.quantises(tensor("w", (8, 8), dtype))


WEIGHT = tensor("block.0.weight", (64, 64))
BIAS = tensor("block.0.bias", (3,))


@pytest.mark.parametrize(
    ("fields", "weight", "bias"),
    [
        ({}, True, False),
        ({"include": ("*bias",)}, True, True),
        ({"include": ("nothing",)}, True, False),
        ({"exclude": ("block.?.w*",)}, False, False),
        ({"exclude": ("other", "block.*")}, False, False),
        ({"include": ("*",), "exclude": ("*bias",)}, True, False),
        ({"include": ("*",), "exclude": ("*",)}, False, False),
        ({"lossless": True}, False, False),
    ],
)
def test_exclude_wins_over_include_and_include_over_the_rule(fields: dict[str, Any], weight: bool, bias: bool) -> None:
    config = EncoderConfig(**fields)
    assert (config.quantises(WEIGHT), config.quantises(BIAS)) == (weight, bias)


def test_including_an_empty_tensor_changes_nothing() -> None:
    assert not EncoderConfig(include=("*",)).quantises(tensor("w", (0, 9)))


def test_patterns_are_a_shells_and_mind_case() -> None:
    assert matches("a/b.W", ("x", "a/?.[VW]"))
    assert not matches("a/b.w", ("a/?.[VW]",))
    assert not matches("ab", ("a",))
    assert not matches("a", ())


@pytest.mark.parametrize("option", ["include", "exclude"])
def test_a_pattern_that_matches_nothing_is_a_slip(option: str) -> None:
    model = Model((weights("conv.weight", (8, 9)), weights("fc.weight", (8, 9))))
    for patterns in (("conv*",), ("*",), ("conv*", "fc.weight")):
        encode(model, EncoderConfig(**{option: patterns}))
    for code in (encode, encode_with_report):
        with pytest.raises(EncodeError, match=f"{option} 'cnov\\*' matches no tensor"):
            code(model, EncoderConfig(**{option: ("conv*", "cnov*")}))


def test_a_pattern_may_match_tensors_of_one_model_of_a_set_only() -> None:
    models = {name: Model((weights(f"{name}.weight", (8, 9)),)) for name in "ab"}
    encode_set(models, SetConfig(EncoderConfig(exclude=("a*",))))
    with pytest.raises(EncodeError, match="matches no tensor"):
        encode_set(models, SetConfig(EncoderConfig(exclude=("c*",))))


def test_values_become_those_of_python() -> None:
    config = EncoderConfig(q_bits=np.uint8(9), fast=np.True_, rounding=np.float32(0.5), name_map={"new": "old"})
    assert config == EncoderConfig(q_bits=9, fast=True, rounding=0.5, name_map=(("new", "old"),))
    assert [type(value) for value in (config.q_bits, config.fast, config.rounding)] == [int, bool, float]
