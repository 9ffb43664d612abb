"""F3: what entropy coders take over the order-0 entropy of the levels, from fine steps to coarse ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from nncodec import EncoderConfig, Model, Tensor
from nncodec.analysis import Laplace
from tools.experiments.coding import Coder, paper_config, paper_step
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table
from tools.experiments.summary import cell, verdict_of, with_rule
from tools.experiments.versions import late_epoch
from tools.experiments.weights import entropy, levels, matrices_of, weights

Q_BITS: Final = (9, 10, 11, 12)
PARTS: Final = 3
"""Steps to a decade. The paper's steps are decades, so weights are multiplied by what lies between."""
ROUNDING: Final = 0.4
LZMA, RANS, MIXING = "LZMA", "rANS", "mixing"
CODERS: Final = {
    LZMA: paper_config(8),
    RANS: EncoderConfig(q_bits=8, rounding=ROUNDING, least_squares=True, fast=True),
    MIXING: EncoderConfig(q_bits=8, rounding=ROUNDING, least_squares=True),
}
DRAWN: Final = "drawn"
LOW: Final = 0.5
LEAST: Final = 0.02
FIFTH: Final = 1.2
TEXT: Final = """\
The matrices of `vgg-cifar` at epoch {last}, alone and as differences from epoch {earlier}, with f = 0.4, at {parts}
steps to a decade (those between the paper's by multiplying all weights). "Drawn" are as many independent Laplace values
as wide as the weights: levels without any structure. LZMA is the paper's coder; rANS and mixing are profile main with
the same quantiser, and code the same levels but where main takes the difference from a multiple of the reference.
Sizes are those of whole streams, headers included; the entropy is the order-0 entropy of all levels together, without
side information, which structure lets a coder fall below. Rows of less than {least} bits per weight have no quotient:
there headers are all."""


@dataclass(frozen=True)
class Point:
    """One set of levels. rates: bits per weight, by coder; entropy: likewise."""

    name: str
    step: float
    entropy: float
    rates: Mapping[str, float]

    def loss(self, coder: str) -> float:
        """Of `coder`, over the entropy; NaN where that is nearly nothing."""
        return self.rates[coder] / self.entropy if self.entropy >= LEAST else math.nan

    @property
    def gap(self) -> float:
        """LZMA over mixing; NaN likewise."""
        return self.loss(LZMA) / self.loss(MIXING)


class Step(NamedTuple):
    """A step of 10^(q_bits - 12) / factor: weights are multiplied by `factor`."""

    q_bits: int
    factor: float

    @property
    def size(self) -> float:
        """In units of the weights."""
        return paper_step(self.q_bits) / self.factor


def run(context: Context) -> Section:
    """Levels of weights, of differences, and drawn, by three coders."""
    epochs = context.zoo.epochs("vgg-cifar")
    earlier = sorted({epochs[len(epochs) // 2], late_epoch(epochs)}, reverse=True)
    model, *others = (matrices_of(context.zoo.model("vgg-cifar", e, context.seed)) for e in (epochs[-1], *earlier))
    cases: dict[str, tuple[Model, Model | None]] = {"alone": (model, None), DRAWN: (_drawn(model, context.seed), None)}
    cases |= {f"from {epoch}": (model, other) for epoch, other in zip(earlier, others, strict=True)}
    steps = [Step(q, 10 ** (part / PARTS)) for q in Q_BITS for part in reversed(range(PARTS))]
    wanted = [(name, step) for name in cases for step in steps]
    points = [_point(context.coder, name, step, *cases[name]) for name, step in context.track(wanted, "levels")]
    counted = [point for point in points if point.entropy >= LEAST]
    return Section(
        "F3",
        "LZMA loses most where differences are",
        with_rule(TEXT.format(last=epochs[-1], earlier=" and ".join(map(str, earlier)), parts=PARTS, least=LEAST)),
        claims=tuple(_claims(counted)),
        tables=(_table(points),),
        figures=(_figure(list(cases), points),),
    )


def _drawn(model: Model, seed: int) -> Model:
    x = weights(model)
    values = np.random.default_rng(seed).laplace(0, 1 / Laplace.fit(x).scale, (x.size // 2, 2))
    return Model((Tensor.from_numpy(DRAWN, values.astype(np.float32)),))


def _point(coder: Coder, name: str, step: Step, model: Model, reference: Model | None) -> Point:
    x = weights(model, reference)
    large = _multiplied(model, step.factor)
    references = [_multiplied(reference, step.factor)] if reference else []
    configs = {each: replace(config, q_bits=step.q_bits) for each, config in CODERS.items()}
    rates = {each: 8 * len(coder.stream(large, config, references)) / x.size for each, config in configs.items()}
    return Point(name, step.size, entropy(levels(x, step.size, ROUNDING)), rates)


def _multiplied(model: Model, factor: float) -> Model:
    arrays = {tensor.name: tensor.numpy().astype(np.float32) for tensor in model.tensors}
    return Model(tuple(Tensor.from_numpy(name, array * np.float32(factor)) for name, array in arrays.items()))


def _table(points: Sequence[Point]) -> Table:
    head = ("levels", "step", "entropy", *CODERS, *(f"{each} ÷ entropy" for each in CODERS), "LZMA ÷ mixing")
    rows = tuple(
        (
            point.name,
            f"{point.step:.2e}",
            f"{point.entropy:.4f}",
            *(f"{rate:.4f}" for rate in point.rates.values()),
            *map(cell, (*map(point.loss, CODERS), point.gap)),
        )
        for point in points
    )
    return Table("Bits per weight.", head, rows)


def _figure(names: Sequence[str], points: Sequence[Point]) -> Figure:
    panels = tuple(
        Panel(
            f"levels {name}",
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
    found = _listed((point, point.loss(LZMA)) for point in low)
    yield Claim(statement, found, verdict_of(point.loss(LZMA) >= FIFTH for point in low), "ours")
    statement = f"Below {LOW} bits per weight LZMA takes a fifth more than mixing, and more"
    found = _listed((point, point.gap) for point in low)
    yield Claim(statement, found, verdict_of(point.gap >= FIFTH for point in low), "ours")
    ends = [_ends([point for point in points if point.name == name]) for name in {point.name: 0 for point in points}]
    found = _listed((point, point.gap) for both in ends for point in both)
    grows = verdict_of(coarse.gap > fine.gap for fine, coarse in ends)
    yield Claim("What LZMA loses to mixing grows as the rate falls", found, grows, "ours")


def _ends(points: Sequence[Point]) -> tuple[Point, Point]:
    """That of the highest rate, and that of the lowest."""
    ordered = sorted(points, key=lambda each: -each.entropy)
    return ordered[0], ordered[-1]


def _listed(values: Iterable[tuple[Point, float]]) -> str:
    told = ", ".join(f"{value:.2f} at {point.entropy:.2f} bits ({point.name})" for point, value in values)
    return f"{told}." if told else "No levels have so low a rate."
