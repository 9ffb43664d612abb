"""SPEC.md clauses 8.3 and E.3: models coded given others: what it saves, and that it never does harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import Encoded, EncodeWarning, encode, encode_with_report
from nncodec.errors import BitstreamError, EncodeError, ErrorClass
from nncodec.model import Model, Tensor
from nncodec.rounding import widen
from nncodec.stream import read_stream
from nncodec.tables import DType, Prediction, Profile
from tests.core.handmade import same_tensors, tensor_of, weights
from tests.strategies import models

SHAPES = {"a": (16, 24), "b": (24, 8), "c": (8, 8, 3)}


def version(seed: int, base: Model | None = None, scale: float = 0.05) -> Model:
    """A model; with `base`, that model with Gaussian noise of `scale` added."""
    tensors = []
    for index, (name, shape) in enumerate(SHAPES.items()):
        tensor = weights(name, shape, 10 * seed + index, scale)
        if base is not None:
            tensor = tensor_of(name, tensor.numpy() + base.by_name[name].numpy())
        tensors.append(tensor)
    return Model((*tensors, weights("bias", (5,), 10 * seed + 9)))


def predictions(data: bytes, references: list[Model]) -> dict[str, Prediction]:
    stream = read_stream(data, references=references)
    return {record.name: record.coding.prediction for record in stream.records}


def refused(data: bytes, references: list[Model]) -> ErrorClass:
    with pytest.raises(BitstreamError) as caught:
        decode(data, references)
    return caught.value.error_class


V1 = version(1)
V2 = version(2, V1, 0.002)
OTHER = version(3)
CONFIG = EncoderConfig(q_bits=9)


def coded(model: Model, references: list[Model], config: EncoderConfig = CONFIG) -> Encoded:
    encoded = encode_with_report(model, config, references)
    assert same_tensors(decode(encoded.data, references), encoded.model)
    return encoded


@pytest.mark.parametrize("lossless", [False, True])
def test_unchanged_model_is_copied(lossless: bool) -> None:
    encoded = coded(V1, [V1], EncoderConfig(lossless=lossless))
    assert set(predictions(encoded.data, [V1]).values()) == {Prediction.COPY}
    assert same_tensors(encoded.model, V1)
    assert len(encoded.data) < 200
    assert read_stream(encoded.data, references=[V1]).slices == []


def test_small_update_is_a_difference_and_cheap() -> None:
    encoded = coded(V2, [V1])
    assert [predictions(encoded.data, [V1])[name] for name in SHAPES] == [Prediction.REFERENCE] * 3
    assert len(encoded.data) < 0.6 * len(encode(V2, CONFIG))


def test_partial_update_copies_what_did_not_change() -> None:
    partly = Model((V1.by_name["a"], V2.by_name["b"], V1.by_name["c"], V1.by_name["bias"]))
    found = predictions(coded(partly, [V1]).data, [V1])
    assert found == {
        "a": Prediction.COPY,
        "b": Prediction.REFERENCE,
        "c": Prediction.COPY,
        "bias": Prediction.COPY,
    }


def test_update_below_the_step_is_a_copy() -> None:
    barely = version(4, V1, 1e-5)
    encoded = coded(Model(barely.tensors[:3]), [V1])
    assert set(predictions(encoded.data, [V1]).values()) == {Prediction.COPY}
    assert encoded.model.by_name["a"].content_id == V1.by_name["a"].content_id


def test_wrong_and_missing_references_are_refused() -> None:
    for config in (CONFIG, EncoderConfig(lossless=True)):
        data = encode(V1 if config.lossless else V2, config, [V1])
        assert refused(data, []) == ErrorClass.REF_MISSING
        assert refused(data, [OTHER]) == ErrorClass.REF_MISMATCH
        assert refused(data, [OTHER, V2]) == ErrorClass.REF_MISMATCH
        renamed = Model(tuple(Tensor(t.name + "x", t.dtype, t.shape, t.data) for t in V1.tensors))
        assert refused(data, [renamed]) == ErrorClass.REF_MISMATCH
        assert decode(data, [OTHER, V1, V2]).content_id == decode(data, [V1]).content_id


def test_parents_that_predict_nothing_are_not_named() -> None:
    data = encode(V2, CONFIG, [OTHER, V1, Model(())])
    assert read_stream(data, references=[V1]).parameters.parents == [V1.content_id]
    assert data == encode(V2, CONFIG, [V1])
    with pytest.warns(EncodeWarning, match="nothing is predicted from the references"):
        alone = encode(OTHER, EncoderConfig(q_bits=8), [Model((weights("elsewhere", (16, 24)),))])
    assert read_stream(alone).parameters.parents == []
    assert alone == encode(OTHER, EncoderConfig(q_bits=8))


def test_each_tensor_takes_the_nearest_reference() -> None:
    near_a = Model((V1.by_name["a"], OTHER.by_name["b"]))
    near_b = Model((OTHER.by_name["a"], V1.by_name["b"]))
    model = Model((V2.by_name["a"], V2.by_name["b"]))
    stream = read_stream(coded(model, [near_a, near_b]).data, references=[near_a, near_b])
    assert [stream.parameters.parents[record.coding.terms[0].parent] for record in stream.records] == [
        near_a.content_id,
        near_b.content_id,
    ]


@pytest.mark.parametrize("q_bits", [6, 7, 8, 9, 10])
@pytest.mark.parametrize(("count", "side"), [(40, 8), (20, 16), (3, 64)])
def test_unrelated_reference_does_no_harm(q_bits: int, count: int, side: int) -> None:
    model = Model(tuple(weights(f"{index}", (side, side), index) for index in range(count)))
    unrelated = Model(tuple(weights(f"{index}", (side, side), 500 + index) for index in range(count)))
    config = EncoderConfig(q_bits=q_bits)
    alone, given_more = (len(encode_with_report(model, config, [*more]).data) for more in ((), (unrelated,)))
    assert given_more <= 1.001 * alone + 64  # a parent's id, and a few tensors that came out nearer by chance


def test_reference_may_differ_in_shape_and_type() -> None:
    wide = np.zeros((20, 24), "<f4")
    wide[:16] = V1.by_name["a"].numpy()
    target = tensor_of("a", np.asarray(V2.by_name["a"].numpy(), float), DType.FLOAT64)
    for reference in (tensor_of("a", wide), tensor_of("a", wide[:16, :20]), tensor_of("a", wide, DType.FLOAT16)):
        encoded = coded(Model((target,)), [Model((reference,))])
        assert predictions(encoded.data, [Model((reference,))]) == {"a": Prediction.REFERENCE}


def test_reference_that_cannot_predict_is_passed_over() -> None:
    references = [
        Model((weights("a", (384,)),)),
        Model((Tensor("a", DType.INT32, (16, 24), bytes(1536)),)),
        Model((tensor_of("a", np.full((16, 24), np.nan)),)),
    ]
    encoded = coded(Model((V1.by_name["a"],)), references)
    assert predictions(encoded.data, references) == {"a": Prediction.NONE}


def test_update_of_a_tensor_with_nan_is_kept_exact() -> None:
    values = np.array(V2.by_name["a"].numpy())
    values[0, 0] = np.nan
    encoded = coded(Model((tensor_of("a", values),)), [V1])
    assert predictions(encoded.data, [V1]) == {"a": Prediction.REFERENCE}
    assert encoded.model.tensors[0].content_id == tensor_of("a", values).content_id
    assert [row.representation for row in encoded.report.tensors] == ["exact"]
    assert len(encoded.report.notices) == 1
    with_nan = Model((tensor_of("a", values),))
    back = coded(Model((V2.by_name["a"],)), [with_nan])
    assert predictions(back.data, [with_nan]) == {"a": Prediction.REFERENCE}


def test_difference_beyond_binary64_warns_of_nothing() -> None:
    huge = tensor_of("a", np.full((8, 8), 1.7e308), DType.FLOAT64)
    opposite = tensor_of("a", np.full((8, 8), -1.7e308), DType.FLOAT64)
    notices = coded(Model((huge,)), [Model((opposite,))]).report.notices
    assert [notice.split(":")[0] for notice in notices] == ["a", "nothing is predicted from the references"]


@pytest.mark.parametrize("profile", Profile)
def test_chain_of_updates_never_drifts(profile: Profile) -> None:
    """Closed loop: what is coded is the difference from what the receiver really has."""
    config = EncoderConfig(profile=profile, q_bits=9)
    original, received = V1, decode(encode(V1, config))
    for step in range(6):
        original = version(20 + step, original, 0.003)
        data = encode(original, config, [received])
        assert Prediction.REFERENCE in predictions(data, [received]).values()
        received = decode(data, [received])
        for name in SHAPES:
            error = received.by_name[name].numpy().astype(float) - original.by_name[name].numpy()
            assert np.abs(error).max() <= (0.6 if profile == Profile.BASELINE else 1.0) * 1e-3 * (1 + 1e-4)


def test_difference_of_levels_is_the_papers_dom() -> None:
    config = EncoderConfig(profile=Profile.BASELINE, q_bits=9)
    stream = read_stream(encode(Model((V2.by_name["a"],)), config, [V1]), references=[V1])
    assert stream.records[0].coding.prediction == Prediction.REFERENCE
    decoded = decode(encode(Model((V2.by_name["a"],)), config, [V1]), [V1]).by_name["a"]
    before, after = (widen(item.by_name["a"].data, DType.FLOAT32) for item in (V1, V2))
    difference = after - before
    dom = np.sign(difference) * np.floor(np.abs(difference) / 1e-3 + 0.4) * 1e-3
    assert np.allclose(widen(decoded.data, DType.FLOAT32), before + dom, rtol=0, atol=1e-8)


def test_more_parents_than_any_level_allows_are_refused() -> None:
    several = [Model((weights(f"t{index}", (8, 8), index),)) for index in range(17)]
    model = Model(tuple(item.tensors[0] for item in several))
    data = encode(Model(model.tensors[:8]), CONFIG, several)
    assert len(read_stream(data, references=several).parameters.parents) == 8
    with pytest.raises(EncodeError, match="parents"):
        encode(model, CONFIG, several)


@settings(max_examples=60, deadline=None)
@given(models(), models(), st.booleans(), st.sampled_from(Profile))
def test_any_model_given_any_other_comes_back(model: Model, reference: Model, lossless: bool, profile: Profile) -> None:
    config = EncoderConfig(lossless=lossless, profile=profile, include=() if lossless else ("*",))
    for references in ([reference], [model], [reference, model]):
        encoded = encode_with_report(model, config, references)
        assert same_tensors(decode(encoded.data, references), encoded.model)
        assert not lossless or same_tensors(encoded.model, model)


@settings(max_examples=60, deadline=None)
@given(models(name=st.sampled_from("ab")), models(name=st.sampled_from("ab")))
def test_models_that_share_names_come_back(model: Model, reference: Model) -> None:
    coded(model, [reference], EncoderConfig(include=("*",), q_bits=9))
