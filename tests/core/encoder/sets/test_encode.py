"""Sets of models: what is decoded, how many bytes it takes, what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nncodec
from nncodec import (
    DType,
    EncodedSet,
    EncodeError,
    EncoderConfig,
    EncodeWarning,
    Model,
    SetConfig,
    SetStructure,
    Tensor,
    Work,
    decode_set,
    encode_set,
    encode_set_with_report,
)
from nncodec.encoder.sets.encode import SetProcess
from nncodec.encoder.sets.structure import Node
from nncodec.encoder.sets.writer import set_overhead, write_set
from tests.core.encoder.sets.related import arrays_of, chain, changed, model_of, random_model, relatives
from tests.strategies import models

LOSSLESS = EncoderConfig(lossless=True)
REQUESTS = [
    LOSSLESS,
    EncoderConfig(quality=30),
    EncoderConfig(step=0.01),
    EncoderConfig(snr=20),
    EncoderConfig(fast=True),
]
slow_data = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def coded(members: dict[str, Model], config: SetConfig, references: list[Model] | None = None) -> EncodedSet:
    """A set whose decoded models are as the encoder expects."""
    encoded = encode_set_with_report(members, config, references or [])
    decoded = decode_set(encoded.data, references or [])
    assert list(decoded) == list(encoded.members)
    assert {name: model.content_id for name, model in decoded.items()} == {
        name: member.encoded.model.content_id for name, member in encoded.members.items()
    }
    return encoded


@st.composite
def configs(draw: st.DrawFn, names: list[str]) -> SetConfig:
    """Any structure, root and bound."""
    structure = draw(st.sampled_from(SetStructure))
    root = None if structure == SetStructure.SEPARATE else draw(st.sampled_from([None, *names]))
    encoder = draw(st.sampled_from(REQUESTS))
    depth, parents = draw(st.sampled_from([1, 2, 8])), draw(st.integers(1, 3))
    return SetConfig(encoder, structure, root, depth, parents)


@slow_data
@given(relatives(), st.data())
def test_every_set_comes_back(members, data):
    config = data.draw(configs(list(members)))
    references = data.draw(
        st.lists(st.one_of(models(max_tensors=2), st.sampled_from(list(members.values()))), max_size=2)
    )
    encoded = coded(members, config, references)
    assert sorted(encoded.members) == sorted(members)
    if config.encoder.lossless:
        assert all(encoded.members[name].encoded.model.content_id == members[name].content_id for name in members)


@slow_data
@given(relatives(), st.data())
def test_structure_is_as_asked(members, data):
    config = data.draw(configs(list(members)))
    found = encode_set_with_report(members, config).members
    depths: dict[str, int] = {}
    for name, member in found.items():
        assert set(member.parents) <= set(depths), "a parent stands behind its child"
        depths[name] = max((depths[parent] + 1 for parent in member.parents), default=0)
        most = {SetStructure.SEPARATE: 0, SetStructure.TREE: config.parents}.get(config.structure, 1)
        assert len(member.parents) <= most
    assert max(depths.values()) <= config.depth
    if config.root is not None:
        assert [name for name, depth in depths.items() if depth == 0] == [config.root]


@slow_data
@given(relatives(), st.sampled_from([LOSSLESS, EncoderConfig(quality=30)]))
def test_set_takes_no_more_than_its_models_one_by_one(members, config):
    """What a parent costs in a header, and what closed loop moves in small streams, is within the overhead."""
    separate = sum(len(nncodec.encode_with_report(model, config).data) for model in members.values())
    data = encode_set_with_report(members, SetConfig(encoder=config)).data
    assert len(data) <= 1.001 * separate + set_overhead(members)


@pytest.mark.parametrize("config", [LOSSLESS, EncoderConfig(quality=30), EncoderConfig(quality=55)])
def test_strangers_take_no_more_than_one_by_one(config):
    members = {f"m{seed}": random_model(seed) for seed in range(4)}
    separate = sum(len(nncodec.encode(model, config)) for model in members.values())
    assert len(coded(members, SetConfig(encoder=config)).data) <= 1.001 * separate + set_overhead(members)


def test_relatives_take_much_less():
    members = chain(4, amount=0.05)
    separate = len(encode_set(members, SetConfig(structure=SetStructure.SEPARATE)))
    assert len(coded(members, SetConfig()).data) < 0.8 * separate


def test_bytes_depend_on_nothing_but_the_models():
    members = chain(3)
    first = encode_set(members)
    assert encode_set(dict(members)) == first
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        assert encode_set(members, work=Work(pool)) == first


def test_references_outside_the_set_are_used_and_needed():
    base = random_model(7)
    members = {"a": changed(base, 1, 0.02), "b": changed(base, 2, 0.02)}
    alone, updates = encode_set(members), coded(members, SetConfig(), [base])
    assert len(updates.data) < len(alone)
    with pytest.raises(nncodec.InvalidStreamError, match="reference"):
        decode_set(updates.data)


@pytest.mark.parametrize("budget", [None, 4000])
def test_name_map_matches_names_that_differ(budget):
    base = random_model(1)
    other = {"x": np.random.default_rng(5).normal(0, 0.1, (40, 30)), "w": arrays_of(base)["a.weight"]}
    renamed = changed(model_of(other), 2, 0.02)
    encoder = EncoderConfig(quality=None if budget else 50, name_map=(("w", "a.weight"),))
    encoded = coded({"a": base, "b": renamed}, SetConfig(encoder, root="a", max_bytes=budget))
    predictions = {row.name: row.prediction for row in encoded.members["b"].encoded.report.tensors}
    assert predictions == {"x": "none", "w": "reference"}


def test_paper_structure_has_the_root_of_eq_11():
    members = chain(3, 0.2)
    root = nncodec_root(members)
    encoded = coded(members, SetConfig(structure=SetStructure.PAPER))
    assert [name for name, member in encoded.members.items() if not member.parents] == [root]
    assert all(member.parents == (root,) for name, member in encoded.members.items() if name != root)


def nncodec_root(members: dict[str, Model]) -> str:
    """The name of the paper's root."""
    from nncodec.analysis.root import root_of_set

    return list(members)[root_of_set(list(members.values())).index]


def test_warnings_name_the_model():
    hostile = model_of({"w": np.array([[1.0, np.nan], [2.0, 3.0]])})
    report = encode_set_with_report({"good": random_model(1), "bad": hostile})
    notices = report.members["bad"].encoded.report.notices
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encode_set({"good": random_model(1), "bad": hostile})
    assert [str(each.message) for each in caught if each.category is EncodeWarning] == [f"bad: {n}" for n in notices]


class TestRefusals:
    """Each says what is wrong; nothing is coded."""

    @pytest.mark.parametrize("members", [{}, {"a": random_model(0)}])
    def test_fewer_than_two(self, members):
        with pytest.raises(EncodeError, match=f"two models or more, not {len(members)}"):
            encode_set(members)

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "C:", "a\0", "\x7f", "x" * 256, "\ud800"])
    def test_bad_names(self, name):
        stream = nncodec.encode(random_model(0), LOSSLESS)
        for attempt in (
            lambda: encode_set({"a": random_model(0), name: random_model(1)}),
            lambda: write_set({"a": stream, name: stream}),
        ):
            with pytest.raises(EncodeError, match="the name of model"):
                attempt()

    def test_unknown_names(self):
        members = chain(2)
        with pytest.raises(EncodeError, match="no model 'who'; it has m0, m1"):
            encode_set(members, SetConfig(root="who"))
        with pytest.raises(EncodeError, match="no model 'who'"):
            encode_set(members, SetConfig(max_bytes=10**6, weights={"who": 1}))
        with pytest.raises(EncodeError, match="no model 'who'"):
            encode_set_with_report(members, SetConfig(max_bytes=10**6), utilities={"who": lambda _: 1.0})

    def test_models_that_are_none(self):
        nameless = Model((Tensor("\ud800", DType.INT8, (1,), b"1"),))
        with pytest.raises(EncodeError, match="has no UTF-8 form"):
            encode_set({"a": random_model(0), "b": nameless})
        with pytest.raises(EncodeError, match="has no UTF-8 form"):
            encode_set(chain(2), references=[nameless])

    def test_name_map_to_what_none_has(self):
        with pytest.raises(EncodeError, match="no model has the tensor 'old' that the name map asks for"):
            encode_set(chain(2), SetConfig(EncoderConfig(name_map=(("bias", "old"),))))


class TestWriteSet:
    """What makes no set is not written."""

    STREAM = nncodec.encode(random_model(0), LOSSLESS)

    @pytest.mark.parametrize("count", [0, 1])
    def test_fewer_than_two(self, count):
        with pytest.raises(EncodeError, match=f"two models or more, not {count}"):
            write_set(dict.fromkeys("ab"[:count], self.STREAM))

    def test_nested(self):
        inner = write_set({"a": self.STREAM, "b": self.STREAM})
        with pytest.raises(EncodeError, match="'inner' is a set itself"):
            write_set({"a": self.STREAM, "inner": inner})

    @pytest.mark.parametrize("data", [b"", b"what is this", STREAM[:9]])
    def test_no_stream(self, data):
        with pytest.raises(EncodeError, match="stream of model 'b' is none"):
            write_set({"a": self.STREAM, "b": data})

    def test_overhead_is_the_most_that_a_set_adds(self):
        data = write_set({"a": self.STREAM, "b" * 255: self.STREAM})
        assert 0 < len(data) - 2 * len(self.STREAM) <= set_overhead(["a", "b" * 255])


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_tensors_that_models_share_are_stored_once(request_):
    rng = np.random.default_rng(5)
    backbone = {f"b{k}": rng.normal(size=(48, 48)).astype(np.float32) for k in range(3)}
    backbone["bias"] = rng.normal(size=48).astype(np.float32)
    heads = [rng.normal(size=(6, 48)).astype(np.float32) for _ in range(3)]
    members = {f"m{k}": model_of(backbone | {"head": head}) for k, head in enumerate(heads)}
    encoded = coded(members, SetConfig(request_))
    first, *others = encoded.members.values()
    for member in others:
        assert member.encoded.report.bytes < first.encoded.report.bytes / 6
        rows = {row.name: row.prediction for row in member.encoded.report.tensors}
        assert {rows[name] for name in backbone} <= {"shared", "copy"}
        assert not member.encoded.report.notices


def test_a_model_of_higher_quality_does_not_share_a_coarser_tensor():
    weights = np.random.default_rng(6).normal(size=(64, 64)).astype(np.float32)
    members = {"coarse": model_of({"w": weights}), "fine": model_of({"w": weights})}
    process = SetProcess(members, SetConfig(), (), Work())
    nodes = [Node(0, (), 0.0), Node(1, (0,), 0.0)]
    configs = [EncoderConfig(quality=20), EncoderConfig(quality=50)]
    rows = process.code(nodes, configs).members["fine"].encoded.report.tensors
    assert [row.prediction for row in rows] == ["reference"]
    assert rows[0].distortion.snr_db > 45
    assert [row.prediction for row in process.code(nodes, configs[1:] * 2).members["fine"].encoded.report.tensors] == [
        "shared"
    ]
