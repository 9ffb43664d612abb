"""One model alone: `python -m tools.bench.models DATA`: bytes, bits per weight and SNR against raw, xz and zstd.

For every model file below DATA: lossless, and the paper's method (profile baseline) at q_bits 8, 9 and 10. ONNX models
are run in onnxruntime before and after lossless coding on seeded random inputs; the outputs must be equal.
"""

from __future__ import annotations

import argparse
import lzma
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import zstandard
from rich.progress import track

import nncodec
from nncodec import EncoderConfig, Model, Profile
from tools.bench.common import markdown_table, model_files, versions, write_section

Q_BITS = (8, 9, 10)
_AUDIO_WINDOW = 512
_SAMPLING_RATE = 16000
_NUMPY_OF_ORT = {
    "float": "f4",
    "double": "f8",
    "float16": "f2",
    "int64": "i8",
    "int32": "i4",
    "uint8": "u1",
    "bool": "?",
}


@dataclass(frozen=True)
class Row:
    """Figures of one model file; sizes in bytes."""

    name: str
    tensors: int
    elements: int
    raw: int
    xz: int
    zstd: int
    lossless: int
    header_per_tensor: float
    lossy: dict[int, tuple[int, float, float | None]]
    same_outputs: str


def measure(path: Path) -> Row:
    """All figures of the model file at `path`. Raises ValueError where lossless coding is not."""
    data, model = path.read_bytes(), nncodec.load(path)
    exact = nncodec.encode_with_report(model, EncoderConfig(lossless=True))
    decoded = nncodec.decode(exact.data)
    if decoded.content_id != model.content_id:
        raise ValueError(f"{path.name}: lossless coding changed the model")
    parts = exact.report.bytes_by_part
    headers = parts["start"] + parts["model_parameter_set"] + parts["tensor_table"] + parts["end"]
    return Row(
        name=path.stem,
        tensors=len(model.tensors),
        elements=exact.report.elements,
        raw=len(data),
        xz=len(lzma.compress(data, preset=6)),
        zstd=len(zstandard.ZstdCompressor(level=19).compress(data)),
        lossless=len(exact.data),
        header_per_tensor=headers / max(len(model.tensors), 1),
        lossy={q_bits: _lossy(model, q_bits) for q_bits in Q_BITS},
        same_outputs=_same_outputs(path, decoded) if path.suffix == ".onnx" else "",
    )


def _lossy(model: Model, q_bits: int) -> tuple[int, float, float | None]:
    encoded = nncodec.encode_with_report(model, EncoderConfig(profile=Profile.BASELINE, q_bits=q_bits))
    if nncodec.decode(encoded.data).content_id != encoded.model.content_id:
        raise ValueError("the decoder does not give what the encoder expects")
    return len(encoded.data), encoded.report.bits_per_weight, encoded.report.matrices.snr_db


def _same_outputs(path: Path, decoded: Model) -> str:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "decoded.onnx"
        nncodec.save(decoded, copy)
        try:
            before = run_onnx(path)
        except Exception as error:  # noqa: BLE001 - whatever onnxruntime says about a model it cannot run
            return f"not run: {type(error).__name__}"
        after = run_onnx(copy)
    equal = all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(before, after, strict=True))
    return "equal" if equal else "DIFFERENT"


def run_onnx(path: Path, seed: int = 0) -> list[Any]:
    """The outputs that are arrays, on random input."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(seed)
    inputs = session.get_inputs()
    try:
        outputs = session.run(None, {value.name: _input(value, generator, 1) for value in inputs})
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument:
        outputs = session.run(None, {value.name: _input(value, generator, _AUDIO_WINDOW) for value in inputs})
    return [output for output in outputs if isinstance(output, np.ndarray)]


def _input(value: Any, generator: np.random.Generator, last: int) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """Random input: unknown dimensions are 1, an unknown last one `last`; a scalar is a sampling rate."""
    if not value.shape:
        return np.array(_SAMPLING_RATE, _dtype(value))
    shape = [dim if isinstance(dim, int) and dim > 0 else 1 for dim in value.shape]
    if not isinstance(value.shape[-1], int):
        shape[-1] = last
    dtype = _dtype(value)
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    return generator.integers(0, 2, shape).astype(dtype)


def _dtype(value: Any) -> np.dtype[Any]:  # noqa: ANN401
    return np.dtype(_NUMPY_OF_ORT[value.type.removeprefix("tensor(").removesuffix(")")])


def table(rows: list[Row]) -> str:
    """The rows in markdown."""
    head = ["model", "tensors", "elements", "raw", "xz -6", "zstd -19", "lossless", "headers B/tensor"]
    head += [f"q={q} bytes / b/w / dB" for q in Q_BITS] + ["onnxruntime"]
    body = []
    for row in rows:
        cells: list[object] = [row.name, row.tensors, f"{row.elements:,}"]
        cells += [f"{size:,}" for size in (row.raw, row.xz, row.zstd, row.lossless)]
        cells.append(f"{row.header_per_tensor:.1f}")
        for size, bits, snr in row.lossy.values():
            cells.append(f"{size:,} / {bits:.2f} / {'exact' if snr is None else f'{snr:.1f}'}")
        body.append([*cells, row.same_outputs])
    return markdown_table(head, body)


def main() -> None:
    """Measure every model and write the section `models` of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of model files")
    paths = list(model_files(parser.parse_args().data))
    begin = time.perf_counter()
    rows = [measure(path) for path in track(paths, description="models", transient=True)]
    text = (
        "## One model alone\n\n`python -m tools.bench.models DATA`: profile `baseline` (the paper's method, f = 0.4) "
        f"and lossless, in one run of {time.perf_counter() - begin:.0f} s.\n{versions()}.\n"
        "Bytes are whole streams; b/w is bits of the stream over elements of the model; dB is the SNR of the tensors "
        "of rank 2 and more. *headers* is start, parameter set, tensor table (names included) and end of the lossless "
        "stream. *onnxruntime*: outputs on random input after lossless coding.\n\n"
    )
    write_section("models", text + table(rows))


if __name__ == "__main__":
    main()
