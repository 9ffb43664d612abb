"""SPEC.md clause 9.5 (informative): machine code that is kept belongs to the text that it was made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nncodec.entropy.mixing import tensor
from nncodec.entropy.mixing.coder import Area, encode_areas
from nncodec.kernel import Kernel, mark_of


def test_a_mark_names_the_text_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("marked_one", "a = 1\n"), ("marked_two", "b = 1\n"), ("marked_three", "a = 1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "kernels.py").write_text("c = 1\n")
        (tmp_path / name / "parts.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    one, two, three = (mark_of(name) for name in ("marked_one", "marked_two", "marked_three"))
    assert one == three != two


def test_kernels_are_marked_once() -> None:
    pytest.importorskip("numba", reason="machine code is made by numba")
    encode_areas([(np.zeros(4, np.int32), Area((4,), 0, 4))])
    mark = mark_of("nncodec.entropy.mixing")
    kernels = [each.function for each in Kernel.registered if each.function.__module__ == tensor.__name__]
    assert kernels
    assert all(function.__qualname__ == f"{function.__name__}_{mark}" for function in kernels)
