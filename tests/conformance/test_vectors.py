"""Every vector decodes to what the manifest states, or is refused with the class that it states."""

from __future__ import annotations

import json

import pytest

from conformance.vectors import SUITE
from nncodec.decoder import decode
from nncodec.errors import LimitExceededError, UnsupportedStreamError
from nncodec.limits import LEVELS
from nncodec.stream import read_identity
from tests.conformance.streams import INVALID, VALID, VECTORS, data_of, error_of, model_of, references_of, summary_of

ENTRIES = {entry["id"]: entry for entry in json.loads((SUITE / "manifest.json").read_text(encoding="utf-8"))["vectors"]}


@pytest.mark.parametrize("name", VALID)
def test_valid_vector_decodes_to_the_expected_tensors(name):
    model = model_of(name)
    assert summary_of(model) == list(VECTORS[name].tensors)
    assert model.content_id.hex() == ENTRIES[name]["expect"]["content_id"]


@pytest.mark.parametrize("name", VALID)
def test_valid_vector_says_what_it_is_without_references(name):
    identity = read_identity(data_of(name), LEVELS[-1])
    entry = ENTRIES[name]
    assert identity.content_id.hex() == entry["expect"]["content_id"]
    assert identity.start.profile.name.lower() == entry["profile"]
    assert identity.start.level == entry["level"]
    assert identity.start.tensor_count == len(entry["expect"]["tensors"])


@pytest.mark.parametrize("name", INVALID)
def test_invalid_vector_is_refused_with_the_expected_class(name):
    error = error_of(data_of(name), references_of(name))
    assert error is not None
    assert error.value in VECTORS[name].classes


@pytest.mark.parametrize("name", [name for name in INVALID if VECTORS[name].classes[0].startswith("UNSUPPORTED_")])
def test_unsupported_is_not_the_same_as_invalid(name):
    with pytest.raises(UnsupportedStreamError):
        decode(data_of(name), references_of(name))


@pytest.mark.parametrize("name", [name for name in VALID if VECTORS[name].level == LEVELS[-1].level])
def test_a_level_that_the_decoder_does_not_accept_is_refused(name):
    with pytest.raises(LimitExceededError):
        decode(data_of(name), references_of(name), limits=LEVELS[-2])
