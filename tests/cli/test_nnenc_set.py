"""nnenc of several models as a user meets it: names, budgets, evaluation, pictures, refusals that leave files alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import nncodec
from nncodec.cli import nndec, nnenc
from tests.core.encoder.sets.related import chain

EXAMPLES = Path(__file__).parents[2] / "examples"
DONE, REJECTED, USAGE, UNSUPPORTED = 0, 1, 2, 3
MEMBERS = chain(3, amount=0.1)


def run(command, *arguments) -> int:
    """Exit code of a command, also where argparse leaves by SystemExit."""
    try:
        return int(command.main([str(argument) for argument in arguments]))
    except SystemExit as leaving:
        return int(leaving.code or 0)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """m0.npz, m1.npz and m2.npz in the folder that we are in."""
    monkeypatch.chdir(tmp_path)
    for name, model in MEMBERS.items():
        nncodec.save(model, tmp_path / f"{name}.npz")
    return [f"{name}.npz" for name in MEMBERS]


def test_set_is_coded_and_restored(files, tmp_path, capsys):
    assert run(nnenc, *files, "-o", "set.nmc", "--lossless") == DONE
    shown = capsys.readouterr().out
    assert all(name in shown for name in MEMBERS)
    assert shown.splitlines()[-1].startswith("set.nmc: ")
    assert run(nndec, "set.nmc", "-o", "out") == DONE
    for name, model in MEMBERS.items():
        restored = nncodec.load(tmp_path / "out" / f"{name}.npz")
        assert {t.name: bytes(t.data) for t in restored.tensors} == {t.name: bytes(t.data) for t in model.tensors}


def test_bytes_are_those_of_the_library_whatever_the_jobs(files, tmp_path):
    assert run(nnenc, *files, "-o", "set.nmc", "--quality", 40, "--jobs", 1) == DONE
    assert run(nnenc, *files, "-o", "more.nmc", "--quality", 40, "--jobs", 3) == DONE
    loaded = {name: nncodec.load(tmp_path / f"{name}.npz") for name in MEMBERS}
    expected = nncodec.encode_set(loaded, nncodec.SetConfig(nncodec.EncoderConfig(quality=40)))
    assert (tmp_path / "set.nmc").read_bytes() == (tmp_path / "more.nmc").read_bytes() == expected


def test_models_are_called_as_asked(files, tmp_path):
    (tmp_path / "b=c.npz").write_bytes((tmp_path / "m1.npz").read_bytes())
    assert run(nnenc, "first=m0.npz", "b=c.npz", "x=y=m2.npz", "-o", "set.nmc") == REJECTED  # y=m2.npz is no file
    assert run(nnenc, "first=m0.npz", "b=c.npz", "-o", "set.nmc") == DONE
    with nncodec.open_set("set.nmc") as reader:
        assert reader.names == ["first", "b=c"]


@pytest.mark.parametrize("structure", ["tree", "star", "paper", "separate"])
def test_json_says_what_was_done(files, capsys, structure):
    assert run(nnenc, *files, "-o", "set.nmc", "--structure", structure, "--json") == DONE
    said = json.loads(capsys.readouterr().out)
    assert said["bytes"] == Path("set.nmc").stat().st_size
    assert sorted(row["name"] for row in said["models"]) == sorted(MEMBERS)
    assert said["curve"] is None
    for row in said["models"]:
        assert set(row["parents"]) <= set(MEMBERS) - {row["name"]}
        assert row["predicted_bytes"] == pytest.approx(row["bytes"], rel=0.2)
        assert row["utility"] is None
    roots = [row["name"] for row in said["models"] if not row["parents"]]
    assert len(roots) == (3 if structure == "separate" else 1)


def test_root_depth_and_parents_are_as_asked(files, capsys):
    arguments = ["--root", "m2", "--depth", 1, "--parents", 1, "--quality", 30, "--json"]
    assert run(nnenc, *files, "-o", "set.nmc", *arguments) == DONE
    rows = json.loads(capsys.readouterr().out)["models"]
    assert {row["name"]: row["parents"] for row in rows} == {"m2": [], "m0": ["m2"], "m1": ["m2"]}


def test_budget_weights_and_picture(files, capsys):
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib (extra plot)")
    arguments = ["--max-bytes", 4000, "--weight", "m2=5", "--plot", "curve.svg", "--json"]
    assert run(nnenc, *files, "-o", "set.nmc", *arguments) == DONE
    said = json.loads(capsys.readouterr().out)
    assert 3880 <= said["bytes"] <= 4000
    assert all(0 < row["utility"] <= 1 for row in said["models"])
    assert len(said["curve"]) > 3
    assert Path("curve.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_no_curve_where_all_fits_without_loss(files, capsys):
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib (extra plot)")
    assert run(nnenc, *files, "-o", "set.nmc", "--max-bytes", 10**6, "--plot", "curve.png") == DONE
    assert "fits without loss: there is no curve" in capsys.readouterr().err
    assert not Path("curve.png").exists()


def test_references_outside_the_set(files, capsys):
    assert run(nnenc, "m1.npz", "m2.npz", "-o", "set.nmc", "--ref", "m0.npz", "--quality", 30) == DONE
    assert run(nnenc, "m1.npz", "m2.npz", "-o", "alone.nmc", "--quality", 30) == DONE
    assert Path("set.nmc").stat().st_size < Path("alone.nmc").stat().st_size
    capsys.readouterr()
    assert run(nndec, "set.nmc", "-o", "out", "--ref", "m0.npz") == DONE


def test_evaluation_on_data_of_the_examples(tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="evaluation needs onnxruntime (extra eval)")
    models = [f"v1={EXAMPLES / 'digits-v1.onnx'}", f"odd={EXAMPLES / 'digits-variant.onnx'}"]
    data = [
        "--eval",
        f"v1={EXAMPLES / 'digits-test.npz'}",
        "--eval",
        f"odd={EXAMPLES / 'digits-variant-test.npz'}:top1",
    ]
    assert run(nnenc, *models, "-o", tmp_path / "set.nmc", "--max-bytes", 25_000, *data, "--json") == DONE
    rows = json.loads(capsys.readouterr().out)["models"]
    assert all(0.95 < row["utility"] < 1.03 for row in rows)


@pytest.mark.parametrize(
    "case",
    [
        (["m0.npz", "m0.npz"], USAGE, "both called 'm0': write NAME=FILE"),
        (["x=m0.npz", "x=m1.npz"], USAGE, "both called 'x'"),
        (["a/b=m0.npz", "m1.npz"], REJECTED, "the name of model 'a/b'"),
        (["=m0.npz", "m1.npz"], REJECTED, "the name of model '' is no name"),
        (["m0.npz", "m1.npz", "--root", "who"], REJECTED, "no model 'who'"),
        (["m0.npz", "m1.npz", "--depth", "0"], USAGE, "depth 0"),
        (["m0.npz", "m1.npz", "--parents", "17"], USAGE, "parents 17"),
        (["m0.npz", "m1.npz", "--structure", "ring"], USAGE, "invalid choice"),
        (["m0.npz", "m1.npz", "--structure", "separate", "--root", "m0"], USAGE, "has no root"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--quality", "3"], USAGE, "not allowed with"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--profile", "baseline"], USAGE, "profile main"),
        (["m0.npz", "m1.npz", "--max-bytes", "0"], USAGE, "max_bytes 0"),
        (
            ["m0.npz", "m1.npz", "--ref", "m2.npz", "--update-snr", "3"],
            USAGE,
            "update_snr of each model has no meaning",
        ),
        (["m0.npz", "m1.npz", "--weight", "m0=2"], USAGE, "say how --max-bytes is spent"),
        (["m0.npz", "m1.npz", "--eval", "m0=x.npz"], USAGE, "say how --max-bytes is spent"),
        (["m0.npz", "m1.npz", "--plot", "x.svg"], USAGE, "say how --max-bytes is spent"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--weight", "m0"], USAGE, "write it as NAME=NUMBER"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--weight", "m0=much"], USAGE, "write it as NAME=NUMBER"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--weight", "m0=-1"], USAGE, "weight -1.0 of model 'm0'"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--weight", "who=1"], REJECTED, "no model 'who'"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--eval", "who=m0.npz"], USAGE, "--eval who: no such model"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--eval", "m0"], USAGE, "is not NAME=DATA.npz"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", *["--weight", "m0=2"] * 2], USAGE, "--weight names 'm0' twice"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--eval", "m0=m1.npz:best"], USAGE, "no metric 'best'"),
        (["m0.npz", "m1.npz", "--max-bytes", "4000", "--plot", "x.gif"], USAGE, "choose one of .svg"),
        (["m0.npz", "m1.npz", "--max-bytes", "200"], REJECTED, "the coarsest quality takes"),
        (["m0.npz", "bad.npz"], REJECTED, "bad.npz"),
        (["m0.npz", "missing.npz"], REJECTED, "missing.npz"),
        (["m0.npz", "m1.npz", "--map", "bias=nothing"], REJECTED, "no model has the tensor 'nothing'"),
        (["m0.npz", "--root", "m0"], USAGE, "--root is for sets"),
        (["m0.npz", "--depth", "0"], USAGE, "--depth is for sets"),
        (["m0.npz", "--structure", "star"], USAGE, "--structure is for sets"),
        (["m0.npz", "--weight", "m0=1"], USAGE, "--weight is for sets"),
        (["m0.npz", "--eval", "m0=m0.npz"], USAGE, "--eval is for sets"),
        (["m0.npz", "--plot", "x.svg"], USAGE, "--plot is for sets"),
    ],
)
def test_refusals_say_why_and_leave_files_alone(files, tmp_path, capsys, case):
    arguments, code, words = case
    (tmp_path / "bad.npz").write_bytes((tmp_path / "m1.npz").read_bytes()[:-40])
    (tmp_path / "set.nmc").write_text("mine")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run(nnenc, *arguments, "-o", "set.nmc") == code
    assert words in capsys.readouterr().err
    assert (tmp_path / "set.nmc").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_without_matplotlib_nothing_is_coded(files, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    arguments = [*files, "-o", "set.nmc", "--max-bytes", 4000, "--plot", "curve.svg"]
    assert run(nnenc, *arguments) == UNSUPPORTED
    assert "pip install 'nmc-codec[plot]'" in capsys.readouterr().err
    assert not Path("set.nmc").exists()


def test_without_networkx_a_tree_is_refused(files, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "networkx", None)
    assert run(nnenc, *files, "-o", "set.nmc") == REJECTED
    assert "pip install 'nmc-codec[set]'" in capsys.readouterr().err
    assert run(nnenc, *files, "-o", "set.nmc", "--structure", "star") == DONE


def test_utilities_of_a_model_without_a_graph_cannot_be_measured(files, capsys, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.zeros((2, 2), np.float32), labels=np.zeros(2, np.int64))
    assert run(nnenc, *files, "-o", "set.nmc", "--max-bytes", 4000, "--eval", "m0=data.npz:top1") != DONE
    assert "graph" in capsys.readouterr().err
    assert not Path("set.nmc").exists()
