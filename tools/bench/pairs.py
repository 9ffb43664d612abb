"""Difference of models: `python -m tools.bench.pairs DATA [--nncodec PYTHON]`: what an update costs at equal error.

For each pair of related models below DATA: the new model alone, and as an update of the old one (exact, and as decoded
from a stream of the same step), in profile main, and in profile baseline; at 5, 10 and 20 dB SNR of the update, which
is the error against the update's own energy. With --nncodec, NNCodec codes the same difference in its own environment.
Lossless: against xz, zstd with the old file as a prefix, and the order-0 entropy of the XOR. And a chain of updates.
"""

from __future__ import annotations

import argparse
import lzma
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zstandard
from rich.progress import Progress

import nncodec
from nncodec import DType, EncoderConfig, Model, Profile
from nncodec.model import NUMPY_DTYPES
from tools.bench.common import XCEPTION, markdown_table, versions, write_section
from tools.bench.peers import drive_nncodec, zipnn_bytes

TARGETS_DB = (5.0, 10.0, 20.0)
_RESNET = "pairs/resnet56-cifar100-to-digits/ft_{}.npz"
_PPOCR = "pairs/ppocrv3-det-ch-en-onnx/text-detection-{}-ppocrv3-2023may.onnx"
_FASNET = "pairs/minifasnet/2.7-80x80-{}.safetensors"
_MAGIKA = "pairs/magika-v3/standard-v3-{}.onnx"
_ESPNET = "multi-task/espnetv2-s-1.0/espnetv2-s-1.0-{}.safetensors"
_CUGAN = "multi-task/realcugan-up2x-fp16/up2x-{}.safetensors"
_AI8X = "pairs/ai8x-qat-vs-quantised/ai85-cifar10-qat8-{}.safetensors"
_ONET = "pairs/mtcnn-onet-layout-change/onet-{}.safetensors"
_SILERO = "{}/silero-vad-16k-op15-{}.onnx"
PAIRS = {
    "mini-xception 107-110": (XCEPTION.format("107-0-66"), XCEPTION.format("110-0-65")),
    "mini-xception 102-107": (XCEPTION.format("102-0-66"), XCEPTION.format("107-0-66")),
    "mini-xception 70-97": (XCEPTION.format("70-0-63"), XCEPTION.format("97-0-65")),
    "resnet56 digits e1": (_RESNET.format("base"), _RESNET.format("e1")),
    "resnet56 digits e1-e2": (_RESNET.format("e1"), _RESNET.format("e2")),
    "resnet56 digits e3": (_RESNET.format("base"), _RESNET.format("e3")),
    "ppocrv3 ch-en": (_PPOCR.format("ch"), _PPOCR.format("en")),
    "minifasnet": (_FASNET.format("mobilefacenetpv4"), _FASNET.format("minifasnetv2")),
    "magika v3": (_MAGIKA.format("1"), _MAGIKA.format("2")),
    "espnetv2 pascal 256-384": (_ESPNET.format("pascal-256x256"), _ESPNET.format("pascal-384x384")),
    "espnetv2 pascal-city": (_ESPNET.format("pascal-384x384"), _ESPNET.format("city-512x256")),
    "realcugan": (_CUGAN.format("no-denoise"), _CUGAN.format("denoise1x")),
    "ai8x scaled": (_AI8X.format("08c54f56"), _AI8X.format("q-4d4aa95e")),
    "mtcnn layout": (_ONET.format("367bdbe6"), _ONET.format("7c1fa58c")),
    "silero unrelated": (
        _SILERO.format("onnx", "0607ae8a"),
        _SILERO.format("pairs/silero-unrelated-control", "3036c9e2"),
    ),
}
_TRIALS = 4
Array = npt.NDArray[np.float32]
_ZIPNN_TYPES = (DType.FLOAT32, DType.FLOAT16)
_MOST_DB = 40.0
CHAIN = (
    "25-0-60",
    "32-0-62",
    "37-0-62",
    "43-0-64",
    "51-0-63",
    "70-0-63",
    "97-0-65",
    "100-0-65",
    "102-0-66",
    "107-0-66",
    "110-0-65",
)


@dataclass(frozen=True)
class Point:
    """An operating point: bytes, and squared error over the tensors of rank 2 and more."""

    bytes: int
    error: float


@dataclass(frozen=True)
class Pair:
    """Two related models."""

    name: str
    old: Model
    new: Model
    old_file: bytes
    new_file: bytes

    @property
    def energy(self) -> float:
        """Energy of the update, over tensors of rank 2 and more that both have."""
        report = nncodec.encode_with_report(self.new, EncoderConfig(step=2.0**100), [self.old]).report
        return report.update.energy if report.update else 0.0


def encode_at(
    model: Model, step: float, references: Sequence[Model] = (), profile: Profile = Profile.MAIN
) -> nncodec.Encoded:
    """The encoded model at a step; in profile baseline the step is rounded to a decade."""
    if profile == Profile.BASELINE:
        q_bits = round(math.log10(step)) + 12
        return nncodec.encode_with_report(model, EncoderConfig(profile=profile, q_bits=q_bits), references)
    return nncodec.encode_with_report(model, EncoderConfig(step=step, least_squares=True), references)


def at_error(code: Callable[[float], Point], error: float, guess: float) -> int:
    """Bytes of `code(step)` where its error is `error`: log-linear between the nearest of a few steps.

    Error grows as the square of the step at most, so each trial lands nearer; two more bracket the last.
    """
    points, step = [], guess
    for _ in range(_TRIALS):
        points.append(code(step))
        step *= (error / points[-1].error) ** 0.5 if points[-1].error else 4.0
    points += [code(step * 0.9), code(step * 1.1)]
    return interpolate(points, error)


def interpolate(points: Sequence[Point], error: float) -> int:
    """Bytes at `error`, linear in log bytes over log error between the points around it."""
    usable = sorted((point for point in points if point.error > 0), key=lambda point: point.error)
    below = [point for point in usable if point.error <= error]
    above = [point for point in usable if point.error > error]
    if not below or not above:
        return 0
    first, second = below[-1], above[0]
    share = math.log(error / first.error) / math.log(second.error / first.error)
    return round(math.exp(math.log(first.bytes) * (1 - share) + math.log(second.bytes) * share))


def point_of(encoded: nncodec.Encoded) -> Point:
    """Operating point of an encoded model."""
    return Point(encoded.report.bytes, encoded.report.matrices.error_energy)


def lossy_row(pair: Pair, target: float, nnc: Sequence[Point]) -> list[object]:
    """Bytes at one update SNR: alone, update of exact and of decoded reference, baseline, NNCodec; the modes."""
    error = pair.energy / 10 ** (target / 10)
    weights = sum(t.size for t in pair.new.tensors if len(t.shape) > 1)
    guess = math.sqrt(12 * error / weights)

    @cache
    def decoded_old(step: float) -> Model:
        return encode_at(pair.old, step).model

    alone = at_error(lambda step: point_of(encode_at(pair.new, step)), error, guess)
    exact = at_error(lambda step: point_of(encode_at(pair.new, step, [pair.old])), error, guess)
    closed = at_error(lambda step: point_of(encode_at(pair.new, step, [decoded_old(step)])), error, guess)
    theirs = interpolate(nnc, error) if nnc else 0
    modes = Counter(row.prediction for row in encode_at(pair.new, guess, [pair.old]).report.tensors)
    shown = " ".join(f"{count} {mode}" for mode, count in sorted(modes.items()))
    ratio = f"{exact / theirs:.3f}" if exact and theirs else ""
    sizes = (f"{n:,}" if n else "" for n in (alone, exact, closed, theirs))
    return [pair.name, f"{target:.0f}", *sizes, ratio, shown]


def baseline_rows(pair: Pair) -> list[list[object]]:
    """The paper's method at its own decades, where the update has 0 to 40 dB, and main at the same error."""
    rows: list[list[object]] = []
    weights = sum(t.size for t in pair.new.tensors if len(t.shape) > 1)
    for power in range(-6, 2):
        point = point_of(encode_at(pair.new, 10.0**power, [pair.old], Profile.BASELINE))
        snr = 10 * math.log10(pair.energy / point.error) if point.error else math.inf
        if not 0.1 < snr < _MOST_DB:
            continue
        guess = math.sqrt(12 * point.error / weights)
        main = at_error(lambda step: point_of(encode_at(pair.new, step, [pair.old])), point.error, guess)
        ratio = f"{main / point.bytes:.3f}" if main else ""
        rows.append([pair.name, f"10^{power}", f"{snr:.1f}", f"{point.bytes:,}", f"{main:,}" if main else "", ratio])
    return rows


def nncodec_points(pair: Pair, python: str | None) -> list[Point]:
    """NNCodec's operating points on the difference of the two models; its best quantiser is taken by interpolation."""
    if python is None:
        return []
    arrays = {}
    for tensor in pair.new.tensors:
        old = pair.old.by_name.get(tensor.name)
        if tensor.dtype in NUMPY_DTYPES and tensor.dtype.name.startswith("FLOAT"):
            values = tensor.numpy().astype(np.float32)
            same = old is not None and old.shape == tensor.shape and old.dtype == tensor.dtype
            arrays[tensor.name or "unnamed"] = values - old.numpy().astype(np.float32) if same and old else values
    arrays = {name: array for name, array in arrays.items() if array.size and array.ndim and np.isfinite(array).all()}
    step = math.sqrt(12 * pair.energy / sum(a.size for a in arrays.values() if a.ndim > 1))
    return run_nncodec(arrays, step, python, (-22, 6))


def run_nncodec(arrays: dict[str, Array], step: float, python: str, spread: tuple[int, int]) -> list[Point]:
    """NNCodec's operating points at quantisation parameters from around `step`: four to an octave."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "difference.npz"
        np.savez(source, **arrays)
        centre = round(4 * math.log2(step))
        points = drive_nncodec(python, source, range(max(centre + spread[0], -60), centre + spread[1], 2))
    return [Point(point["bytes"], point["error"]) for point in points]


def lower_hull(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both bytes and error: the best of two quantisers at each error."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.error, p.bytes)):
        while kept and kept[-1].bytes <= point.bytes and kept[-1].error >= point.error:
            kept.pop()
        if not kept or point.bytes < kept[-1].bytes:
            kept.append(point)
    return kept


def lossless_row(pair: Pair) -> list[object]:
    """Bytes of the exact update, and of what else could be sent."""
    update = nncodec.encode_with_report(pair.new, EncoderConfig(lossless=True), [pair.old])
    if nncodec.decode(update.data, [pair.old]).content_id != pair.new.content_id:
        raise ValueError(f"{pair.name}: the update is not exact")
    alone = len(nncodec.encode(pair.new, EncoderConfig(lossless=True)))
    xz = len(lzma.compress(pair.new_file, preset=6))
    prefix = zstandard.ZstdCompressionDict(pair.old_file, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    parameters = zstandard.ZstdCompressionParameters.from_level(19, window_log=27, enable_ldm=True)
    patch = len(zstandard.ZstdCompressor(compression_params=parameters, dict_data=prefix).compress(pair.new_file))
    theirs = zipnn_delta(pair)
    others = (len(pair.new_file), alone, len(update.data), xz, patch, xor_entropy(pair))
    sizes = [*(f"{n:,}" for n in others), "" if theirs is None else f"{theirs:,}"]
    return [pair.name, *sizes, f"{len(update.data) / pair.new.nbytes:.3f}"]


def zipnn_delta(pair: Pair) -> int | None:
    """Bytes of ZipNN's delta of the co-located FLOAT32 and FLOAT16 tensors, and of the others as they are.

    None where ZipNN is not installed, which brings torch along.
    """
    together: dict[DType, list[tuple[bytes, bytes]]] = {}
    total = 0
    for tensor in pair.new.tensors:
        relative = pair.old.by_name.get(tensor.name)
        if tensor.dtype in _ZIPNN_TYPES and relative is not None and relative.nbytes == tensor.nbytes:
            together.setdefault(tensor.dtype, []).append((bytes(tensor.data), bytes(relative.data)))
        else:
            total += tensor.nbytes
    for dtype, both in together.items():
        size = zipnn_bytes([new for new, _ in both], dtype, [old for _, old in both])
        if size is None:
            return None
        total += size
    return total


def xor_entropy(pair: Pair) -> int:
    """Bytes of the order-0 entropy of the XOR of co-located tensors, byte plane by byte plane."""
    total = 0.0
    for tensor in pair.new.tensors:
        old = pair.old.by_name.get(tensor.name)
        data = np.frombuffer(tensor.data, np.uint8)
        if old is not None and old.nbytes == tensor.nbytes:
            data = data ^ np.frombuffer(old.data, np.uint8)
        width = tensor.nbytes // tensor.size if tensor.size and tensor.nbytes % tensor.size == 0 else 1
        for plane in data.reshape(-1, max(width, 1)).T:
            counts = np.bincount(plane)
            counts = counts[counts > 0]
            total -= float((counts * np.log2(counts / max(plane.size, 1))).sum())
    return round(total / 8)


def chain_text(data: Path) -> str:
    """A chain of closed-loop updates: the error after the last against the error after the first."""
    models = [nncodec.load(data / XCEPTION.format(epoch)) for epoch in CHAIN]
    held = encode_at(models[0], 0.003).model
    errors, sizes = [], []
    for model in models[1:]:
        encoded = encode_at(model, 0.003, [held])
        held = encoded.model
        errors.append(encoded.report.matrices.mse)
        sizes.append(len(encoded.data))
    return (
        f"Chain of {len(sizes)} closed-loop updates of mini-xception at step 0.003: {sum(sizes):,} bytes in all; mean "
        f"squared error {errors[0]:.3e} after the first, {errors[-1]:.3e} after the last "
        f"(ratio {errors[-1] / errors[0]:.3f}).\n"
    )


def load_pair(name: str, data: Path) -> Pair:
    """The two models of a pair."""
    old, new = (data / path for path in PAIRS[name])
    return Pair(name, nncodec.load(old), nncodec.load(new), old.read_bytes(), new.read_bytes())


def main() -> None:
    """Measure every pair and write the section `pairs` of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of model files")
    parser.add_argument("--nncodec", metavar="PYTHON", help="interpreter of an environment with NNCodec 2.1.3")
    arguments = parser.parse_args()
    lossy: list[list[object]] = []
    lossless: list[list[object]] = []
    baseline: list[list[object]] = []
    with Progress(transient=True) as progress:
        for name in progress.track(list(PAIRS), description="pairs"):
            pair = load_pair(name, arguments.data)
            lossless.append(lossless_row(pair))
            if pair.energy > 0:
                points = lower_hull(nncodec_points(pair, arguments.nncodec))
                lossy += [lossy_row(pair, target, points) for target in TARGETS_DB]
                baseline += baseline_rows(pair)
    write_section("pairs", text(lossy, baseline, lossless, chain_text(arguments.data)))


def text(lossy: list[list[object]], baseline: list[list[object]], lossless: list[list[object]], chain: str) -> str:
    """The section in markdown."""
    head = ["pair", "dB", "alone", "update", "update of decoded", "NNCodec", "update / NNCodec", "modes"]
    exact = [
        "pair",
        "file",
        "alone",
        "update",
        "xz -6",
        "zstd patch",
        "XOR order-0",
        "ZipNN delta",
        "update / tensor bytes",
    ]
    return (
        f"## Difference of models\n\n`python -m tools.bench.pairs DATA --nncodec PYTHON`; {versions()}.\n"
        "Bytes of whole streams at equal squared error of the tensors of rank 2 and more; dB is the SNR of the update "
        "(error against the update's own energy). *NNCodec* (2.1.3, the better of URQ and DQ, default presets, 1-D "
        "tensors at QP -75) is interpolated between its steps. No figure: nothing meets that error (the "
        "prediction alone is nearer).\n\n"
        + markdown_table(head, lossy)
        + "\nThe paper's method (profile `baseline`), whose steps are decades, and `main` at the same error, bytes:\n\n"
        + markdown_table(["pair", "step", "update dB", "baseline", "main", "main / baseline"], baseline)
        + "\nLossless, bytes:\n\n"
        + markdown_table(exact, lossless)
        + "\n"
        + chain
    )


if __name__ == "__main__":
    main()
