"""What each tool gains: `python -m tools.bench.ablation DATA`: coders and trellis, slice sizes, and learning.

Tools: bytes of ten models at equal squared error with the coders of levels and the trellis taken away one by one.
Slices: bytes with levels cut into shorter slices. Learning: bits a weight of generated tensors of growing size, above
what their distribution asks for.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from statistics import geometric_mean

import numpy as np
from rich.progress import track

import nncodec
from nncodec import EncoderConfig, Model, Tensor
from tools.bench.common import markdown_table, versions, write_section
from tools.bench.lossy import TARGETS_DB, Subject, coder, model_paths, subject_of
from tools.bench.pairs import at_error

VARIANTS = {
    "mixing, trellis": EncoderConfig(),
    "mixing, uniform": EncoderConfig(rounding=0.5),
    "rANS, uniform": EncoderConfig(fast=True),
}
SLICES = (2**22, 2**18, 2**16, 2**14)
SIZES = tuple(2**power for power in range(8, 23, 2))
_STEP = 0.5
"""Step of the learning curve, in standard deviations of its weights."""


def tool_rows(subjects: dict[str, Subject]) -> list[list[object]]:
    """For each target and variant the geometric mean of bytes over those of the first, and the range."""
    rows: list[list[object]] = []
    for target in TARGETS_DB:
        sizes = {
            name: [bytes_at(subject, config, target) for subject in subjects.values()]
            for name, config in VARIANTS.items()
        }
        first = next(iter(sizes.values()))
        for name, its in sizes.items():
            ratios = [size / best for size, best in zip(its, first, strict=True)]
            rows.append(
                [f"{target:.0f}", name, f"{geometric_mean(ratios):.3f}", f"{min(ratios):.3f} to {max(ratios):.3f}"]
            )
    return rows


def bytes_at(subject: Subject, config: EncoderConfig, target: float) -> int:
    """Bytes at an SNR."""
    error = subject.energy / 10 ** (target / 10)
    return at_error(coder(subject, config), error, math.sqrt(12 * error / subject.weights))


def slice_rows(subjects: dict[str, Subject]) -> list[list[object]]:
    """Bytes at about 25 dB with slices of fewer symbols, over those of one slice."""
    rows: list[list[object]] = []
    for name in ("ResNet-56", "YOLOX-nano"):
        subject = subjects[name]
        step = math.sqrt(12 * subject.energy / 10**2.5 / subject.weights)
        for preset in ("default", "fast"):
            sizes = [
                len(nncodec.encode(subject.model, EncoderConfig(step=step, fast=preset == "fast", slice_symbols=most)))
                for most in SLICES
            ]
            rows.append([name, preset, *(f"{size / sizes[0]:.4f}" for size in sizes)])
    return rows


def learning_rows() -> list[list[object]]:
    """Bits a weight of one matrix of Gaussian weights, less the entropy of its levels, by number of weights."""
    rng, rows = np.random.default_rng(4), []
    for size in SIZES:
        values = rng.standard_normal((max(size // 64, 1), min(size, 64))).astype(np.float32)
        levels = np.rint(values / _STEP)
        counts = np.unique(levels, return_counts=True)[1]
        ideal = -float((counts * np.log2(counts / size)).sum()) / size
        row: list[object] = [f"{size:,}", f"{ideal:.3f}"]
        for fast in (False, True):
            model = Model((Tensor.from_numpy("w", values),))
            encoded = nncodec.encode_with_report(model, EncoderConfig(step=_STEP, rounding=0.5, fast=fast))
            row.append(f"{8 * encoded.report.bytes_by_part['slices'] / size - ideal:+.3f}")
        rows.append(row)
    return rows


def main() -> None:
    """Measure, and write the section `ablation` of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of model files")
    data = parser.parse_args().data
    paths = model_paths(data)
    subjects = {name: subject_of(path) for name, path in track(paths.items(), transient=True)}
    sizes = [f"{most:,} symbols" for most in SLICES]
    write_section(
        "ablation",
        f"## What each tool gains\n\n`python -m tools.bench.ablation DATA`; {versions()}.\n"
        f"{len(subjects)} models at equal squared error, bytes of whole streams over those of the first variant:\n\n"
        + markdown_table(["dB", "levels", "geometric mean", "range"], tool_rows(subjects))
        + "\nLevels in shorter slices, each of which begins anew, bytes over those of one slice, at about 25 dB:\n\n"
        + markdown_table(["model", "preset", *sizes], slice_rows(subjects))
        + f"\nLearning: one matrix of Gaussian weights at a step of {_STEP} standard deviations; bits a weight of its "
        "slice unit, above the order-0 entropy of its levels:\n\n"
        + markdown_table(["weights", "entropy", "mixing", "rANS"], learning_rows()),
    )


if __name__ == "__main__":
    main()
