"""SPEC.md clause 9.5 (informative): machine code that is kept belongs to the text that it was made from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nncodec.kernel import mark_of


def test_a_mark_names_the_text_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("marked_one", "a = 1\n"), ("marked_two", "b = 1\n"), ("marked_three", "a = 1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "kernels.py").write_text("c = 1\n")
        (tmp_path / name / "parts.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    one, two, three = (mark_of(name) for name in ("marked_one", "marked_two", "marked_three"))
    assert one == three != two


def test_a_mark_names_the_packages_above_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("over_one", "a = 1\n"), ("over_two", "a = 2\n")):
        (tmp_path / name / "inner").mkdir(parents=True)
        for folder in (tmp_path / name, tmp_path / name / "inner"):
            (folder / "__init__.py").touch()
        (tmp_path / name / "parts.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert mark_of("over_one.inner") != mark_of("over_two.inner")


MARKED = """
import numpy as np
from nncodec.entropy.mixing.coder import Area, encode_areas
encode_areas([(np.zeros(4, np.int32), Area((4,), 0, 4))])
from nncodec.kernel import Kernel, inlined, mark_of
late = inlined(lambda x: x)
late.function.__module__ = "nncodec.kernel"
late(1)
for each in Kernel.registered:
    mark = mark_of(each.function.__module__.rpartition(".")[0])
    assert each.function.__qualname__ == f"{each.function.__name__}_{mark}", each.function.__qualname__
"""


def test_kernels_are_marked_once_whenever_more_are_made_ready() -> None:
    pytest.importorskip("numba", reason="machine code is made by numba")
    subprocess.run(
        [sys.executable, "-c", MARKED], check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
