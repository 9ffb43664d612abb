"""All experiments in miniature: networks are trained, coded and put to their tasks, and the report is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.experiments.registry import EXPERIMENTS
from tools.experiments.sections import Settings, load

pytest.importorskip("torch", reason="PyTorch (extra experiments) is not installed: no network can be trained")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command has left cache and report."""
    folder = tmp_path_factory.mktemp("experiments")
    command = [sys.executable, "-m", "tools.experiments", "--reduced", "--cache", str(folder), "--seeds", "0", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_experiment_says_something_that_was_measured(folder: Path):
    settings = Settings(folder, None, (0, 1), is_reduced=True)
    for key in EXPERIMENTS:
        found = load(key, settings)
        assert found is not None, key
        assert found.section.text
        assert found.section.tables or found.section.figures, key
        rows = [row for table in found.section.tables for row in table.rows]
        assert all(any(any(sign.isdigit() for sign in cell) for cell in row) for row in rows), key


def test_the_report_shows_every_table_and_figure_of_the_paper(folder: Path):
    report = (folder / "paper-report.md").read_text(encoding="utf-8")
    for number in ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI"):
        assert f"Table {number}" in report
    for number in (3, 4, 7, 8, 9, 10, 11, 12):
        assert f"Fig. {number}" in report
    assert (folder / "paper-report.html").stat().st_size > len(report)


def test_what_was_found_is_not_computed_again(folder: Path):
    settings = Settings(folder, None, (0, 1), is_reduced=True)
    before = {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*.nmc"))}
    command = [sys.executable, "-m", "tools.experiments", "--reduced", "--cache", str(folder), "--seeds", "0", "1"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert {path: path.stat().st_mtime_ns for path in sorted(settings.cache.rglob("*.nmc"))} == before
    assert before
