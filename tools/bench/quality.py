"""What a quality does to outputs: `python -m tools.bench.quality DATA`: the default, and a few more, on real models.

For every ONNX model below DATA that onnxruntime runs, and the example networks: bytes, SNR of the weights, SNR of the
outputs (all floating-point outputs together, on three random inputs made as in tools.bench.models); where there is a
labelled data set, the change of top-1. And the rules for the step of a tensor, at equal SNR of the outputs.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

import nncodec
from nncodec import EncoderConfig, Model
from nncodec.encoder.config import DEFAULT_QUALITY
from tools.bench.common import markdown_table, model_files, versions, write_section
from tools.bench.labelled import EXAMPLES, Labelled, labelled
from tools.bench.models import run_onnx
from tools.bench.step_rules import rules_table

QUALITIES = (None, 42.0, 30.0, 18.0)
"""None: nothing asked."""
UPDATES = (
    ("digits-v1", "digits-v2"),
    ("digits-v1", "digits-variant"),
    ("text-detection-ch-ppocrv3-2023may", "text-detection-en-ppocrv3-2023may"),
    ("standard-v3-1", "standard-v3-2"),
)
_SEEDS = 3


@dataclass(frozen=True)
class Point:
    """One model at one quality; SNRs in dB, None where nothing differs; top_1: change in points, None: not measured."""

    bytes: int
    bits_per_weight: float
    weights: float | None
    outputs: float | None
    top_1: float | None


def outputs_of(path: Path) -> list[Any]:
    """Outputs on every input, one after another."""
    return [output for seed in range(_SEEDS) for output in run_onnx(path, seed)]


def decoded_outputs(model: Model) -> list[Any]:
    """Outputs of a model that is not in a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        nncodec.save(model, path)
        return outputs_of(path)


def runs(path: Path) -> bool:
    """Whether onnxruntime runs the model at `path`."""
    try:
        outputs_of(path)
    except Exception:  # noqa: BLE001 - whatever it says about a model it cannot run
        return False
    return True


def output_snr(wanted: Sequence[Any], given: Sequence[Any]) -> float | None:
    """SNR of all floating-point outputs together, over what is finite in both; None where nothing differs."""
    energy = error = 0.0
    for before, after in zip(wanted, given, strict=True):
        if before.dtype.kind == "f":
            first, second = before.astype(np.float64), after.astype(np.float64)
            usable = np.isfinite(first) & np.isfinite(second)
            energy += float(np.square(first[usable]).sum())
            error += float(np.square(first[usable] - second[usable]).sum())
    return 10 * math.log10(energy / error) if error else None


def point(
    model: Model,
    wanted: Sequence[Any] | None,
    quality: float | None,
    task: Labelled | None,
    references: Sequence[Model] = (),
) -> Point:
    """Figures of `model` at `quality`."""
    encoded = nncodec.encode_with_report(model, EncoderConfig(quality=quality), references)
    report = encoded.report
    outputs = top_1 = None
    if wanted is not None:
        outputs = output_snr(wanted, decoded_outputs(encoded.model))
    if task is not None:
        before, after = task.scores(model), task.scores(encoded.model)
        top_1 = task.top_1(after) - task.top_1(before)
        outputs = output_snr([before], [after]) if wanted is None else outputs
    return Point(report.bytes, report.bits_per_weight, report.matrices.snr_db, outputs, top_1)


def cell(one: Point) -> str:
    """One cell of the table."""
    weights, outputs = ("exact" if value is None else f"{value:.1f}" for value in (one.weights, one.outputs))
    top_1 = "" if one.top_1 is None else f" / {one.top_1:+.2f}"
    return f"{one.bytes:,} / {one.bits_per_weight:.2f} / {weights} / {outputs}{top_1}"


def onnx_files(data: Path) -> list[Path]:
    """Those below DATA, and the example networks."""
    return [path for path in model_files(data) if path.suffix == ".onnx"] + sorted(EXAMPLES.glob("*.onnx"))


def rows(data: Path) -> Iterator[list[object]]:
    """A row for each model with a graph; a row with the reason for one that does not run."""
    tasks = {task.name: task for task in labelled(data)}
    for path in track(onnx_files(data), description="models", transient=True):
        begin, model = time.perf_counter(), nncodec.load(path)
        try:
            wanted = outputs_of(path)
        except Exception as error:  # noqa: BLE001 - whatever onnxruntime says about a model it cannot run
            yield [path.stem, f"not run: {type(error).__name__}: {_reason(error)}", *[""] * (len(QUALITIES) - 1)]
            continue
        task = tasks.pop(path.stem, None)
        yield [path.stem, *(cell(point(model, wanted, quality, task)) for quality in QUALITIES)]
        sys.stderr.write(f"{path.stem}: {time.perf_counter() - begin:.0f} s\n")
    for task in tasks.values():
        yield [task.name, *(cell(point(task.model, None, quality, task)) for quality in QUALITIES)]


def update_rows(data: Path) -> Iterator[list[object]]:
    """A row for each update: alone, and with the old model as a reference, at the default quality."""
    tasks = {task.name: task for task in labelled(data)}
    for old_name, new_name in UPDATES:
        old_path, path = (_find(data, name) for name in (old_name, new_name))
        old, model, wanted = nncodec.load(old_path), nncodec.load(path), outputs_of(path)
        task = tasks.get(new_name)
        update = nncodec.encode_with_report(model, None, [old]).report.update
        kept = None if update is None else update.snr_db
        cells = [cell(point(model, wanted, None, task)), cell(point(model, wanted, None, task, [old]))]
        yield [f"{old_name} to {new_name}", *cells, "exact" if kept is None else f"{kept:.1f}"]


def _find(data: Path, name: str) -> Path:
    return next(path for path in onnx_files(data) if path.stem == name)


def _reason(error: Exception) -> str:
    """The end of what onnxruntime says, which is its reason."""
    return str(error).strip().rpartition(". ")[2].rpartition(": ")[2].replace("|", "/")[:80]


def main() -> None:
    """Measure every model and write the section `quality` of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of model files")
    data = parser.parse_args().data
    head = ["model"] + [f"quality {DEFAULT_QUALITY:g} (default)" if q is None else f"quality {q:g}" for q in QUALITIES]
    body = list(rows(data))
    rules = rules_table([path for path in onnx_files(data) if runs(path)], outputs_of, output_snr)
    text = (
        f"## Quality\n\n`python -m tools.bench.quality DATA`; {versions()}.\n"
        "Each cell: bytes of the stream / bits of it over elements of the model / SNR of the tensors of rank 2 and "
        f"more / SNR of all floating-point outputs together on {_SEEDS} random inputs (made by `tools.bench.models`; "
        "ResNet-56: on its images) / change of top-1 in points, where there is a labelled data set: 540 digits, and "
        "10,000 JPEG-compressed CIFAR-10 images. Models without a graph (safetensors, npz) have no outputs to compare; "
        "of these only ResNet-56 has a known graph and data.\n\n"
    )
    write_section("quality", text + markdown_table(head, body) + "\n" + rules)
    write_updates(data)


def write_updates(data: Path) -> None:
    """The section `quality of updates` of docs/benchmarks.md."""
    text = (
        "## Quality of updates\n\nThe same figures at the default quality, for the new model alone and as an update of "
        "the old one; last, the SNR of the update against its own energy.\n\n"
    )
    head = ["update", "alone", "update", "dB of the update"]
    write_section("quality of updates", text + markdown_table(head, list(update_rows(data))))


if __name__ == "__main__":
    main()
