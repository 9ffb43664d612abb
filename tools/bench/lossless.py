"""Lossless coding: `python -m tools.bench.lossless DATA`: models and pairs against ZipNN, pcodec, FM-Delta's model.

Every floating-point model below DATA in FLOAT32, and cast to BFLOAT16 and FLOAT16; the pairs of tools.bench.pairs in
FLOAT32 and BFLOAT16; a sparse update; and the speed on a generated model, one thread each, side by side.

ZipNN and pcodec are scratch installs (they bring torch along); without them their columns stay empty.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
from rich.progress import track

import nncodec
from nncodec import DType, EncoderConfig, Model, Tensor, Work
from nncodec.difference import differ
from nncodec.model import NO_TOPOLOGY
from nncodec.rounding import round_to, widen
from tools.bench.common import markdown_table, model_files, versions, write_section
from tools.bench.pairs import PAIRS
from tools.bench.peers import ZIPNN_NAME, zipnn_bytes

WIDTH = {DType.FLOAT32: 4, DType.BFLOAT16: 2, DType.FLOAT16: 2}
LOSSLESS = EncoderConfig(lossless=True)
FAST = EncoderConfig(lossless=True, fast=True, slice_symbols=2**20)
SMALLEST = 10_000
"""Models with fewer FLOAT32 weights say nothing about coding weights."""


def cast(model: Model, dtype: DType) -> Model:
    """The FLOAT32 tensors of `model` as `dtype`, without the graph."""
    tensors = [tensor for tensor in model.tensors if tensor.dtype == DType.FLOAT32 and tensor.size]
    if dtype != DType.FLOAT32:
        tensors = [
            Tensor(t.name, dtype, t.shape, round_to(np.nan_to_num(widen(t.data, t.dtype)), dtype)) for t in tensors
        ]
    return Model(tuple(tensors), NO_TOPOLOGY)


def pcodec_bytes(chunks: Sequence[bytes], dtype: DType) -> int | None:
    """Pcodec's bytes at level 12, tensor by tensor; it takes BFLOAT16 as 16-bit integers."""
    if importlib.util.find_spec("pcodec") is None:
        return None
    pcodec = importlib.import_module("pcodec")
    kind = {DType.FLOAT32: np.float32, DType.BFLOAT16: np.uint16, DType.FLOAT16: np.float16}[dtype]
    config = pcodec.ChunkConfig(compression_level=12)
    return sum(len(pcodec.standalone.simple_compress(np.frombuffer(chunk, kind), config)) for chunk in chunks)


def fm_delta_bytes(model: Model, old: Model) -> int:
    """What FM-Delta's model asks for: order-0 entropy of the class of integer differences by tensor, tables free.

    A class is the sign and the length of a difference; the bits below its leading one are raw.
    """
    bits = 0.0
    for tensor in model.tensors:
        width = WIDTH[tensor.dtype]
        folded = np.frombuffer(
            differ(tensor.data, bytes(old.by_name[tensor.name].data), tensor.dtype, width), f"<u{width}"
        )
        sizes = (folded.astype(np.uint64) + np.uint64(1)) >> np.uint64(1)
        lengths = np.frexp(sizes.astype(np.float64))[1]
        counts = np.bincount(2 * lengths + (folded & 1))
        counts = counts[counts > 0]
        bits += float(np.maximum(lengths - 1, 0).sum() - (counts * np.log2(counts / counts.sum())).sum())
    return round(bits / 8)


@dataclass(frozen=True)
class Row:
    """One model or pair in one type: our bytes and those of the others."""

    name: str
    dtype: DType
    raw: int
    ours: int
    fast: int
    zipnn: int | None
    other: int | None

    def cells(self) -> list[object]:
        """The row as printed."""
        ratios = [f"{self.ours / theirs:.4f}" if theirs else "" for theirs in (self.zipnn, self.other)]
        sizes = [f"{size:,}" if size else "" for size in (self.ours, self.fast, self.zipnn, self.other)]
        return [self.name, self.dtype.name, f"{self.ours / self.raw:.4f}", *sizes, *ratios]


def size_of(model: Model, config: EncoderConfig, references: Sequence[Model] = ()) -> int:
    """Bytes of the stream; it is decoded and compared."""
    data = nncodec.encode(model, config, references)
    if nncodec.decode(data, references).content_id != model.content_id:
        raise ValueError("the stream is not exact")
    return len(data)


def alone(path: Path, data: Path) -> list[Row]:
    """One model in each type."""
    model = nncodec.load(path)
    rows = []
    for dtype in WIDTH:
        part = cast(model, dtype)
        chunks = [bytes(tensor.data) for tensor in part.tensors]
        sizes = [size_of(part, config) for config in (LOSSLESS, FAST)]
        name = str(path.relative_to(data))
        rows.append(Row(name, dtype, part.nbytes, *sizes, zipnn_bytes(chunks, dtype), pcodec_bytes(chunks, dtype)))
    return rows


def pair_rows(name: str, data: Path) -> list[Row]:
    """One pair in FLOAT32 and BFLOAT16: the tensors that both have in one shape."""
    old, new = (nncodec.load(data / path) for path in PAIRS[name])
    rows = []
    for dtype in (DType.FLOAT32, DType.BFLOAT16):
        ours, theirs = cast(new, dtype), cast(old, dtype)
        common = [t for t in ours.tensors if t.name in theirs.by_name and theirs.by_name[t.name].shape == t.shape]
        ours = Model(tuple(common))
        theirs = Model(tuple(theirs.by_name[tensor.name] for tensor in common))
        if not common:
            continue
        zipnn = zipnn_bytes([bytes(t.data) for t in ours.tensors], dtype, [bytes(t.data) for t in theirs.tensors])
        sizes = [size_of(ours, config, [theirs]) for config in (LOSSLESS, FAST)]
        rows.append(Row(name, dtype, ours.nbytes, *sizes, zipnn, fm_delta_bytes(ours, theirs)))
    return rows


def generated(dtype: DType, rows: int = 16_384) -> Model:
    """Matrices of 1024 columns with scales of their own for every row, 2 Mi weights each."""
    rng = np.random.default_rng(1)
    tensors = []
    for number in range(rows // 2048):
        scales = 0.02 * np.exp(rng.normal(0, 0.2, (2048, 1)) + rng.normal(0, 0.5))
        values = (rng.normal(0, 1, (2048, 1024)) * scales).astype(np.float32).astype(np.float64)
        tensors.append(Tensor(f"layer{number}", dtype, values.shape, round_to(values.ravel(), dtype)))
    return Model(tuple(tensors))


def sparse_share() -> float:
    """Bytes of an update that changes 1 % of the weights of a BFLOAT16 model, over the bytes of the model."""
    old, rng, tensors = generated(DType.BFLOAT16, 4096), np.random.default_rng(2), []
    for tensor in old.tensors:
        values = widen(tensor.data, tensor.dtype)
        changed = rng.random(values.size) < 0.01
        new = np.where(changed, values + rng.normal(0, 0.002, values.size), values)
        tensors.append(replace(tensor, data=round_to(new, tensor.dtype)))
    new_model = Model(tuple(tensors))
    return size_of(new_model, LOSSLESS, [old]) / new_model.nbytes


def best_seconds(action: Callable[[], object], trials: int = 5) -> float:
    """The shortest of several runs, after one that warms up."""
    action()
    times = []
    for _ in range(trials):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return min(times)


def fresh(model: Model) -> Model:
    """The same model, none of its hashes known."""
    return Model(tuple(replace(tensor) for tensor in model.tensors))


def speeds(dtype: DType) -> dict[str, float]:
    """MB of weights a second: ours by one thread and by two, ZipNN's by one."""
    model = generated(dtype)
    data, mega = nncodec.encode(model, FAST), model.nbytes / 1e6
    found = {
        "encode": mega / best_seconds(lambda: nncodec.encode(fresh(model), FAST)),
        "decode": mega / best_seconds(lambda: nncodec.decode(data)),
    }
    with ThreadPoolExecutor(2) as pool:
        found["encode, 2 threads"] = mega / best_seconds(lambda: nncodec.encode(fresh(model), FAST, (), Work(pool)))
        found["decode, 2 threads"] = mega / best_seconds(lambda: nncodec.decode(data, work=Work(pool)))
    if importlib.util.find_spec("zipnn") is not None:
        coder = importlib.import_module("zipnn").ZipNN(
            bytearray_dtype=ZIPNN_NAME[dtype], input_format="byte", threads=1
        )
        raw = b"".join(bytes(tensor.data) for tensor in model.tensors)  # a copy: it is reordered in place
        packed = bytes(coder.compress(raw))
        found["ZipNN encode"] = mega / best_seconds(lambda: coder.compress(raw))
        found["ZipNN decode"] = mega / best_seconds(lambda: coder.decompress(packed))
    return found


def numpy_only_speed() -> float:
    """MB of FLOAT32 weights a second that are decoded without compiled code, in a process of its own."""
    code = (
        "import json, nncodec\n"
        "from tools.bench.lossless import *\n"
        "model = generated(DType.FLOAT32, 4096)\n"
        "data = nncodec.encode(model, FAST)\n"
        "print(json.dumps(model.nbytes / 1e6 / best_seconds(lambda: nncodec.decode(data), 2)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )
    return float(json.loads(run.stdout.splitlines()[-1]))


def summary(rows: Sequence[Row]) -> list[list[object]]:
    """Sums and worst ratios by type."""
    table: list[list[object]] = []
    for dtype in WIDTH:
        its = [row for row in rows if row.dtype == dtype]
        if not its:
            continue
        raw, ours, fast = (sum(getattr(row, field) for row in its) for field in ("raw", "ours", "fast"))
        cells: list[Any] = [dtype.name, len(its), f"{ours / raw:.4f}", f"{fast / raw:.4f}"]
        for field in ("zipnn", "other"):
            known = [(row, getattr(row, field)) for row in its if getattr(row, field)]
            if known:
                ratios = [row.ours / theirs for row, theirs in known]
                total = sum(row.ours for row, _ in known) / sum(theirs for _, theirs in known)
                cells += [f"{total:.4f} / {geometric_mean(ratios):.4f} / {max(ratios):.4f}"]
            else:
                cells.append("")
        table.append(cells)
    return table


def main() -> None:
    """Measure, and write the section `lossless` of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of model files")
    data = parser.parse_args().data
    files = [path for path in model_files(data) if "epochs" not in str(path)]
    wanted = [path for path in files if cast(nncodec.load(path), DType.FLOAT32).nbytes >= 4 * SMALLEST]
    models = [row for path in track(wanted, "models", transient=True) for row in alone(path, data)]
    pairs = [row for name in track(list(PAIRS), "pairs", transient=True) for row in pair_rows(name, data)]
    speed = [
        [dtype.name, *(f"{value:.0f}" for value in speeds(dtype).values())] for dtype in (DType.FLOAT32, DType.BFLOAT16)
    ]
    write_section("lossless", text(models, pairs, speed))


def text(models: Sequence[Row], pairs: Sequence[Row], speed: Sequence[Sequence[object]]) -> str:
    """The section in markdown."""
    head = ["", "type", "ours / raw", "ours", "ours, fast", "ZipNN", "other", "ours / ZipNN", "ours / other"]
    totals = [
        "type",
        "rows",
        "ours / raw",
        "fast / raw",
        "ours / ZipNN: total / mean / worst",
        "ours / other: the same",
    ]
    kinds = ["type", "encode", "decode", "encode, 2 threads", "decode, 2 threads", "ZipNN encode", "ZipNN decode"]
    return (
        "## Lossless\n\n"
        f"`python -m tools.bench.lossless DATA`; {versions()}.\n"
        "Whole streams of the FLOAT32 tensors of each model, and of these cast to BFLOAT16 and FLOAT16; every stream "
        "was decoded and compared. ZipNN: all tensors end to end or one by one, whichever is less, no container. "
        "*other*: pcodec at level 12, tensor by tensor, no container; for pairs the entropy of FM-Delta's model "
        "(integer difference, sign and length under an order-0 table for each tensor, tables free).\n\n"
        "Models alone:\n\n"
        + markdown_table(totals, summary(models))
        + "\nDifferences:\n\n"
        + markdown_table(totals, summary(pairs))
        + f"\nAn update of 1 % of the weights of a generated BFLOAT16 model: {sparse_share():.4f} of its bytes.\n\n"
        "Speed on a generated model of 16 Mi weights, MB of weights a second, `fast`, content ids and CRCs included "
        "(ZipNN has neither):\n\n"
        + markdown_table(kinds, speed)
        + f"\nDecoding FLOAT32 without compiled code (numpy only): {numpy_only_speed():.0f} MB/s.\n\n"
        "Every model and pair:\n\n" + markdown_table(head, [row.cells() for row in (*models, *pairs)])
    )


if __name__ == "__main__":
    main()
