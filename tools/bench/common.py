"""What the benchmarks share: models of a folder, versions of a run, tables in markdown, sections of the report."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nncodec.adapters.files import SUFFIXES

REPORT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
FOREIGN_SUFFIXES = (".tflite", ".h5", ".th")
XCEPTION = "pairs/mini-xception-epochs/fer2013-mini-xception-{}.safetensors"
"""Epochs of one training run, below the folder of models; to be filled in: epoch and accuracy."""
_PACKAGES = ("nmc-codec", "numpy", "numba", "onnx", "onnxruntime", "safetensors", "zstandard", "zipnn", "pcodec")


def model_files(data: Path) -> Iterator[Path]:
    """Every file below `data` that may hold a model, datasets and test inputs left out; foreign formats are named."""
    for path in sorted(data.rglob("*")):
        if "datasets" in path.parts or path.name.endswith("-io.npz"):
            continue
        if path.suffix in SUFFIXES:
            yield path
        elif path.suffix in FOREIGN_SUFFIXES:
            sys.stderr.write(f"skipped: {path.name}: nncodec reads no {path.suffix} files\n")


def versions() -> str:
    """Interpreter, machine and packages of this run, for the head of a table."""
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"CPython {platform.python_version()}, {platform.machine()}; {', '.join(found)}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table, numbers aligned to the right."""
    rule = ["---" if index == 0 else "---:" for index in range(len(head))]
    lines = [head, rule, *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def write_section(name: str, text: str) -> None:
    """Replace the section `name` of docs/benchmarks.md, or add it."""
    REPORT.parent.mkdir(exist_ok=True)
    report = REPORT.read_text(encoding="utf-8") if REPORT.exists() else "# Benchmarks\n"
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    longer = f"{report.rstrip()}\n\n{section}\n"
    text = pattern.sub(lambda _: section, report) if pattern.search(report) else longer
    REPORT.write_text(text, encoding="utf-8")


def ratios_line(label: str, ratios: Mapping[str, float]) -> str:
    """Geometric mean and range of `ratios`, as one line."""
    product = 1.0
    for ratio in ratios.values():
        product *= ratio
    mean = product ** (1 / len(ratios))
    worst = max(ratios, key=lambda name: ratios[name])
    return f"{label}: geometric mean {mean:.3f}, worst {ratios[worst]:.3f} ({worst})."
