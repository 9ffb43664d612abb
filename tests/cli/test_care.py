"""The commands take care: of files that exist, of slips, of being stopped, of what is damaged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nncodec
from nncodec import Model, Tensor
from nncodec.cli import nndec, nnenc, nninfo

EXAMPLES = Path(__file__).parents[2] / "examples"
V1, V2, VARIANT = (EXAMPLES / f"digits-{name}.onnx" for name in ("v1", "v2", "variant"))
DONE, REJECTED, USAGE = 0, 1, 2


def run(command, *arguments) -> int:
    """Exit code of a command."""
    return int(command.main([str(argument) for argument in arguments]))


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A folder with a stream, an update of it, and an update of that."""
    assert run(nnenc, V1, "-o", tmp_path / "0.nmc") == DONE
    assert run(nnenc, V2, "-o", tmp_path / "1.nmc", "--ref", tmp_path / "0.nmc") == DONE
    both = "--ref", tmp_path / "1.nmc", "--ref", tmp_path / "0.nmc"
    assert run(nnenc, VARIANT, "-o", tmp_path / "2.nmc", *both) == DONE
    return tmp_path


def test_a_file_that_is_read_is_not_written_over(chain: Path, capsys):
    update = chain / "1.nmc"
    before = update.read_bytes()
    assert run(nnenc, V2, "-o", update, "--ref", update) == USAGE
    assert run(nndec, update, "-o", update, "--ref", chain / "0.nmc") == USAGE
    (chain / "link.nmc").symlink_to(update)
    assert run(nnenc, V2, "-o", chain / "link.nmc", "--ref", chain / "0.nmc", "--ref", update) == USAGE
    assert "is read, too" in capsys.readouterr().err
    assert update.read_bytes() == before


@pytest.mark.parametrize("output", ["x.onnx", "x.safetensors", "x.safetensors.index.json", "X.NPZ", "-"])
def test_a_stream_is_not_given_the_name_of_a_model_file(tmp_path: Path, output: str, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(nnenc, V1, "-o", output) == USAGE
    assert list(tmp_path.iterdir()) == []


def test_references_come_in_any_order(chain: Path):
    for order in (["0.nmc", "1.nmc"], ["1.nmc", "0.nmc"]):
        arguments = [part for name in order for part in ("--ref", chain / name)]
        assert run(nndec, chain / "2.nmc", "-o", chain / "out.onnx", *arguments) == DONE


def test_a_reference_that_lacks_its_own_is_named(chain: Path, capsys):
    assert run(nndec, chain / "2.nmc", "-o", chain / "out.onnx", "--ref", chain / "1.nmc") == USAGE
    assert f"--ref {chain / '1.nmc'}: REF_MISSING" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--refs", "."),
        ("--map", "a=b"),
        ("--lossless", "--preset", "best"),
        ("--lossless", "--include", "*"),
        ("--profile", "baseline", "--preset", "fast"),
    ],
)
def test_arguments_that_do_nothing_are_refused(tmp_path: Path, arguments: tuple[str, ...]):
    assert run(nnenc, V1, "-o", tmp_path / "v1.nmc", *arguments) == USAGE


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path, capsys):
    assert run(nnenc, V1, "-o", tmp_path / "v1.nmc", "--exclude", "conv1.wieght") == REJECTED
    assert "'conv1.wieght' matches no tensor" in capsys.readouterr().err


def test_a_flat_vector_that_stays_exact_is_noted(tmp_path: Path, capsys):
    vector = Tensor.from_numpy("p", np.random.default_rng(0).normal(size=1 << 16).astype(np.float32))
    nncodec.save(Model((vector,)), tmp_path / "flat.npz")
    assert run(nnenc, tmp_path / "flat.npz", "-o", tmp_path / "flat.nmc", "--snr", "30") == DONE
    assert "nothing was quantised" in capsys.readouterr().err
    assert run(nnenc, tmp_path / "flat.npz", "-o", tmp_path / "flat.nmc", "--snr", "30", "--include", "p") == DONE
    said = capsys.readouterr()
    assert "note" not in said.err
    assert "SNR 30." in said.out


def test_a_reference_without_use_is_noted(tmp_path: Path, capsys):
    nncodec.save(Model((Tensor.from_numpy("p", np.ones(3)),)), tmp_path / "other.npz")
    assert run(nnenc, V1, "-o", tmp_path / "v1.nmc", "--ref", tmp_path / "other.npz") == DONE
    assert "nothing is predicted from the references" in capsys.readouterr().err


def test_a_level_that_decoders_do_not_accept_is_noted(tmp_path: Path, capsys):
    nncodec.save(Model((Tensor.from_numpy("n" * 1025, np.ones((9, 9))),)), tmp_path / "long.safetensors")
    assert run(nnenc, tmp_path / "long.safetensors", "-o", tmp_path / "long.nmc") == DONE
    assert "nndec needs --level 4" in capsys.readouterr().err
    assert run(nndec, tmp_path / "long.nmc", "-o", tmp_path / "out.safetensors") == REJECTED
    assert "--level 4" in capsys.readouterr().err
    assert run(nndec, tmp_path / "long.nmc", "-o", tmp_path / "out.safetensors", "--level", "4") == DONE


def test_what_is_left_of_a_damaged_stream(chain: Path, capsys):
    data = bytearray((chain / "0.nmc").read_bytes())
    data[len(data) // 2] ^= 1
    (chain / "damaged.nmc").write_bytes(data)
    assert run(nndec, chain / "damaged.nmc", "-o", chain / "out.onnx") == REJECTED
    assert "--conceal" in capsys.readouterr().err
    assert run(nndec, chain / "damaged.nmc", "-o", chain / "out.onnx", "--conceal") == DONE
    assert "conv1.weight: bytes 0 to 1151 were lost" in capsys.readouterr().err
    whole = nncodec.decode((chain / "0.nmc").read_bytes())
    assert nncodec.load(chain / "out.onnx").by_name["bn1.bias"].data == whole.by_name["bn1.bias"].data
    assert run(nndec, chain / "0.nmc", "-o", chain / "out.onnx", "--conceal") == DONE
    assert nncodec.load(chain / "out.onnx").content_id == whole.content_id


def test_size_of_a_packed_file_is_its_own(tmp_path: Path, capsys):
    np.savez_compressed(tmp_path / "zeros.npz", w=np.zeros((500, 500), np.float32))
    assert run(nnenc, tmp_path / "zeros.npz", "-o", tmp_path / "zeros.nmc", "--json") == DONE
    assert json.loads(capsys.readouterr().out)["input_bytes"] == (tmp_path / "zeros.npz").stat().st_size


def test_names_are_not_cut_in_a_pipe(tmp_path: Path, capsys):
    names = ["n" * 300, "line\nbreak"]
    model = Model(tuple(Tensor.from_numpy(name, np.ones((9, 9))) for name in names))
    (tmp_path / "m.nmc").write_bytes(nncodec.encode(model))
    assert run(nninfo, tmp_path / "m.nmc") == DONE
    shown = capsys.readouterr().out
    assert names[0] in shown
    assert "line\\nbreak" in shown


def test_a_plot_that_cannot_be_written_is_refused_at_once(tmp_path: Path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    both = V1, V2, "-o", tmp_path / "set.nmc", "--max-bytes", "60000"
    assert run(nnenc, *both, "--plot", tmp_path / "no" / "curve.svg") == USAGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_being_ended_leaves_nothing_behind(tmp_path: Path):
    model = Model((Tensor.from_numpy("w", np.random.default_rng(0).normal(size=(3000, 3000)).astype(np.float32)),))
    nncodec.save(model, tmp_path / "m.safetensors")
    command = [sys.executable, "-m", "nncodec.cli.nnenc", tmp_path / "m.safetensors", "-o", tmp_path / "m.nmc"]
    with subprocess.Popen([*command, "--jobs", "1", "--preset", "best"], stderr=subprocess.PIPE) as process:
        while process.poll() is None and len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 130
    assert b"interrupted" in said
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_a_reader_that_goes_away_is_no_failure_to_speak_of(chain: Path):
    command = f"{sys.executable} -m nncodec.cli.nninfo --syntax {chain / '0.nmc'} | head -1"
    found = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, check=True)
    assert "magic" in found.stdout
    assert (found.stderr, found.returncode) == ("", DONE)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX shells")
@pytest.mark.parametrize("redirection", ["| true", ">&-", ">&- 2>&-"])
def test_it_does_not_matter_who_listens(tmp_path: Path, redirection: str):
    command = f"set -o pipefail; {sys.executable} -m nncodec.cli.nnenc {V1} -o {tmp_path / 'v1.nmc'} {redirection}"
    found = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, check=False)
    assert (found.stderr, found.returncode) == ("", DONE)
    assert (tmp_path / "v1.nmc").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_signal_that_is_ignored_stays_so(tmp_path: Path):
    program = """import os, signal; from nncodec.cli import common
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with common._stopped_by_signals(): os.kill(os.getpid(), signal.SIGHUP)
print('went on')"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("went on\n", "")


def test_shards_and_references_found_in_a_folder_are_not_written_over(chain: Path, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    old = home / "old.safetensors.index.json"
    nncodec.save(nncodec.decode((chain / "0.nmc").read_bytes()), home / "a.onnx")
    nncodec.save(nncodec.load(home / "a.onnx"), old)
    (shard,) = home.glob("*.safetensors")
    assert run(nnenc, V2, "-o", home / "u.nmc", "--ref", shard) == DONE
    before = shard.read_bytes()
    assert run(nndec, home / "u.nmc", "-o", old, "--ref", shard) == USAGE
    assert run(nndec, home / "u.nmc", "-o", shard, "--refs", home) == USAGE
    assert shard.read_bytes() == before
    assert run(nnenc, f"a={V2}", f"b={VARIANT}", "-o", home / "set.nmc", "--ref", home / "a.onnx") == DONE
    before = (home / "a.onnx").read_bytes()
    assert run(nndec, home / "set.nmc", "-o", home, "--ref", home / "a.onnx") == USAGE
    assert (home / "a.onnx").read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [("--eval", "a=OUT"), ("--plot", "IN.svg"), ("--plot", "OUT")],
)
def test_files_of_sets_are_not_written_over(tmp_path: Path, arguments: tuple[str, str]):
    for name in ("in.svg", "out.svg"):
        (tmp_path / name).write_bytes(V1.read_bytes())
    places = {
        "a=OUT": f"a={tmp_path / 'out.svg'}",
        "IN.svg": str(tmp_path / "in.svg"),
        "OUT": str(tmp_path / "out.svg"),
    }
    option = arguments[0], places[arguments[1]]
    models = f"a={tmp_path / 'in.svg'}", V2
    assert run(nnenc, *models, "-o", tmp_path / "out.svg", "--max-bytes", "60000", *option) == USAGE
    assert (tmp_path / "in.svg").read_bytes() == (tmp_path / "out.svg").read_bytes() == V1.read_bytes()


def test_what_was_lost_is_in_the_json(chain: Path, capsys):
    data = bytearray((chain / "0.nmc").read_bytes())
    data[len(data) // 2] ^= 1
    (chain / "damaged.nmc").write_bytes(data)
    capsys.readouterr()
    assert run(nndec, chain / "damaged.nmc", "-o", chain / "out.onnx", "--conceal", "--json") == DONE
    gaps = json.loads(capsys.readouterr().out)["gaps"]
    assert gaps[0] == {"name": "conv1.weight", "start": 0, "stop": 1152}
    assert run(nndec, chain / "damaged.nmc", "--conformance", "--conceal") == USAGE


def test_names_are_a_collection_of_strings():
    data = nncodec.encode(Model((Tensor.from_numpy("w0", np.ones(3)), Tensor.from_numpy("w1", np.ones(3)))))
    with pytest.raises(TypeError, match="not the string 'w0'"):
        nncodec.decode(data, tensors="w0")
    assert [tensor.name for tensor in nncodec.decode(data, tensors=(name for name in ["w0"])).tensors] == ["w0"]
