"""Models in several safetensors files with an index: read, written, and refused where the parts do not agree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import nncodec
from nncodec.adapters import files, safetensors_index_model
from nncodec.adapters.safetensors_model import DTYPE_NAMES
from nncodec.cli import nndec, nnenc
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import NO_TOPOLOGY, Model, Tensor, TensorHeader
from nncodec.tables import DType
from tests.strategies import models

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
HELD = [dtype for dtype in DTYPE_NAMES if dtype != DType.FLOAT4E2M1]
ONE, OTHER = "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"
INDEX = "m.safetensors.index.json"
TWO = [TensorHeader(name, DType.UINT8, (3,), 3) for name in "ab"]


def index_of(folder: Path, weight_map: object, more: str = "") -> Path:
    """An index file for the shards of `folder`."""
    path = folder / INDEX
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}) + more)
    return path


def sharded(folder: Path, metadata: tuple[dict[str, str] | None, dict[str, str] | None] = (None, None)) -> Path:
    """Three tensors in two shards, as other programs write them."""
    save_file({"b": np.arange(4, dtype=np.float32), "a": np.ones(3, np.float16)}, folder / ONE, metadata[0])
    save_file({"c": np.arange(6, dtype=np.int64).reshape(2, 3)}, folder / OTHER, metadata[1])
    return index_of(folder, {"a": ONE, "b": ONE, "c": OTHER})


def test_shards_are_one_model(tmp_path: Path) -> None:
    model = files.load(sharded(tmp_path, ({"format": "pt"}, {"format": "pt", "step": "7"})))
    assert sorted(model.by_name) == ["a", "b", "c"]
    assert model.tensors[-1].name == "c"
    assert np.array_equal(model.by_name["b"].numpy(), np.arange(4))
    assert json.loads(model.topology.data) == {"format": "pt", "step": "7"}


def test_from_file_to_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = sharded(tmp_path)
    assert nnenc.main([str(source), "-o", str(tmp_path / "m.nmc"), "--lossless", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["input_bytes"] == max(source.stat().st_size, files.load(source).nbytes)
    target = tmp_path / "restored" / "n.safetensors.index.json"
    target.parent.mkdir()
    assert nndec.main([str(tmp_path / "m.nmc"), "-o", str(target)]) == 0
    assert [path.name for path in sorted(target.parent.iterdir())] == ["n-00001-of-00001.safetensors", target.name]
    assert files.load(target).content_id == files.load(source).content_id


def test_index_serves_as_reference_in_a_folder(tmp_path: Path) -> None:
    model = files.load(sharded(tmp_path))
    data = nncodec.encode(model, nncodec.EncoderConfig(lossless=True), [model])
    (tmp_path / "update").mkdir()
    (tmp_path / "update" / "u.nmc").write_bytes(data)
    out = tmp_path / "update" / "out.safetensors"
    assert nndec.main([str(tmp_path / "update" / "u.nmc"), "-o", str(out), "--refs", str(tmp_path)]) == 0
    assert files.load(out).content_id == model.content_id


def test_models_of_a_set_are_called_without_the_suffix(tmp_path: Path) -> None:
    source = sharded(tmp_path)
    assert nnenc.main([str(source), f"other={source}", "-o", str(tmp_path / "set.nmc")]) == 0
    assert sorted(nncodec.decode_set((tmp_path / "set.nmc").read_bytes())) == ["m", "other"]


@QUICK
@given(models(HELD, topology=st.just(NO_TOPOLOGY)).filter(lambda model: model.tensors), st.integers(1, 200))
def test_any_model_in_shards_of_any_size(tmp_path_factory: pytest.TempPathFactory, model: Model, most: int) -> None:
    path = tmp_path_factory.mktemp("shards") / INDEX
    headers = [tensor.header for tensor in model.tensors]
    with safetensors_index_model.writing(headers, model.topology, path, most) as sink:
        for place, tensor in enumerate(model.tensors):
            sink.write(place, tensor.data)
    shards = sorted(path.parent.glob("*.safetensors"))
    index = json.loads(path.read_text())
    assert index["metadata"]["total_size"] == model.nbytes
    assert set(index["weight_map"].values()) <= {shard.name for shard in shards}
    for shard in shards:
        sizes = [tensor.nbytes for tensor in model.tensors if index["weight_map"][tensor.name] == shard.name]
        assert np.count_nonzero(sizes) <= 1 or sum(sizes) <= most
    assert files.load(path).content_id == model.content_id


def test_copy_from_another_shard(tmp_path: Path) -> None:
    with safetensors_index_model.writing(TWO, NO_TOPOLOGY, tmp_path / INDEX, 3) as sink:
        sink.write(0, b"xyz")
        sink.copy(1, 0)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert [bytes(tensor.data) for tensor in files.load(tmp_path / INDEX).tensors] == [b"xyz", b"xyz"]


def test_nothing_appears_where_writing_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), safetensors_index_model.writing(TWO, NO_TOPOLOGY, tmp_path / INDEX, 3) as sink:
        {}[sink.write(0, b"xyz")]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({"a": ONE, "c": OTHER}, "'b': 'm-00001-of-00002.safetensors' has it, and the index"),
        ({"a": ONE, "b": ONE, "c": OTHER, "d": ONE}, "'d': 'm-00001-of-00002.safetensors' does not have it"),
        ({"a": ONE, "b": OTHER, "c": OTHER}, "tensor 'b'"),
        ({"a": ONE, "b": ONE, "c": "lost.safetensors"}, "lost.safetensors': the index names it"),
        ({"a": ONE, "b": ONE, "c": "../m.safetensors"}, "no name of a file beside the index"),
        ({"a": ONE, "b": ONE, "c": 3}, "no name of a file beside the index"),
        ({"a": ONE, "b": ONE, "c": "pytorch_model.bin"}, "must be converted first"),
        ([ONE], 'without a "weight_map"'),
    ],
)
def test_parts_that_do_not_agree(tmp_path: Path, weight_map: object, message: str) -> None:
    sharded(tmp_path)
    with pytest.raises(ModelFileError, match=message):
        files.load(index_of(tmp_path, weight_map))


def test_tensor_of_two_shards(tmp_path: Path) -> None:
    path = sharded(tmp_path)
    save_file({"c": np.zeros(1), "a": np.zeros(1)}, tmp_path / OTHER)
    with pytest.raises(ModelFileError, match="tensor 'a'"):
        files.load(path)


def test_metadata_that_differ(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="different metadata 'format': 'pt' and 'np'"):
        files.load(sharded(tmp_path, ({"format": "pt"}, {"format": "np"})))


@pytest.mark.parametrize("more", ["}", "{", "\x00"])
def test_no_json(tmp_path: Path, more: str) -> None:
    with pytest.raises(ModelFileError, match="begins as JSON but is not valid"):
        files.load(index_of(tmp_path, {}, more))


@pytest.mark.parametrize("text", ['{"weight_map": {"a": 1, "a": 2}}', '{"hidden_size": 8}', "{" * 100_000])
def test_other_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelFileError, match=r"weight_map|occurs twice|not valid"):
        files.load(tmp_path / "config.json")


def test_shards_are_read_by_others(tmp_path: Path) -> None:
    model = Model((Tensor.from_numpy("x", np.arange(5.0)), Tensor.from_numpy("y", np.ones((2, 2), np.int8))))
    files.save(model, tmp_path / INDEX)
    (shard,) = tmp_path.glob("*.safetensors")
    assert np.array_equal(load_file(shard)["x"], np.arange(5.0))


def test_a_model_without_tensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="without tensors"):
        files.save(Model(()), tmp_path / INDEX)


def test_shards_of_two_models_are_never_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(byte: bytes) -> None:
        with safetensors_index_model.writing(TWO, NO_TOPOLOGY, tmp_path / INDEX, 3) as sink:
            for place in range(2):
                sink.write(place, 3 * byte)

    save(b"x")
    replace, calls = Path.replace, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(ModelFileError, match="No space left"):
        save(b"y")
    monkeypatch.undo()
    assert not (tmp_path / INDEX).exists()
    save(b"y")
    assert {bytes(tensor.data) for tensor in files.load(tmp_path / INDEX).tensors} == {b"yyy"}
