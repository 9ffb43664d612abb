"""SPEC.md Annex E with `lossless`: any model comes back bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import EncodeWarning, encode, encode_with_report
from nncodec.errors import EncodeError
from nncodec.limits import LEVELS
from nncodec.model import Model, Tensor, Topology
from nncodec.tables import DType, Profile, TopologyFormat
from tests.core.handmade import same_tensors
from tests.strategies import models, random_data, tensors

LOSSLESS = EncoderConfig(lossless=True)


@settings(max_examples=150, deadline=None)
@given(models(), st.sampled_from(Profile), st.sampled_from([1, 7, 2**22]))
@example(Model(()), Profile.MAIN, 1)
@example(Model((), Topology(TopologyFormat.ONNX, b"")), Profile.MAIN, 1)
def test_any_model_comes_back(model: Model, profile: Profile, slice_symbols: int) -> None:
    config = EncoderConfig(lossless=True, profile=profile, slice_symbols=slice_symbols)
    encoded = encode_with_report(model, config)
    decoded = decode(encoded.data)
    assert same_tensors(decoded, model)
    assert same_tensors(encoded.model, model)
    assert decoded.content_id == model.content_id
    assert encoded.report.notices == []


@pytest.mark.parametrize("dtype", DType)
@pytest.mark.parametrize("kind", ["bits", "weights", "zeros", "sparse"])
def test_every_type_comes_back(dtype: DType, kind: str) -> None:
    shapes = [(), (0,), (3, 0, 2), (1,), (5, 3), (2, 3, 5, 7)]
    model = Model(tuple(Tensor(str(shape), dtype, shape, random_data(dtype, shape, 5, kind)) for shape in shapes))
    assert same_tensors(decode(encode(model, LOSSLESS)), model)


@settings(max_examples=50, deadline=None)
@given(st.lists(tensors(), min_size=1, max_size=4, unique_by=lambda tensor: tensor.name))
def test_same_model_gives_the_same_bytes_whatever_holds_its_data(found: list[Tensor]) -> None:
    other = [Tensor(item.name, item.dtype, item.shape, memoryview(bytearray(item.data))) for item in found]
    assert encode(Model(tuple(found)), LOSSLESS) == encode(Model(tuple(other)), LOSSLESS)


NAMES = ["", "\0", "a\nb", "/", "..", "é", "e\u0301", "层.权重", "🙂", "\u202e", "\ufeff", "x" * 4096]


def test_names_of_any_unicode_come_back() -> None:
    model = Model(tuple(Tensor(name, DType.INT8, (), b"\x07") for name in NAMES))
    with pytest.warns(EncodeWarning, match="the stream has level 4"):
        data = encode(model, LOSSLESS)
    assert list(decode(data, limits=LEVELS[4]).by_name) == NAMES


def one(name: str, shape: tuple[int, ...]) -> Model:
    return Model((Tensor(name, DType.INT8, shape, bytes(0 if 0 in shape else 1)),))


UNCODABLE = [
    (one("\ud800", ()), "UTF-8"),
    (one("n" * 4097, ()), "name"),
    (one("é" * 2049, ()), "name"),
    (one("n", (1,) * 33), "rank"),
    (one("n", (1,) * 256), "rank"),
    (one("n", (0, 2**48 + 1)), "dims"),
    (one("n", (0, 2**70)), "dims"),
    (one("n", (0, 2**36 + 1)), "elements"),
    (one("n", (0, 2**20, 2**20)), "elements"),
]


@pytest.mark.parametrize(("model", "word"), UNCODABLE)
@pytest.mark.parametrize("with_reference", [False, True])
def test_model_that_no_stream_can_carry_is_refused(model: Model, word: str, with_reference: bool) -> None:
    references = [Model(model.tensors)] if with_reference and "\ud800" not in model.by_name else []
    with pytest.raises(EncodeError, match=word):
        encode(model, LOSSLESS, references)


def test_large_empty_extent_comes_back() -> None:
    model = one("n", (2**32, 0, 2))
    with pytest.warns(EncodeWarning, match="the stream has level 4"):
        data = encode(model, LOSSLESS)
    assert same_tensors(decode(data, limits=LEVELS[4]), model)


RANDOM = np.random.default_rng(0).normal(size=(800, 1000)).astype(np.float32)
CHANGED = RANDOM + (np.arange(1000) < 3) * (np.arange(800)[:, np.newaxis] == 0).astype(np.float32)


@pytest.mark.parametrize("is_fast", [False, True])
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2000, 1000), np.float32),
        np.ones((300, 300), np.float32),
        np.zeros((3000, 1000), np.int8),
        np.full((1000, 2000), 7.5),
    ],
    ids=["zeros", "small", "bytes", "sevens"],
)
def test_what_is_all_the_same_takes_next_to_nothing(array: npt.NDArray[Any], is_fast: bool) -> None:
    model = Model((Tensor.from_numpy("w", array),))
    data = encode(model, EncoderConfig(lossless=True, fast=is_fast))
    assert len(data) < 300 + array.nbytes / 4000  # half of what no decoder would believe (9.4)
    assert same_tensors(decode(data), model)


@pytest.mark.parametrize("is_fast", [False, True])
def test_a_large_tensor_of_which_a_few_weights_change(is_fast: bool) -> None:
    old, new = (Model((Tensor.from_numpy("w", array),)) for array in (RANDOM, CHANGED))
    data = encode(new, EncoderConfig(lossless=True, fast=is_fast), [old])
    assert len(data) < 1200
    assert same_tensors(decode(data, [old]), new)


def test_a_tensor_of_zeros_does_not_keep_others_raw() -> None:
    alone, zeros = Tensor.from_numpy("w", RANDOM), Tensor.from_numpy("z", np.zeros_like(RANDOM))
    size = len(encode(Model((alone,)), LOSSLESS))
    assert len(encode(Model((alone, zeros)), LOSSLESS)) < 1.04 * size


@pytest.mark.parametrize("slice_symbols", [2**22, 2**18])
def test_levels_that_are_all_zero_in_one_slice(slice_symbols: int) -> None:
    tensors = [Tensor.from_numpy("w", RANDOM), Tensor.from_numpy("z", np.zeros((1200, 1000), np.float32))]
    config = EncoderConfig(quality=40, slice_symbols=slice_symbols)
    size = len(encode(Model(tuple(tensors[:1])), config))
    assert len(encode(Model(tuple(tensors)), config)) < 1.1 * size
