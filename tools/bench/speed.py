"""Speed beside NNCodec: `python -m tools.bench.speed DATA --nncodec PYTHON`: seconds both ways, on one core.

PYTHON is the interpreter of an environment with NNCodec. Both codecs code the same arrays, ours by the presets default
and fast at about 25 dB, theirs with the parameter that comes nearest to that; rounds of both alternate, and the least
CPU time of each counts. Ours must compile its kernels once: that is told apart.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import nncodec
from nncodec import EncoderConfig, Model, Tensor
from tools.bench.common import markdown_table, model_files, versions, write_section
from tools.bench.peers import drive_nncodec

STEMS = (
    "version-rfb-320",
    "resnet56-4bfd9763",
    "silero-vad-16k-op15-0607ae8a",
    "yolox-nano-03adac0e",
    "espnetv2-s-1.0-pascal-256x256",
    "vittracker",
    "mobilenet-v1-partial",
)
TARGET_DB = 25.0
ROUNDS = 3
_OURS_A_ROUND = 3
_THEIRS_A_ROUND = 2

_COMPILE = """
import time
begin = time.process_time()
import numpy as np, nncodec
weights = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
model = nncodec.Model((nncodec.Tensor.from_numpy("w", weights),))
imported = time.process_time()
data = nncodec.encode(model, nncodec.EncoderConfig(step=0.1))
encoded = time.process_time()
nncodec.decode(data)
print(imported - begin, encoded - imported, time.process_time() - encoded)
"""


@dataclass
class Figures:
    """Bytes, SNR in dB, and the least seconds both ways so far."""

    size: int
    snr: float
    encode: float = math.inf
    decode: float = math.inf

    def take(self, encode: float, decode: float) -> None:
        """Keep what is less."""
        self.encode, self.decode = min(self.encode, encode), min(self.decode, decode)


def arrays_of(path: Path) -> Model:
    """The floating-point arrays of a model file, as both codecs take them: no graph, no scalars."""
    tensors = [tensor for tensor in nncodec.load(path).tensors if tensor.dtype.name.startswith("FLOAT")]
    kept = [tensor for tensor in tensors if tensor.size and tensor.shape]
    return Model(tuple(Tensor.from_numpy(f"t{i}", each.numpy().astype(np.float32)) for i, each in enumerate(kept)))


def energy_of(model: Model) -> tuple[float, int]:
    """Sum of squares and number of elements of the tensors of rank 2 and more."""
    matrices = [tensor.numpy().astype(np.float64) for tensor in model.tensors if len(tensor.shape) > 1]
    return sum(float(np.square(each).sum()) for each in matrices), sum(each.size for each in matrices)


def our_configuration(model: Model, *, fast: bool) -> tuple[EncoderConfig, Figures]:
    """The step that gives the target, by a few trials."""
    total, count = energy_of(model)
    step = math.sqrt(12 * total / count / 10 ** (TARGET_DB / 10))
    for _ in range(5):
        config = EncoderConfig(step=step, fast=fast)
        report = nncodec.encode_with_report(model, config).report
        snr = report.matrices.snr_db or 0.0
        figures = Figures(report.bytes, snr)
        step *= 10 ** ((snr - TARGET_DB) / 20)
    return config, figures


def our_round(model: Model, config: EncoderConfig, figures: Figures) -> None:
    """Time both ways."""
    for _ in range(_OURS_A_ROUND):
        data, encode = timed(lambda: nncodec.encode(model, config))
        _, decode = timed(lambda: nncodec.decode(data))  # noqa: B023 - called at once
        figures.take(encode, decode)


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """The result, and the CPU seconds that it took."""
    begin = time.process_time()
    result = action()
    return result, time.process_time() - begin


def their_parameters(python: str, source: Path, model: Model) -> dict[bool, tuple[int, Figures]]:
    """For both quantisers (False: uniform, True: trellis) the parameter nearest to the target."""
    total, count = energy_of(model)
    centre = round(4 * math.log2(math.sqrt(12 * total / count / 10 ** (TARGET_DB / 10))))
    best: dict[bool, tuple[int, Figures]] = {}
    for point in drive_nncodec(python, source, list(range(centre - 5, centre + 3))):
        figures = Figures(point["bytes"], 10 * math.log10(total / point["error"]))
        old = best.get(point["trellis"])
        if old is None or abs(figures.snr - TARGET_DB) < abs(old[1].snr - TARGET_DB):
            best[point["trellis"]] = int(point["qp"]), figures
    return best


def their_round(python: str, source: Path, best: dict[bool, tuple[int, Figures]]) -> None:
    """Time both ways; the driver codes every parameter with both quantisers, and only one of them counts."""
    for trellis, (qp, figures) in best.items():
        for point in drive_nncodec(python, source, [qp] * _THEIRS_A_ROUND):
            if point["trellis"] == trellis:
                figures.take(point["encode_s"], point["decode_s"])


def measure(path: Path, python: str) -> list[list[object]]:
    """The rows of one model file, one for each preset."""
    model = arrays_of(path)
    presets = [our_configuration(model, fast=fast) for fast in (False, True)]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "arrays.npz"
        np.savez(source, **{tensor.name: tensor.numpy() for tensor in model.tensors})
        best = their_parameters(python, source, model)
        for _ in range(ROUNDS):
            for config, ours in presets:
                our_round(model, config, ours)
            their_round(python, source, best)
    theirs = [best[trellis][1] for trellis in (True, False)]
    rows: list[list[object]] = []
    for config, ours in presets:
        row: list[object] = [path.stem, "fast" if config.fast else "default", f"{energy_of(model)[1]:,}"]
        for figures in (ours, *theirs):
            row.append(f"{figures.size:,} / {figures.snr:.1f}")
            row.append(f"{1000 * figures.encode:.0f} / {1000 * figures.decode:.0f}")
        ratios = (f"{other.encode / ours.encode:.2f} / {other.decode / ours.decode:.2f}" for other in theirs)
        rows.append([*row, *ratios])
    return rows


def start_seconds() -> Iterator[str]:
    """What a first process pays, which compiles, and what one pays that finds the kernels in numba's cache."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache, "PYTHONPATH": os.pathsep.join(sys.path)}
        for name in ("nothing compiled", "kernels in numba's cache"):
            run = subprocess.run(
                [sys.executable, "-c", _COMPILE], check=True, capture_output=True, env=environment, text=True
            )
            imports, encode, decode = map(float, run.stdout.split())
            yield f"{name}: import {imports:.2f} s, first encode {encode:.2f} s, first decode {decode:.2f} s"


def main() -> None:
    """Measure every model and write the section `speed` of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of model files")
    parser.add_argument("--nncodec", metavar="PYTHON", required=True, help="interpreter with NNCodec installed")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    paths = {path.stem: path for path in model_files(arguments.data)}
    rows = [row for stem in STEMS if stem in paths for row in measure(paths[stem], arguments.nncodec)]
    head = ["model", "preset", "weights", "bytes / dB", "ms encode / decode", "NNCodec DQ bytes / dB", "ms"]
    head += ["NNCodec URQ bytes / dB", "ms", "DQ / ours, encode / decode", "URQ / ours"]
    text = (
        "## Speed beside NNCodec\n\n`python -m tools.bench.speed DATA --nncodec PYTHON`; "
        f"{versions()}.\nCPU time of one core, in process, the least of {ROUNDS} alternating rounds; the same arrays, "
        "without graphs; dB is the SNR of the tensors of rank 2 and more. *DQ* is NNCodec's default (2.1.3, trellis), "
        "*URQ* its uniform quantiser, each at the parameter nearest to 25 dB. A ratio over 1: ours is faster.\n"
        f"Not in the figures: compiling and loading. {'; '.join(start_seconds())}.\n\n"
    )
    write_section("speed", text + markdown_table(head, rows))


if __name__ == "__main__":
    main()
