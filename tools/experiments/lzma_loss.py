"""F3: what entropy coders take over the order-0 entropy of the levels, from fine steps to coarse ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nncodec import EncoderConfig, Model, Profile
from tools.experiments.coding import Coder
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table, Verdict
from tools.experiments.versions import late_epoch
from tools.experiments.weights import entropy, levels, matrices_of, weights

Q_BITS: Final = (7, 8, 9, 10, 11)
ROUNDING: Final = 0.4
CODERS: Final = {
    "LZMA": EncoderConfig(profile=Profile.BASELINE, q_bits=8),
    "rANS": EncoderConfig(q_bits=8, rounding=ROUNDING, unbiased=False, fast=True),
    "mixing": EncoderConfig(q_bits=8, rounding=ROUNDING, unbiased=False),
}
"""LZMA is the paper's; all three code the same levels."""
LOW: Final = 0.5
LEAST: Final = 0.01
FIFTH: Final = 1.2
TEXT: Final = """\
The matrices of `vgg-cifar` at epoch {last}, alone and as differences from epoch {earlier}, at each q with
f = 0.4. Sizes are those of whole streams, headers included, per weight; the entropy is the order-0 entropy of all
levels together, without any side information. Finer steps than q = 7 are left out: there most levels occur once, and
their entropy says nothing. Rows below {least} bits per weight have no quotient: there headers are all."""


@dataclass(frozen=True)
class Point:
    """One set of levels; all in bits per weight. bits: by coder."""

    name: str
    q_bits: int
    entropy: float
    bits: dict[str, float]

    def loss(self, coder: str) -> float:
        """Of `coder`, over the entropy."""
        return self.bits[coder] / self.entropy


def run(context: Context) -> Section:
    """Levels alone and of differences, by three coders."""
    epochs = context.zoo.epochs("vgg-cifar")
    earlier = sorted({epochs[len(epochs) // 2], late_epoch(epochs)}, reverse=True)
    model, *others = (matrices_of(context.zoo.model("vgg-cifar", e, context.seed)) for e in (epochs[-1], *earlier))
    cases: dict[str, Model | None] = {"alone": None}
    cases |= {f"from {epoch}": other for epoch, other in zip(earlier, others, strict=True)}
    wanted = [(name, q) for name in cases for q in Q_BITS]
    points = [_point(context.coder, name, q, model, cases[name]) for name, q in context.track(wanted, "levels")]
    counted = [point for point in points if point.entropy >= LEAST]
    return Section(
        "F3",
        "LZMA loses most where differences are",
        TEXT.format(last=epochs[-1], earlier=" and ".join(map(str, earlier)), least=LEAST),
        claims=tuple(_claims(counted)),
        tables=(_table(points),),
        figures=(_figure(list(cases), counted),),
    )


def _point(coder: Coder, name: str, q_bits: int, model: Model, reference: Model | None) -> Point:
    x = weights(model, reference)
    references = [reference] if reference else []
    sizes = {
        each: len(coder.stream(model, replace(config, q_bits=q_bits), references)) for each, config in CODERS.items()
    }
    bits = {each: 8 * size / x.size for each, size in sizes.items()}
    return Point(name, q_bits, entropy(levels(x, float(f"1e{q_bits - 12}"), ROUNDING)), bits)


def _table(points: Sequence[Point]) -> Table:
    head = ("levels", "q", "entropy", *CODERS, *(f"{each} ÷ entropy" for each in CODERS))
    rows = tuple(
        (
            point.name,
            str(point.q_bits),
            f"{point.entropy:.4f}",
            *(f"{bits:.4f}" for bits in point.bits.values()),
            *(f"{point.loss(each):.3f}" if point.entropy >= LEAST else "–" for each in CODERS),
        )
        for point in points
    )
    return Table("Bits per weight.", head, rows)


def _figure(names: Sequence[str], points: Sequence[Point]) -> Figure:
    panels = tuple(
        Panel(
            f"levels {name}" if name == "alone" else f"levels of the difference {name}",
            "entropy, bits per weight",
            "stream ÷ entropy",
            tuple(_series(each, [point for point in points if point.name == name]) for each in CODERS),
            log_x=True,
            levels=(("entropy", 1.0),),
        )
        for name in names
    )
    return Figure("f3-lzma", "Size of streams over the entropy of their levels.", panels)


def _series(coder: str, points: Sequence[Point]) -> Series:
    ordered = sorted(points, key=lambda each: each.entropy)
    return Series(coder, tuple(each.entropy for each in ordered), tuple(each.loss(coder) for each in ordered))


def _claims(points: Sequence[Point]) -> Iterator[Claim]:
    low = [point for point in points if point.entropy < LOW]
    statement = f"Below {LOW} bits per weight LZMA takes a fifth more than the entropy, and more"
    yield Claim(statement, _listed("LZMA", low), Verdict.of(each.loss("LZMA") >= FIFTH for each in low), "ours")
    most, least = (choose(points, key=lambda each: each.entropy) for choose in (max, min))
    found = f"{most.loss('LZMA'):.2f} at {most.entropy:.2f} bits, {least.loss('LZMA'):.2f} at {least.entropy:.3f} bits."
    grows = Verdict.of([least.loss("LZMA") > most.loss("LZMA")])
    yield Claim("LZMA's loss grows as the rate falls", found, grows, "ours")
    statement = "Mixing stays below the entropy where the rate is low, headers included"
    yield Claim(statement, _listed("mixing", low), Verdict.of(each.loss("mixing") < 1 for each in low), "ours")


def _listed(coder: str, points: Sequence[Point]) -> str:
    found = ", ".join(f"{each.loss(coder):.2f} at {each.entropy:.3f} bits" for each in points)
    return f"Stream over entropy: {found}." if found else "no levels have so low a rate."
