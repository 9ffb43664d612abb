"""The command of the experiments: what is run, what is kept, what is run anew."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

import tools.experiments.__main__ as command
from tools.experiments import progress, registry, sections
from tools.experiments.registry import EXPERIMENTS
from tools.experiments.results import Section
from tools.experiments.sections import Settings, Step

FIRST, SECOND = "E1", "Z1"


class Fake:
    """Experiments that say how often they were run."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.failing: set[str] = set()

    def experiment(self, key: str):
        def run(context) -> Section:
            if key in self.failing:
                raise ArithmeticError("as planned")
            self.runs.append(key)
            return Section(key, "Title", " ".join(context.track(["some", "words"], "words")))

        return run


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setitem(EXPERIMENTS, SECOND, EXPERIMENTS[FIRST])
    monkeypatch.setattr(sections, "experiment", fake.experiment)
    monkeypatch.setattr(sections, "context_of", with_steps)
    return fake


def with_steps(settings: Settings, key: str, tell) -> SimpleNamespace:
    def track(items, what):
        for done, item in enumerate(items, 1):
            yield item
            tell(Step(key, what, done, len(items)))

    return SimpleNamespace(track=track, seeds=settings.seeds)


def settings_of(folder: Path, *, seeds: tuple[int, ...] = (0,)) -> Settings:
    return Settings(folder, None, seeds, is_reduced=True)


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_every_experiment_can_be_found() -> None:
    for key in EXPERIMENTS:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9-]*", key), f"{key} is to be the name of a file"
        assert callable(registry.experiment(key))


def test_what_was_found_is_kept(fake: Fake, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    first = sections.run(FIRST, settings, lambda _: None)
    assert sections.run(FIRST, settings, lambda _: None) == first
    assert fake.runs == [FIRST]


def test_what_depends_on_other_settings_or_code_is_found_anew(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sections.run(FIRST, settings_of(tmp_path), lambda _: None)
    sections.run(FIRST, settings_of(tmp_path, seeds=(0, 1)), lambda _: None)
    changed = tmp_path / "changed.py"
    changed.write_text("1", encoding="utf-8")
    monkeypatch.setattr(sections, "_modules_behind", lambda _: [changed])
    sections.run(FIRST, settings_of(tmp_path, seeds=(0, 1)), lambda _: None)
    assert fake.runs == [FIRST] * 3


def test_modules_behind_an_experiment_are_those_it_imports_and_no_others() -> None:
    names = {path.name for path in sections._modules_behind(registry.module_of(FIRST))}
    assert {"histograms.py", "context.py", "weights.py", "results.py"} <= names
    assert not {"report.py", "figures.py", "registry.py"} & names


def test_a_failure_stops_no_other_experiment(fake: Fake, tmp_path: Path) -> None:
    fake.failing = {FIRST}
    console = quiet()
    assert progress.run_all([FIRST, SECOND], settings_of(tmp_path), 1, console) == [FIRST]
    assert fake.runs == [SECOND]
    assert "ArithmeticError: as planned" in console.file.getvalue()


def test_experiments_run_in_processes(fake: Fake, tmp_path: Path) -> None:
    sections.run(FIRST, settings_of(tmp_path), lambda _: None)  # so that the process finds it, and needs no networks
    console = quiet()
    assert progress.run_all([FIRST, "E0"], settings_of(tmp_path), 2, console) == ["E0"]
    assert "KeyError: 'E0'" in console.file.getvalue()


def test_command_runs_reports_and_goes_on(fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--cache", str(tmp_path), "--only", FIRST, "--seeds", "3"]
    assert command.main(words) == 0
    assert command.main(words) == 0
    assert fake.runs == [FIRST]
    said = capsys.readouterr().out
    assert "digits stand in" in said
    assert f"{SECOND} has not been run" in said
    assert "--reduced --seeds 3" in (tmp_path / "paper-report.md").read_text(encoding="utf-8")


def test_report_alone_runs_nothing_and_says_what_is_old(
    fake: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--cache", str(tmp_path), "--only", FIRST]) == 0
    assert command.main(["report", "--cache", str(tmp_path), "--seeds", "7", "--out", str(tmp_path / "docs")]) == 0
    assert fake.runs == [FIRST]
    assert f"{FIRST} was found with other code or settings" in capsys.readouterr().out
    assert (tmp_path / "docs" / "paper-report.html").exists()


def test_failure_is_the_exit_status(fake: Fake, tmp_path: Path) -> None:
    fake.failing = {FIRST}
    assert command.main(["--cache", str(tmp_path), "--only", FIRST]) == 1


@pytest.mark.parametrize("words", [["--only", "E99"], ["--jobs", "0"], ["--data", "nowhere"], ["draw"]])
def test_wrong_arguments_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(words)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err
