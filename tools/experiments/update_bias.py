"""F1: what rounding with f = 0.4 does to an update: it shrinks it towards the old model, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from nncodec import EncoderConfig, Model, Profile
from nncodec.analysis import Laplace
from tools.experiments.coding import Coded, Coder, size_at_departure
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table, Verdict
from tools.experiments.versions import late_epoch
from tools.experiments.weights import weights

Q_BITS: Final = (7, 8, 9, 10, 11)
STEPS: Final = tuple(10 ** (k / 2) for k in range(-9, -1))
"""Of the methods of profile main, from 10^-4.5 to 0.1."""
PAPER, MAIN = "paper", "main"
VARIANTS: Final = {
    "f = 0.4": EncoderConfig(step=1.0, rounding=0.4, unbiased=False),
    "f = 0.4, gain": EncoderConfig(step=1.0, rounding=0.4),
    "f = 0.5": EncoderConfig(step=1.0, rounding=0.5, unbiased=False),
    "f = 0.5, gain": EncoderConfig(step=1.0, rounding=0.5),
    MAIN: EncoderConfig(step=1.0),
}
"""All in profile main, so that they differ in nothing but their names; `main` has the trellis besides."""
KEEPS: Final = 0.02
COARSE: Final = 0.5
HALF: Final = 0.5
TEXT: Final = """\
Two updates: `vgg-cifar` from epoch {late} to {last}, and `vgg-retrieval` from its start to its end. The receiver holds
the reference without loss. x is the update (the matrices, weight by weight), x̂ what arrives of it, a = ΛQ its step in
mean absolute values. Departure is how far outputs are from those of the new network: for a classifier the mean K-L
divergence of its probabilities in nats, else squared error over variance; as a share, it is divided by the departure of
the old network, which is what nothing sent would leave. Methods are compared at the departure that paper mode reaches
at each q, between points of their curves (steps of 10^(k/2)). "f = 0.4" to "f = 0.5, gain" are streams of profile main
with one uniform quantiser, its reconstruction offsets and the mixing coder; "gain" scales what arrives so that it
is not shrunk; "main" is that with the trellis. Rows in which paper mode leaves nothing of the update, or nothing to
choose (a share below {least:g}), do not count; nor do steps of a below {coarse} for the expected value, which fine
steps keep anyhow."""
LEAST_SHARE, MOST_SHARE = 1e-4, 0.95


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

    def counted(self) -> Iterator[tuple[int, Coded]]:
        """The points of paper mode at which methods are compared."""
        for q_bits, point in self.paper.items():
            if LEAST_SHARE <= point.departure / self.drift <= MOST_SHARE:
                yield q_bits, point

    def ratios(self, method: str, base: str = PAPER) -> dict[int, float]:
        """By q_bits: bytes of `method` over those of `base` at paper mode's departure; NaN where a curve ends."""
        return {q: self._bytes(method, point) / self._bytes(base, point) for q, point in self.counted()}

    def _bytes(self, method: str, point: Coded) -> float:
        return point.size if method == PAPER else size_at_departure(self.curves[method], point.departure)


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
        TEXT.format(late=late, last=epochs[-1], least=LEAST_SHARE, coarse=COARSE),
        claims=tuple(_claims(cases)),
        tables=(_arrived_table(cases), _bytes_table(cases)),
        figures=(_figure(cases),),
    )


def _case(context: Context, run: str, start: int) -> Case:
    zoo, coder, task = context.zoo, context.coder, context.zoo.task(run)
    epochs = zoo.epochs(run)
    target, reference = (zoo.model(run, epoch, context.seed) for epoch in (epochs[-1], start))
    paper = {q: EncoderConfig(profile=Profile.BASELINE, q_bits=q) for q in Q_BITS}
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
            f"{1 / each.share:.2f}" if each.share else "–",
            f"{case.paper[q].departure / case.drift:.2%}",
            f"{case.paper[q].size:,}",
        )
        for case in cases
        for q, each in case.arrived.items()
    )
    head = ("update", "q", "a", "mean |x̂| ÷ mean |x|", "Σ x̂x ÷ Σ x²", "gain that makes that 1", "departure", "bytes")
    return Table("What arrives of an update in paper mode; departure as a share of the old network's.", head, rows)


def _bytes_table(cases: Sequence[Case]) -> Table:
    rows = tuple(
        (
            case.name,
            str(q),
            f"{point.departure:.2e}",
            f"{point.size:,}",
            *(f"{value:.2f}" if math.isfinite(value) else "–" for value in (case.ratios(m)[q] for m in VARIANTS)),
        )
        for case in cases
        for q, point in case.counted()
    )
    head = ("update", "q", "departure", "paper, bytes", *VARIANTS)
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
    kept = Verdict.of(abs(size - 1) <= KEEPS for size in sizes)
    yield Claim(f"f = 0.4 keeps the expected value (IV-A): mean |x| within {KEEPS:.0%}", found, kept)
    for method, base in (("f = 0.5", "f = 0.4"), ("f = 0.4, gain", "f = 0.4"), ("f = 0.5, gain", "f = 0.5")):
        yield _cheaper(cases, method, base, 1.0, f"At equal departure {method} takes fewer bytes than {base}")
    statement = f"At equal departure main takes at most {HALF:.1f} of paper mode's bytes"
    yield _cheaper(cases, MAIN, PAPER, HALF, statement)


def _cheaper(cases: Sequence[Case], method: str, base: str, limit: float, statement: str) -> Claim:
    ratios = {
        f"{case.name}, q {q}": ratio
        for case in cases
        for q, ratio in case.ratios(method, base).items()
        if math.isfinite(ratio)
    }
    found = "; ".join(f"{ratio:.2f} ({name})" for name, ratio in ratios.items()) or "Nothing could be compared"
    return Claim(statement, f"{found}.", Verdict.of(ratio <= limit for ratio in ratios.values()), source="ours")
