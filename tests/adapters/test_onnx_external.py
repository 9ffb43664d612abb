"""External data of ONNX models: read from the model's own folder only, written to one file beside the model."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import ModelProto, TensorProto

from nncodec.adapters import files, mapping, onnx_model
from nncodec.adapters.onnx_model import model_from_proto, proto_from_model
from nncodec.errors import ModelFileError
from nncodec.model import Model
from tests.adapters.protos import float_proto, same, small_model

COUNT = 300
NBYTES = 4 * COUNT

needs_links = pytest.mark.skipif(os.name == "nt", reason="needs POSIX links and FIFOs")


def external_model(**entries: str) -> ModelProto:
    """A model of one external float32 tensor of COUNT elements, described by `entries`."""
    proto = TensorProto(name="w", data_type=1, dims=[COUNT], data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        proto.external_data.add(key=key, value=value)
    return small_model(proto)


def write(folder: Path, **entries: str) -> Path:
    """Folder with such a model and a good `w.bin`."""
    folder.mkdir(exist_ok=True)
    (folder / "w.bin").write_bytes(bytes(16) + float_proto("w", COUNT).raw_data)
    (folder / "m.onnx").write_bytes(external_model(**entries).SerializeToString())
    return folder / "m.onnx"


@pytest.mark.parametrize("length", [{"length": str(NBYTES)}, {}], ids=["length", "no length"])
@pytest.mark.parametrize("map_from", [1 << 20, 1], ids=["read", "mapped"])
def test_good_external_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: dict[str, str], map_from: int
) -> None:
    monkeypatch.setattr(mapping, "MAP_FROM", map_from)
    model = files.load(write(tmp_path, location="w.bin", offset="16", checksum="ab", **length))
    assert bytes(model.tensors[0].data) == float_proto("w", COUNT).raw_data
    assert b"w.bin" not in model.topology.data
    assert b"location" not in model.topology.data


def test_data_in_a_folder_below(tmp_path: Path) -> None:
    path = write(tmp_path, location="sub/w.bin", offset="16")
    (tmp_path / "sub").mkdir()
    (tmp_path / "w.bin").rename(tmp_path / "sub" / "w.bin")
    assert files.load(path).tensors[0].nbytes == NBYTES


BAD_ENTRIES = {
    "none": {},
    "empty": {"location": ""},
    "absent file": {"location": "other.bin"},
    "folder": {"location": "."},
    "parent": {"location": "../secret.bin"},
    "parent inside": {"location": "sub/../../secret.bin"},
    "parent and back": {"location": "../model/w.bin"},
    "backslash parent": {"location": "..\\secret.bin"},
    "absolute": {"location": "/etc/hostname"},
    "drive": {"location": "C:\\w.bin"},
    "share": {"location": "\\\\server\\w.bin"},
    "nul": {"location": "w.bin\x00.txt"},
    "long": {"location": "x" * 5000},
    "device": {"location": "/dev/zero"},
    "offset beyond end": {"location": "w.bin", "offset": "99999"},
    "bytes beyond end": {"location": "w.bin", "offset": "17"},
    "huge offset": {"location": "w.bin", "offset": "9" * 19},
    "negative offset": {"location": "w.bin", "offset": "-16"},
    "signed offset": {"location": "w.bin", "offset": "+16"},
    "garbled offset": {"location": "w.bin", "offset": "1e2"},
    "foreign digits": {"location": "w.bin", "offset": "\uff11\uff16"},
    "endless offset": {"location": "w.bin", "offset": "9" * 5000},
    "negative length": {"location": "w.bin", "length": "-1"},
    "other length": {"location": "w.bin", "length": str(NBYTES - 4)},
    "huge length": {"location": "w.bin", "length": str(2**62)},
}


def test_bytes_beyond_the_end_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=f"bytes 17 to {17 + NBYTES} of a file of {16 + NBYTES} bytes"):
        files.load(write(tmp_path, location="w.bin", offset="17"))


@pytest.mark.parametrize("entries", BAD_ENTRIES.values(), ids=BAD_ENTRIES)
def test_bad_entries_are_refused(tmp_path: Path, entries: dict[str, str]) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(NBYTES))
    with pytest.raises(ModelFileError, match="tensor 'w'"):
        files.load(write(tmp_path / "model", **entries))


def link_file(model: Path) -> None:
    (model / "evil").symlink_to(model.parent / "secret.bin")


def link_chain(model: Path) -> None:
    (model / "evil").symlink_to("middle")
    (model / "middle").symlink_to("../secret.bin")


def link_folder(model: Path) -> None:
    (model / "sub").symlink_to("..")
    (model / "evil").symlink_to("sub/secret.bin")


def link_circle(model: Path) -> None:
    (model / "evil").symlink_to("evil2")
    (model / "evil2").symlink_to("evil")


def hard_link(model: Path) -> None:
    os.link(model.parent / "secret.bin", model / "evil")


def fifo(model: Path) -> None:
    os.mkfifo(model / "evil")


def device_link(model: Path) -> None:
    (model / "evil").symlink_to("/dev/zero")


def unix_socket(model: Path) -> None:
    here = Path.cwd()
    os.chdir(model)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as unbound:
            unbound.bind("evil")
    finally:
        os.chdir(here)


ATTACKS = [link_file, link_chain, link_folder, link_circle, hard_link, fifo, device_link, unix_socket]


@needs_links
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_attacks_through_the_file_system(tmp_path: Path, attack: Callable[[Path], None]) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(NBYTES))
    path = write(tmp_path / "model", location="evil")
    attack(tmp_path / "model")
    with pytest.raises(ModelFileError, match="'w' has external data at 'evil'"):
        files.load(path)


@needs_links
def test_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    path = write(tmp_path, location="alias", offset="16")
    (tmp_path / "alias").symlink_to("w.bin")
    assert files.load(path).tensors[0].nbytes == NBYTES


def test_a_model_without_a_folder_has_no_external_data() -> None:
    with pytest.raises(ModelFileError, match="not read from a folder"):
        model_from_proto(external_model(location="w.bin"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda proto: proto.external_data.add(key="location", value="x.bin"),
        lambda proto: setattr(proto, "raw_data", bytes(NBYTES)),
        lambda proto: setattr(proto, "data_type", TensorProto.STRING),
        lambda proto: proto.ClearField("data_location"),
    ],
    ids=["two locations", "also inside", "strings", "stale entry"],
)
def test_contradictions_are_refused(tmp_path: Path, spoil: Callable[[TensorProto], object]) -> None:
    path = write(tmp_path, location="w.bin")
    proto = external_model(location="w.bin")
    spoil(proto.graph.initializer[0])
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelFileError, match="tensor 'w'"):
        files.load(path)


def test_saved_beside_the_model(tmp_path: Path) -> None:
    model = files.load(write(tmp_path / "in", location="w.bin", offset="16"))
    files.save(model, tmp_path / "out.onnx")
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.onnx", "out.onnx.data"]
    again = files.load(tmp_path / "out.onnx")
    assert again.content_id == model.content_id
    loaded = onnx.load(tmp_path / "out.onnx")
    assert loaded.graph.initializer[0].raw_data == bytes(model.tensors[0].data)
    inside = proto_from_model(model)
    assert same(inside, small_model(float_proto("w", COUNT)))


def test_saved_over_itself(tmp_path: Path) -> None:
    path = write(tmp_path, location="m.onnx.data", offset="16")
    (tmp_path / "w.bin").rename(tmp_path / "m.onnx.data")
    model = files.load(path)
    files.save(model, path)
    assert files.load(path).content_id == model.content_id


def test_large_external_tensors_are_aligned(tmp_path: Path) -> None:
    protos = [float_proto(f"w{index}", count) for index, count in enumerate([3, 1 << 18, 5, 1 << 18])]
    path = tmp_path / "m.onnx"
    onnx.save(small_model(*protos), path, save_as_external_data=True, location="side.bin", size_threshold=0)
    model = files.load(path)
    files.save(model, tmp_path / "out.onnx")
    raw = onnx.load(tmp_path / "out.onnx", load_external_data=False)
    offsets = [
        int(entry.value) for proto in raw.graph.initializer for entry in proto.external_data if entry.key == "offset"
    ]
    assert offsets == [0, 4096, 4096 + (1 << 20), 8192 + (1 << 20)]
    assert files.load(tmp_path / "out.onnx").content_id == model.content_id


def test_a_model_too_large_for_protobuf_spills(tmp_path: Path) -> None:
    """The bound of 2 GiB, set to 10 kB: large tensors go outside, small ones stay, all come back."""
    proto = small_model(*(float_proto(f"w{count}", count) for count in (10, 1000, 2000)))
    model = model_from_proto(proto)
    save_within(model, tmp_path / "m.onnx", 10_000)
    assert (tmp_path / "m.onnx").stat().st_size < 10_000
    loaded = onnx.load(tmp_path / "m.onnx")
    for tensor in loaded.graph.initializer:
        tensor.ClearField("data_location")  # onnx.load leaves it set
    assert same(loaded, proto)
    raw = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    assert [bool(tensor.external_data) for tensor in raw.graph.initializer] == [False, True, True]


def save_within(model: Model, path: Path, proto_bytes_max: int) -> None:
    headers = [tensor.header for tensor in model.tensors]
    with onnx_model.writing(headers, model.topology, path, proto_bytes_max=proto_bytes_max) as sink:
        for place, tensor in enumerate(model.tensors):
            sink.write(place, tensor.data)


def test_a_model_of_many_small_tensors_cannot_spill(tmp_path: Path) -> None:
    model = model_from_proto(small_model(*(float_proto(f"w{index}", 10) for index in range(100))))
    with pytest.raises(ModelFileError, match="of at most 1000"):
        save_within(model, tmp_path / "m.onnx", 1000)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif("NNCODEC_LARGE_TESTS" not in os.environ, reason="needs 3 GB of disk; set NNCODEC_LARGE_TESTS=1")
def test_three_gigabytes(tmp_path: Path) -> None:
    """The real bound: 3 tensors of 1 GiB."""
    placeholders = small_model(
        *(TensorProto(name=f"w{index}", data_type=1, dims=[0], raw_data=b"") for index in range(3))
    )
    model = model_from_proto(placeholders)
    large = bytes(1 << 30)
    tensors = tuple(type(t)(t.name, t.dtype, (1 << 28,), large) for t in model.tensors)
    files.save(type(model)(tensors, model.topology), tmp_path / "m.onnx")
    assert files.load(tmp_path / "m.onnx").nbytes == 3 << 30
    shutil.rmtree(tmp_path)
