"""SPEC.md clauses E.2 to E.5: quantised models, their error, their levels, and what is kept exact instead."""

from __future__ import annotations

import lzma
import math
import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.decoder import decode
from nncodec.encoder.choice import Chooser
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import EncodeWarning, encode, encode_with_report
from nncodec.encoder.groups import COHERENCE, centroid_offset, output_gain, plan_groups
from nncodec.encoder.matching import Given
from nncodec.encoder.passes import survey
from nncodec.encoder.runs import Run
from nncodec.encoder.trellis import LAGRANGIAN
from nncodec.limits import LEVELS
from nncodec.model import Model, Tensor
from nncodec.quantisation import step_of
from nncodec.rounding import widen
from nncodec.stream import read_stream
from nncodec.tables import QUANTISABLE, DType, EntropyCoder, LevelWidth, Profile, Representation
from nncodec.work import Work
from tests.core.handmade import same_tensors, tensor_of, weights
from tests.strategies import models

ULP = {DType.FLOAT64: 2.0**-53, DType.FLOAT32: 2.0**-24, DType.FLOAT16: 2.0**-11, DType.BFLOAT16: 2.0**-8}
TINY = {DType.FLOAT64: 0.0, DType.FLOAT32: 2.0**-150, DType.FLOAT16: 2.0**-25, DType.BFLOAT16: 2.0**-134}
CONFIGS = st.builds(
    EncoderConfig,
    profile=st.sampled_from(Profile),
    q_bits=st.integers(6, 11),
    rounding=st.sampled_from([None, 0.0, 0.4, 0.5]),
    include=st.sampled_from([(), ("*",)]),
    slice_symbols=st.sampled_from([1, 13, 2**22]),
)


def stream_and_levels(data: bytes) -> dict[str, list[int]]:
    """The levels of every tensor, straight from the slices of a stream of RAW or LZMA2 groups."""
    stream = read_stream(data, LEVELS[4])
    found: dict[str, list[int]] = {record.name: [] for record in stream.records}
    for part in stream.slices:
        group = stream.parameters.groups[part.header.slice_group]
        if group.representation != Representation.LEVELS:
            continue
        payload = bytes(part.payload)
        if group.entropy_coder == EntropyCoder.LZMA2:
            filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**23}]
            payload = lzma.decompress(payload, format=lzma.FORMAT_RAW, filters=filters)
        for piece in part.pieces:
            chunk, payload = payload[: piece.nbytes], payload[piece.nbytes :]
            code = f"<i{piece.width}"
            found[stream.records[piece.tensor].name] += np.frombuffer(chunk, code).tolist()
        assert payload == b""
    return found


@settings(max_examples=120, deadline=None)
@given(models(), CONFIGS)
def test_decoder_gets_what_the_encoder_says(model: Model, config: EncoderConfig) -> None:
    encoded = encode_with_report(model, config)
    assert same_tensors(decode(encoded.data), encoded.model)
    assert decode(encoded.data).content_id == encoded.model.content_id
    assert encode_with_report(model, config).data == encoded.data
    for tensor, decoded in zip(model.tensors, encoded.model.tensors, strict=True):
        assert (tensor.name, tensor.dtype, tensor.shape) == (decoded.name, decoded.dtype, decoded.shape)
        if not config.quantises(tensor) and not config.quantises_finely(tensor):
            assert tensor.content_id == decoded.content_id


def largest_error(f: float, offset: float) -> float:
    """Of a value and its reconstruction, in steps: the zero cell, and both ends of the others."""
    return max(1 - f, abs(f + offset), abs(1 - f - offset))


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(sorted(QUANTISABLE)),
    st.integers(0, 99),
    st.integers(7, 10),
    st.sampled_from([0.0, 0.4, 0.5]),
    st.sampled_from(Profile),
)
def test_no_element_is_further_off_than_its_cell_is_wide(
    dtype: DType, seed: int, q_bits: int, f: float, profile: Profile
) -> None:
    tensor = weights("w", (9, 11), seed, dtype=dtype)
    encoded = encode_with_report(Model((tensor,)), EncoderConfig(profile=profile, q_bits=q_bits, rounding=f))
    quantiser = read_stream(encoded.data).parameters.groups[0].quantiser
    assert quantiser is not None
    step, offset = step_of(quantiser), quantiser.reconstruction_offset / 256
    assert profile == Profile.MAIN or offset == 0
    before = widen(tensor.data, dtype)
    after = widen(encoded.model.tensors[0].data, dtype)
    allowed = largest_error(f, offset) * step * (1 + 1e-9) + np.abs(after) * ULP[dtype] + TINY[dtype]
    assert (np.abs(after - before) <= allowed).all()


@pytest.mark.parametrize("f", [0.0, 0.4, 0.5])
@pytest.mark.parametrize("q_bits", [7, 8, 9, 10])
def test_levels_in_the_stream_are_those_of_eq_1(f: float, q_bits: int) -> None:
    tensor = weights("w", (16, 8), q_bits)
    data = encode(Model((tensor,)), EncoderConfig(profile=Profile.BASELINE, q_bits=q_bits, rounding=f))
    step = Fraction(10) ** (q_bits - 12)
    expected = []
    for value in widen(tensor.data, DType.FLOAT32).tolist():
        magnitude = math.floor(abs(Fraction(value)) / step + Fraction(f).limit_denominator(10))
        expected.append(magnitude if value > 0 else -magnitude)
    assert stream_and_levels(data)["w"] == expected


def test_baseline_is_the_papers_method() -> None:
    data = encode(Model((weights("w", (16, 8)),)), EncoderConfig(profile=Profile.BASELINE, q_bits=9))
    stream = read_stream(data)
    quantiser = stream.parameters.groups[0].quantiser
    assert stream.start.profile == Profile.BASELINE
    assert quantiser is not None
    assert (quantiser.s_bits, quantiser.q_bits, quantiser.reconstruction_offset) == (12, 9, 0)


@pytest.mark.parametrize(
    ("largest", "width"),
    [(127, LevelWidth.INT8), (128, LevelWidth.INT16), (32767, LevelWidth.INT16), (32768, LevelWidth.INT32)],
)
def test_levels_are_as_wide_as_the_largest_needs(largest: int, width: LevelWidth) -> None:
    tensor = tensor_of("w", np.full((8, 8), largest * 1.0), DType.FLOAT64)
    data = encode(Model((tensor,)), EncoderConfig(profile=Profile.BASELINE, q_bits=12))
    assert read_stream(data).records[0].coding.level_width == width
    assert same_tensors(decode(data), Model((tensor,)))


@pytest.mark.parametrize("slice_symbols", [1, 5, 64, 100, 2**22])
@pytest.mark.parametrize("lossless", [False, True])
def test_size_of_slices_does_not_change_the_model(slice_symbols: int, lossless: bool) -> None:
    tensors = [weights("a", (8, 8)), weights("b", (3,)), weights("c", (0, 8)), weights("d", (9, 9), 3)]
    model = Model(tuple(tensors))
    # Without the trellis, which begins anew with every slice.
    config = EncoderConfig(lossless=lossless, rounding=None if lossless else 0.5)
    whole = decode(encode(model, config))
    encoded = encode(model, replace(config, slice_symbols=slice_symbols))
    assert same_tensors(decode(encoded), whole)
    stream = read_stream(encoded)
    assert all(part.header.symbol_count <= slice_symbols for part in stream.slices)
    expected = sum(-(-layout.symbol_count // slice_symbols) for layout in stream.layouts)
    assert len(stream.slices) == expected


@pytest.mark.parametrize(
    ("rows", "profile", "most"), [(4096, "MAIN", 2**22), (4097, "MAIN", 2**20), (4097, "BASELINE", 2**22)]
)
def test_slices_of_a_large_group_are_short_under_the_mixing_coder(rows: int, profile: str, most: int) -> None:
    tensor = tensor_of("w", np.tile(np.linspace(-1.0, 1.0, 1024), (rows, 1)), DType.FLOAT16)
    config = EncoderConfig(profile=Profile[profile], q_bits=10)
    plan = plan_groups(Chooser(config, Given()).choose_all(Model((tensor,))), config)
    counts = [count for group in plan.groups for _, count in group.slices]
    assert sum(counts) == rows * 1024
    assert max(counts) == most


def notices(tensor: Tensor, **fields: object) -> list[str]:
    """What the encoder says, checked to be warned of; the tensor itself is checked to be decoded."""
    config = EncoderConfig(**fields)  # type: ignore[arg-type]
    encoded = encode_with_report(Model((tensor,)), config)
    assert same_tensors(decode(encoded.data), encoded.model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert encode(Model((tensor,)), config) == encoded.data
    assert [str(item.message) for item in caught] == encoded.report.notices
    assert all(item.category is EncodeWarning for item in caught)
    if any("kept exact" in notice for notice in encoded.report.notices):
        assert encoded.model.tensors[0].content_id == tensor.content_id
        assert encoded.report.tensors[0].representation == "exact"
    return encoded.report.notices


def with_value(value: float, dtype: DType = DType.FLOAT32, rest: float = 0.5) -> Tensor:
    values = np.full((8, 8), rest)
    values[3, 4] = value
    return tensor_of("w", values, dtype)


def test_usual_weights_are_not_worth_a_notice() -> None:
    assert notices(weights("w", (8, 8))) == []
    assert notices(tensor_of("w", np.zeros((8, 8)))) == []


def test_step_that_wipes_out_a_tensor_is_said() -> None:
    (notice,) = notices(weights("w", (8, 8)), q_bits=12)
    assert notice.startswith("w: the step wipes out every weight")
    assert notices(with_value(0.5, rest=0.0), q_bits=12) == []
    assert len(notices(with_value(0.499, rest=0.0), q_bits=12)) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [DType.FLOAT16, DType.FLOAT32, DType.FLOAT64])
def test_tensor_with_nan_or_infinity_is_kept_exact(value: float, dtype: DType) -> None:
    (notice,) = notices(with_value(value, dtype))
    assert "kept exact" in notice
    assert "NaN or infinity" in notice


def test_tensor_with_a_signalling_nan_is_kept_exact() -> None:
    for dtype, pattern in ((DType.FLOAT32, b"\1\0\x80\x7f"), (DType.BFLOAT16, b"\x81\x7f"), (DType.FLOAT16, b"\1\x7c")):
        (notice,) = notices(Tensor("w", dtype, (8, 8), pattern * 64))
        assert "kept exact" in notice


def test_level_beyond_32_bits_is_kept_exact() -> None:
    step = 2.0**-20
    assert notices(with_value((2**31 - 1) * step, DType.FLOAT64), step=step) == []
    (notice,) = notices(with_value(2**31 * step, DType.FLOAT64), step=step)
    assert "32 bits" in notice


def test_huge_values_warn_of_nothing_but_their_level() -> None:
    (notice,) = notices(with_value(1.7e308, DType.FLOAT64))
    assert "32 bits" in notice
    assert notices(with_value(1.7e308, DType.FLOAT64), lossless=True) == []


@pytest.mark.parametrize(
    ("dtype", "value", "step"),
    [(DType.FLOAT16, 65504.0, 65520.0), (DType.FLOAT32, 3.4e38, 2.2e38), (DType.BFLOAT16, 3.38e38, 2.2e38)],
)
def test_value_that_would_overflow_its_type_is_kept_exact(dtype: DType, value: float, step: float) -> None:
    values = np.full((8, 8), step if step > 1e6 else 0.0)
    values[3, 4] = value
    data = values.astype("<f2") if dtype == DType.FLOAT16 else values.astype("<f4")
    if dtype == DType.BFLOAT16:
        data = (data.view("<u4") >> 16).astype("<u2")
    (notice,) = notices(Tensor("w", dtype, (8, 8), data.tobytes()), step=step, rounding=0.5)
    assert "overflow" in notice


def test_minus_zero_and_denormals_become_zero() -> None:
    tensor = with_value(-0.0, rest=1e-42)
    encoded = encode_with_report(Model((tensor,)), EncoderConfig(q_bits=8))
    assert bytes(encoded.model.tensors[0].data) == bytes(256)


def test_one_step_serves_all_tensors_of_a_model() -> None:
    model = Model((weights("a", (8, 8)), weights("b", (16, 16), 1, 3.0), weights("c", (8, 8), 2, dtype=DType.FLOAT16)))
    stream = read_stream(encode(model, EncoderConfig(q_bits=9)))
    assert [record.coding.slice_group for record in stream.records] == [0, 0, 0]
    assert len(stream.parameters.groups) == 1


@pytest.mark.parametrize("f", [0.0, 0.25, 0.4, 0.5])
def test_reconstruction_offset_is_the_best_of_all(f: float) -> None:
    tensor = weights("w", (64, 64), 4)
    config = EncoderConfig(q_bits=10, rounding=f)
    plan, kept = survey(plan_groups(Chooser(config, Given()).choose_all(Model((tensor,))), config), Work())
    (group,) = plan.groups
    assert group.quantiser is not None
    best = group.quantiser.reconstruction_offset
    values, levels = widen(tensor.data, DType.FLOAT32), kept.levels[0, 0].astype(float)

    def error(offset: int) -> float:
        return float(np.square(values - np.sign(levels) * (np.abs(levels) + offset / 256) * 0.01).sum())

    assert error(best) == min(map(error, range(-127, 128)))
    assert group_offset(tensor, config) == best
    assert group_offset(tensor, EncoderConfig(profile=Profile.BASELINE, q_bits=10, rounding=f)) == 0
    assert centroid_offset([]) == 0


def test_gain_has_the_least_error_where_what_is_missing_counts_more() -> None:
    values = np.random.default_rng(0).laplace(size=(64, 64))
    halves = (np.sign(values) * 2 * np.floor(np.abs(values) / 3 + 0.5)).astype(np.int64)
    step, offset = 3.0, -20
    decoded = step * (halves / 2 + np.sign(halves) * offset / 256)
    run = Run(values.ravel(), DType.FLOAT64, values.shape, 0, None, step, 0.5, None, LAGRANGIAN)
    made = float((values * decoded).sum() / np.square(values).sum())

    def felt(gain: float) -> float:
        missing, noise = (1 - gain * made) * values, gain * (decoded - made * values)
        return COHERENCE * float(np.square(missing).sum()) + float(np.square(noise).sum())

    best = output_gain([(step, run.sums((halves // 2).ravel().astype(np.int32)))], offset)
    assert 1 < best < 4
    assert felt(best) == pytest.approx(min(map(felt, np.linspace(0, 4, 4001))), rel=1e-5)
    assert output_gain([(step, run.sums(np.zeros(values.size, np.int32)))], 0) == 1


def test_each_tensor_of_an_update_gets_its_gain_unless_least_squares_are_asked_for() -> None:
    old = Model((weights("a", (32, 32)), weights("b", (32, 32), 1), weights("c", (32, 32), 2)))
    drifts = [weights("", (32, 32), 7, scale).numpy() for scale in (0.01, 0.004, 0.004)]
    new = Model(
        tuple(Tensor.from_numpy(t.name, t.numpy() + drift) for t, drift in zip(old.tensors, drifts, strict=True))
    )
    scaled = encode_with_report(new, EncoderConfig(step=0.012), [old])
    plain = encode_with_report(new, EncoderConfig(step=0.012, least_squares=True), [old])
    quantisers = [record.coding.quantiser for record in read_stream(scaled.data, references=[old]).records]
    assert len({quantiser.step_code for quantiser in quantisers if quantiser}) == 2
    assert not any(record.coding.own_quantiser for record in read_stream(plain.data, references=[old]).records)
    for before, after in zip(old.tensors, new.tensors, strict=True):
        update = after.numpy() - before.numpy()
        changes = [encoded.model.by_name[after.name].numpy() - before.numpy() for encoded in (scaled, plain)]
        made, least = (float((update * change).sum() / np.square(update).sum()) for change in changes)
        assert least < made - 0.05
    asked = encode_with_report(new, EncoderConfig(update_snr=3.0), [old])
    assert asked.config.least_squares


def group_offset(tensor: Tensor, config: EncoderConfig) -> int:
    quantiser = read_stream(encode(Model((tensor,)), config)).parameters.groups[0].quantiser
    assert quantiser is not None
    return quantiser.reconstruction_offset


@pytest.mark.parametrize("is_fast", [False, True])
@pytest.mark.parametrize("odds", [0.5, 0.01])
def test_few_values_are_no_dearer_with_loss_than_without(odds: float, is_fast: bool) -> None:
    generator = np.random.default_rng(0)
    values = generator.choice(np.array([0.1, 0.37], np.float32), p=[1 - odds, odds], size=(200, 200))
    model = Model((Tensor.from_numpy("w", values),))
    exact = len(encode(model, EncoderConfig(lossless=True)))
    assert len(encode(model, EncoderConfig(quality=56, fast=is_fast))) <= 1.02 * exact
