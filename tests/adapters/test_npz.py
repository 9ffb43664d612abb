"""numpy .npz archives: element types, byte orders, names, and archives made to harm."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nncodec.adapters import files, npz_model
from nncodec.adapters.strings import join_strings
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import NO_TOPOLOGY, NUMPY_DTYPES, Model, Tensor
from nncodec.tables import DType
from tests.conftest import shared_data_folder
from tests.strategies import models, random_data

REAL = sorted(path.relative_to(shared_data_folder()) for path in shared_data_folder().rglob("*.npz"))
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
PLAIN_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00\\"), min_size=1, max_size=9)


@pytest.mark.parametrize("path", REAL or [Path("no-models.npz")], ids=str)
def test_real_archive(shared_data: Path, path: Path, tmp_path: Path) -> None:
    model = files.load(shared_data / path)
    files.save(model, tmp_path / "m.npz")
    assert files.load(tmp_path / "m.npz").content_id == model.content_id
    with np.load(shared_data / path) as first, np.load(tmp_path / "m.npz") as second:
        assert first.files == second.files
        assert all(np.array_equal(first[name], second[name]) for name in first.files)


@QUICK
@given(models([*NUMPY_DTYPES, DType.STRING], topology=st.just(NO_TOPOLOGY), name=PLAIN_NAMES))
def test_any_model(tmp_path_factory: pytest.TempPathFactory, model: Model) -> None:
    path = tmp_path_factory.getbasetemp() / "any.npz"
    files.save(model, path)
    assert files.load(path).content_id == model.content_id
    if not model.tensors:
        return
    with np.load(path) as arrays:
        assert arrays.files == list(model.by_name)
        for tensor in model.tensors:
            assert arrays[tensor.name].shape == tensor.shape


@pytest.mark.parametrize("dtype", list(NUMPY_DTYPES), ids=lambda dtype: dtype.name)
def test_every_element_type_order_and_layout(tmp_path: Path, dtype: DType) -> None:
    data = random_data(dtype, (2, 3), 7)
    array = np.frombuffer(data, NUMPY_DTYPES[dtype]).reshape(2, 3)
    swapped = array.astype(array.dtype.newbyteorder(">"))
    arrays = {
        "plain": array,
        "swapped": swapped,
        "fortran": np.asfortranarray(array),
        "both": np.asfortranarray(swapped),
    }
    np.savez_compressed(tmp_path / "m.npz", **arrays)  # type: ignore[arg-type]
    for tensor in files.load(tmp_path / "m.npz").tensors:
        assert (tensor.dtype, tensor.shape, bytes(tensor.data)) == (dtype, (2, 3), data)


STRINGS = {
    "U": (np.array([["a", "ä€"], ["", "🙂\nx"]]), [b"a", "ä€".encode(), b"", "🙂\nx".encode()]),
    "big-endian U": (np.array(["ab", "c"]).astype(">U2"), [b"ab", b"c"]),
    "S": (np.array([b"\xff\x00a", b""]), [b"\xff\x00a", b""]),
    "Fortran": (np.asfortranarray(np.array([["a", "b"], ["c", "d"]])), [b"a", b"b", b"c", b"d"]),
    "0-d": (np.array("abc"), [b"abc"]),
    "empty": (np.array([], "U3"), []),
}


@pytest.mark.parametrize(("array", "expected"), STRINGS.values(), ids=STRINGS)
def test_strings(tmp_path: Path, array: npt.NDArray[Any], expected: list[bytes]) -> None:
    np.savez(tmp_path / "m.npz", w=array)
    tensor = files.load(tmp_path / "m.npz").by_name["w"]
    assert (tensor.dtype, tensor.shape, tensor.data) == (DType.STRING, array.shape, join_strings(expected))
    files.save(Model((tensor,)), tmp_path / "again.npz")
    assert files.load(tmp_path / "again.npz").by_name["w"].content_id == tensor.content_id
    with np.load(tmp_path / "again.npz") as again:
        assert np.array_equal(again["w"], array)


def test_strings_that_numpy_would_change(tmp_path: Path) -> None:
    for strings, words in (([b"a\x00"], "NUL"), ([bytes([97]) * 1_000_000] + [b""] * 1000, "widen")):
        tensor = Tensor("w", DType.STRING, (len(strings),), join_strings(strings))
        with pytest.raises(UnsupportedModelError, match=words):
            files.save(Model((tensor,)), tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def test_half_a_surrogate_pair(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", w=np.array(["\ud800"]))
    with pytest.raises(ModelFileError, match="surrogate"):
        files.load(tmp_path / "m.npz")


REFUSED = {
    "objects": (np.array([{}], object), "objects"),
    "records": (np.zeros(2, [("a", "f4"), ("b", "i2")]), "records"),
    "records of odd names": (np.zeros(2, [("层", "f4")]), "records"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), "dates"),
    "spans": (np.array([1], "m8[s]"), "time spans"),
    "void": (np.zeros(2, "V4"), "records"),
    "longdouble": (np.zeros(2, np.longdouble), np.dtype(np.longdouble).name),
}


@pytest.mark.parametrize(("array", "words"), REFUSED.values(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
def test_refused_arrays_are_named(tmp_path: Path, array: npt.NDArray[Any], words: str) -> None:
    if array.dtype == np.float64:
        pytest.skip("longdouble is double here")
    np.savez(tmp_path / "m.npz", w=array)
    with pytest.raises(UnsupportedModelError, match=f"array 'w'.*{words}"):
        files.load(tmp_path / "m.npz")


@pytest.mark.parametrize("dtype", sorted(set(DType) - {*NUMPY_DTYPES, DType.STRING}), ids=lambda dtype: dtype.name)
def test_element_types_numpy_lacks(tmp_path: Path, dtype: DType) -> None:
    with pytest.raises(UnsupportedModelError, match=rf"{dtype.name}; write .safetensors or .onnx"):
        files.save(Model((Tensor("w", dtype, (4,), random_data(dtype, (4,), 1)),)), tmp_path / "m.npz")


@pytest.mark.parametrize(
    "name", ["a\x00b", "a\\b", "x" * 70_000, "\ud800\x00"], ids=["nul", "backslash", "long", "half"]
)
def test_names_a_zip_archive_lacks(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsupportedModelError, match="no such name"):
        files.save(Model((Tensor(name, DType.UINT8, (0,), b""),)), tmp_path / "m.npz")


def test_shapes_that_numpy_arrays_cannot_have(tmp_path: Path) -> None:
    model = Model((Tensor("w", DType.UINT8, (0, *[2**60] * 70), b""),))
    files.save(model, tmp_path / "m.npz")
    assert files.load(tmp_path / "m.npz").content_id == model.content_id


def test_one_model_gives_one_file(tmp_path: Path) -> None:
    model = Model((Tensor.from_numpy("w", np.ones((2, 2))),))
    files.save(model, tmp_path / "a.npz")
    files.save(model, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def npy(descr: str, shape: str, data: bytes = b"", fortran: str = "False") -> bytes:
    """A .npy file of any header."""
    header = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def write(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


HARMFUL = {
    "vast": npy("<f4", "(1073741824, 1073741824)", b"abcd"),
    "larger than the member": npy("<f4", "(2,)", b"abcd"),
    "smaller than the member": npy("<f4", "(1,)", b"abcdefgh"),
    "negative": npy("<f4", "(-1,)"),
    "negative twice": npy("<f4", "(-1, -1)", b"abcd"),
    "strings of no width": npy("<U0", "(1099511627776,)"),
    "bytes of no width": npy("|S0", "(1099511627776,)"),
    "wide string": npy("<U1073741823", "(1,)"),
    "objects": npy("|O", "(1,)", b"cos\nsystem\n(S'false'\ntR."),
    "code in the header": npy("<f4", "__import__('os').getcwd()"),
    "no array": b"hello",
    "no header": b"\x93NUMPY\x01\x00\xff\xff",
    "version": b"\x93NUMPY\x09\x00" + bytes(20),
    "empty": b"",
    "invalid code point": npy("<U1", "(1,)", b"\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("member", HARMFUL.values(), ids=HARMFUL)
def test_harmful_members(tmp_path: Path, member: bytes) -> None:
    with pytest.raises(ModelFileError):
        files.load(write(tmp_path / "m.npz", ("w.npy", member)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice(tmp_path: Path) -> None:
    array = npy("|u1", "(1,)", b"a")
    with pytest.raises(ModelFileError, match="same name"):
        files.load(write(tmp_path / "m.npz", ("w.npy", array), ("w.npy", array)))


def test_size_in_the_directory_that_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory and the array both claim 1 GB; the archive holds 4 bytes. Nothing near 1 GB is allocated."""
    monkeypatch.setattr(npz_model, "_ALLOCATE_AT_ONCE", 1000)
    member = npy("|u1", "(1000000000,)", b"abcd")
    data = write(tmp_path / "m.npz", ("w.npy", member), method=zipfile.ZIP_STORED).read_bytes()
    claimed = (len(member) - 4 + 1_000_000_000).to_bytes(4, "little")
    place = data.rindex(b"PK\x01\x02")
    data = data[: place + 20] + claimed + claimed + data[place + 28 :]
    (tmp_path / "m.npz").write_bytes(data)
    with pytest.raises(ModelFileError):
        files.load(tmp_path / "m.npz")


def test_large_members_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_model, "_ALLOCATE_AT_ONCE", 10)
    tensor = Tensor.from_numpy("w", np.arange(1000))
    files.save(Model((tensor,)), tmp_path / "m.npz")
    assert files.load(tmp_path / "m.npz").tensors[0].content_id == tensor.content_id


@QUICK
@given(st.data())
def test_any_damage(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    file = io.BytesIO()
    method = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2]))
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("w.npy", npy("<f4", "(2, 2)", bytes(range(16))))
    spoilt = bytearray(file.getvalue())
    spoilt[data.draw(st.integers(4, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(spoilt)
    with suppress(ModelFileError):
        files.load(path)
