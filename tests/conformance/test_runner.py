"""The runner of the suite: its self-test, and its parts one by one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import report, run, tds
from conformance.process import Bounds, Ending, Outcome, expanded
from conformance.selftest import HONEST, TRIALS
from conformance.session import Session
from conformance.vectors import SUITE, HarnessError, load, select
from conformance.verdicts import Result, Verdict, judge, passes

ADAPTER = str(SUITE / "adapter_nncodec.py")
SOME = (
    *("valid/two-parents", "valid/inherited-every-edit", "invalid/gain-nan", "invalid/version-1"),
    *("valid/set-chain", "valid/set-parent-outside", "invalid/set-name-up", "invalid/set-in-a-set"),
)
BOUNDS = Bounds()


def only(name):
    (vector,) = select(load(), [name])
    return vector


def outcome(code=0, stdout=b"", stderr=b"", **others):
    values = {"ending": Ending.EXIT, "seconds": 0.1, "peak": 1, "strays": ()} | others
    return Outcome(code=code, stdout=stdout, stderr=stderr, **values)


def test_every_bad_decoder_is_found_out_and_the_good_one_passes():
    # In a process of its own: a forked child's peak memory counts what this one, full of compiled code, has.
    command = [sys.executable, str(SUITE / "run.py"), "selftest"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == sum(len(trial.verdicts) for trial in (HONEST, *TRIALS)) + 1


def test_every_fake_is_tried():
    from conformance.fakes import FAKES

    assert set(FAKES) == {trial.name for trial in TRIALS}


@pytest.mark.parametrize("trial", TRIALS[:1], ids=lambda trial: trial.name)
def test_a_wrong_expectation_would_be_told(trial, monkeypatch):
    from conformance import selftest as module

    planted = module.Trial(trial.name, dict.fromkeys(trial.verdicts, Verdict.PASS))
    monkeypatch.setattr(module, "TRIALS", (planted,))
    assert not module.selftest(lambda line: None)


def test_command_line_of_nndec_passes_with_references():
    command = [sys.executable, "-m", "nncodec.cli.nndec", "--conformance", "--level", "4", "{ref:--ref}", "{in}"]
    results = list(Session(command, jobs=2).results(select(load(), list(SOME))))
    assert [(result.id, result.verdict) for result in results if result.verdict != Verdict.PASS] == []


def test_runner_writes_json_and_junit(tmp_path, capsys):
    files = ["--json", str(tmp_path / "r.json"), "--junit", str(tmp_path / "r.xml")]
    argv = ["--strict", "--only", SOME[2], *files, "--", sys.executable, ADAPTER, "{in}", "{ref}"]
    assert run.main(argv) == 0
    assert json.loads((tmp_path / "r.json").read_text())["totals"]["PASS"] == 1
    assert "<testcase" in (tmp_path / "r.xml").read_text()
    assert "PASSED (strict): all of 1 vectors" in capsys.readouterr().out


def test_runner_runs_as_a_script_from_elsewhere(tmp_path):
    argv = [sys.executable, str(SUITE / "run.py"), "--only", SOME[1], "--", sys.executable, ADAPTER, "{in}", "{ref}"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def with_another_package(folder):
    """An environment whose path has another package `conformance` in front."""
    other = folder / "other" / "conformance"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise ImportError('another package of that name')\n", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": f"{other.parent}{os.pathsep}{SUITE.parent}"}


@pytest.mark.parametrize("name", ["conformance", "suite of another name"])
def test_runner_is_that_of_its_own_folder(name, tmp_path):
    suite = shutil.copytree(SUITE, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (suite / "report.py").write_text((suite / "report.py").read_text(encoding="utf-8") + "print('the copy')\n")
    argv = [sys.executable, str(suite / "run.py"), "list", "--only", "valid/two-parents"]
    done = subprocess.run(
        argv, cwd=tmp_path, env=with_another_package(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the copy\nvalid/two-parents ")


def test_fake_decoders_are_those_of_their_own_folder(tmp_path):
    suite = shutil.copytree(SUITE, tmp_path / "suite", ignore=shutil.ignore_patterns("__pycache__"))
    argv = [sys.executable, str(suite / "fakes.py"), "one-ulp-off", str(suite / "valid/two-parents.nmc")]
    argv += [str(suite / ref) for ref in only("valid/two-parents").refs]
    done = subprocess.run(argv, cwd=tmp_path, env=with_another_package(tmp_path), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_runner_fails_with_a_bad_decoder(capsys):
    argv = ["--only", SOME[0], "--", sys.executable, str(SUITE / "fakes.py"), "rejects-all", "{in}"]
    assert run.main(argv) == run.EXIT_FAILED
    assert "REJECTED_VALID" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["--"], ["--", "true"], ["-j", "0", "--", "true", "{in}"]])
def test_bad_usage_is_refused(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        run.main(argv)
    assert caught.value.code == run.EXIT_HARNESS


def test_a_missing_program_is_the_fault_of_the_caller(capsys):
    assert run.main(["--only", SOME[2], "--", "no-such-decoder", "{in}"]) == run.EXIT_HARNESS
    assert run.main(["--only", "valid/none", "--", "true", "{in}"]) == run.EXIT_HARNESS


def test_list_and_show_name_vectors(capsys):
    assert run.main(["list", "--only", "valid/map-*"]) == 0
    assert run.main(["show", SOME[0]]) == 0
    assert "reference-second" in capsys.readouterr().out
    assert run.main(["show", "valid/set-difference"]) == 0
    assert "\n  model 'new'\n" in capsys.readouterr().out


def test_levels_and_profiles_that_are_not_claimed_are_skipped():
    session = Session(["true", "{in}"], profile="baseline", level=0)
    results = session.results(select(load(), [SOME[0]]))
    assert [result.verdict for result in results] == [Verdict.SKIPPED]


def test_references_are_put_where_the_command_asks_for_them():
    stream, refs = Path("/s"), [Path("/a"), Path("/b")]
    assert expanded(["d", "{ref}", "{in}"], stream, refs) == ["d", "/a", "/b", "/s"]
    assert expanded(["d", "--ref={ref}", "--in={in}"], stream, refs) == ["d", "--ref=/a", "--ref=/b", "--in=/s"]
    assert expanded(["d", "{ref:-r}", "{in}"], stream, refs) == ["d", "-r", "/a", "-r", "/b", "/s"]
    assert expanded(["d", "{ref:-r}", "{ref}", "{in}"], stream, []) == ["d", "/s"]


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (outcome(1, stderr=b"error: VALUE_RANGE\n"), Verdict.PASS),
        (outcome(1, stderr=b"noise\nerror: VALUE_RANGE unit=3 bit=99\r\n\n"), Verdict.PASS),
        (outcome(1, stderr=b"error: UNIT_SIZE\n"), Verdict.WRONG_CLASS),
        (outcome(1, stderr=b"error: value_range\n"), Verdict.CRASH),
        (outcome(3, stderr=b"unsupported: VALUE_RANGE\n"), Verdict.UNSUPPORTED),
        (outcome(3, stderr=b"error: VALUE_RANGE\n"), Verdict.PROTOCOL),
        (outcome(0, stdout=b"TDS 1\nend 0\n"), Verdict.ACCEPTED_INVALID),
        (outcome(-11), Verdict.CRASH),
        (outcome(127), Verdict.CRASH),
        (outcome(ending=Ending.TIMEOUT), Verdict.TIMEOUT),
        (outcome(ending=Ending.MEMORY), Verdict.MEMORY),
        (outcome(ending=Ending.OUTPUT), Verdict.PROTOCOL),
        (outcome(1, stderr=b"error: VALUE_RANGE", strays=("input/x",)), Verdict.PROTOCOL),
    ],
)
def test_verdict_on_a_rejection(made, verdict):
    assert judge(only("invalid/gain-nan"), [made], BOUNDS).verdict == verdict


def test_only_a_wrong_class_is_forgiven_and_only_when_not_strict():
    forgiven = {verdict for verdict in Verdict if passes(verdict, strict=False)}
    assert forgiven == {Verdict.PASS, Verdict.SKIPPED, Verdict.WRONG_CLASS}
    assert {verdict for verdict in Verdict if passes(verdict, strict=True)} == forgiven - {Verdict.WRONG_CLASS}
    results = [Result("valid/a", Verdict.SKIPPED), Result("invalid/b", Verdict.WRONG_CLASS)]
    assert report.conclusion(results, strict=False).startswith("PASSED")
    assert report.conclusion(results, strict=True).startswith("FAILED (strict): 1 of 2")


@pytest.mark.parametrize("name", ["", "a b", "%", "größe", "a\0\n", "x/y:z-1.w_"])
def test_names_survive_the_dump(name):
    assert tds.unquote(tds.quote(name)) == name


@pytest.mark.parametrize(
    "dump",
    [
        *(b"", b"TDS 2\nend 0\n", b"TDS 1\n", b"TDS 1\nend 1\n", b"TDS 1\nend 00\n", b"TDS 1\nend 0\n\n"),
        *(b"TDS 1\nend 0", b"TDS 1\r\nend 0\r\n", b"TDS 1\ntensor a uint8 1 1\n\0end 1\n"),
        *(b"TDS 1\ntensor a uint8 01 1\n\0\nend 1\n", b"TDS 1\ntensor a uint8 1 2\n\0\nend 1\n"),
        *(b"TDS 1\ntensor  uint8 1 1\n\0\nend 1\n", b"TDS 1\ntensor %c3%a9 uint8 1 1\n\0\nend 1\n"),
        *(b"TDS 1\ntensor %FF uint8 1 1\n\0\nend 1\n", b"TDS 1\ntensor %41 uint8 1 1\n\0\nend 1\n"),
    ],
)
def test_a_malformed_dump_is_refused(dump):
    with pytest.raises(tds.TdsError):
        tds.parse(dump)


BYTE = b"tensor a uint8 1 1\n\0\n"


def test_a_dump_of_a_set_is_read_by_models():
    dump = b"TDS 1\nmodel %41\n" + BYTE + b"model b\nmodel c\n" + BYTE + BYTE + b"end 3\n"
    with pytest.raises(tds.TdsError, match="percent-encoded"):
        tds.parse(dump)
    models = tds.parse(dump.replace(b"%41", b"a%20b"))
    assert [(model.name, len(model.tensors)) for model in models] == [("a b", 1), ("b", 0), ("c", 2)]
    assert [(model.name, len(model.tensors)) for model in tds.parse(b"TDS 1\n" + BYTE + b"end 1\n")] == [(None, 1)]


@pytest.mark.parametrize(
    "lines",
    [
        *(BYTE + b"model a\n" + BYTE + b"end 2\n", b"model a\n" + BYTE + b"end 0\n"),
        *(b"model a\n" + BYTE + b"end 1\nmodel b\nend 0\n", b"model\nend 0\n", b"model a b\nend 0\n"),
    ],
)
def test_a_malformed_dump_of_a_set_is_refused(lines):
    with pytest.raises(tds.TdsError):
        tds.parse(b"TDS 1\n" + lines)


def test_models_are_compared_one_by_one():
    vector = only("valid/set-of-empty-models")
    named, swapped, one = (
        b"TDS 1\nmodel a\nmodel b\nend 0\n",
        b"TDS 1\nmodel b\nmodel a\nend 0\n",
        b"TDS 1\nend 0\n",
    )
    assert judge(vector, [outcome(stdout=named)], BOUNDS).verdict == Verdict.PASS
    assert judge(vector, [outcome(stdout=swapped)], BOUNDS).detail == "model 0: name is 'b', must be 'a'"
    assert judge(vector, [outcome(stdout=one)], BOUNDS).detail == "model 0: name is None, must be 'a'"
    assert judge(vector, [outcome(stdout=named.replace(b"model b\n", b""))], BOUNDS).detail == "1 models, must be 2"
    assert vector.expectation == "2 models, 0 tensors"


def test_a_damaged_suite_is_the_fault_of_the_suite(tmp_path):
    (tmp_path / "valid").mkdir()
    entry = json.loads((SUITE / "manifest.json").read_text())["vectors"][0]
    (tmp_path / "manifest.json").write_text(json.dumps({"vectors": [entry]}))
    with pytest.raises(HarnessError):
        load(tmp_path)
    (tmp_path / entry["file"]).write_bytes(b"other")
    with pytest.raises(HarnessError, match="damaged"):
        load(tmp_path)
