"""SPEC.md clause 6.8: random access: only the ranges that are needed are read, from disk, memory, a server."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nncodec
from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode
from nncodec.errors import BitstreamError, ErrorClass
from nncodec.model import Model
from nncodec.reader import Reader, open_stream
from tests.core.handmade import same_tensors, weights

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
