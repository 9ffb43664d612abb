"""Benchmark: memory and time of nnenc and nndec on a large generated model, by the operating system's own accounting.

    python -m tools.bench.memory SCRATCH [--gigabytes 8] [--preset fast] [--lossless] [--jobs 2]

Writes the model (16-bit floats, 40 layers of a transformer) into the folder SCRATCH, codes it and decodes it as
processes of their own. Asked: at most 3 times the largest tensor and 100 MB. Reported: the peak of the resident memory,
and of its anonymous part (sampled); the rest are pages of files, which the system takes back as it likes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nncodec.adapters.files import load, writing
from nncodec.model import NO_TOPOLOGY, TensorHeader
from nncodec.tables import DType

LAYERS = 40
VOCABULARY = 11
"""Rows of the embedding for each of its columns."""
_ROWS = 1 << 22
_EVERY = 0.01


def width_for(size: float) -> int:
    """The width of a transformer of `size` bytes: a multiple of 64."""
    parameters = size / 2
    return max(round((parameters / (LAYERS * 12 + VOCABULARY)) ** 0.5 / 64), 1) * 64


def tensors_of(width: int) -> Iterator[tuple[TensorHeader, float]]:
    """All tensors with the standard deviation of their values; 0 for scales, which are near 1."""
    inner = 8 * width // 3
    yield _header("embedding", VOCABULARY * width, width), 0.02
    for layer in range(LAYERS):
        narrow = 0.02 / (2 * LAYERS) ** 0.5
        for name in ("q", "k", "v"):
            yield _header(f"layers.{layer}.attention.{name}", width, width), 0.02
        yield _header(f"layers.{layer}.attention.out", width, width), narrow
        for name in ("gate", "up"):
            yield _header(f"layers.{layer}.feed_forward.{name}", inner, width), 0.02
        yield _header(f"layers.{layer}.feed_forward.down", width, inner), narrow
        for name in ("attention_norm", "feed_forward_norm"):
            yield _header(f"layers.{layer}.{name}", width), 0.0


def _header(name: str, *shape: int) -> TensorHeader:
    return TensorHeader(name, DType.FLOAT16, shape, 2 * int(np.prod(shape)))


def generate(path: Path, width: int) -> list[TensorHeader]:
    """Write the model; rows differ in scale, as those of trained networks do."""
    generator = np.random.default_rng(width)
    described = list(tensors_of(width))
    with writing([header for header, _ in described], NO_TOPOLOGY, path) as sink:
        for place, (header, deviation) in enumerate(described):
            rows = max(_ROWS // header.shape[-1], 1) if len(header.shape) > 1 else 1
            for start in range(0, header.shape[0] if len(header.shape) > 1 else 1, rows):
                sink.write(place, _values(generator, header, deviation, min(rows, header.shape[0] - start)))
    return [header for header, _ in described]


def _values(generator: np.random.Generator, header: TensorHeader, deviation: float, rows: int) -> bytes:
    if deviation == 0:
        values: npt.NDArray[np.float32] = 1 + 0.1 * generator.standard_normal(header.shape, np.float32)
    else:
        scales = np.exp(0.25 * generator.standard_normal((rows, 1), np.float32)) * np.float32(deviation)
        values = scales * generator.standard_normal((rows, header.shape[1]), np.float32)
    return values.astype("<f2").tobytes()


@dataclass(frozen=True)
class Usage:
    """What a process took: seconds of wall and processor time, peaks in bytes."""

    wall: float
    processor: float
    resident: int
    anonymous: int


def run(*command: str) -> Usage:
    """Run a command of this project to its end, and watch its memory."""
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
    peaks = {"VmHWM": 0, "RssAnon": 0}
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks))
    watcher.start()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return Usage(time.perf_counter() - begin, used.ru_utime + used.ru_stime, peaks["VmHWM"], peaks["RssAnon"])


def _watch(pid: int, peaks: dict[str, int]) -> None:
    """Follow the memory of a process until it is gone (ru_maxrss would count what its parent had, too)."""
    status = Path(f"/proc/{pid}/status")
    try:
        while found := dict(re.findall(r"(VmHWM|RssAnon):\s+(\d+) kB", status.read_text())):
            for name, value in found.items():
                peaks[name] = max(peaks[name], 1024 * int(value))
            time.sleep(_EVERY)
    except OSError:
        return


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--preset", choices=["fast", "default"], default="fast")
    parser.add_argument("--lossless", action="store_true")
    parser.add_argument("--jobs", default="1")
    arguments = parser.parse_args()
    width = width_for(arguments.gigabytes * 1e9)
    model = arguments.scratch / f"width-{width}.safetensors"
    tensors = [header for header, _ in tensors_of(width)] if model.exists() else generate(model, width)
    largest = max(tensor.nbytes for tensor in tensors)
    total = sum(tensor.nbytes for tensor in tensors)
    print(f"model {total / 1e9:.2f} GB, largest tensor {largest / 1e6:.0f} MB, asked {3 * largest / 1e6 + 100:.0f} MB")
    stream, decoded = arguments.scratch / "model.nmc", arguments.scratch / "decoded.safetensors"
    options = ["--preset", arguments.preset, "--jobs", arguments.jobs, *(["--lossless"] if arguments.lossless else [])]
    print_usage("encode", run("nncodec.cli.nnenc", str(model), "-o", str(stream), *options), total)
    print(f"stream {stream.stat().st_size / 1e9:.3f} GB, {stream.stat().st_size / total:.4f} of the model")
    print_usage("decode", run("nncodec.cli.nndec", str(stream), "-o", str(decoded), "--jobs", arguments.jobs), total)
    if arguments.lossless:
        print(f"the same model: {load(model).content_id == load(decoded).content_id}")


def print_usage(what: str, usage: Usage, total: int) -> None:
    """One line."""
    print(
        f"{what}: peak resident {usage.resident / 1e6:.0f} MB, of it anonymous {usage.anonymous / 1e6:.0f} MB; "
        f"{usage.wall:.0f} s, processor {usage.processor:.0f} s, {total / 1e6 / usage.processor:.0f} MB/s of it"
    )


if __name__ == "__main__":
    main()
