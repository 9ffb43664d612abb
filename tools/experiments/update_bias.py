"""F1: what rounding with f = 0.4 does to an update: it shrinks it towards the old model, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from nncodec import EncoderConfig, Model
from nncodec.analysis import Laplace
from tools.experiments.cells import whole
from tools.experiments.coding import Coded, Coder, paper_config, size_at_departure
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table
from tools.experiments.summary import NOT_MEASURED, cell, verdict_of, with_rule
from tools.experiments.versions import late_epoch
from tools.experiments.weights import weights

Q_BITS: Final = (7, 8, 9, 10, 11)
STEPS: Final = tuple(10 ** (k / 4) for k in range(-13, -4))
"""Of the methods of profile main, from 10^-3.25 to 10^-1.25."""
PAPER, MAIN = "paper", "main"
VARIANTS: Final = {
    "f = 0.4": EncoderConfig(step=1.0, rounding=0.4, least_squares=True),
    "f = 0.4, gain": EncoderConfig(step=1.0, rounding=0.4),
    "f = 0.5": EncoderConfig(step=1.0, rounding=0.5, least_squares=True),
    "f = 0.5, gain": EncoderConfig(step=1.0, rounding=0.5),
    MAIN: EncoderConfig(step=1.0),
}
"""All in profile main, so that they differ in nothing but their names; `main` has the trellis besides."""
BASE: Final = "f = 0.4"
SHARES: Final = (0.3, 0.1, 0.03, 0.01)
"""Of the old network's departure: where methods are compared with one another."""
LEAST_SHARE, MOST_SHARE = 1e-4, 0.5
KEEPS: Final = 0.02
COARSE: Final = 0.5
HALF: Final = 0.5
TEXT: Final = """\
Two updates: `vgg-cifar` from epoch {late} to {last}, and `vgg-retrieval` from its start to its end. The receiver holds
the reference without loss. x is the update (the matrices, weight by weight), x̂ what arrives of it, a = ΛQ its step in
mean absolute values; the claim on the expected value takes the rows with a ≥ {coarse}: finer steps keep it anyhow.

Departure is how far outputs are from those of the new network: for a classifier the mean K-L divergence of its
probabilities in nats, else squared error over variance; as a share, it is divided by the departure of the old network,
which is what nothing sent would leave. "f = 0.4" to "f = 0.5, gain" are streams of profile main with one uniform
quantiser, its reconstruction offsets and the mixing coder; "gain" scales what arrives of each tensor for the least
error of outputs (SPEC.md E.6), which more than undoes the shrinking; "main" is the last of them with the trellis. They
are compared at shares of departure, read between points of their curves (four steps to a decade); with paper mode at
its own points, where its share is between {least:g} and {most:g}."""


@dataclass(frozen=True)
class Arrived:
    """What paper mode leaves of an update. step: in mean absolute values; size: E|x̂| / E|x|; share: Σ x̂x / Σ x²."""

    step: float
    size: float
    share: float


@dataclass(frozen=True)
class Case:
    """An update. drift: departure of the reference; paper, arrived: by q_bits; curves: of the other methods."""

    name: str
    drift: float
    paper: Mapping[int, Coded]
    arrived: Mapping[int, Arrived]
    curves: Mapping[str, Sequence[Coded]]

    def counted(self) -> dict[str, Coded]:
        """The points of paper mode at which main is compared with it, by q."""
        shares = {q: point.departure / self.drift for q, point in self.paper.items()}
        return {f"q {q}": self.paper[q] for q, share in shares.items() if LEAST_SHARE <= share <= MOST_SHARE}

    def bytes_at(self, method: str, departure: float) -> float:
        """Bytes of a method of profile main; NaN outside of its curve."""
        return size_at_departure(self.curves[method], departure)

    def over_paper(self, method: str) -> dict[str, float]:
        """Bytes of `method` over those of paper mode, at the points of the latter."""
        return {name: self.bytes_at(method, point.departure) / point.size for name, point in self.counted().items()}

    def over(self, method: str, base: str) -> dict[str, float]:
        """Bytes of `method` over those of `base`, at `SHARES`."""
        departures = {f"{share:.0%}": share * self.drift for share in SHARES}
        return {name: self.bytes_at(method, each) / self.bytes_at(base, each) for name, each in departures.items()}


def run(context: Context) -> Section:
    """Bias, gain, and bytes at equal departure."""
    zoo = context.zoo
    epochs = zoo.epochs("vgg-cifar")
    late = late_epoch(epochs)
    wanted = (("vgg-cifar", late), ("vgg-retrieval", zoo.epochs("vgg-retrieval")[0]))
    cases = [_case(context, run, start) for run, start in wanted]
    return Section(
        "F1",
        "Rounding with f = 0.4 shrinks an update",
        with_rule(TEXT.format(late=late, last=epochs[-1], coarse=COARSE, least=LEAST_SHARE, most=MOST_SHARE)),
        claims=tuple(_claims(cases)),
        tables=(_arrived_table(cases), _share_table(cases), _paper_table(cases)),
        figures=(_figure(cases),),
    )


def _case(context: Context, run: str, start: int) -> Case:
    zoo, coder, task = context.zoo, context.coder, context.zoo.task(run)
    epochs = zoo.epochs(run)
    target, reference = (zoo.model(run, epoch, context.seed) for epoch in (epochs[-1], start))
    paper = {q: paper_config(q) for q in Q_BITS}
    steps = STEPS[::2] if context.is_reduced else STEPS
    wanted = [(name, replace(config, step=step)) for name, config in VARIANTS.items() for step in steps]
    points = {
        q: coder.measure(target, config, task, [reference])
        for q, config in context.track(list(paper.items()), f"{run}, paper mode")
    }
    curves: dict[str, list[Coded]] = {name: [] for name in VARIANTS}
    for name, config in context.track(wanted, f"{run}, other ways"):
        curves[name].append(coder.measure(target, config, task, [reference]))
    arrived = {q: _arrived(coder, config, target, reference) for q, config in paper.items()}
    return Case(f"{run} {start} → {epochs[-1]}", task.departure(reference, target), points, arrived, curves)


def _arrived(coder: Coder, config: EncoderConfig, target: Model, reference: Model) -> Arrived:
    x = weights(target, reference)
    left = weights(coder.decoded(target, config, [reference]), reference)
    size = float(np.abs(left).mean() / np.abs(x).mean())
    step = Laplace.fit(x).scale * float(f"1e{(config.q_bits or 0) - config.s_bits}")
    return Arrived(step, size, float(left @ x) / float(x @ x))


def _arrived_table(cases: Sequence[Case]) -> Table:
    rows = tuple(
        (
            case.name,
            str(q),
            f"{each.step:.2f}",
            f"{each.size:.3f}",
            f"{each.share:.3f}",
            f"{1 / each.share:.2f}" if each.share else NOT_MEASURED,
            f"{case.paper[q].departure / case.drift:.2%}",
            f"{case.paper[q].size:,}",
        )
        for case in cases
        for q, each in case.arrived.items()
    )
    head = ("update", "q", "a", "mean |x̂| ÷ mean |x|", "Σ x̂x ÷ Σ x²", "gain that makes that 1", "departure", "bytes")
    return Table("What arrives of an update in paper mode; departure as a share of the old network's.", head, rows)


def _share_table(cases: Sequence[Case]) -> Table:
    rows = tuple(
        (
            case.name,
            f"{share:.0%}",
            whole(case.bytes_at(BASE, share * case.drift)),
            *(cell(case.over(method, BASE)[f"{share:.0%}"], ".3f") for method in VARIANTS if method != BASE),
        )
        for case in cases
        for share in SHARES
    )
    head = ("update", "departure", f"{BASE}, bytes", *(method for method in VARIANTS if method != BASE))
    return Table(f"Bytes at equal departure in profile main, as multiples of those of {BASE}.", head, rows)


def _paper_table(cases: Sequence[Case]) -> Table:
    rows = tuple(
        (
            case.name,
            name,
            f"{point.departure / case.drift:.2%}",
            f"{point.size:,}",
            *(cell(case.over_paper(method)[name], ".3f") for method in VARIANTS),
        )
        for case in cases
        for name, point in case.counted().items()
    )
    head = ("update", "paper mode at", "departure", "paper, bytes", *VARIANTS)
    return Table("Bytes at the departure of paper mode, as multiples of its bytes.", head, rows)


def _figure(cases: Sequence[Case]) -> Figure:
    panels = tuple(
        Panel(
            case.name,
            "bytes",
            "departure",
            (_series(PAPER, list(case.paper.values())), *(_series(*item) for item in case.curves.items())),
            log_x=True,
            log_y=True,
            levels=(("nothing sent", case.drift),),
        )
        for case in cases
    )
    return Figure("f1-bias", "How far outputs depart from those of the new network, over bytes sent.", panels)


def _series(label: str, points: Sequence[Coded]) -> Series:
    shown = [point for point in points if point.departure > 0]
    return Series(label, tuple(float(point.size) for point in shown), tuple(point.departure for point in shown))


def _claims(cases: Sequence[Case]) -> Iterator[Claim]:
    sizes = [each.size for case in cases for each in case.arrived.values() if each.step >= COARSE]
    found = f"Mean |x̂| is {', '.join(f'{size:.2f}' for size in sizes) or 'nowhere to be compared'} of mean |x|."
    kept = verdict_of(abs(size - 1) <= KEEPS for size in sizes)
    yield Claim(f"f = 0.4 keeps the expected value (IV-A): mean |x| within {KEEPS:.0%}", found, kept)
    for method, base in (("f = 0.5", BASE), ("f = 0.4, gain", BASE), ("f = 0.5, gain", "f = 0.5")):
        ratios = {f"{case.name} at {name}": r for case in cases for name, r in case.over(method, base).items()}
        yield _cheaper(f"At equal departure {method} takes fewer bytes than {base}", ratios, 1)
    ratios = {f"{case.name} at {name}": r for case in cases for name, r in case.over(MAIN, "f = 0.5, gain").items()}
    yield _cheaper("At equal departure the trellis takes off more still (main)", ratios, 1)
    ratios = {f"{case.name} at {name}": r for case in cases for name, r in case.over_paper(MAIN).items()}
    yield _cheaper(f"At equal departure main takes at most {HALF} of paper mode's bytes", ratios, HALF)


def _cheaper(statement: str, ratios: Mapping[str, float], limit: float) -> Claim:
    known = {name: ratio for name, ratio in ratios.items() if math.isfinite(ratio)}
    found = ", ".join(f"{ratio:.2f} ({name})" for name, ratio in known.items()) or "Nothing could be compared"
    return Claim(statement, f"{found}.", verdict_of(ratio < limit for ratio in known.values()), "ours")
