"""SPEC.md clause 6.8: random access: only the ranges that are needed are read, from disk, memory, a server."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nncodec
from nncodec.concealment import Gap
from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode
from nncodec.errors import BitstreamError, ErrorClass
from nncodec.model import Model, Tensor
from nncodec.reader import Reader, open_stream
from nncodec.tables import DType, UnitType
from tests.core.handmade import draft, same_tensors, weights

CONFORMANCE = Path(__file__).resolve().parents[2] / "conformance"
MODEL = Model(tuple(weights(f"layer {number}", (60, 50), number) for number in range(8)))
DATA = encode(MODEL, EncoderConfig(lossless=True, slice_symbols=1000))


class Watched(io.BytesIO):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_an_end_unit_is_not_read_on_the_word_of_the_footer() -> None:
    file = Watched(bytes(1 << 24) + (1 << 23).to_bytes(4, "little") + DATA[-4:])
    with pytest.raises(BitstreamError, match=r"SIZE_MISMATCH.*8388608 bytes, more than"):
        open_stream(file)
    assert file.taken == 8


def test_threads_share_a_reader() -> None:
    reader = Reader(io.BytesIO(DATA))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(reader.tensor, reader.names * 5))
    assert [tensor.content_id for tensor in found] == [tensor.content_id for tensor in MODEL.tensors] * 5


@pytest.mark.parametrize("name", ["layer 0", "layer 4", "layer 7"])
def test_one_tensor_is_read_from_its_ranges_only(name: str) -> None:
    file = Watched(DATA)
    with open_stream(file) as reader:
        assert reader.names == [tensor.name for tensor in MODEL.tensors]
        tensor = reader.tensor(name)
    assert tensor.data == MODEL.by_name[name].data
    assert file.taken < len(DATA) / 4


def test_several_tensors_come_in_the_order_of_the_stream() -> None:
    reader = Reader(io.BytesIO(DATA))
    assert same_tensors(reader.tensors(["layer 5", "layer 1"]), Model((MODEL.tensors[1], MODEL.tensors[5])))
    assert same_tensors(reader.tensors(reader.names), MODEL)
    with pytest.raises(KeyError, match="no such"):
        reader.tensor("no such")


def test_updates_need_their_reference() -> None:
    newer = Model((*MODEL.tensors[:4], *(weights(f"layer {number}", (60, 50), 50 + number) for number in range(4, 8))))
    data = encode(newer, EncoderConfig(step=0.01), [MODEL])
    whole = decode(data, [MODEL])
    with open_stream(io.BytesIO(data), [MODEL]) as reader:
        assert reader.tensor("layer 2").data == whole.by_name["layer 2"].data
        assert reader.tensor("layer 6").data == whole.by_name["layer 6"].data
    with pytest.raises(BitstreamError) as caught:
        open_stream(io.BytesIO(data))
    assert caught.value.error_class == ErrorClass.REF_MISSING


def test_path_is_opened_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "model.nmc"
    path.write_bytes(DATA)
    with nncodec.open(path) as reader:
        assert reader.tensor("layer 3").data == MODEL.tensors[3].data
    with pytest.raises(OSError, match="nowhere"):
        nncodec.open(tmp_path / "nowhere.nmc")


class Ranges(BaseHTTPRequestHandler):
    """A server of one file that answers requests for ranges, and says which."""

    def __init__(self, asked: list[tuple[int, int]], *args: object) -> None:
        self.asked = asked
        super().__init__(*args)  # type: ignore[arg-type]

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def do_GET(self) -> None:
        first, last = 0, len(DATA) - 1
        wanted = self.headers.get("Range")
        if wanted:
            first, last = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        part = DATA[first : last + 1]
        self.asked.append((first, len(part)))
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(DATA)}")
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        """Nothing: tests are quiet."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """URL of a server on this machine, and the ranges it is asked for."""
    asked: list[tuple[int, int]] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, asked)) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/model.nmc", asked
        running.shutdown()


def test_a_server_is_asked_for_ranges(server: tuple[str, list[tuple[int, int]]]) -> None:
    pytest.importorskip("aiohttp", reason="needs the extra remote")
    url, asked = server
    with nncodec.open(url) as reader:
        assert reader.tensor("layer 5").data == MODEL.tensors[5].data
    assert 3 <= len(asked) <= 8
    assert sum(size for _, size in asked) < len(DATA) / 4


VALID = sorted(path for path in (CONFORMANCE / "valid").glob("*.nmc") if path.stat().st_size < 20_000)


@pytest.mark.parametrize("path", VALID[::7], ids=lambda path: path.stem)
def test_valid_vectors_read_as_they_decode(path: Path) -> None:
    data = path.read_bytes()
    try:
        model = decode(data)
    except BitstreamError:
        return  # it needs references, which test_vectors gives
    reader = Reader(io.BytesIO(data))
    assert same_tensors(reader.tensors(reader.names), Model(model.tensors))


@given(st.integers(0, len(DATA) - 1), st.integers(0, 7), st.integers(0, 3))
@settings(max_examples=60)
def test_damage_gives_an_error_of_ours_or_leaves_the_tensor_whole(place: int, bit: int, cut: int) -> None:
    damaged = bytearray(DATA)
    damaged[place] ^= 1 << bit
    damaged = damaged[: len(damaged) - cut * 7]
    try:
        tensor = Reader(io.BytesIO(bytes(damaged))).tensor("layer 4")
    except BitstreamError as error:
        assert error.offset is None or 0 <= error.offset <= len(DATA)
    else:
        assert tensor.data == MODEL.tensors[4].data


@given(st.binary(max_size=200))
def test_any_bytes_give_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        Reader(io.BytesIO(data))


def damaged(data: bytes, *places: int) -> Reader:
    """A reader of `data` with a flipped bit in the bytes at `places`."""
    changed = bytearray(data)
    for place in places:
        changed[place] ^= 4
    return Reader(io.BytesIO(bytes(changed)))


def place_of(data: bytes, number: int) -> int:
    """Where the payload of a slice begins, about."""
    return [unit.offset for unit in nncodec.inspect(data, [MODEL]).units if unit.unit_type == "slice"][number] + 12


def test_a_whole_stream_has_nothing_to_conceal() -> None:
    with Reader(io.BytesIO(DATA)) as reader:
        concealed = reader.concealed()
    assert concealed.gaps == ()
    assert concealed.model.content_id == MODEL.content_id


def test_what_stood_in_a_damaged_slice_is_zero_and_named() -> None:
    concealed = damaged(DATA, place_of(DATA, 2), place_of(DATA, 5)).concealed()
    assert concealed.gaps == (Gap("layer 0", 8000, 12000), Gap("layer 1", 8000, 12000))
    for tensor, original in zip(concealed.model.tensors, MODEL.tensors, strict=True):
        expected = bytearray(original.data)
        for gap in concealed.gaps:
            if gap.name == tensor.name:
                expected[gap.start : gap.stop] = bytes(gap.stop - gap.start)
        assert tensor.data == expected


@pytest.mark.parametrize(
    "config",
    [
        EncoderConfig(lossless=True, slice_symbols=1000),
        EncoderConfig(profile=nncodec.Profile.BASELINE, q_bits=10, slice_symbols=1000),
        EncoderConfig(step=0.01, slice_symbols=1000, least_squares=True),
        EncoderConfig(step=0.01, slice_symbols=1000, least_squares=True, fast=True),
    ],
    ids=["lossless", "baseline", "main", "fast"],
)
def test_what_is_lost_of_an_update_is_as_in_the_reference(config: EncoderConfig) -> None:
    newer = Model(
        tuple(
            Tensor.from_numpy(each.name, each.numpy() + weights("", each.shape, 90 + place, 0.02).numpy())
            for place, each in enumerate(MODEL.tensors)
        )
    )
    data = encode(newer, config, [MODEL])
    whole = decode(data, [MODEL])
    changed = bytearray(data)
    changed[place_of(data, 4)] ^= 1
    concealed = Reader(io.BytesIO(bytes(changed)), [MODEL]).concealed()
    assert [gap.name for gap in concealed.gaps] == ["layer 1"]
    (gap,) = concealed.gaps
    expected = bytearray(whole.by_name["layer 1"].data)
    expected[gap.start : gap.stop] = MODEL.by_name["layer 1"].data[gap.start : gap.stop]
    assert concealed.model.by_name["layer 1"].data == expected
    others = [name for name in whole.by_name if name != "layer 1"]
    assert all(concealed.model.by_name[name].data == whole.by_name[name].data for name in others)


def test_what_is_lost_of_a_tensor_without_prediction_is_as_in_the_reference() -> None:
    unlike = weights("layer 1", (60, 50), 99)
    newer = Model((MODEL.tensors[0], unlike, Tensor("again", unlike.dtype, unlike.shape, unlike.data)))
    data = encode(newer, EncoderConfig(lossless=True, slice_symbols=1000), [MODEL])
    assert [each.prediction for each in nncodec.inspect(data, [MODEL]).tensors] == ["copy", "none", "copy"]
    changed = bytearray(data)
    changed[place_of(data, 2)] ^= 1
    concealed = Reader(io.BytesIO(bytes(changed)), [MODEL]).concealed()
    assert concealed.gaps == (Gap("layer 1", 8000, 12000), Gap("again", 8000, 12000))
    expected = unlike.data[:8000] + MODEL.tensors[1].data[8000:]
    assert [concealed.model.by_name[name].data for name in ("layer 1", "again")] == [expected] * 2


def test_copies_within_a_model_share_what_is_lost() -> None:
    original = MODEL.tensors[0]
    twice = Model((original, Tensor("again", original.dtype, original.shape, original.data)))
    data = encode(twice, EncoderConfig(lossless=True, slice_symbols=1000))
    concealed = damaged(data, place_of(data, 1)).concealed()
    assert concealed.gaps == (Gap("layer 0", 4000, 8000), Gap("again", 4000, 8000))
    assert concealed.model.by_name["again"].data == concealed.model.by_name["layer 0"].data


def test_lost_strings_are_refused() -> None:
    words = Tensor("words", DType.STRING, (50,), b"\x02\0\0\0ab" * 50)
    data = encode(Model((words, MODEL.tensors[0])), EncoderConfig(lossless=True))
    held = [each.slice_group for each in nncodec.inspect(data).tensors]
    assert damaged(data, place_of(data, int(held[1] or 0))).concealed().gaps == (Gap("layer 0", 0, 12000),)
    with pytest.raises(BitstreamError) as caught:
        damaged(data, place_of(data, int(held[0] or 0))).concealed()
    assert caught.value.error_class == ErrorClass.UNIT_CRC


def test_damage_outside_of_slices_is_not_concealed() -> None:
    for place in (10, 60, len(DATA) - 100, len(DATA) - 1):
        with pytest.raises(BitstreamError):
            damaged(DATA, place).concealed()


def test_a_lost_slice_takes_no_more_memory_than_a_whole_one_may() -> None:
    wide = draft().with_start(level=1, element_count=2**18 + 3, decoded_size=2**20 + 6).with_record(0, dims=(2, 2**17))
    data = wide.with_slice(0, b"", symbol_count=2**18).data
    with pytest.raises(BitstreamError) as caught:
        damaged(data, data.index(bytes([UnitType.SLICE, 5, 0, 0]))).concealed()
    assert caught.value.error_class == ErrorClass.ENTROPY


@given(st.lists(st.integers(0, 8 * len(DATA) - 1), max_size=12))
@settings(max_examples=60, deadline=None)
def test_what_is_no_gap_is_never_changed(bits: list[int]) -> None:
    changed = bytearray(DATA)
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    try:
        concealed = Reader(io.BytesIO(bytes(changed))).concealed()
    except BitstreamError:
        return
    data = {tensor.name: bytearray(tensor.data) for tensor in MODEL.tensors}
    for gap in concealed.gaps:
        data[gap.name][gap.start : gap.stop] = bytes(gap.stop - gap.start)
    assert all(tensor.data == data[tensor.name] for tensor in concealed.model.tensors)
