"""SPEC.md clause 9.6: the rANS coder against the text of the specification, with and without compiled code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.encoder import merging as merging_module
from nncodec.encoder.frequencies import fit_table
from nncodec.encoder.merging import ENTRY_BITS, merged, table_bits
from nncodec.encoder.rans_model import Material
from nncodec.entropy.rans import binarisation as binarisation_module
from nncodec.entropy.rans import lanes as lanes_module
from nncodec.entropy.rans import raw as raw_module
from nncodec.entropy.rans.binarisation import Binarisation, Kind, tokenise, tokens_of, work_dtype
from nncodec.entropy.rans.bits import BitReader, BitWriter
from nncodec.entropy.rans.coder import WordArea, decode_words, encode_words
from nncodec.entropy.rans.head import read_head, write_head
from nncodec.entropy.rans.kernels import STATE_LOW
from nncodec.entropy.rans.lanes import Lanes, Walk
from nncodec.entropy.rans.tables import FrequencyTable, read_tables, write_tables
from nncodec.errors import InvalidStreamError
from nncodec.tables import DType
from tests.core.entropy import spec_rans
from tests.core.entropy.heads import head_of

FLOATS = {2: DType.BFLOAT16, 4: DType.FLOAT32, 8: DType.FLOAT64}
INTEGERS = {1: DType.INT8, 2: DType.INT16, 4: DType.INT32, 8: DType.INT64}


@dataclass(frozen=True)
class Slice:
    """Words of one width in areas."""

    width: int
    numbers: list[int]
    areas: list[WordArea]
    dtype: DType | None
    is_fast: bool

    @property
    def material(self) -> Material:
        words = np.array(self.numbers, np.uint64).astype(work_dtype(self.width))
        return Material(words, self.areas, self.width, self.dtype, self.is_fast)


@st.composite
def slices(draw: st.DrawFn) -> Slice:
    """Slices of every width and dtype: random words, small numbers, floats of a few scales, few distinct words."""
    width = draw(st.sampled_from([1, 2, 4, 8]))
    counts = draw(st.lists(st.integers(1, 60), min_size=1, max_size=4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    total, most = sum(counts), 2 ** (8 * width) - 1
    numbers = {
        "any": lambda: rng.integers(0, most, total, dtype=np.uint64, endpoint=True),
        "small": lambda: (rng.geometric(0.2, total) - 1) & min(most, 255),
        "few": lambda: rng.choice(rng.integers(0, most, 4, dtype=np.uint64, endpoint=True), total),
        "none": lambda: np.zeros(total),
        "extreme": lambda: rng.choice(np.array([0, 1, most, most // 2, most // 2 + 1], np.uint64), total),
    }[draw(st.sampled_from(["any", "small", "few", "none", "extreme"]))]()
    kinds = [None, INTEGERS[width], *([FLOATS[width]] if width in FLOATS else [])]
    dtype = draw(st.sampled_from(kinds))
    with_exponents = dtype is None and draw(st.booleans())
    areas = [
        WordArea(count, rng.integers(100, 140, count).astype(np.uint16) if with_exponents else None) for count in counts
    ]
    return Slice(width, [int(number) for number in numbers], areas, dtype, draw(st.booleans()))


@given(slices())
@settings(deadline=None)
def test_words_come_back_by_the_text_of_the_specification(made: Slice) -> None:
    payload = encode_words(made.material.words, made.areas, head_of(made.material))
    again = decode_words(memoryview(payload), made.areas, made.width, 0)
    assert [int(word) for word in again] == made.numbers
    exponents = [None if area.exponents is None else area.exponents.tolist() for area in made.areas]
    assert spec_rans.decode(payload, made.width, [area.count for area in made.areas], exponents) == made.numbers


@pytest.fixture
def without_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without numba."""
    for module in (lanes_module, raw_module, binarisation_module):
        monkeypatch.setattr(module, "numba", lambda: None)


def noisy(count: int, width: int, dtype: DType | None) -> Slice:
    """Enough words for several lanes and contexts."""
    rng = np.random.default_rng(count)
    if dtype in FLOATS.values():
        numbers = rng.normal(0, 0.1, count).astype(np.float32).view(np.uint32) >> (32 - 8 * width)
    else:
        numbers = np.abs(rng.normal(0, np.repeat([2, 40], [count // 2, count - count // 2]))).astype(np.uint32)
    return Slice(width, numbers.tolist(), [WordArea(count - 7), WordArea(7)], dtype, is_fast=False)


@pytest.mark.parametrize(("width", "dtype"), [(4, None), (2, DType.BFLOAT16), (4, DType.FLOAT32), (1, DType.INT8)])
def test_compiled_code_and_numpy_give_the_same_bytes(
    width: int, dtype: DType | None, request: pytest.FixtureRequest
) -> None:
    made = noisy(20_000, width, dtype)
    payload = encode_words(made.material.words, made.areas, head_of(made.material))
    assert decode_words(memoryview(payload), made.areas, width, 0).tolist() == made.numbers
    request.getfixturevalue("without_compiled_code")
    assert encode_words(made.material.words, made.areas, head_of(made.material)) == payload
    assert decode_words(memoryview(payload), made.areas, width, 0).tolist() == made.numbers


@pytest.mark.parametrize("count", [50_000, 65_539, 140_001])
@pytest.mark.parametrize(("width", "dtype"), [(2, DType.BFLOAT16), (4, DType.FLOAT32)])
def test_lanes_that_are_coded_eight_in_turns_give_the_same(
    count: int, width: int, dtype: DType, request: pytest.FixtureRequest
) -> None:
    made = replace(noisy(count, width, dtype), is_fast=True)
    head = head_of(made.material)
    assert head.lanes % 8 == 0
    payload = encode_words(made.material.words, made.areas, head)
    assert decode_words(memoryview(payload), made.areas, width, 0).tolist() == made.numbers
    request.getfixturevalue("without_compiled_code")
    assert encode_words(made.material.words, made.areas, head) == payload
    assert decode_words(memoryview(payload), made.areas, width, 0).tolist() == made.numbers


def test_many_lanes_by_the_text_of_the_specification() -> None:
    made = noisy(9_000, 4, None)
    payload = encode_words(made.material.words, made.areas, head_of(made.material))
    head, _ = read_head(memoryview(payload), 4, (8_993, 7), 0)
    assert head.lanes > 1
    assert any(each.thresholds for each in head.sets)
    assert spec_rans.decode(payload, 4, [8_993, 7], [None, None]) == made.numbers


NUMBERS = product((Kind.FOLDED, Kind.SIGNED), (1, 2, 4, 8), (0, 3, 7))
FLOATING = ((1, 0, 0), (1, 3, 2), (2, 6, 0), (4, 21, 13), (8, 51, 0), (8, 63, 63))
HOWS = [
    *(Binarisation(*each) for each in NUMBERS),
    *(Binarisation(Kind.FLOATING, width, 1, low, zeros) for width, low, zeros in FLOATING),
]


@pytest.mark.parametrize("how", HOWS, ids=str)
@pytest.mark.parametrize("base", [0, 5, -3])
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("with_zeros", [True, False])
def test_tokens_and_raw_bits_are_the_words(
    how: Binarisation, base: int, compiled: bool, with_zeros: bool, request: pytest.FixtureRequest
) -> None:
    if not compiled:
        request.getfixturevalue("without_compiled_code")
    top, rng = 2**how.bits - 1, np.random.default_rng(1)
    edges = [0, 1, 2, 3, top, top - 1, top // 2, top // 2 + 1, top // 2 - 1]
    mixed = np.concatenate([np.array(edges, np.uint64), rng.integers(0, top, 300, dtype=np.uint64, endpoint=True)])
    words = (mixed >> np.uint64(how.zeros) << np.uint64(how.zeros)).astype(work_dtype(how.width))
    words = words if with_zeros else words[words > 0]
    tokens, raw = tokenise(words, how, base)
    widths = how.widths()[tokens]
    assert tokens.max() < how.alphabet
    assert all(int(value) >> int(width) == 0 for value, width in zip(raw, widths, strict=True))
    writer = raw_module.RawWriter(int(widths.sum()))
    writer.fields(raw, widths)
    packed = writer.finish()
    assert tokens_of(words, how, base).tolist() == tokens.tolist()
    assert raw_module.pack_words([(how, base, words, tokens)]) == packed
    reader = raw_module.RawReader(packed)
    again = np.zeros_like(words)
    assert reader.complete(tokens, how, base, again)
    assert again.tolist() == words.tolist()
    assert reader.is_finished
    assert not (packed and raw_module.RawReader(packed[:-1]).complete(tokens, how, base, again))
    if how.kind == Kind.FLOATING and not with_zeros:
        reader, again = raw_module.RawReader(packed), np.zeros_like(words)
        assert reader.complete_uniform(how.uppers()[tokens], how, base, again)
        assert again.tolist() == words.tolist()
        assert reader.is_finished
        assert not (packed and raw_module.RawReader(packed[:-1]).complete_uniform(tokens, how, base, again))


@given(st.lists(st.integers(0, 2**70), max_size=40))
def test_golomb_codes_come_back(numbers: list[int]) -> None:
    numbers = [number % 2**64 for number in numbers]
    writer = BitWriter()
    for number in numbers:
        writer.golomb(number)
        writer.signed(number - 2**63)
    data = writer.finish()
    reader = BitReader(memoryview(data), 0)
    for number in numbers:
        assert reader.golomb(2**64) == number
        assert reader.signed(2**65) == number - 2**63
    assert reader.finish() == len(data)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=80), st.integers(8, 15), st.integers(0, 7))
def test_a_fitted_table_can_be_told_and_sums_up(counts: list[int], scale: int, precision: int) -> None:
    table = fit_table(np.array(counts), scale, precision)
    assert table.frequencies.sum() == 2**scale
    if any(counts):
        assert table.tokens.tolist() == [token for token, count in enumerate(counts) if count]
    writer = BitWriter()
    write_tables(writer, [table, table], precision)
    found = read_tables(BitReader(memoryview(writer.finish()), 0), 2, len(counts), (scale, precision))
    again = found[-1]
    assert found[0].frequencies.tolist() == again.frequencies.tolist()
    assert again.tokens.tolist() == table.tokens.tolist()
    assert again.frequencies.tolist() == table.frequencies.tolist()


def test_a_fitted_table_is_near_the_best() -> None:
    counts = np.array([1000, 500, 250, 125, 60, 30, 1])
    table = fit_table(counts, 12, 3)
    ideal = -(counts * np.log2(counts / counts.sum())).sum()
    assert -(counts * np.log2(table.frequencies / 4096)).sum() < 1.003 * ideal


def test_histograms_that_are_alike_share_a_table() -> None:
    first, second = np.array([900, 90, 9]), np.array([9, 90, 900])
    places = merged(np.stack([first, second, 2 * first, 3 * second]))
    assert places[0] == places[2] != places[1] == places[3]


@given(
    st.lists(st.lists(st.sampled_from([0, 0, 1, 3, 40, 5000, 300_000]), min_size=5, max_size=5), min_size=1, max_size=9)
)
@settings(deadline=None)
def test_both_forms_of_the_search_merge_the_same(counts: list[list[int]]) -> None:
    histograms = np.array(counts)
    places = merged(histograms, 2.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging_module, "numba", lambda: None)
        assert merged(histograms, 2.0) == places
    assert sorted(set(places)) == list(range(max(places) + 1))


def test_costs_are_those_of_the_entropy() -> None:
    counts = np.array([1_000_000, 70_000, 4097, 12, 1, 0])
    entropy = -(counts[:-1] * np.log2(counts[:-1] / counts.sum())).sum()
    assert table_bits(counts) == pytest.approx(entropy + 5 * ENTRY_BITS, rel=1e-4)


def test_every_single_bit_error_is_refused_or_gives_as_many_words() -> None:
    made = noisy(300, 2, DType.BFLOAT16)
    payload = encode_words(made.material.words, made.areas, head_of(made.material))
    refused = 0
    for bit in range(8 * len(payload)):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert len(decode_words(memoryview(bytes(damaged)), made.areas, 2, 0)) == 300
        except InvalidStreamError:
            refused += 1
    assert refused > len(payload)


def test_what_is_not_decoded_is_no_token_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    words = np.random.default_rng(0).integers(0, 5, 3000).astype(np.uint32)
    head = head_of(Material(words, [WordArea(3000)], 4, None, is_fast=True))
    without_words = Lanes(np.array([STATE_LOW]), np.array([0]), np.zeros(0, np.uint16))
    walk = Walk(without_words, head.slots(), head.contexts((3000,), [None]))
    fresh = np.full(3000, 0xFFFF, np.uint16)  # as memory may be that was something else before
    monkeypatch.setattr(lanes_module.np, "empty", lambda *_: fresh)
    (block,) = walk.blocks()
    assert block[1].max() < head.sets[0].how.alphabet
    assert not walk.is_right


@given(st.binary(max_size=80), st.sampled_from([1, 2, 4, 8]), st.booleans())
@settings(deadline=None)
def test_any_bytes_give_words_or_an_error_of_ours(data: bytes, width: int, compiled: bool) -> None:
    areas = [WordArea(5, np.arange(5, dtype=np.uint16)), WordArea(3)]
    with pytest.MonkeyPatch.context() as patch:
        if not compiled:
            for module in (lanes_module, raw_module, binarisation_module):
                patch.setattr(module, "numba", lambda: None)
        try:
            assert len(decode_words(memoryview(data), areas, width, 7)) == 8
        except InvalidStreamError as error:
            assert (error.error_class.value, error.offset) == ("ENTROPY", 7)


def test_a_head_is_told_again_as_it_was() -> None:
    made = noisy(20_000, 4, None)
    payload = encode_words(made.material.words, made.areas, head_of(made.material))
    head, size = read_head(memoryview(payload), 4, (19_993, 7), 0)
    assert write_head(head) == payload[:size]


def test_a_table_with_one_token_costs_nothing() -> None:
    table = FrequencyTable(np.array([3]), np.array([256]))
    writer = BitWriter()
    write_tables(writer, [table], 0)
    assert len(writer.finish()) <= 2
