"""SPEC.md clauses 6.9, 7.4 and 8.6: sets of models: all of them, or some with what they are predicted from."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode
from nncodec.encoder.sets.writer import write_set
from nncodec.errors import BitstreamError, ErrorClass, LimitExceededError, UnsupportedStreamError
from nncodec.limits import LEVELS
from nncodec.model import Model
from nncodec.set_decoder import SetReader, decode_set, open_set
from nncodec.set_stream import is_set, name_flaw
from nncodec.stream import read_identity, read_parents
from tests.core.handmade import same_tensors, weights
from tests.core.strategies_core import random_sets
from tools.vectors import wire

VALID = Path(__file__).resolve().parents[2] / "conformance" / "valid"
LOSSLESS = EncoderConfig(lossless=True)
OUTSIDE = Model((weights("w", (40, 50), 1), weights("v", (40, 50), 2)))


def golden(name: str) -> bytes:
    """A valid set of the conformance suite."""
    return (VALID / f"{name}.nmc").read_bytes()


def changed(model: Model, seed: int) -> Model:
    """`model` with another tensor v."""
    return Model((model.tensors[0], weights("v", (40, 50), seed)))


FIRST = Model((weights("w", (40, 50), 3), weights("v", (40, 50), 4)))
SECOND, OTHER = changed(FIRST, 5), Model((weights("alone", (60, 70), 6),))
THIRD = changed(SECOND, 7)
UPDATE = changed(OUTSIDE, 8)
MODELS = {"first": FIRST, "other": OTHER, "second": SECOND, "update": UPDATE, "third": THIRD}
STREAMS = {
    "first": encode(FIRST, LOSSLESS),
    "other": encode(OTHER, LOSSLESS),
    "second": encode(SECOND, LOSSLESS, [FIRST]),
    "update": encode(UPDATE, LOSSLESS, [OUTSIDE]),
    "third": encode(THIRD, LOSSLESS, [SECOND]),
}
DATA = write_set(STREAMS)


class Recorded(io.BytesIO):
    """Remembers which bytes are read, and how many in all."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.places: set[int] = set()
        self.taken = 0

    def read(self, size: int | None = -1) -> bytes:
        begin = self.tell()
        data = super().read(size)
        self.places |= set(range(begin, begin + len(data)))
        self.taken += len(data)
        return data


def refused(data: bytes) -> BitstreamError:
    """The error with which `data` is refused."""
    with pytest.raises(BitstreamError) as caught:
        decode_set(data, [OUTSIDE])
    return caught.value


def test_models_come_by_name_in_the_order_of_the_set() -> None:
    models = decode_set(DATA, [OUTSIDE])
    assert list(models) == list(MODELS)
    assert all(same_tensors(models[name], MODELS[name]) for name in MODELS)


def test_names_choose_and_the_set_orders() -> None:
    models = decode_set(DATA, names=["third", "first"])
    assert list(models) == ["first", "third"]
    assert same_tensors(models["third"], THIRD)
    assert decode_set(DATA, names=[]) == {}


def test_models_are_decoded_as_they_are_asked_for() -> None:
    damaged = bytearray(DATA)
    damaged[-60] ^= 1
    models = SetReader(io.BytesIO(damaged), [OUTSIDE]).models()
    assert [next(models)[0] for _ in range(4)] == ["first", "other", "second", "update"]
    with pytest.raises(BitstreamError):
        next(models)


def places_of(reader: SetReader, *names: str) -> set[int]:
    """Where the streams of these models stand."""
    members = [member for member in reader.members if member.name in names]
    return {place for member in members for place in range(member.offset, member.offset + member.size)}


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("first", ["first"]),
        ("other", ["other"]),
        ("second", ["first", "second"]),
        ("third", ["first", "second", "third"]),
    ],
)
def test_only_a_model_and_what_it_needs_is_read(name: str, needed: list[str]) -> None:
    file = Recorded(DATA)
    reader = SetReader(file)
    file.places.clear()
    file.taken = 0
    assert same_tensors(reader.model(name), MODELS[name])
    wanted, others = places_of(reader, *needed), places_of(reader, *(set(MODELS) - set(needed)))
    assert wanted <= file.places
    assert len(file.places & others) <= 500 * len(MODELS)  # ends of streams, for the content ids they give
    assert file.taken <= len(wanted) + 5000 * len(MODELS)


def test_opening_a_set_reads_starts_only() -> None:
    data = write_set({f"{number}": STREAMS["other"] for number in range(20)})
    file = Recorded(data)
    reader = SetReader(file)
    assert reader.names == [f"{number}" for number in range(20)]
    assert len(file.places) <= 2**16 + 300 * 20 < len(data) / 2


def test_parents_and_needs_are_told_without_decoding() -> None:
    reader = SetReader(io.BytesIO(DATA))
    assert {name: reader.parents(name) for name in reader.names} == {
        "first": [],
        "other": [],
        "second": ["first"],
        "update": [],
        "third": ["second"],
    }
    assert reader.needs() == [OUTSIDE.content_id] == reader.needs(["update"])
    assert reader.needs(["third"]) == []
    assert [reader.content_id(name) for name in reader.names] == [model.content_id for model in MODELS.values()]


def test_a_parent_that_was_given_is_not_read_from_the_set() -> None:
    reader = SetReader(io.BytesIO(DATA), [FIRST])
    assert reader.parents("second") == []
    assert same_tensors(reader.model("second"), SECOND)


def test_needs_come_in_the_order_of_the_streams_and_count_later_members() -> None:
    data = write_set({"update": STREAMS["update"], "third": STREAMS["third"], "second": STREAMS["second"]})
    reader = SetReader(io.BytesIO(data))
    assert reader.needs() == [OUTSIDE.content_id, SECOND.content_id, FIRST.content_id]
    models = decode_set(data, [OUTSIDE, FIRST, SECOND])
    assert same_tensors(models["third"], THIRD)


def test_one_of_two_equal_parents_is_enough() -> None:
    reader = SetReader(io.BytesIO(golden("set-parent-twice")))
    assert [reader.parents(name) for name in reader.names] == [[], ["old"], ["old"]]


def test_a_parent_far_behind_the_front_of_its_stream_is_found() -> None:
    start = 10 + STREAMS["second"][9] + 4
    late = STREAMS["second"][:start] + wire.unit(128, bytes(9000)) + STREAMS["second"][start:]
    assert read_parents(late) == (FIRST.content_id,)
    reader = SetReader(io.BytesIO(write_set({"first": STREAMS["first"], "late": late})))
    assert reader.parents("late") == ["first"]


@pytest.mark.parametrize("ask", ["model", "stream", "content_id", "parents"])
def test_a_name_that_is_not_there_is_a_key_error(ask: str) -> None:
    reader = SetReader(io.BytesIO(DATA))
    with pytest.raises(KeyError, match="no model 'nobody'"):
        getattr(reader, ask)("nobody")


def test_a_name_that_is_not_there_is_a_key_error_among_others() -> None:
    reader = SetReader(io.BytesIO(DATA))
    with pytest.raises(KeyError, match="no model 'nobody'"):
        list(reader.models(["first", "nobody"]))
    with pytest.raises(KeyError, match="no model 'nobody'"):
        reader.needs(["nobody"])
    with pytest.raises(KeyError, match="no model 'nobody'"):
        decode_set(DATA, names=["nobody"])


def test_a_member_is_a_stream_as_it_is() -> None:
    reader = SetReader(io.BytesIO(DATA))
    for name in reader.names:
        assert bytes(reader.stream(name)) == STREAMS[name]
    assert same_tensors(decode(reader.stream("second"), [FIRST]), SECOND)


def test_a_set_is_opened_from_a_path_and_closed(tmp_path: Path) -> None:
    (tmp_path / "set.nmc").write_bytes(DATA)
    with open_set(tmp_path / "set.nmc") as reader:
        assert same_tensors(reader.model("third"), THIRD)
    with pytest.raises(ValueError, match="closed file"):
        reader.model("third")
    file = io.BytesIO(DATA)
    with open_set(file):
        pass
    assert not file.closed  # it is the caller's
    with pytest.raises(OSError, match="nowhere"):
        open_set(tmp_path / "nowhere.nmc")


def test_readers_of_one_model_say_that_this_is_a_set() -> None:
    for read in (decode, read_identity, read_parents):
        with pytest.raises(UnsupportedStreamError, match="set of 5 models") as caught:
            read(DATA)
        assert caught.value.clause == "6.9"


def test_the_stream_of_one_model_is_no_set() -> None:
    assert is_set(DATA)
    assert not is_set(STREAMS["first"])
    assert not is_set(DATA[:12])
    assert not is_set(b"")
    error = refused(STREAMS["first"])
    assert (error.error_class, error.clause) == (ErrorClass.UNIT_ORDER, "R-7.4.1")


@pytest.mark.parametrize("name", list(MODELS))
def test_an_error_is_told_at_its_place_in_the_file(name: str) -> None:
    reader = SetReader(io.BytesIO(DATA))
    member = next(member for member in reader.members if member.name == name)
    damaged = bytearray(DATA)
    damaged[member.offset + member.size // 2] ^= 4
    error = refused(bytes(damaged))
    assert error.error_class == ErrorClass.UNIT_CRC
    assert error.offset is not None
    assert member.offset < error.offset <= member.offset + member.size // 2


def test_the_error_of_the_first_bad_member_comes_first() -> None:
    reader = SetReader(io.BytesIO(DATA))
    damaged = bytearray(DATA)
    for member in reader.members[1:]:
        damaged[member.offset + member.size - 1] ^= 1
    error = refused(bytes(damaged))
    assert error.error_class == ErrorClass.BAD_MAGIC
    assert error.offset == reader.members[1].offset + reader.members[1].size - 4
    assert same_tensors(decode_set(bytes(damaged), names=["first"])["first"], FIRST)


def test_a_bad_start_is_told_at_its_place_in_the_file() -> None:
    reader = SetReader(io.BytesIO(DATA))
    damaged = bytearray(DATA)
    damaged[reader.members[3].offset + 12] ^= 1
    error = refused(bytes(damaged))
    assert error.error_class == ErrorClass.HEADER_CRC
    assert error.offset is not None
    assert reader.members[3].offset <= error.offset < reader.members[3].offset + 40


def test_a_missing_reference_is_an_error_of_its_member_alone() -> None:
    with pytest.raises(BitstreamError) as caught:
        decode_set(DATA)
    assert caught.value.error_class == ErrorClass.REF_MISSING
    assert list(decode_set(DATA, names=["third"])) == ["third"]


def test_a_level_that_was_not_allowed_is_a_limit() -> None:
    assert SetReader(io.BytesIO(DATA)).start.level == 0
    raised = golden("set-of-level-2")
    assert list(decode_set(raised, limits=LEVELS[2])) == ["a", "b"]
    with pytest.raises(LimitExceededError):
        decode_set(raised, limits=LEVELS[1])


@given(st.binary(max_size=200))
def test_any_bytes_give_an_error_of_ours(data: bytes) -> None:
    assert not is_set(data)
    with pytest.raises(BitstreamError):
        SetReader(io.BytesIO(data))


@given(st.integers(0, len(DATA) - 1), st.integers(0, 7), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_damage_gives_an_error_of_ours_or_leaves_the_model_whole(place: int, bit: int, cut: int) -> None:
    damaged = bytearray(DATA)
    damaged[place] ^= 1 << bit
    damaged = damaged[: len(damaged) - cut * 7]
    try:
        model = SetReader(io.BytesIO(bytes(damaged))).model("second")
    except BitstreamError as error:
        assert error.offset is None or 0 <= error.offset <= len(DATA)
    else:
        assert same_tensors(model, SECOND)


@given(random_sets())
@pytest.mark.filterwarnings("ignore:nothing is predicted from the references")
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_what_is_read(models: dict[str, Model]) -> None:
    before: list[Model] = []
    streams = {}
    for name, model in models.items():
        streams[name] = encode(model, LOSSLESS, before[-1:])
        before.append(model)
    data = write_set(streams)
    decoded = decode_set(data)
    assert list(decoded) == list(models)
    assert all(same_tensors(decoded[name], models[name]) for name in models)
    reader = SetReader(io.BytesIO(data))
    last = reader.names[-1]
    assert same_tensors(reader.model(last), models[last])
    assert reader.needs() == []


@given(st.text(max_size=300))
def test_names_are_refused_exactly_as_the_rule_says(name: str) -> None:
    size = len(name.encode("utf-8", "surrogatepass"))
    surrogates = any("\ud800" <= character <= "\udfff" for character in name)
    bad = any(character < " " or character in "\x7f/\\:" for character in name) or name in {"", ".", ".."}
    assert (name_flaw(name) is not None) == (bad or size > 255 or surrogates)


@pytest.mark.parametrize("name", ["\ud800", "a/b", "c:", "..", "x" * 256])
def test_a_flaw_of_a_name_is_said_in_words(name: str) -> None:
    assert name_flaw(name)
