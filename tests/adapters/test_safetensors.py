"""safetensors files: element types, metadata, order, and damage."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import TensorSpec
from safetensors.numpy import load_file, save_file

from nncodec.adapters import files, mapping
from nncodec.adapters.safetensors_model import DTYPE_NAMES
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import NO_TOPOLOGY, Model, Tensor, Topology
from nncodec.tables import DType, TopologyFormat
from tests.conftest import shared_data_folder
from tests.strategies import models, random_data

REAL = sorted(path.relative_to(shared_data_folder()) for path in shared_data_folder().rglob("*.safetensors"))
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
HELD = [dtype for dtype in DTYPE_NAMES if dtype != DType.FLOAT4E2M1]
METADATA = st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), max_size=4)


def with_metadata(metadata: dict[str, str]) -> Topology:
    data = json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return Topology(TopologyFormat.SAFETENSORS_METADATA, data)


def write(path: Path, header: object, data: bytes = b"") -> Path:
    """File of `header` (an object, or JSON as bytes) and data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize("path", REAL or [Path("no-models.safetensors")], ids=str)
def test_real_model(shared_data: Path, path: Path, tmp_path: Path) -> None:
    model = files.load(shared_data / path)
    files.save(model, tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").read_bytes() == (shared_data / path).read_bytes()
    arrays = load_file(shared_data / path)
    assert arrays.keys() == model.by_name.keys()
    assert all(np.array_equal(arrays[tensor.name], tensor.numpy()) for tensor in model.tensors)


@QUICK
@given(models(HELD, topology=st.just(NO_TOPOLOGY)), st.none() | METADATA)
def test_any_model(tmp_path_factory: pytest.TempPathFactory, model: Model, metadata: dict[str, str] | None) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    model = Model(model.tensors, NO_TOPOLOGY if metadata is None else with_metadata(metadata))
    files.save(model, path)
    assert files.load(path).content_id == model.content_id


@pytest.mark.parametrize("map_from", [1, 1 << 20], ids=["mapped", "read"])
@pytest.mark.parametrize("dtype", list(DTYPE_NAMES), ids=lambda dtype: dtype.name)
def test_every_element_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: DType, map_from: int) -> None:
    monkeypatch.setattr(mapping, "MAP_FROM", map_from)
    shapes = {"matrix": (2, 3), "empty": (0, 3), "scalar": ()}
    if dtype == DType.FLOAT4E2M1:
        del shapes["scalar"]
    tensors = tuple(Tensor(name, dtype, shape, random_data(dtype, shape, 7, "bits")) for name, shape in shapes.items())
    files.save(Model(tensors), tmp_path / "m.safetensors")
    again = files.load(tmp_path / "m.safetensors")
    assert again.content_id == Model(tensors).content_id
    assert [tensor.shape for tensor in again.tensors] == list(shapes.values())


def test_the_names_of_element_types_are_the_package_s() -> None:
    theirs = {"complex64": "C64", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2"}
    theirs |= {"float8_e8m0fnu": "F8_E8M0", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ"}
    theirs |= {"float4_e2m1fn_x2": "F4"}
    for name, code in theirs.items():
        assert TensorSpec(dtype=name, shape=[2], data_ptr=0, data_len=0).dtype == code
        assert code in DTYPE_NAMES.values()


@pytest.mark.parametrize("dtype", sorted(set(DType) - set(DTYPE_NAMES)), ids=lambda dtype: dtype.name)
def test_element_types_it_lacks(tmp_path: Path, dtype: DType) -> None:
    tensor = Tensor("w", dtype, (2,), random_data(dtype, (2,), 1))
    with pytest.raises(UnsupportedModelError, match=rf"'w'.*{dtype.name}; write .onnx"):
        files.save(Model((tensor,)), tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_odd_number_of_four_bit_elements(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="even number"):
        files.save(Model((Tensor("w", DType.FLOAT4E2M1, (3,), b"\x21\x03"),)), tmp_path / "m.safetensors")


def test_a_name_it_keeps_for_itself(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="__metadata__"):
        files.save(Model((Tensor("__metadata__", DType.UINT8, (0,), b""),)), tmp_path / "m.safetensors")


def test_files_of_the_package(tmp_path: Path) -> None:
    arrays = {"b": np.arange(3, dtype=np.int8), "a": np.ones((2, 2), np.float64), "c": np.array(True)}
    save_file(arrays, tmp_path / "m.safetensors", metadata={"format": "pt", "ä": "\n"})
    model = files.load(tmp_path / "m.safetensors")
    assert list(model.by_name) == ["a", "b", "c"]  # as the package orders them
    assert model.topology == with_metadata({"format": "pt", "ä": "\n"})
    files.save(model, tmp_path / "again.safetensors")
    again = load_file(tmp_path / "again.safetensors")
    assert all(np.array_equal(again[name], array) for name, array in arrays.items())


def test_order_is_that_of_the_data_then_that_of_the_header(tmp_path: Path) -> None:
    header = {name: entry("U8", [0], 2, 2) for name in "zyxwv"} | {
        "b": entry("U8", [1], 1, 2),
        "a": entry("I8", [1], 0, 1),
    }
    model = files.load(write(tmp_path / "m", header, b"\x01\x02"))
    assert list(model.by_name) == list("abzyxwv")
    files.save(model, tmp_path / "again.safetensors")
    assert files.load(tmp_path / "again.safetensors").content_id == model.content_id


def test_metadata_are_canonical(tmp_path: Path) -> None:
    path = write(tmp_path / "m", b'{"__metadata__": {"b": "\\u00e4", "a": "/"}}')
    assert files.load(path).topology.data == '{"a":"/","b":"ä"}'.encode()


GOOD = entry("U8", [2], 0, 2)
DAMAGED = {
    "not JSON": (b"{", b"", "JSON"),
    "too short": ({"w": GOOD}, b"a", "not valid safetensors"),
    "too long": ({"w": GOOD}, b"abc", "not valid safetensors"),
    "hole": ({"w": GOOD, "v": entry("U8", [1], 3, 4)}, b"abcd", "not valid safetensors"),
    "overlap": ({"w": GOOD, "v": entry("U8", [2], 1, 3)}, b"abc", "not valid safetensors"),
    "size": ({"w": entry("F32", [1], 0, 2)}, b"ab", "not valid safetensors"),
    "overflow": ({"w": entry("U8", [2**40, 2**40], 0, 2)}, b"ab", "not valid safetensors"),
    "unknown type": ({"w": entry("X9", [2], 0, 2)}, b"ab", "X9"),
    "twice": (b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},' * 2 + b'"__metadata__":{}}', b"a", "not valid"),
    "metadata not text": ({"__metadata__": {"a": 1}}, b"", "not valid safetensors"),
}


@pytest.mark.parametrize(("header", "data", "words"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files(tmp_path: Path, header: object, data: bytes, words: str) -> None:
    if isinstance(header, bytes):
        header = header.replace(b',{"w"', b',"w"').replace(b"},{", b"},")
    with pytest.raises(ModelFileError, match=words):
        files.load(write(tmp_path / "m", header, data))


def test_a_type_of_six_bits_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="F6_E2M3"):
        files.load(write(tmp_path / "m", {"w": entry("F6_E2M3", [4], 0, 3)}, b"abc"))


@QUICK
@given(st.data())
def test_any_damage(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    files.save(Model((Tensor("w", DType.INT16, (2,), b"abcd"),), with_metadata({"k": "v"})), path)
    spoilt = bytearray(path.read_bytes())
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(spoilt)
    with suppress(ModelFileError):
        files.load(path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"a":1}', b"\xff", b'"a"', b"[" * 100_000, b'{"a":"\\ud800"}'])
def test_hostile_metadata(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelFileError):
        files.save(Model((), Topology(TopologyFormat.SAFETENSORS_METADATA, data)), tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())
