"""Command line (informative): pictures: the rate-utility curve of a set (clause E.17), drawn by matplotlib."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from nncodec.adapters.atomic import replace_on_success
from nncodec.cli.common import UsageError
from nncodec.encoder.sets.report import EncodedSet
from nncodec.errors import UnsupportedModelError

FORMATS = {".svg": "svg", ".png": "png", ".pdf": "pdf"}


def check_plot(path: Path) -> None:
    """Raises UsageError for a `path` that no picture can be written to, UnsupportedModelError without matplotlib."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"--plot {path}: choose one of {', '.join(FORMATS)}")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"--plot {path}: cannot write to its folder")
    _figures()


def _figures() -> Any:  # noqa: ANN401 - a module that is found when it is needed
    try:
        return importlib.import_module("matplotlib.figure")
    except ModuleNotFoundError:
        what = "drawing needs the package 'matplotlib', which is not installed: pip install 'nmc-codec[plot]'"
        raise UnsupportedModelError(what) from None


def draw_curve(encoded: EncodedSet, path: Path) -> None:
    """Write the curve of a set that was coded in a budget to `path`, for which `check_plot` found nothing wrong.

    Raises ModelFileError.
    """
    figure = _figures().Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    if encoded.spending is not None:
        sizes = [point.bytes for point in encoded.spending.curve]
        axes.plot(
            sizes, [point.utility for point in encoded.spending.curve], marker="o", label="expected, best choices"
        )
        axes.plot([len(encoded.data)], [encoded.spending.utility], "s", label="this set, as decoded")
    axes.set_xlabel("bytes of the set")
    axes.set_ylabel("weighted sum of utilities, as shares of the originals")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    with replace_on_success(path) as temporary:
        figure.savefig(temporary, format=FORMATS[path.suffix.lower()])
