"""Long fuzzing: `python -m tools.fuzz [--minutes 10] [--seed 0] [--keep DIR]`: damaged streams whose CRCs are right.

Streams of small models, of every coder, are damaged behind their headers and decoded twice: by compiled code and by
plain Python. Each must give a model or one of our errors, and both the same. What is not so is kept in DIR: a stream
over which compiled code crashed, or over which the two differ.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import nncodec
from nncodec import EncoderConfig, Model, Tensor
from nncodec.errors import BitstreamError
from tools.vectors.surgery import regions, repaired

CONFIGS = (
    EncoderConfig(quality=30),
    EncoderConfig(quality=30, fast=True),
    EncoderConfig(quality=12, best=True),
    EncoderConfig(lossless=True),
    EncoderConfig(lossless=True, fast=True),
)
DAMAGED_A_STREAM = 16
_AT_ONCE = 40


@dataclass(frozen=True)
class Case:
    """A stream, damaged or not, and the references that it was made with."""

    data: bytes
    references: tuple[Model, ...] = ()


@dataclass
class Tally:
    """What came of it: streams decoded, how many of them were refused, and those that must be looked at."""

    decoded: int = 0
    refused: int = 0
    suspicious: list[Case] = field(default_factory=list)


def verdict(case: Case) -> str:
    """What the decoder of this process says: the content id of the model, or the class of the error."""
    try:
        return nncodec.decode(case.data, case.references).content_id.hex()
    except BitstreamError as error:
        return error.error_class.value


def _without_compiled_code() -> None:
    os.environ["NUMBA_DISABLE_JIT"] = "1"


def model_of(generator: np.random.Generator) -> Model:
    """Tensors of a few shapes and types, dense and sparse."""
    tensors = []
    for number in range(generator.integers(1, 5)):
        shape = tuple(generator.integers(1, 24, generator.integers(1, 5)).tolist())
        values = generator.normal(0, 10.0 ** generator.integers(-3, 2), shape) * (generator.random(shape) < 0.7)
        kind = (np.float32, np.float16, np.int8)[generator.integers(0, 3)]
        tensors.append(Tensor.from_numpy(f"t{number}", values.clip(-100, 100).astype(kind)))
    return Model(tuple(tensors))


def cases(seed: int) -> Iterator[Case]:
    """Streams without end, alone and as updates."""
    generator = np.random.default_rng(seed)
    while True:
        model = model_of(generator)
        changed = [tensor.numpy() * np.asarray(1.01, tensor.numpy().dtype) for tensor in model.tensors]
        new = Model(tuple(Tensor.from_numpy(t.name, each) for t, each in zip(model.tensors, changed, strict=True)))
        for config in CONFIGS:
            yield Case(nncodec.encode(model, config))
            yield Case(nncodec.encode(new, config, [model]), (model,))


def damaged(case: Case, dice: random.Random) -> Case:
    """The same with a few bits turned over in units behind the start."""
    data, places = bytearray(case.data), regions(case.data)[1:-1]
    for _ in range(dice.choice((1, 1, 2, 6))):
        region = dice.choice(places)
        data[dice.randrange(region.start, region.end - 4)] ^= 1 << dice.randrange(8)
    return Case(repaired(bytes(data)), case.references)


def judge(given: Sequence[Case], tally: Tally) -> None:
    """Count in what two decoders say of some streams."""
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, context) as compiled,
        ProcessPoolExecutor(1, context, initializer=_without_compiled_code) as plain,
    ):
        pairs = [(case, compiled.submit(verdict, case), plain.submit(verdict, case)) for case in given]
        for case, *both in pairs:
            try:
                found, wanted = (each.result() for each in both)
            except BrokenProcessPool:
                tally.suspicious.append(case)
                return
            tally.decoded += 1
            tally.refused += len(wanted) < 64  # a content id is that long
            if found != wanted:
                tally.suspicious.append(case)


def fuzz(seed: int, until: float, most: int | None = None) -> Tally:
    """Judge damaged streams until time.monotonic() is `until`, or so many rounds (None: no matter how many)."""
    dice, source, tally, rounds = random.Random(seed), cases(seed), Tally(), 0  # noqa: S311 - nothing is kept secret
    while time.monotonic() < until and rounds != most:
        whole = [next(source) for _ in range(_AT_ONCE)]
        judge([damaged(case, dice) for case in whole for _ in range(DAMAGED_A_STREAM)] + whole, tally)
        rounds += 1
    return tally


def main() -> None:
    """Entry point; exit code 1 where something must be looked at."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, metavar="DIR", default=Path())
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", nncodec.EncodeWarning)  # whatever comes of such models
    tally = fuzz(arguments.seed, time.monotonic() + 60 * arguments.minutes)
    print(f"{tally.decoded} streams, {tally.refused} of them refused, {len(tally.suspicious)} to be looked at")
    for number, case in enumerate(tally.suspicious):
        arguments.keep.mkdir(parents=True, exist_ok=True)
        (arguments.keep / f"suspicious-{arguments.seed}-{number}.nmc").write_bytes(case.data)
    raise SystemExit(bool(tally.suspicious))


if __name__ == "__main__":
    main()
