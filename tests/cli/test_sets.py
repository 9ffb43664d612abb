"""nndec and nninfo of sets of models as a user meets them: folders, names, references, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nncodec
from conformance import tds
from nncodec import EncoderConfig, Model, Tensor
from nncodec.cli import nndec, nninfo
from nncodec.encoder.sets.writer import write_set
from nncodec.model import Topology
from nncodec.set_decoder import decode_set
from nncodec.tables import DType, TopologyFormat

CONFORMANCE = Path(__file__).parents[2] / "conformance"
V1 = Path(__file__).parents[2] / "examples" / "digits-v1.onnx"
DONE, REJECTED, USAGE = 0, 1, 2
LOSSLESS = EncoderConfig(lossless=True)


def run(command, *arguments) -> int:
    """Exit code of a command, also where argparse leaves by SystemExit."""
    try:
        return int(command.main([str(argument) for argument in arguments]))
    except SystemExit as leaving:
        return int(leaving.code or 0)


def model(seed: int) -> Model:
    """Two tensors; v is the same in all."""
    generator = np.random.default_rng(seed)
    weights = generator.standard_normal((16, 8), np.float32)
    return Model((Tensor.from_numpy("w", weights), Tensor.from_numpy("v", np.arange(500, dtype=np.float32))))


OUTSIDE, OLD, NEW, LAST = map(model, range(4))


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    """A set of three, the second predicted from the first, the third from nothing."""
    streams = {"old": nncodec.encode(OLD, LOSSLESS), "new": nncodec.encode(NEW, LOSSLESS, [OLD])}
    path = tmp_path / "set.nmc"
    path.write_bytes(write_set(streams | {"other": nncodec.encode(LAST, LOSSLESS)}))
    return path


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A set of two, the first predicted from OUTSIDE, the second from the first."""
    streams = {"old": nncodec.encode(OLD, LOSSLESS, [OUTSIDE]), "new": nncodec.encode(NEW, LOSSLESS, [OLD])}
    path = tmp_path / "chain.nmc"
    path.write_bytes(write_set(streams))
    return path


def content_of(folder: Path) -> dict[str, bytes]:
    """Content ids of the models in a folder by the names of their files."""
    return {path.name: nncodec.load(path).content_id for path in sorted(folder.iterdir())}


def test_all_models_are_restored_into_a_folder(stream, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(nndec, stream, "-o", out) == DONE
    assert content_of(out) == {
        "new.npz": NEW.content_id,
        "old.npz": OLD.content_id,
        "other.npz": LAST.content_id,
    }
    shown = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in shown[:3]] == [str(out / f"{n}.npz") for n in ("old", "new", "other")]
    assert shown[3].startswith("models restored: 3")


def test_other_files_of_the_folder_stay(stream, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / "old.npz").write_text("to be replaced")
    assert run(nndec, stream, "-o", out) == DONE
    assert (out / "notes.txt").read_text() == "mine"
    assert nncodec.load(out / "old.npz").content_id == OLD.content_id
    assert sorted(path.name for path in out.iterdir()) == ["new.npz", "notes.txt", "old.npz", "other.npz"]


def test_a_damaged_set_leaves_no_file(stream, tmp_path, capsys):
    data = bytearray(stream.read_bytes())
    data[-60] ^= 1
    stream.write_bytes(data)
    assert run(nndec, stream, "-o", tmp_path / "out") == REJECTED
    message = capsys.readouterr().err
    assert message.startswith("nndec: error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["set.nmc"]
    assert run(nndec, stream, "-o", tmp_path / "out", "--model", "new") == DONE
    assert list(content_of(tmp_path / "out")) == ["new.npz"]


def test_some_models_into_a_folder_and_one_into_a_file(stream, tmp_path):
    assert run(nndec, stream, "-o", tmp_path / "some", "--model", "other", "--model", "old") == DONE
    assert list(content_of(tmp_path / "some")) == ["old.npz", "other.npz"]
    assert run(nndec, stream, "-o", tmp_path / "one.safetensors", "--model", "new") == DONE
    assert nncodec.load(tmp_path / "one.safetensors").by_name["w"].data == NEW.by_name["w"].data


def test_the_format_is_that_of_the_model_unless_asked_for(tmp_path):
    graph = nncodec.load(V1)
    brain = Model((Tensor("b", DType.BFLOAT16, (2,), bytes(4)),))
    metadata = Model(OLD.tensors, Topology(TopologyFormat.SAFETENSORS_METADATA, b"{}"))
    members = {"graph": graph, "brain": brain, "metadata": metadata, "plain": OLD}
    path = tmp_path / "set.nmc"
    path.write_bytes(write_set({name: nncodec.encode(each, LOSSLESS) for name, each in members.items()}))
    assert run(nndec, path, "-o", tmp_path / "natural") == DONE
    names = ["brain.safetensors", "graph.onnx", "metadata.safetensors", "plain.npz"]
    assert sorted(each.name for each in (tmp_path / "natural").iterdir()) == names
    assert nncodec.load(tmp_path / "natural" / "graph.onnx").content_id == graph.content_id
    assert run(nndec, path, "-o", tmp_path / "asked", "--format", "safetensors", "--model", "plain") == DONE
    assert [each.name for each in (tmp_path / "asked").iterdir()] == ["plain.safetensors"]


@pytest.mark.parametrize(
    "case",
    [
        (["-o", "out.npz"], "give a folder, or one --model"),
        (["-o", "out.npz", "--model", "old", "--model", "new"], "give a folder, or one --model"),
        (["-o", "out", "--model", "nobody"], "no model 'nobody'; nninfo lists them"),
        (["-o", "out", "--tensor", "w"], "--tensor goes with the stream of one model"),
        (["-o", "out.npz", "--tensor", "w", "--model", "old"], "--tensor goes with the stream of one model"),
        (["-o", "out.npz", "--model", "old", "--format", "npz"], "--format is for models"),
        (["--conformance", "--format", "npz"], "--format is for models"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(stream, tmp_path, capsys, monkeypatch, case):
    arguments, words = case
    monkeypatch.chdir(tmp_path)
    assert run(nndec, stream, *arguments) == USAGE
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["set.nmc"]


@pytest.mark.parametrize("arguments", [["--model", "a"], ["--format", "npz"]])
def test_what_is_for_sets_is_refused_for_the_stream_of_one(tmp_path, capsys, arguments):
    (tmp_path / "one.nmc").write_bytes(nncodec.encode(OLD, LOSSLESS))
    assert run(nndec, tmp_path / "one.nmc", "-o", tmp_path / "out.npz", *arguments) == USAGE
    assert "are for sets" in capsys.readouterr().err
    assert run(nninfo, tmp_path / "one.nmc", "--model", "a") == USAGE


def test_a_folder_in_whose_place_a_file_stands_is_refused(stream, tmp_path, capsys):
    (tmp_path / "out").write_text("a file")
    assert run(nndec, stream, "-o", tmp_path / "out") == REJECTED
    assert "it is a file; give the name of a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "a file"


@pytest.mark.parametrize("name", ["up", "absolute", "slash-inside", "backslash", "two-dots", "nul"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, capsys, name):
    out = tmp_path / "deep" / "out"
    out.parent.mkdir()
    assert run(nndec, CONFORMANCE / "invalid" / f"set-name-{name}.nmc", "-o", out) == REJECTED
    assert "BAD_NAME" in capsys.readouterr().err
    assert list(tmp_path.rglob("*")) == [out.parent]


def test_odd_names_become_files_of_the_folder(tmp_path):
    for name in ("set-names-with-dots", "set-names-that-need-quotes", "set-names-beyond-ascii"):
        path, out = CONFORMANCE / "valid" / f"{name}.nmc", tmp_path / name
        assert run(nndec, path, "-o", out) == DONE
        assert sorted(each.name for each in out.iterdir()) == sorted(
            f"{model}.npz" for model in decode_set(path.read_bytes())
        )


def test_json_of_nndec_lists_the_models(stream, tmp_path, capsys):
    assert run(nndec, stream, "-o", tmp_path / "out", "--json") == DONE
    rows = json.loads(capsys.readouterr().out)["models"]
    assert [Path(row["output"]).name for row in rows] == ["old.npz", "new.npz", "other.npz"]
    assert [row["content_id"] for row in rows] == [each.content_id.hex() for each in (OLD, NEW, LAST)]


@pytest.mark.parametrize("through_pipe", [False, True])
def test_conformance_mode_names_the_models(stream, through_pipe):
    command = [sys.executable, "-m", "nncodec.cli.nndec", "--conformance", "-" if through_pipe else str(stream)]
    done = subprocess.run(
        command, input=stream.read_bytes() if through_pipe else None, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (DONE, b"")
    assert [each.name for each in tds.parse(done.stdout)] == ["old", "new", "other"]


class TestReferences:
    """--ref and --refs of sets, and sets as references."""

    def test_a_parent_outside_is_given_or_found(self, chain, tmp_path, capsys):
        assert run(nndec, chain, "-o", tmp_path / "out") == REJECTED
        assert OUTSIDE.content_id.hex() in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
        store = tmp_path / "store"
        store.mkdir()
        nncodec.save(OUTSIDE, store / "outside.npz")
        assert run(nndec, chain, "-o", tmp_path / "one", "--ref", store / "outside.npz") == DONE
        assert run(nndec, chain, "-o", tmp_path / "two", "--refs", store) == DONE
        assert run(nndec, chain, "-o", tmp_path / "new.npz", "--refs", store, "--model", "new") == DONE
        assert content_of(tmp_path / "one") == content_of(tmp_path / "two")
        assert nncodec.load(tmp_path / "new.npz").content_id == NEW.content_id

    def test_a_set_is_a_reference(self, stream, tmp_path):
        (tmp_path / "last.nmc").write_bytes(nncodec.encode(LAST, LOSSLESS, [NEW]))
        assert run(nndec, tmp_path / "last.nmc", "-o", tmp_path / "last.npz", "--ref", stream) == DONE
        assert nncodec.load(tmp_path / "last.npz").content_id == LAST.content_id

    def test_a_folder_with_sets_holds_references(self, chain, tmp_path):
        store, last = tmp_path / "store", tmp_path / "last.nmc"
        store.mkdir()
        chain.rename(store / "chain.nmc")
        nncodec.save(OUTSIDE, store / "outside.npz")
        (store / "broken.nmc").write_bytes((store / "chain.nmc").read_bytes()[:-20])
        last.write_bytes(nncodec.encode(LAST, LOSSLESS, [NEW]))
        assert run(nndec, last, "-o", tmp_path / "last.npz", "--refs", store) == DONE
        assert nncodec.load(tmp_path / "last.npz").content_id == LAST.content_id

    def test_a_set_whose_parent_is_in_another_set(self, stream, tmp_path):
        other = tmp_path / "other.nmc"
        streams = {"a": nncodec.encode(LAST, LOSSLESS, [NEW]), "b": nncodec.encode(OUTSIDE, LOSSLESS, [LAST])}
        other.write_bytes(write_set(streams))
        assert run(nndec, other, "-o", tmp_path / "ref", "--ref", stream) == DONE
        assert run(nndec, other, "-o", tmp_path / "refs", "--refs", tmp_path) == DONE
        assert list(content_of(tmp_path / "ref").values()) == [LAST.content_id, OUTSIDE.content_id]
        assert content_of(tmp_path / "ref") == content_of(tmp_path / "refs")

    def test_a_later_member_found_in_the_folder_is_a_parent(self, tmp_path):
        path, store = tmp_path / "set.nmc", tmp_path / "store"
        store.mkdir()
        nncodec.save(OLD, store / "old.npz")
        path.write_bytes(write_set({"new": nncodec.encode(NEW, LOSSLESS, [OLD]), "old": nncodec.encode(OLD, LOSSLESS)}))
        assert run(nndec, path, "-o", tmp_path / "out", "--refs", store) == DONE


class TestInfo:
    """nninfo."""

    def test_models_and_what_they_are_predicted_from_are_shown(self, stream, capsys):
        assert run(nninfo, stream) == DONE
        shown = capsys.readouterr().out
        assert shown.startswith("NMC set, profile main, level 0, 3 models\n")
        for name, each in (("old", OLD), ("new", NEW), ("other", LAST)):
            row = next(
                line for line in shown.splitlines() if f" {name} " in line and each.content_id.hex()[:12] in line
            )
            assert ("old" in row.replace(f" {name} ", "", 1)) == (name == "new")

    def test_json_is_what_the_set_holds(self, stream, capsys):
        assert run(nninfo, stream, "--json") == DONE
        info = json.loads(capsys.readouterr().out)
        assert info["size"] == stream.stat().st_size
        assert info["bits_per_weight"] == pytest.approx(8 * info["size"] / info["element_count"])
        assert "elements" not in info
        assert [(row["name"], row["parents"], row["parents_outside"]) for row in info["models"]] == [
            ("old", [], []),
            ("new", ["old"], []),
            ("other", [], []),
        ]
        assert run(nninfo, stream, "--json", "--syntax") == DONE
        assert json.loads(capsys.readouterr().out)["elements"][0]["path"] == "StartPrefix.magic"

    def test_syntax_of_a_set_and_of_its_members(self, stream, capsys):
        assert run(nninfo, stream, "--syntax") == DONE
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split()[:2] == ["0", "64"]
        assert any("ModelIndex.models.name = 'new'" in line for line in lines)
        assert "ModelIndex.models.stream_size" in lines[-1]
        assert run(nninfo, stream, "--syntax", "--model", "new") == DONE
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split()[:2] == ["0", "64"]
        assert "Footer.magic" in lines[-1]

    def test_a_model_of_a_set_is_shown_like_any_stream(self, stream, capsys):
        assert run(nninfo, stream, "--model", "new") == DONE
        shown = capsys.readouterr().out
        assert NEW.content_id.hex() in shown
        assert f"needs model    {OLD.content_id.hex()}  ({stream})" in shown
        assert run(nninfo, stream, "--model", "new", "--json") == DONE
        assert json.loads(capsys.readouterr().out)["content_id"] == NEW.content_id.hex()

    def test_a_name_that_is_not_there_is_a_usage_error(self, stream, capsys):
        assert run(nninfo, stream, "--model", "nobody") == USAGE
        assert "no model 'nobody'" in capsys.readouterr().err

    def test_parents_outside_are_shown_and_found(self, chain, tmp_path, capsys):
        assert run(nninfo, chain) == DONE
        assert f"needs model    {OUTSIDE.content_id.hex()}  (not at hand)" in capsys.readouterr().out
        assert run(nninfo, chain, "--model", "new") == DONE
        assert "give that with --ref" in capsys.readouterr().out
        nncodec.save(OUTSIDE, tmp_path / "outside.npz")
        assert run(nninfo, chain, "--model", "new", "--refs", tmp_path) == DONE
        shown = capsys.readouterr().out
        assert "copy" in shown
        assert f"needs model    {OLD.content_id.hex()}" in shown
        assert "outside.npz)" in shown

    def test_damage_is_told_at_its_place_in_the_file(self, stream, capsys):
        data = bytearray(stream.read_bytes())
        data[-1] ^= 1
        stream.write_bytes(data)
        assert run(nninfo, stream) == REJECTED
        assert f"BAD_MAGIC at byte {len(data) - 4}" in capsys.readouterr().err
