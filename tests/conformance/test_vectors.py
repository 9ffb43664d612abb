"""Every vector decodes to what the manifest states, or is refused with the class that it states."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from conformance.adapter_nncodec import decode_given
from conformance.vectors import SUITE
from nncodec.errors import LimitExceededError, UnsupportedStreamError
from nncodec.inspection import inspect_set
from nncodec.limits import LEVELS
from nncodec.set_decoder import SetReader
from nncodec.stream import read_identity
from tests.conformance.streams import (
    INVALID,
    SETS,
    VALID,
    VECTORS,
    data_of,
    decoded_of,
    error_of,
    references_of,
    summary_of,
)

ENTRIES = {entry["id"]: entry for entry in json.loads((SUITE / "manifest.json").read_text(encoding="utf-8"))["vectors"]}


@pytest.mark.parametrize("name", VALID)
def test_valid_vector_decodes_to_the_expected_tensors(name):
    decoded, expect = decoded_of(name), ENTRIES[name]["expect"]
    assert summary_of(decoded) == list(VECTORS[name].models)
    wanted = [entry["content_id"] for entry in expect.get("models", [expect])]
    assert [model.content_id.hex() for _, model in decoded] == wanted


@pytest.mark.parametrize("name", [name for name in VALID if name not in SETS])
def test_valid_vector_says_what_it_is_without_references(name):
    identity = read_identity(data_of(name), LEVELS[-1])
    entry = ENTRIES[name]
    assert identity.content_id.hex() == entry["expect"]["content_id"]
    assert identity.start.profile.name.lower() == entry["profile"]
    assert identity.start.level == entry["level"]
    assert identity.start.tensor_count == len(entry["expect"]["tensors"])


@pytest.mark.parametrize("name", SETS)
def test_set_says_what_it_is_without_references(name):
    info, entry = inspect_set(SetReader(BytesIO(data_of(name)), (), LEVELS[-1])), ENTRIES[name]
    assert (info.size, info.profile, info.level) == (entry["bytes"], entry["profile"], entry["level"])
    said = [(model.name, model.content_id) for model in info.models]
    assert said == [(model["name"], model["content_id"]) for model in entry["expect"]["models"]]
    assert info.tensor_count == sum(len(model["tensors"]) for model in entry["expect"]["models"])


@pytest.mark.parametrize("name", SETS)
def test_every_model_of_a_set_decodes_alone(name):
    reader = SetReader(BytesIO(data_of(name)), references_of(name), LEVELS[-1])
    alone = [(model, reader.model(model)) for model in reversed(reader.names)]
    assert summary_of(alone) == summary_of(decoded_of(name))[::-1]


@pytest.mark.parametrize("name", INVALID)
def test_invalid_vector_is_refused_with_the_expected_class(name):
    error = error_of(data_of(name), references_of(name))
    assert error is not None
    assert error.value in VECTORS[name].classes


@pytest.mark.parametrize("name", [name for name in INVALID if VECTORS[name].classes[0].startswith("UNSUPPORTED_")])
def test_unsupported_is_not_the_same_as_invalid(name):
    with pytest.raises(UnsupportedStreamError):
        decode_given(data_of(name), references_of(name))


@pytest.mark.parametrize("name", [name for name in VALID if VECTORS[name].level == LEVELS[-1].level])
def test_a_level_that_the_decoder_does_not_accept_is_refused(name):
    with pytest.raises(LimitExceededError):
        decode_given(data_of(name), references_of(name), LEVELS[-2])
