"""SPEC.md clause 9.3: LZMA2 of a size that is known beforehand, and nothing else."""

from __future__ import annotations

import lzma
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.entropy.lzma2 import Content, compress, decompress, dictionary_size
from nncodec.errors import ErrorClass, InvalidStreamError
from nncodec.limits import MAX_EXPANSION

OFFSET = 77
SAMPLE = b"layer.0.weight" * 20 + bytes(range(256))
contents = pytest.mark.parametrize("content", Content)


def refused(payload: bytes, size: int) -> str:
    with pytest.raises(InvalidStreamError) as caught:
        decompress(payload, size, OFFSET)
    error = caught.value
    assert (error.error_class, error.clause, error.offset) == (ErrorClass.ENTROPY, "9.3", OFFSET)
    return str(error)


def foreign(data: bytes, dictionary: int) -> bytes:
    """LZMA2 by other parameters than our encoder's."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": dictionary, "lc": 0, "lp": 2, "pb": 4}]
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters)


@contents
@settings(max_examples=60, deadline=None)
@given(data=st.one_of(st.binary(max_size=300), st.integers(0, 5000).map(bytes)))
def test_any_bytes_come_back(content: Content, data: bytes) -> None:
    assert decompress(compress(data, content), len(data), OFFSET) == data


@contents
def test_nothing_is_an_end_marker(content: Content) -> None:
    assert compress(b"", content) == b"\0"
    assert decompress(b"\0", 0, OFFSET) == b""


@contents
def test_large_incompressible_data_comes_back(content: Content) -> None:
    data = np.random.default_rng(0).bytes(2**19 + 5)
    assert decompress(memoryview(compress(data, content)), len(data), OFFSET) == data


@pytest.mark.parametrize(
    ("size", "dictionary"),
    [
        (0, 2**12),
        (1, 2**12),
        (4096, 2**12),
        (4097, 2**13),
        (2**20, 2**20),
        (2**20 + 1, 2**21),
        (2**23, 2**23),
        (2**23 + 1, 2**23),
        (2**26, 2**23),
    ],
)
def test_dictionary_is_the_power_of_two_that_holds_the_data_within_bounds(size: int, dictionary: int) -> None:
    assert dictionary_size(size) == dictionary


def test_other_encoders_parameters_decode() -> None:
    data = SAMPLE * 30
    assert decompress(foreign(data, dictionary_size(len(data))), len(data), OFFSET) == data


def test_match_that_reaches_back_beyond_the_dictionary_is_refused() -> None:
    noise = np.random.default_rng(1).bytes(2**13)
    payload = foreign(noise + bytes(2**23) + noise, 2**25)
    assert "damaged" in refused(payload, 2**23 + 2**14)


@pytest.mark.parametrize("extra", [b"\0", b"x", b"\0" * 9])
def test_bytes_behind_the_end_marker_are_refused(extra: bytes) -> None:
    assert "follow" in refused(compress(SAMPLE, Content.TEXT) + extra, len(SAMPLE))
    assert "follow" in refused(b"\0" + extra, 0)


def test_missing_end_marker_is_refused() -> None:
    payload = compress(SAMPLE, Content.TEXT)
    assert payload[-1] == 0
    assert "end marker" in refused(payload[:-1], len(SAMPLE))


def test_every_truncation_is_refused() -> None:
    payload = compress(SAMPLE, Content.TEXT)
    for length in range(len(payload)):
        refused(payload[:length], len(SAMPLE))


@pytest.mark.parametrize("size", [0, 1, len(SAMPLE) - 1, len(SAMPLE) + 1, 2 * len(SAMPLE)])
def test_another_size_than_declared_is_refused(size: int) -> None:
    refused(compress(SAMPLE, Content.TEXT), size)


def test_no_payload_is_refused() -> None:
    refused(b"", 0)
    refused(b"", 1)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_payload_is_data_of_the_size_or_our_error(payload: bytes, size: int) -> None:
    try:
        assert len(decompress(payload, size, OFFSET)) == size
    except InvalidStreamError as error:
        assert error.error_class == ErrorClass.ENTROPY


def test_size_that_no_lzma2_reaches_is_refused_before_decoding() -> None:
    for size in (MAX_EXPANSION + 1, 2**40):
        assert "cannot hold" in refused(b"\0", size)
    assert "cannot hold" not in refused(b"\0", MAX_EXPANSION)


@contents
@pytest.mark.parametrize("size", [2**16, 2**23])
def test_bound_on_expansion_is_above_all_that_lzma2_reaches(content: Content, size: int) -> None:
    payload = compress(bytes(size), content)
    assert size < MAX_EXPANSION * len(payload)
    assert len(decompress(payload, size, OFFSET)) == size


def test_bomb_takes_no_more_memory_than_was_declared() -> None:
    payload = compress(bytes(2**24), Content.BYTE_PLANES)
    for declared in (100, 2**16):
        tracemalloc.start()
        refused(payload, declared)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * declared + 2**17


def test_same_bytes_give_the_same_payload() -> None:
    assert all(compress(SAMPLE, content) == compress(SAMPLE, content) for content in Content)
