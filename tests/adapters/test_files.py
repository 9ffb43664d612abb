"""Formats are told by content on load, by suffix on save; every refusal says what, where and what to do."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nncodec.adapters import files
from nncodec.adapters.onnx_model import model_from_proto
from nncodec.errors import ModelFileError
from nncodec.model import Model, Tensor
from nncodec.tables import DType, TopologyFormat
from tests.adapters.protos import float_proto, small_model
from tests.strategies import tensors

PLAIN = Model((Tensor.from_numpy("w", np.arange(6, dtype=np.float32).reshape(2, 3)),))
ONNX = model_from_proto(small_model(float_proto("w", 6)))


@pytest.mark.parametrize("suffix", [".onnx", ".safetensors", ".npz", ".NPZ"])
def test_content_decides_on_load(tmp_path: Path, suffix: str) -> None:
    files.save(ONNX, tmp_path / f"m{suffix}")
    (tmp_path / f"m{suffix}").rename(tmp_path / "m.txt")
    model = files.load(str(tmp_path / "m.txt"))
    assert model.by_name["w"].content_id == ONNX.by_name["w"].content_id
    assert (model.topology.format == TopologyFormat.ONNX) == (suffix == ".onnx")


@pytest.mark.parametrize("name", ["safetensors", "npz"])
def test_format_can_be_asked_for(tmp_path: Path, name: str) -> None:
    files.save(PLAIN, tmp_path / "m.bin", name)
    assert files.load(tmp_path / "m.bin").content_id == PLAIN.content_id


@pytest.mark.parametrize(("name", "asked"), [("m.bin", None), ("m", None), ("m.npz", "zip"), ("m.npz", "")])
def test_unknown_formats_to_write(tmp_path: Path, name: str, asked: str | None) -> None:
    with pytest.raises(ModelFileError, match=r"choose one of \.onnx, \.safetensors, \.npz"):
        files.save(PLAIN, tmp_path / name, asked)
    assert not list(tmp_path.iterdir())


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name in names:
            out.writestr(name, b"x")
    return file.getvalue()


NO_MODELS = {
    "empty": (b"", "is empty"),
    "one byte": (b"\x08", "looked for"),
    "text": (b"hello, this is no model\n", "looked for a zip archive of .npy arrays, a safetensors header, an ONNX"),
    "JSON": (b'{"a": 1, {"b": 2}}', "looked for"),
    "zeros": (bytes(100), "looked for"),
    "protobuf without a graph": (b"\x08\x07", "looked for"),
    "pickle": (pickle.dumps({"w": 1}, 2), "PyTorch"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
    "GGUF": (b"GGUF\x03\x00\x00\x00", "GGUF"),
    "NMC": (b"\x89NMC\r\n\x1a\n" + bytes(50), "nndec"),
    "PyTorch zip": (archive("archive/data.pkl"), "PyTorch"),
    "mixed zip": (archive("a.npy", "data.pkl"), "data.pkl"),
    "broken zip": (b"PK\x03\x04" + bytes(50), "not valid zip"),
    "broken safetensors": (b"\x02\0\0\0\0\0\0\0{]", "not valid safetensors"),
    "cut safetensors": (b"\xff\0\0\0\0\0\0\0{", "not valid safetensors"),
}


@pytest.mark.parametrize(("data", "words"), NO_MODELS.values(), ids=NO_MODELS)
def test_files_that_are_no_models(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match=words) as caught:
        files.load(tmp_path / "m.onnx")
    assert "m.onnx" in str(caught.value)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x09\0\0\0\0\0\0\0{", b"\x08\x07"]), st.binary(max_size=60)
)
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, start: bytes, rest: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(start + rest)
    with pytest.raises(ModelFileError):
        raise ModelFileError(str(files.load(path)))


def test_places_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"cannot read .*absent.*No such file"):
        files.load(tmp_path / "absent.onnx")
    with pytest.raises(ModelFileError, match="it is a folder"):
        files.load(tmp_path)
    with pytest.raises(ModelFileError, match="null"):
        files.load("nul\x00")
    with pytest.raises(ModelFileError, match="cannot read"):
        files.load("x" * 5000)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user who may not read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(b"PK")
    (tmp_path / "m.npz").chmod(0)
    with pytest.raises(ModelFileError, match="Permission denied"):
        files.load(tmp_path / "m.npz")


@pytest.mark.skipif(os.name == "nt", reason="needs FIFOs")
def test_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.onnx")
    with pytest.raises(ModelFileError, match="not a regular file"):
        files.load(tmp_path / "m.onnx")


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_refused_model_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"m{suffix}"
    files.save(PLAIN, target)
    before = target.read_bytes()
    with pytest.raises(ModelFileError):
        files.save(Model((*PLAIN.tensors, Tensor("four", DType.INT4, (2,), b"\x21"))), target)
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def run(code: str, *arguments: str) -> str:
    """Output of a fresh interpreter, which has not imported anything yet."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_importing_the_door_imports_no_format() -> None:
    code = "import sys, nncodec.adapters.files; print({'onnx', 'safetensors', 'google'} & set(sys.modules))"
    assert run(code) == "set()"


def test_each_package_is_imported_only_for_its_format(tmp_path: Path) -> None:
    files.save(PLAIN, tmp_path / "m.npz")
    files.save(PLAIN, tmp_path / "m.safetensors")
    code = (
        "import sys; from nncodec.adapters import files; files.load(sys.argv[1]);"
        "print(sorted({'onnx', 'safetensors'} & set(sys.modules)))"
    )
    assert run(code, str(tmp_path / "m.npz")) == "[]"
    assert run(code, str(tmp_path / "m.safetensors")) == "['safetensors']"


@pytest.mark.parametrize("package", ["onnx", "safetensors"])
def test_missing_package_says_what_to_install(tmp_path: Path, package: str) -> None:
    files.save(ONNX, tmp_path / f"m.{package}")
    code = (
        "import sys; sys.modules[sys.argv[1]] = None; from nncodec.adapters import files\n"
        "try: files.load(sys.argv[2])\n"
        "except files.ModelFileError as error: print(error)"
    )
    assert f"pip install 'nmc-codec[{package}]'" in run(code, package, str(tmp_path / f"m.{package}"))


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(tensors())
def test_a_tensor_survives_wherever_it_is_accepted(tmp_path_factory: pytest.TempPathFactory, tensor: Tensor) -> None:
    for suffix in (".safetensors", ".npz"):
        path = tmp_path_factory.getbasetemp() / f"one{suffix}"
        try:
            files.save(Model((tensor,)), path)
        except ModelFileError:
            continue
        assert files.load(path).content_id == Model((tensor,)).content_id


class TestSaveAll:
    """`save_all`: models into a folder, all or none."""

    def test_files_are_given_in_the_order_of_the_models(self, tmp_path: Path) -> None:
        written = files.save_all({"a": PLAIN, "b": ONNX}.items(), tmp_path / "out")
        assert written == [tmp_path / "out" / "a.npz", tmp_path / "out" / "b.onnx"]
        assert [files.load(path).content_id for path in written] == [PLAIN.content_id, ONNX.content_id]

    def test_format_can_be_asked_for(self, tmp_path: Path) -> None:
        (written,) = files.save_all([("a.npz", PLAIN)], tmp_path, "safetensors")
        assert written == tmp_path / "a.npz.safetensors"
        assert files.load(written).by_name["w"].data == PLAIN.by_name["w"].data

    def test_a_failure_of_one_leaves_none(self, tmp_path: Path) -> None:
        def models() -> Iterator[tuple[str, Model]]:
            yield "a", PLAIN
            raise ModelFileError("no more")

        with pytest.raises(ModelFileError, match="no more"):
            files.save_all(models(), tmp_path / "out")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["../a", "/a", "", "..", "a/b", "a\0"])
    def test_a_name_that_leads_elsewhere_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ModelFileError, match="cannot write model"):
            files.save_all([("first", PLAIN), (name, PLAIN)], tmp_path / "deep")
        assert not list(tmp_path.iterdir())

    def test_two_models_of_one_file_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFileError, match="its name is that of another"):
            files.save_all([("a", PLAIN), ("a", PLAIN)], tmp_path / "out")
        assert not list(tmp_path.iterdir())

    def test_a_name_that_is_too_long_for_its_suffix_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFileError, match="cannot write"):
            files.save_all([("n" * 255, PLAIN)], tmp_path / "out")
        assert not list(tmp_path.iterdir())
