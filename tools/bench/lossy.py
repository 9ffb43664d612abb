"""One model, lossy: `python -m tools.bench.lossy DATA --nncodec PYTHON`: bytes at equal squared error, against NNCodec.

Ten models at 15, 25 and 35 dB (SNR of the tensors of rank 2 and more): whole streams of the floating-point tensors by
the presets default, fast and best, of NNCodec at the better of its quantisers, and the order-0 entropy of our levels.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import geometric_mean

import numpy as np
from rich.progress import track

import nncodec
from nncodec import EncoderConfig, Model
from nncodec.encoder.estimate import entropy_bits
from nncodec.model import NO_TOPOLOGY
from nncodec.quantisation import quantise
from nncodec.rounding import widen
from nncodec.tables import QUANTISABLE
from tools.bench.common import markdown_table, versions, write_section
from tools.bench.pairs import Point, at_error, interpolate, lower_hull, point_of, run_nncodec

TARGETS_DB = (15.0, 25.0, 35.0)
MODELS = {
    "RFB-320": "version-rfb-320.onnx",
    "slim-320": "version-slim-320-simplified.onnx",
    "ResNet-20": "resnet20-12fca82f.th",
    "ResNet-56": "resnet56-4bfd9763.safetensors",
    "Silero VAD": "silero-vad-16k.safetensors",
    "YOLOX-nano": "yolox-nano-03adac0e.onnx",
    "VitTrack": "vittracker.onnx",
    "super-resolution": "super-resolution-a1d28397.onnx",
    "stories260k": "stories260k.safetensors",
    "ESPNetv2": "espnetv2-s-1.0-city-512x256.safetensors",
}
"""Name -> file somewhere below DATA; a .th file is read by torch, and left out where that is missing."""
PRESETS = (EncoderConfig(), EncoderConfig(fast=True), EncoderConfig(best=True))


@dataclass(frozen=True)
class Subject:
    """A model without its graph, and the energy of its tensors of rank 2 and more."""

    model: Model
    energy: float
    weights: int


def model_paths(data: Path) -> dict[str, Path]:
    """The files of MODELS below `data` that can be read here."""
    has_torch = importlib.util.find_spec("torch") is not None
    files = {name: file for name, file in MODELS.items() if has_torch or not file.endswith(".th")}
    return {name: next(iter(sorted(data.rglob(file)))) for name, file in files.items()}


def subject_of(path: Path) -> Subject:
    """The floating-point tensors of a model file."""
    model = load_checkpoint(path) if path.suffix == ".th" else nncodec.load(path)
    tensors = [t for t in model.tensors if t.dtype in QUANTISABLE and t.size]
    matrices = [widen(t.data, t.dtype) for t in tensors if len(t.shape) > 1]
    energy = float(sum(np.square(values).sum() for values in matrices))
    return Subject(Model(tuple(tensors), NO_TOPOLOGY), energy, sum(values.size for values in matrices))


def load_checkpoint(path: Path) -> Model:
    """The weights of a checkpoint of torch."""
    torch = importlib.import_module("torch")
    weights = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return Model(tuple(nncodec.Tensor.from_numpy(name, value.numpy()) for name, value in weights.items()))


def coder(subject: Subject, config: EncoderConfig) -> Callable[[float], Point]:
    """The operating point of a step."""
    return lambda step: point_of(nncodec.encode_with_report(subject.model, replace(config, step=step)))


def own_entropy(subject: Subject, step: float) -> float:
    """Bytes of the order-0 entropy of the levels of matrices at a step: one table for the model, free."""
    config = EncoderConfig(step=step, rounding=0.5)
    matrices = [widen(t.data, t.dtype) for t in subject.model.tensors if config.quantises(t)]
    levels = [quantise(values, step, config.f) for values in matrices]
    counts = np.unique(np.concatenate([each for each in levels if each is not None]), return_counts=True)[1]
    return entropy_bits(counts) / 8


def rows_of(name: str, path: Path, python: str) -> list[list[object]]:
    """One model at the three targets."""
    subject = subject_of(path)
    arrays = {
        t.name or "unnamed": widen(t.data, t.dtype).astype(np.float32).reshape(t.shape) for t in subject.model.tensors
    }
    step = math.sqrt(12 * subject.energy / subject.weights)
    hull = lower_hull(run_nncodec(arrays, step * 10 ** (-25 / 20), python, (-16, 16)))
    rows: list[list[object]] = []
    for target in TARGETS_DB:
        error = subject.energy / 10 ** (target / 10)
        guess = math.sqrt(12 * error / subject.weights)
        default, fast, best = (at_error(coder(subject, preset), error, guess) for preset in PRESETS)
        theirs = interpolate(hull, error)
        entropy = at_error(
            lambda step: Point(round(own_entropy(subject, step)), subject.weights * step * step / 12), error, guess
        )
        pairs = ((default, theirs), (fast, theirs), (best, default))
        ratios = [f"{one / other:.3f}" if one and other else "" for one, other in pairs]
        rows.append([name, f"{target:.0f}", *(f"{size:,}" for size in (default, fast, best, theirs, entropy)), *ratios])
    return rows


def means(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Geometric mean and worst of each ratio at each target."""
    table: list[list[object]] = []
    for target in TARGETS_DB:
        its = [row for row in rows if row[1] == f"{target:.0f}"]
        cells: list[object] = [f"{target:.0f}"]
        for column in (7, 8, 9):
            ratios = [float(str(row[column])) for row in its if row[column]]
            cells += [f"{geometric_mean(ratios):.3f}", f"{max(ratios):.3f}"] if ratios else ["", ""]
        table.append(cells)
    return table


def main() -> None:
    """Measure, and write the section `lossy` of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of model files")
    parser.add_argument("--nncodec", metavar="PYTHON", required=True, help="interpreter with NNCodec 2.1.3")
    arguments = parser.parse_args()
    paths = model_paths(arguments.data)
    rows = [
        row for name in track(paths, "models", transient=True) for row in rows_of(name, paths[name], arguments.nncodec)
    ]
    ratios = ["default / NNCodec", "fast / NNCodec", "best / default"]
    head = ["model", "dB", "default", "fast", "best", "NNCodec", "order-0 of levels", *ratios]
    summary = ["dB", *(f"{ratio}: {figure}" for ratio in ratios for figure in ("mean", "worst"))]
    write_section(
        "lossy",
        "## One model, lossy\n\n"
        f"`python -m tools.bench.lossy DATA --nncodec PYTHON`; {versions()}.\n"
        "Bytes of whole streams of the floating-point tensors at equal squared error of those of rank 2 and more; "
        "NNCodec (2.1.3, the better of URQ and DQ, default presets, 1-D tensors at QP -75) is interpolated between its "
        "steps. *order-0 of levels*: the entropy of the levels of a uniform quantiser of that error, one free table, "
        "matrices only.\n\n" + markdown_table(summary, means(rows)) + "\n" + markdown_table(head, rows),
    )


if __name__ == "__main__":
    main()
