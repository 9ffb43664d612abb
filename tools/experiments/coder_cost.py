"""F4: what entropy coders cost in time, beside what they save in bytes (part of E12)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import nncodec
from nncodec import EncoderConfig, Model
from tools.experiments.coding import paper_config
from tools.experiments.context import Context
from tools.experiments.results import Claim, Section, Table
from tools.experiments.summary import verdict_of, with_rule

Q_BITS: Final = 9
ROUNDS: Final = 3
LZMA, RANS, MIXING, MAIN = "LZMA", "rANS", "mixing", "mixing, trellis"
CODERS: Final = {
    LZMA: paper_config(Q_BITS),
    RANS: EncoderConfig(q_bits=Q_BITS, fast=True),
    MIXING: EncoderConfig(q_bits=Q_BITS, rounding=0.5),
    MAIN: EncoderConfig(q_bits=Q_BITS),
}
TEXT: Final = """\
`vgg-cifar` as trained, whole, coded and decoded at q = {q} ({weights:,} weights): LZMA as in the paper, the static
tables of rANS (`--preset fast`), the adaptive mixing coder, and main, which has the trellis before it. Each figure is
the least CPU time of {rounds} rounds, in which the four take turns, after one that compiled and warmed up, over the
figure of LZMA in the same run; it includes all that encoders and decoders do besides. A rerun does not repeat times to
the digit."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Cost:
    """Bytes of a stream, and CPU seconds."""

    size: int
    encoding: float
    decoding: float


def run(context: Context) -> Section:
    """All coders on one model."""
    model = context.zoo.model("vgg-cifar", context.zoo.epochs("vgg-cifar")[-1], context.seed)
    rounds = [measure(model) for _ in context.track(range(ROUNDS + 1), "rounds")][1:]
    costs = {
        name: Cost(
            rounds[0][name].size,
            min(each[name].encoding for each in rounds),
            min(each[name].decoding for each in rounds),
        )
        for name in CODERS
    }
    count = sum(tensor.size for tensor in model.tensors)
    return Section(
        "F4",
        "What entropy coders cost",
        with_rule(TEXT.format(q=Q_BITS, weights=count, rounds=ROUNDS)),
        claims=tuple(_claims(costs)),
        tables=(_table(costs, count),),
    )


def measure(model: Model) -> dict[str, Cost]:
    """One round."""
    return {name: _cost(model, config) for name, config in CODERS.items()}


def _cost(model: Model, config: EncoderConfig) -> Cost:
    stream, encoding = _timed(lambda: nncodec.encode(model, config))
    _, decoding = _timed(lambda: nncodec.decode(stream))
    return Cost(len(stream), encoding, decoding)


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def _table(costs: Mapping[str, Cost], count: int) -> Table:
    base = costs[LZMA]
    rows = tuple(
        (
            name,
            f"{each.size:,}",
            f"{8 * each.size / count:.3f}",
            f"{each.size / base.size:.3f}",
            f"{each.encoding / base.encoding:.2f}",
            f"{each.decoding / base.decoding:.2f}",
        )
        for name, each in costs.items()
    )
    head = ("coder", "bytes", "bits/weight", "bytes ÷ LZMA's", "encoding ÷ LZMA's", "decoding ÷ LZMA's")
    return Table("Bytes, and CPU time per weight as multiples of LZMA's.", head, rows)


def _claims(costs: Mapping[str, Cost]) -> Iterator[Claim]:
    base = costs[LZMA]
    cases = ((RANS, "rANS takes less CPU time than LZMA, and fewer bytes"), (MAIN, "So does main, with the trellis"))
    for name, statement in cases:
        cost = costs[name]
        times = cost.encoding / base.encoding, cost.decoding / base.decoding
        size = cost.size / base.size
        found = f"{times[0]:.2f} of the time to encode, {times[1]:.2f} to decode; {size:.3f} of the bytes."
        yield Claim(statement, found, verdict_of(each < 1 for each in (*times, size)), "ours")
