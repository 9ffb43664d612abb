"""Rules for the step of a tensor, compared at equal SNR of the outputs: the second table of `tools.bench.quality`.

Matrices get trellis levels with steps in proportion to (spread)^a (elements)^b; vectors stay as they are. Bits are the
order-0 entropy of the levels. Over a sweep of steps the SNR of the outputs is nearly a line over log bytes; rules are
compared by how far apart these lie.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

import nncodec
from nncodec import EncoderConfig, Model, Tensor
from nncodec.encoder.estimate import LevelCounts
from nncodec.encoder.steps import spread
from nncodec.encoder.trellis import SMALL, quantise_trellis
from nncodec.quantisation import dequantise, half_levels
from nncodec.rounding import Float64s, round_to, widen
from tools.bench.common import markdown_table

Outputs = Callable[[Model], Sequence[Any]]
Compare = Callable[[Sequence[Any], Sequence[Any]], float | None]

_SWEEP = (0.05, 0.025, 0.0125, 0.00625, 0.003125)
"""Steps over the spread, as a geometric mean over all weights."""


@dataclass(frozen=True)
class Rule:
    """Step in proportion to measure^exponent * elements^size."""

    name: str
    measure: Callable[[Tensor], float]
    exponent: float
    size: float


def _root_mean_square(tensor: Tensor) -> float:
    return math.sqrt(float(np.square(widen(tensor.data, tensor.dtype)).mean()))


RULES = (
    Rule("one step for all", _root_mean_square, 0.0, 0.0),
    Rule("rms^0.5", _root_mean_square, 0.5, 0.0),
    Rule("rms", _root_mean_square, 1.0, 0.0),
    Rule("rms · √elements", _root_mean_square, 1.0, 0.5),
    Rule("spread · √elements (in use)", spread, 1.0, 0.5),
)


def _quantised(
    matrices: Sequence[tuple[Tensor, Float64s]], rule: Rule, scale: float
) -> tuple[dict[str, Tensor], float]:
    """The matrices as decoded, and their bytes."""
    weights = [values.size for _, values in matrices]
    shares = np.array(
        [
            rule.exponent * math.log(rule.measure(tensor)) + rule.size * math.log(values.size)
            for tensor, values in matrices
        ]
    )
    sizes = np.array([math.log(_root_mean_square(tensor)) for tensor, _ in matrices])
    steps = scale * np.exp(shares + np.average(sizes - shares, weights=weights))
    decoded, bits = {}, 0.0
    for (tensor, values), step in zip(matrices, steps, strict=True):
        levels = quantise_trellis(values / float(step), tensor.shape, 0, SMALL)
        counts = LevelCounts(levels.size)
        counts.add(levels)
        bits += counts.bits()
        data = round_to(dequantise(half_levels(levels, SMALL), float(step), 0), tensor.dtype)
        decoded[tensor.name] = Tensor(tensor.name, tensor.dtype, tensor.shape, data)
    return decoded, bits / 8


def _line(model: Model, rule: Rule, run: Outputs, compare: Compare) -> tuple[list[float], list[float]]:
    """Log bytes and SNR of the outputs over the sweep."""
    config = EncoderConfig()
    matrices = [(tensor, widen(tensor.data, tensor.dtype)) for tensor in model.tensors if config.quantises(tensor)]
    matrices = [(tensor, values) for tensor, values in matrices if np.isfinite(values).all() and values.any()]
    wanted, log_bytes, snrs = run(model), [], []
    for scale in _SWEEP if matrices else ():
        decoded, size = _quantised(matrices, rule, scale)
        given = run(Model(tuple(decoded.get(tensor.name, tensor) for tensor in model.tensors), model.topology))
        snr = compare(wanted, given)
        if snr is not None:
            log_bytes.append(math.log(size))
            snrs.append(snr)
    return log_bytes, snrs


def _ratios(path: Path, run: Outputs, compare: Compare) -> Iterator[float]:
    """For each rule its bytes over those of the first, at the same SNR of the outputs."""
    model = nncodec.load(path)
    lines = [_line(model, rule, run, compare) for rule in RULES]
    if any(len(snrs) < len(_SWEEP) for _, snrs in lines):
        return
    # One slope for all rules of a model: single outputs jump about, and a line of five points follows them.
    places = np.array([np.mean(log_bytes) for log_bytes, _ in lines])
    heights = np.array([np.mean(snrs) for _, snrs in lines])
    across = np.array([log_bytes for log_bytes, _ in lines]) - places[:, None]
    upwards = np.array([snrs for _, snrs in lines]) - heights[:, None]
    slope = float((across * upwards).sum() / np.square(across).sum())
    at_same = places - heights / slope
    yield from np.exp(at_same - at_same[0]).tolist()


def rules_table(paths: Sequence[Path], run: Callable[[Path], Sequence[Any]], compare: Compare) -> str:
    """The table, over the models in `paths` that run."""

    def outputs(model: Model) -> Sequence[Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            nncodec.save(model, path)
            return run(path)

    found = [list(_ratios(path, outputs, compare)) for path in track(paths, description="rules", transient=True)]
    ratios = np.array([row for row in found if row])
    rows = [
        [rule.name, f"{math.exp(np.log(column).mean()):.3f}", f"{column.min():.2f}", f"{column.max():.2f}"]
        for rule, column in zip(RULES, ratios.T, strict=True)
    ]
    head = [f"step in proportion to, {len(ratios)} models", "geometric mean", "least", "most"]
    return (
        "Estimated bytes of the matrices at equal SNR of the outputs, over those of one step for all "
        "(`tools/bench/step_rules.py`):\n\n" + markdown_table(head, rows)
    )
