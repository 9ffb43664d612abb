"""nnenc, nndec and nninfo as a user meets them: files, exit codes, messages, JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nncodec
from nncodec import Model, Tensor
from nncodec.cli import nndec, nnenc, nninfo
from nncodec.tables import DType

EXAMPLES = Path(__file__).parents[2] / "examples"
V1, V2 = EXAMPLES / "digits-v1.onnx", EXAMPLES / "digits-v2.onnx"
DONE, REJECTED, USAGE, UNSUPPORTED = 0, 1, 2, 3


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A small .npz model."""
    generator = np.random.default_rng(1)
    model = Model(
        (
            Tensor.from_numpy("layer.weight", generator.standard_normal((16, 8), np.float32)),
            Tensor.from_numpy("layer.bias", generator.standard_normal(16, np.float32)),
            Tensor.from_numpy("steps", np.array(7, np.int64)),
        )
    )
    path = tmp_path / "model.npz"
    nncodec.save(model, path)
    return path


def run(command, *arguments) -> int:
    """Exit code of a command, also where argparse leaves by SystemExit."""
    try:
        return int(command.main([str(argument) for argument in arguments]))
    except SystemExit as leaving:
        return int(leaving.code or 0)


def test_lossless_round_trip_restores_the_onnx_file(tmp_path):
    stream, restored = tmp_path / "v1.nmc", tmp_path / "v1.onnx"
    assert run(nnenc, V1, "-o", stream, "--lossless") == DONE
    assert run(nndec, stream, "-o", restored) == DONE
    assert nncodec.load(restored).content_id == nncodec.load(V1).content_id


def test_json_of_nnenc_has_what_the_manual_promises(weights, tmp_path, capsys):
    stream = tmp_path / "m.nmc"
    assert run(nnenc, weights, "-o", stream, "--q-bits", "9", "--json") == DONE
    report = json.loads(capsys.readouterr().out)
    assert report["bytes"] == stream.stat().st_size
    assert report["elements"] == 16 * 8 + 16 + 1
    assert report["bits_per_weight"] == pytest.approx(8 * report["bytes"] / report["elements"])
    assert report["mse"] == pytest.approx(1e-6 / 12, rel=0.3)
    assert report["seconds"] >= 0
    assert [row["name"] for row in report["tensors"]] == ["layer.weight", "layer.bias", "steps"]
    assert report["tensors"][0]["representation"] == "levels"


def test_json_of_nndec_and_nninfo_agree_on_the_content_id(weights, tmp_path, capsys):
    stream = tmp_path / "m.nmc"
    run(nnenc, weights, "-o", stream)
    capsys.readouterr()
    assert run(nndec, stream, "-o", tmp_path / "out.npz", "--json") == DONE
    decoded = json.loads(capsys.readouterr().out)
    assert run(nninfo, stream, "--json") == DONE
    assert json.loads(capsys.readouterr().out)["content_id"] == decoded["content_id"]


def test_baseline_profile_is_the_paper_with_f_04(weights, tmp_path):
    stream = tmp_path / "m.nmc"
    assert run(nnenc, weights, "-o", stream, "--profile", "baseline", "--q-bits", "11") == DONE
    decoded = nncodec.decode(stream.read_bytes()).by_name["layer.weight"].numpy()
    original = nncodec.load(weights).by_name["layer.weight"].numpy().astype(np.float64)
    levels = np.sign(original) * np.floor(np.abs(original) / 0.1 + 0.4)
    assert np.array_equal(decoded, (levels * 0.1).astype(np.float32))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--q-bits", "9", "--lossless"],
        ["--step", "0.1", "--q-bits", "3"],
        ["--step", "0.1", "--profile", "baseline"],
        ["--step", "0"],
        ["--step", "nan"],
        ["--q-bits", "-1"],
        ["--q-bits", "nine"],
        ["--rounding", "0.6"],
        ["--rounding", "0.4", "--lossless"],
        ["--s-bits", "3", "--lossless"],
        ["--s-bits", "3"],
        ["--quality", "30", "--snr", "30"],
        ["--quality", "1000"],
        ["--snr", "30", "--profile", "baseline"],
        ["--mse", "0"],
        ["--max-bytes", "0"],
        ["--max-bytes", "many"],
        ["--update-snr", "10"],
        ["--profile", "best"],
        ["--map", "no-equals-sign"],
        ["--refs", "/no/such/folder"],
    ],
)
def test_contradictions_are_usage_errors_and_write_nothing(weights, tmp_path, arguments):
    stream = tmp_path / "m.nmc"
    assert run(nnenc, weights, "-o", stream, *arguments) == USAGE
    assert not stream.exists()


def test_include_and_exclude_choose_tensors(weights, tmp_path):
    stream = tmp_path / "m.nmc"
    run(nnenc, weights, "-o", stream, "--q-bits", "11", "--exclude", "*.weight", "--include", "*.bias")
    coded = {tensor.name: tensor.representation for tensor in nncodec.inspect(stream.read_bytes()).tensors}
    assert coded == {"layer.weight": "exact", "layer.bias": "levels", "steps": "exact"}


@pytest.mark.parametrize("name", ["missing.onnx", ".", "text.onnx"])
def test_what_is_no_model_is_rejected_in_one_line(tmp_path, capsys, name):
    (tmp_path / "text.onnx").write_text("not a model, whatever its name says")
    assert run(nnenc, tmp_path / name, "-o", tmp_path / "m.nmc") == REJECTED
    message = capsys.readouterr().err
    assert message.startswith("nnenc: error: ")
    assert message.count("\n") == 1
    assert not (tmp_path / "m.nmc").exists()


def test_a_wiped_out_tensor_is_noted(weights, tmp_path, capsys):
    assert run(nnenc, weights, "-o", tmp_path / "m.nmc", "--step", "100") == DONE
    assert "layer.weight: the step wipes out every weight" in capsys.readouterr().err


def test_a_failing_decode_leaves_the_old_file_alone(weights, tmp_path, capsys):
    stream, out = tmp_path / "m.nmc", tmp_path / "out.npz"
    run(nnenc, weights, "-o", stream)
    out.write_bytes(b"precious")
    damaged = bytearray(stream.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    stream.write_bytes(damaged)
    assert run(nndec, stream, "-o", out) == REJECTED
    assert "UNIT_CRC" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.nmc", "model.npz", "out.npz"]


def test_a_newer_version_is_unsupported(weights, tmp_path, capsys):
    stream = tmp_path / "m.nmc"
    run(nnenc, weights, "-o", stream)
    data = bytearray(stream.read_bytes())
    data[8] = 1
    stream.write_bytes(data)
    assert run(nndec, stream, "-o", tmp_path / "out.npz") == UNSUPPORTED
    assert "UNSUPPORTED_VERSION" in capsys.readouterr().err
    assert run(nninfo, stream) == UNSUPPORTED


def test_a_format_without_a_place_for_a_tensor_is_unsupported(tmp_path):
    text = Model((Tensor("words", DType.STRING, (1,), b"\x02\x00\x00\x00hi"),))
    stream = tmp_path / "m.nmc"
    stream.write_bytes(nncodec.encode(text))
    assert run(nndec, stream, "-o", tmp_path / "out.safetensors") == UNSUPPORTED
    assert run(nndec, stream, "-o", tmp_path / "out.onnx") == UNSUPPORTED
    assert run(nndec, stream, "-o", tmp_path / "out.npz") == DONE


def test_an_unknown_suffix_is_refused_with_the_choices(weights, tmp_path, capsys):
    stream = tmp_path / "m.nmc"
    run(nnenc, weights, "-o", stream)
    assert run(nndec, stream, "-o", tmp_path / "out.pt") == REJECTED
    assert ".safetensors" in capsys.readouterr().err


def test_single_tensors(weights, tmp_path, capsys):
    stream, out = tmp_path / "m.nmc", tmp_path / "out.npz"
    run(nnenc, weights, "-o", stream, "--lossless")
    assert run(nndec, stream, "-o", out, "--tensor", "steps", "--tensor", "layer.bias") == DONE
    assert list(nncodec.load(out).by_name) == ["layer.bias", "steps"]
    assert run(nndec, stream, "-o", out, "--tensor", "nothing") == USAGE
    assert "no tensor 'nothing'" in capsys.readouterr().err
    assert run(nndec, stream, "-o", tmp_path / "out.onnx", "--tensor", "steps") == USAGE


def test_a_level_below_the_stream_s_is_a_limit(tmp_path, capsys):
    stream = tmp_path / "v1.nmc"
    run(nnenc, V1, "-o", stream)
    data = bytearray(stream.read_bytes())
    assert data[11] == 0
    big = Model((Tensor.from_numpy("w", np.zeros((1024, 1024), np.float32)),))
    stream.write_bytes(nncodec.encode(big))
    assert run(nndec, stream, "-o", tmp_path / "out.npz", "--level", "0") == REJECTED
    assert "LIMIT_EXCEEDED" in capsys.readouterr().err


class TestUpdates:
    """--ref and --refs."""

    def test_an_update_needs_its_reference_and_names_it(self, tmp_path, capsys):
        update = tmp_path / "update.nmc"
        assert run(nnenc, V2, "-o", update, "--lossless", "--ref", V1) == DONE
        needed = nncodec.load(V1).content_id.hex()
        assert run(nndec, update, "-o", tmp_path / "out.onnx") == REJECTED
        assert needed in capsys.readouterr().err
        assert run(nndec, update, "-o", tmp_path / "out.onnx", "--ref", V2) == REJECTED
        message = capsys.readouterr().err
        assert needed in message
        assert nncodec.load(V2).content_id.hex() in message
        assert not (tmp_path / "out.onnx").exists()

    def test_an_update_restores_the_new_model(self, tmp_path):
        update, out = tmp_path / "update.nmc", tmp_path / "out.onnx"
        run(nnenc, V2, "-o", update, "--lossless", "--ref", V1)
        assert run(nndec, update, "-o", out, "--ref", V1) == DONE
        assert nncodec.load(out).content_id == nncodec.load(V2).content_id

    def test_an_update_that_the_step_wipes_out_is_noted(self, tmp_path, capsys):
        weights = np.random.default_rng(2).standard_normal((2, 64, 64)).astype(np.float32)
        old = Model((Tensor.from_numpy("w", 50 * weights[0]),))
        new = Model((Tensor.from_numpy("w", 50 * weights[0] + weights[1] / 100),))
        nncodec.save(old, tmp_path / "old.npz")
        nncodec.save(new, tmp_path / "new.npz")
        command = [tmp_path / "new.npz", "-o", tmp_path / "u.nmc", "--ref", tmp_path / "old.npz", "--step", "1"]
        assert run(nnenc, *command) == DONE
        assert "leaves nothing of the update" in capsys.readouterr().err

    def test_an_update_of_hardly_more_than_vectors_is_noted(self, tmp_path, capsys):
        generator = np.random.default_rng(2)
        weights, changes = 50 * generator.standard_normal((64, 64)), generator.standard_normal((2, 64, 64)) / 100
        bias = generator.standard_normal(64)
        old = {"w": weights, "v": weights, "b": bias}
        new = {"w": weights + changes[0], "v": weights + 300 * changes[1], "b": bias + 1}
        for name, arrays in (("old", old), ("new", new)):
            tensors = tuple(Tensor.from_numpy(key, value.astype(np.float32)) for key, value in arrays.items())
            nncodec.save(Model(tensors), tmp_path / f"{name}.npz")
        for step, left in (("1", {"w"}), ("30", {"w", "v"})):
            command = [tmp_path / "new.npz", "-o", tmp_path / "u.nmc", "--ref", tmp_path / "old.npz", "--step", step]
            assert run(nnenc, *command) == DONE
            assert ("send nothing" in capsys.readouterr().err) == (left == {"w", "v"})
            run(nndec, tmp_path / "u.nmc", "-o", tmp_path / "out.npz", "--ref", tmp_path / "old.npz")
            decoded, before = nncodec.load(tmp_path / "out.npz"), nncodec.load(tmp_path / "old.npz")
            capsys.readouterr()
            same = {name for name in old if decoded.by_name[name].content_id == before.by_name[name].content_id}
            assert same == left

    def test_a_no_op_update_is_64_bytes_and_two_ids(self, tmp_path):
        update = tmp_path / "same.nmc"
        run(nnenc, V1, "-o", update, "--ref", V1)
        assert update.stat().st_size <= 64 + 2 * 32

    def test_a_chain_is_found_in_a_folder(self, tmp_path):
        folder = tmp_path / "store"
        folder.mkdir()
        (folder / "broken.nmc").write_bytes(b"\x89NMC\r\n\x1a\n\x00")
        first, second, third = (folder / f"{name}.nmc" for name in ("c-first", "a-second", "b-third"))
        run(nnenc, V1, "-o", first, "--q-bits", "9")
        run(nnenc, V2, "-o", second, "--q-bits", "9", "--ref", first)
        run(nnenc, V1, "-o", third, "--q-bits", "9", "--ref", second, "--refs", folder)
        out = tmp_path / "out.onnx"
        assert run(nndec, third, "-o", out, "--refs", folder) == DONE
        assert nncodec.load(out).content_id.hex() == nncodec.inspect(third.read_bytes(), [models(folder)[1]]).content_id

    def test_a_model_file_is_found_in_a_folder(self, tmp_path):
        update = tmp_path / "update.nmc"
        run(nnenc, V2, "-o", update, "--ref", V1)
        assert run(nndec, update, "-o", tmp_path / "out.onnx", "--refs", EXAMPLES) == DONE

    def test_nninfo_shows_what_an_update_needs(self, tmp_path, capsys):
        update = tmp_path / "update.nmc"
        run(nnenc, V2, "-o", update, "--ref", V1)
        capsys.readouterr()
        assert run(nninfo, update) == DONE
        assert f"needs model    {nncodec.load(V1).content_id.hex()}" in capsys.readouterr().out
        assert run(nninfo, update, "--refs", EXAMPLES) == DONE
        shown = capsys.readouterr().out
        assert "reference" in shown
        assert "digits-v1.onnx)" in shown

    def test_nninfo_shows_the_chain(self, tmp_path, capsys):
        first, second, third = (tmp_path / f"{number}.nmc" for number in (1, 2, 3))
        run(nnenc, V1, "-o", first)
        run(nnenc, V2, "-o", second, "--ref", first)
        run(nnenc, V1, "-o", third, "--ref", second, "--refs", tmp_path)
        capsys.readouterr()
        assert run(nninfo, third, "--refs", tmp_path) == DONE
        needs = [line for line in capsys.readouterr().out.splitlines() if "needs model" in line]
        assert [line.rpartition("/")[2] for line in needs] == ["2.nmc)", "1.nmc)"]
        assert needs[1].startswith("  needs")


def models(folder: Path) -> list[Model]:
    """The first two models of the chain, as a receiver has them."""
    first = nncodec.decode((folder / "c-first.nmc").read_bytes())
    return [first, nncodec.decode((folder / "a-second.nmc").read_bytes(), [first])]


def test_syntax_dump_names_every_element_with_its_clause(weights, tmp_path, capsys):
    stream = tmp_path / "m.nmc"
    run(nnenc, weights, "-o", stream)
    capsys.readouterr()
    assert run(nninfo, stream, "--syntax") == DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["0", "64", "6.2", "b(8)", "StartPrefix.magic", "=", "894e4d430d0a1a0a"]
    assert any("TensorRecord[0].identity.name = 'layer.weight'" in line for line in lines)
    assert "Footer.magic" in lines[-1]


def test_conformance_mode_speaks_the_contract(weights, tmp_path):
    stream = tmp_path / "m.nmc"
    run(nnenc, weights, "-o", stream)
    command = [sys.executable, "-m", "nncodec.cli.nndec", "--conformance", stream]
    good = subprocess.run(command, capture_output=True, check=False)
    assert (good.returncode, good.stderr) == (DONE, b"")
    assert good.stdout.startswith(b"TDS 1\ntensor layer.weight float32 16x8 512\n")
    assert good.stdout.endswith(b"\nend 3\n")
    stream.write_bytes(stream.read_bytes()[:-1])
    bad = subprocess.run(command, capture_output=True, check=False)
    assert bad.returncode == REJECTED
    assert bad.stderr.splitlines()[-1] == b"error: TRUNCATED"


def test_standard_input_is_a_stream(weights, tmp_path):
    stream = nncodec.encode(nncodec.load(weights))
    command = [sys.executable, "-m", "nncodec.cli.nninfo", "-", "--json"]
    result = subprocess.run(command, input=stream, capture_output=True, check=True)
    assert json.loads(result.stdout)["size"] == len(stream)
    assert result.stderr == b""


def test_what_is_not_used_is_not_imported():
    heavy = {"onnx", "safetensors", "rich", "numba", "onnxruntime", "torch"}
    code = "import sys, nncodec, nncodec.cli.nnenc, nncodec.cli.nndec, nncodec.cli.nninfo; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout.split()
    assert not heavy & {name.partition(".")[0] for name in modules}


def test_safetensors_and_npz_decode_without_onnx(weights, tmp_path):
    stream = tmp_path / "m.nmc"
    run(nnenc, weights, "-o", stream)
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "from nncodec.cli import nndec\n"
        f"codes = [nndec.main([{str(stream)!r}, '-o', {str(tmp_path)!r} + '/out' + suffix])"
        " for suffix in ('.npz', '.safetensors', '.onnx')]\n"
        "print(*map(int, codes))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert result.stdout.splitlines()[-1] == "0 0 1"
    assert "nmc-codec[onnx]" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "quality 56 (default), steps "),
        (["--quality", "30"], "quality 30, steps "),
        (["--max-bytes", "30000"], "quality "),
        (["--snr", "30"], "bits/weight, step "),
        (["--ref", V1, "--update-snr", "10"], "update SNR 10.0 dB"),
        (["--lossless"], "lossless, exact"),
        (["--profile", "baseline"], "step 0.0001, "),
    ],
)
def test_nnenc_says_what_it_settled_on(tmp_path, capsys, arguments, words):
    assert run(nnenc, V2, "-o", tmp_path / "m.nmc", *arguments) == DONE
    assert words in capsys.readouterr().out


def test_json_of_nnenc_holds_what_was_settled_on(tmp_path, capsys):
    assert run(nnenc, V2, "-o", tmp_path / "m.nmc", "--max-bytes", "30000", "--json") == DONE
    report = json.loads(capsys.readouterr().out)
    assert report["bytes"] <= 30000
    assert -20 < report["quality"] < 56
    assert report["steps"][0] <= report["steps"][1]
    assert report["lossless"] is False


def test_bytes_that_cannot_be_reached_are_an_error_that_names_the_least(tmp_path, capsys):
    output = tmp_path / "m.nmc"
    assert run(nnenc, V1, "-o", output, "--max-bytes", "300") == REJECTED
    assert "max_bytes 300: the coarsest quality takes " in capsys.readouterr().err
    assert not output.exists()
