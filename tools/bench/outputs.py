"""Updates at equal damage to the outputs: `python -m tools.bench.outputs`: the example networks, paper against main.

For each update (digits-v1 to v2, to the variant): the Kullback-Leibler divergence of the network's answers on the test
images from those of the original, in nats. The paper's method stands at its decades; main is interpolated at the same
divergence over a sweep of steps.
"""

from __future__ import annotations

import math
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

import nncodec
from nncodec import EncoderConfig, Model, Profile
from tools.bench.common import markdown_table, versions, write_section

EXAMPLES = Path(__file__).parents[2] / "examples"
UPDATES = (("digits-v1", "digits-v2"), ("digits-v1", "digits-variant"))
_STEPS = [2.0 ** (power / 3) for power in range(-30, -5)]

Answers = npt.NDArray[np.float64]


def answers(model: Model) -> Answers:
    """Probabilities of the classes for every test image."""
    with np.load(EXAMPLES / "digits-test.npz") as archive:
        images = archive["x"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        nncodec.save(model, path)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        value = session.get_inputs()[0]
        scores = np.asarray(session.run(None, {value.name: images})[0], np.float64)
    powers = np.exp(scores - scores.max(1, keepdims=True))
    probabilities: Answers = powers / powers.sum(1, keepdims=True)
    return probabilities


def divergence(wanted: Answers, given: Answers) -> float:
    """Mean K-L divergence of `given` from `wanted`, in nats."""
    return float((wanted * np.log(np.maximum(wanted, 1e-300) / np.maximum(given, 1e-300))).sum(1).mean())


def rows(old_name: str, new_name: str) -> list[list[object]]:
    """The paper's decades for one update, and what main needs for the same divergence."""
    old, new = (nncodec.load(EXAMPLES / f"{name}.onnx") for name in (old_name, new_name))
    wanted = answers(new)
    sweep = []
    for step in _STEPS:
        encoded = nncodec.encode_with_report(new, EncoderConfig(step=step), [old])
        sweep.append((divergence(wanted, answers(encoded.model)), len(encoded.data)))
    table: list[list[object]] = []
    for q_bits in (8, 9, 10, 11):
        config = EncoderConfig(profile=Profile.BASELINE, q_bits=q_bits)
        encoded = nncodec.encode_with_report(new, config, [old])
        damage = divergence(wanted, answers(encoded.model))
        main = fewest(sweep, damage)
        ratio = f"{main / len(encoded.data):.3f}" if main else ""
        size = f"{main:,}" if main else ""
        table.append([f"{old_name} to {new_name}", q_bits, f"{damage:.2e}", f"{len(encoded.data):,}", size, ratio])
    return table


def fewest(sweep: list[tuple[float, int]], damage: float) -> int:
    """Bytes at which the sweep does no more than `damage`, log-linear between its steps; 0 outside of it."""
    for (low, more), (high, fewer) in pairwise(sweep):
        if 0 < low <= damage < high:
            share = math.log(damage / low) / math.log(high / low)
            return round(math.exp(math.log(more) * (1 - share) + math.log(fewer) * share))
    return 0


def main() -> None:
    """Measure both updates and write the section `outputs` of docs/benchmarks.md."""
    body = [row for update in UPDATES for row in rows(*update)]
    text = (
        f"## Updates at equal damage to the outputs\n\n`python -m tools.bench.outputs`; {versions()}.\n"
        "K-L divergence of the answers on 540 test images from those of the original, in nats; whole streams; *main* "
        "with default settings at the same divergence, interpolated between steps.\n\n"
    )
    head = ["update", "q_bits", "K-L", "baseline", "main", "main / baseline"]
    write_section("outputs", text + markdown_table(head, body))


if __name__ == "__main__":
    main()
