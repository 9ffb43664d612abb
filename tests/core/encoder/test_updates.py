"""SPEC.md clauses E.3 to E.8: updates of a model: what they cost, what the encoder finds, that nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import Encoded, encode, encode_with_report
from nncodec.errors import EncodeError
from nncodec.limits import LEVELS
from nncodec.model import Model, Tensor, Topology
from nncodec.stream import Stream, read_stream
from nncodec.tables import QUANTISABLE, DType, Prediction, Profile, TopologyFormat
from tests.core.handmade import same_tensors, tensor_of, weights
from tests.strategies import models, random_data

LOSSLESS = EncoderConfig(lossless=True)
COARSE = EncoderConfig(q_bits=9)
CONFIGS = [COARSE, LOSSLESS]


def coded(model: Model, references: list[Model], config: EncoderConfig = COARSE) -> tuple[Encoded, Stream]:
    """An update, checked to decode to what the encoder says."""
    encoded = encode_with_report(model, config, references)
    assert same_tensors(decode(encoded.data, references, limits=LEVELS[4]), encoded.model)
    if config.lossless:
        assert same_tensors(encoded.model, model)
    return encoded, read_stream(encoded.data, LEVELS[4], references)


def large(changed: dict[int, Tensor] | None = None) -> Model:
    tensors = [weights(f"model.layers.{index}.mlp.weight", (8, 10), index) for index in range(244)]
    for index, tensor in (changed or {}).items():
        tensors[index] = tensor
    return Model(tuple(tensors), Topology(TopologyFormat.ONNX, bytes(range(250)) * 9))


LARGE = large()


@pytest.mark.parametrize("config", CONFIGS)
def test_no_op_update_is_ids_and_64_bytes(config: EncoderConfig) -> None:
    for model in (LARGE, Model(LARGE.tensors[:3]), Model(LARGE.tensors[:1], LARGE.topology)):
        encoded, stream = coded(model, [model], config)
        assert len(encoded.data) <= 64 + 2 * 32
        assert {item.coding.prediction for item in stream.records} == {Prediction.COPY}


@pytest.mark.parametrize("place", [0, 100, 243])
@pytest.mark.parametrize("config", CONFIGS)
def test_unchanged_tensors_cost_a_bit_at_most(config: EncoderConfig, place: int) -> None:
    name = LARGE.tensors[place].name
    new = tensor_of(name, LARGE.tensors[place].numpy() + weights("", (8, 10), 999, 0.01).numpy())
    many, _ = coded(large({place: new}), [LARGE], config)
    one, _ = coded(Model((new,)), [Model((LARGE.tensors[place],))], config)
    assert 8 * (len(many.data) - len(one.data)) <= 243


@pytest.mark.parametrize("config", [*CONFIGS, EncoderConfig(profile=Profile.BASELINE, q_bits=9)])
@pytest.mark.parametrize(("count", "side"), [(1, 8), (30, 12), (4, 48)])
def test_unrelated_references_cost_next_to_nothing(config: EncoderConfig, count: int, side: int) -> None:
    model = Model(tuple(weights(f"{index}", (side, side), index) for index in range(count)))
    others = [
        Model(tuple(weights(f"{index}", (side, side), seed + index) for index in range(count))) for seed in (500, 900)
    ]
    alone = len(encode(model, config))
    for references in (others[:1], others):
        assert len(coded(model, references, config)[0].data) <= 1.001 * alone + 16


def network(rows: np.ndarray[Any, Any], dtype: DType = DType.FLOAT32) -> Model:
    """Two layers and the vectors between them; `rows` says which channels of the hidden layer there are."""
    first, bias, second = (
        np.random.default_rng(seed).normal(0, 0.05, shape)
        for seed, shape in ((1, (48, 30)), (2, (48,)), (3, (20, 48, 3, 3)))
    )
    return Model(
        (
            tensor_of("1.weight", first[rows], dtype),
            tensor_of("1.bias", bias[rows], dtype),
            tensor_of("2.weight", second[:, rows], dtype),
        )
    )


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("kind", ["permuted", "pruned"])
def test_channels_that_moved_are_found_over_two_layers(config: EncoderConfig, kind: str) -> None:
    order = np.random.default_rng(5).permutation(48)
    rows = order if kind == "permuted" else np.sort(order[:40])
    encoded, stream = coded(network(rows), [network(np.arange(48))], config)
    assert {item.coding.prediction for item in stream.records} == {Prediction.COPY}
    assert same_tensors(encoded.model, network(rows))
    assert len(encoded.data) < 450


def test_channels_that_moved_and_changed_are_differences() -> None:
    rows = np.random.default_rng(5).permutation(48)
    moved = network(rows)
    noisy = [tensor_of(t.name, t.numpy() + weights("", t.shape, 7, 0.001).numpy()) for t in moved.tensors]
    encoded, stream = coded(Model(tuple(noisy)), [network(np.arange(48))])
    assert stream.records[2].coding.prediction != Prediction.NONE
    assert stream.records[2].coding.terms[0].mapped
    assert len(encoded.data) < 0.5 * len(encode(Model(tuple(noisy)), COARSE))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(("shape", "axes"), [((20, 30), (1, 0)), ((12, 3, 5, 7), (2, 3, 1, 0)), ((9, 9), (1, 0))])
def test_transposed_kernel_is_a_copy(config: EncoderConfig, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    old = weights("w", shape)
    new = tensor_of("w", np.ascontiguousarray(old.numpy().transpose(axes)))
    encoded, stream = coded(Model((new,)), [Model((old,))], config)
    assert stream.records[0].coding.terms[0].mapped
    assert same_tensors(encoded.model, Model((new,)))
    assert len(encoded.data) < 200


@pytest.mark.parametrize("config", CONFIGS)
def test_scaled_tensors_take_gains(config: EncoderConfig) -> None:
    old = weights("w", (16, 64))
    gains = np.random.default_rng(0).integers(512, 1536, (16, 1)).astype("<f4") / 1024
    for factor, count in ((np.float32(0.75), 1), (gains, 16)):
        new = tensor_of("w", old.numpy() * factor)
        encoded, stream = coded(Model((new,)), [Model((old,))], config)
        assert stream.records[0].coding.terms[0].gain_count == count
        assert len(encoded.data) < 400


def test_two_versions_predict_the_next_and_the_one_between() -> None:
    first, drift = weights("w", (64, 64)).numpy(), weights("w", (64, 64), 1, 0.02).numpy()
    versions = [Model((tensor_of("w", first + time * drift),)) for time in (0, 1, 2, 0.5)]
    for target in versions[2:]:
        encoded, stream = coded(target, versions[:2])
        (record,) = stream.records
        assert (len(record.coding.terms), record.coding.prediction) == (2, Prediction.REFERENCE)
        assert len(encoded.data) < 0.5 * len(coded(target, versions[1:2])[0].data)
    between = [term.gains for term in stream.records[0].coding.terms]
    assert np.allclose(between, 0.5, atol=0.01)


def test_renamed_tensors_are_found_by_the_map_and_without_it() -> None:
    old = Model((weights("a", (8, 12)), weights("b", (8, 12), 1), weights("c", (8, 12), 2)))
    new = Model(
        tuple(tensor_of(t.name.upper(), t.numpy() + weights("", t.shape, 9, 1e-3).numpy()) for t in old.tensors)
    )
    mapped = replace(COARSE, name_map=(("A", "a"), ("B", "b"), ("C", "c")))
    for config in (COARSE, mapped):
        _, stream = coded(new, [old], config)
        assert [item.coding.terms[0].reference_tensor for item in stream.records] == [1, 2, 3]
    with pytest.raises(EncodeError, match="'z'"):
        encode(new, replace(COARSE, name_map=(("A", "z"),)), [old])


@pytest.mark.parametrize("config", [EncoderConfig(step=100.0), EncoderConfig(profile=Profile.BASELINE, q_bits=14)])
def test_a_step_beyond_all_weights_leaves_the_reference(config: EncoderConfig) -> None:
    old, drift = weights("w", (16, 64)), weights("w", (16, 64), 1, 0.002).numpy()
    encoded, stream = coded(Model((tensor_of("w", old.numpy() + drift),)), [Model((old,))], config)
    assert stream.records[0].coding.prediction == Prediction.COPY
    assert same_tensors(encoded.model, Model((old,)))


def test_an_snr_that_the_reference_has_already_leaves_matrices_and_spares_vectors() -> None:
    old = Model((weights("w", (16, 64)), weights("bias", (64,), 2)))
    drift = [weights("", tensor.shape, 5, 0.002).numpy() for tensor in old.tensors]
    new = Model(tuple(tensor_of(t.name, t.numpy() + part) for t, part in zip(old.tensors, drift, strict=True)))
    unrelated = Model((new.tensors[0], weights("other", (64,), 2)))
    for model in (new, unrelated):
        encoded, stream = coded(model, [old], EncoderConfig(snr=20.0))
        assert stream.records[0].coding.prediction == Prediction.COPY
        vector, kept = model.tensors[1].numpy().astype(float), encoded.model.tensors[1].numpy()
        assert np.square(kept - vector).sum() < 0.1 * np.square(vector).sum()


@pytest.mark.parametrize("config", [COARSE, EncoderConfig(profile=Profile.BASELINE, q_bits=9), LOSSLESS])
def test_chain_of_five_updates_stays_in_step(config: EncoderConfig) -> None:
    original = Model((weights("w", (24, 32)), weights("v", (40,), 3)))
    received = decode(encode(original, config))
    for version in range(5):
        noisy = [tensor_of(t.name, t.numpy() + weights("", t.shape, version, 4e-3).numpy()) for t in original.tensors]
        original = Model(tuple(noisy))
        encoded, _ = coded(original, [received], config)
        received = decode(encoded.data, [received])
        error = np.abs(received.by_name["w"].numpy().astype(float) - original.by_name["w"].numpy())
        assert error.max() <= 0 if config.lossless else error.max() <= 1e-3 * 1.0001


def changed(tensor: Tensor, kind: str, seed: int) -> list[Tensor]:
    """What became of a tensor in the next version of its model."""
    name, dtype, shape = tensor.name, tensor.dtype, tensor.shape
    bigger = tuple(dim + 1 for dim in shape)
    data = bytearray(tensor.data)
    found = {
        "missing": [],
        "renamed": [Tensor(name + "'", dtype, shape, tensor.data)],
        "extra": [tensor, Tensor(name + '"', dtype, shape, random_data(dtype, shape, seed))],
        "reshaped": [Tensor(name, dtype, bigger, random_data(dtype, bigger, seed))],
        "flattened": [Tensor(name, dtype, (tensor.size,), tensor.data)],
        "retyped": [Tensor(name, DType.FLOAT16, shape, random_data(DType.FLOAT16, shape, seed))],
    }
    if kind == "retyped" and dtype == DType.FLOAT32:  # the same values
        with np.errstate(invalid="ignore"):  # of signalling NaN
            values = tensor.numpy().astype(float)
        return [tensor_of(name, np.nan_to_num(values), DType.FLOAT64)]
    if kind == "touched" and dtype != DType.STRING and data:
        data[seed % len(data)] ^= 1 << seed % 8
        return [Tensor(name, dtype, shape, bytes(data))]
    return found.get(kind, [tensor])


KINDS = ["same", "missing", "renamed", "extra", "reshaped", "flattened", "retyped", "touched"]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Model, Model]:
    """A model and the next version of it, in which anything may have happened."""
    old = draw(models(name=st.sampled_from("abcdef")))
    new = [item for t in old.tensors for item in changed(t, draw(st.sampled_from(KINDS)), draw(st.integers(1, 99)))]
    if draw(st.booleans()):
        new = draw(st.permutations(new))
    return old, Model(tuple(new), old.topology if draw(st.booleans()) else Topology(TopologyFormat.ONNX, b"new"))


F32 = Model((Tensor("a", DType.FLOAT32, (2, 2), bytes(16)),))


@settings(max_examples=100, deadline=None)
@given(pairs(), st.sampled_from([0, 1, 2, 3]), st.integers(8, 10))
@example((F32, Model((Tensor("a", DType.FLOAT16, (2, 2), bytes(8)),))), 0, 9)
@example((Model((Tensor("a", DType.FLOAT32, (), b"\0\0\xc0\x7f"),)), Model((tensor_of("a", np.zeros(())),))), 0, 9)
def test_any_pair_of_versions_comes_back(pair: tuple[Model, Model], kind: int, q_bits: int) -> None:
    old, new = pair
    config = [
        LOSSLESS,
        EncoderConfig(lossless=True, profile=Profile.BASELINE),
        EncoderConfig(q_bits=q_bits, include=("*",)),
        EncoderConfig(q_bits=q_bits, profile=Profile.BASELINE),
    ][kind]
    coded(new, [old], config)
    coded(old, [new, old], config)


def vectors(*added: Tensor, **fields: Any) -> tuple[dict[str, Tensor], Stream]:
    """What becomes of vectors beside a matrix."""
    config = replace(COARSE, **fields)
    encoded, stream = coded(Model((weights("matrix", (64, 64)), *added)), [], config)
    return encoded.model.by_name, stream


def quantiser_step(stream: Stream, place: int) -> float:
    quantiser = stream.records[place].coding.quantiser
    assert quantiser is not None
    code = quantiser.step_code or 0
    return (1024 + (code & 1023)) * 2.0 ** ((code >> 10) - 58)


@pytest.mark.parametrize("dtype", sorted(QUANTISABLE))
@pytest.mark.parametrize("scale", [0.01, 0.05, 3.0])
def test_fine_steps_follow_the_size_of_the_vector(dtype: DType, scale: float) -> None:
    vector = weights("v", (500,), 1, scale, dtype)
    after, stream = vectors(vector)
    before = decode(encode(Model((vector,)), LOSSLESS)).tensors[0]
    found, original = (values_of(item) for item in (after["v"], before))
    matrix = values_of(weights("matrix", (64, 64)))
    rms = [float(np.sqrt(np.mean(np.square(values)))) for values in (original, matrix)]
    step = 1e-3 * rms[0] / rms[1] / 8
    if not stream.records[1].coding.has_levels:
        assert dtype in (DType.BFLOAT16, DType.FLOAT16)  # whose own words may cost less
        assert np.array_equal(found, original)
        return
    assert step * (1 - 2**-10) <= quantiser_step(stream, 1) <= step
    ulp = {DType.FLOAT64: 2.0**-52, DType.FLOAT32: 2.0**-23, DType.FLOAT16: 2.0**-10, DType.BFLOAT16: 2.0**-7}[dtype]
    assert (np.abs(found - original) <= step / 2 + ulp * np.abs(found) + 2.0**-25).all()


def values_of(tensor: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    if tensor.dtype == DType.BFLOAT16:
        return (np.frombuffer(tensor.data, "<u2").astype("<u4") << 16).view("<f4").astype(float)
    return tensor.numpy().astype(float).ravel()


@pytest.mark.parametrize("sign", [1, -1])
def test_vectors_of_one_sign_keep_the_smallest_to_a_sixteenth(sign: int) -> None:
    values = sign * np.exp(np.random.default_rng(0).normal(-3, 0.3, 400))
    after, stream = vectors(tensor_of("v", values))
    assert stream.records[1].coding.has_levels
    errors = np.abs(values_of(after["v"]) - values)
    assert (errors <= np.abs(values).min() / 16 * (1 + 1e-4) + np.abs(values) * 2.0**-23).all()
    assert (np.sign(values_of(after["v"])) == sign).all()


def test_short_integer_and_baseline_vectors_stay_exact() -> None:
    short, shapes = weights("short", (15,)), tensor_of("whole", np.arange(400.0))
    odd = tensor_of("odd", np.r_[np.nan, np.ones(99) / 3])
    after, _ = vectors(short, shapes, odd)
    assert all(after[item.name].content_id == item.content_id for item in (short, shapes, odd))
    long = weights("long", (400,))
    assert vectors(long)[0]["long"].content_id != long.content_id
    for fields in ({"profile": Profile.BASELINE}, {"exclude": ("l*",)}, {"lossless": True, "q_bits": None}):
        assert vectors(long, **fields)[0]["long"].content_id == long.content_id


@pytest.mark.parametrize("shape", [(400,), (1, 400), (1, 20, 1), (1, 1, 1, 64)])
def test_vector_is_one_whatever_its_rank(shape: tuple[int, ...]) -> None:
    _, stream = vectors(weights("v", shape, 3))
    assert stream.records[1].coding.own_quantiser in (True, None)
    assert stream.records[0].coding.own_quantiser is False
