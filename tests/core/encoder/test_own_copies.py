"""SPEC.md clauses 8.3.1 and E.3: tensors that repeat an earlier one of their model are copied, not coded again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode, encode_with_report
from nncodec.model import Model, Tensor
from nncodec.stream import read_stream
from nncodec.tables import Prediction, Profile
from tests.core.handmade import same_tensors, weights

FIRST = weights("first", (16, 40), 1)
TWIN = replace(FIRST, name="twin")
THIRD = replace(FIRST, name="third")
OTHER = weights("other", (16, 40), 2)
MODEL = Model((FIRST, OTHER, TWIN, THIRD))


def predictions(data: bytes, *references: Model) -> list[Prediction]:
    return [record.coding.prediction for record in read_stream(data, references=list(references)).records]


@pytest.mark.parametrize(
    "config", [EncoderConfig(lossless=True), EncoderConfig(step=0.1), EncoderConfig(step=0.1, fast=True)]
)
def test_a_repeated_tensor_costs_next_to_nothing(config: EncoderConfig) -> None:
    data = encode(MODEL, config)
    assert predictions(data) == [Prediction.NONE, Prediction.NONE, Prediction.COPY, Prediction.COPY]
    assert len(data) < len(encode(Model((FIRST, OTHER)), config)) + 40
    decoded = decode(data)
    assert [decoded.by_name[name].data for name in ("twin", "third")] == [decoded.by_name["first"].data] * 2


def test_one_copy_is_decoded_with_what_it_needs_and_nothing_else() -> None:
    data = encode(MODEL, EncoderConfig(lossless=True))
    assert same_tensors(decode(data, tensors=["third"]), Model((THIRD,)))


def test_the_levels_of_the_first_are_those_of_the_copy() -> None:
    encoded = encode_with_report(MODEL, EncoderConfig(step=0.05))
    assert encoded.model.content_id == decode(encoded.data).content_id
    assert encoded.model.by_name["twin"].data == encoded.model.by_name["first"].data != FIRST.data


def test_a_twin_that_must_stay_exact_is_not_copied_from_one_that_need_not() -> None:
    data = encode(MODEL, EncoderConfig(step=0.05, exclude=("twin",)))
    assert predictions(data) == [Prediction.NONE, Prediction.NONE, Prediction.NONE, Prediction.COPY]
    assert decode(data).by_name["twin"].data == FIRST.data


def test_baseline_has_no_copies_within_a_model() -> None:
    assert Prediction.COPY not in predictions(encode(MODEL, EncoderConfig(profile=Profile.BASELINE)))


def test_small_tensors_are_not_worth_a_copy() -> None:
    small = Tensor.from_numpy("a", np.arange(3, dtype=np.int64))
    assert predictions(encode(Model((small, replace(small, name="b"))))) == [Prediction.NONE] * 2


def test_copies_within_the_model_and_from_parents_go_together() -> None:
    reference = Model((replace(FIRST, name="old"), OTHER))
    newer = weights("newer", (16, 40), 5)
    model = Model((newer, OTHER, replace(newer, name="again")))
    data = encode(model, EncoderConfig(lossless=True), [reference])
    assert same_tensors(decode(data, [reference]), model)
    assert predictions(data, reference)[1:] == [Prediction.COPY] * 2
