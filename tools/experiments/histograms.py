"""E1: weights and differences of models as histograms (the paper's figures 3 and 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from nncodec import Model
from nncodec.analysis import Laplace
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table, Verdict
from tools.experiments.weights import Floats, is_alike, matrices_of, weights

BIN: Final = 0.0002
"""The paper's."""
LIMITS: Final = (0.1, 0.04)
"""The paper shows weights to the first, and differences to the second."""
TASKS: Final = {"classification": "vgg-cifar", "retrieval": "vgg-retrieval", "detection": "vgg-detection"}
TEXT: Final = """\
Every histogram is over the matrices: floating-point tensors of rank 2 and more; bins are {bin} wide. V1 is
`vgg-cifar` before training, V2 after {middle} epochs, V3 after {last}. The paper's V1 is a network that was trained
before, so beside it stands the retrieval network before and after its own training, which begins with the convolutions
of V3. Differences between tasks are over the tensors that both have in the same shape; by the end of training nothing
held the common ones together. "Nearer to Laplace": the likelihood of the values, as a Laplace variable of mean 0,
is greater than as a normal one of mean 0, each of the scale of greatest likelihood. The claims on widths compare
mean |x|, and are confirmed if they hold for all pairs, partly if for some."""


class Values(NamedTuple):
    """Weights, or a difference of models, by a name."""

    name: str
    values: Floats


class Pair(NamedTuple):
    """A model, its reference, and the difference."""

    model: Values
    reference: Values
    difference: Values


def run(context: Context) -> Section:
    """Histograms of versions and tasks."""
    zoo, seed = context.zoo, context.seed
    epochs = zoo.epochs("vgg-cifar")
    kept = (epochs[0], epochs[len(epochs) // 2], epochs[-1])
    versions = {f"V{i}": zoo.model("vgg-cifar", epoch, seed) for i, epoch in enumerate(kept, 1)}
    tuned = {f"retrieval, epoch {e}": zoo.model("vgg-retrieval", e, seed) for e in _ends(zoo.epochs("vgg-retrieval"))}
    tasks = {name: zoo.model(run, zoo.epochs(run)[-1], seed) for name, run in TASKS.items()}
    (start, end) = tuned
    in_time = [*_pairs(versions, (("V2", "V1"), ("V3", "V2"))), *_pairs(tuned, ((end, start),))]
    between = list(_pairs(tasks, [(name, "classification") for name in ("retrieval", "detection")]))
    return Section(
        "E1",
        "Weights and differences are peaked at zero",
        TEXT.format(bin=BIN, middle=kept[1], last=kept[2]),
        claims=_claims([*in_time, *between], in_time, between),
        tables=(_table([*in_time, *between]),),
        figures=(
            _figure("e1-versions", "Fig. 3", "Versions of one network, and their differences.", in_time),
            _figure("e1-tasks", "Fig. 4", "Networks of three tasks, and their differences.", between),
        ),
    )


def _ends(epochs: Sequence[int]) -> tuple[int, int]:
    return epochs[0], epochs[-1]


def _pairs(models: dict[str, Model], wanted: Iterable[tuple[str, str]]) -> Iterable[Pair]:
    for name, base in wanted:
        model, reference = models[name], models[base]
        shared = Model(tuple(tensor for tensor in matrices_of(model).tensors if is_alike(tensor, reference)))
        yield Pair(
            Values(name, weights(model)),
            Values(base, weights(reference)),
            Values(f"{name} − {base}", weights(shared, reference)),
        )


def _figure(name: str, number: str, caption: str, pairs: Sequence[Pair]) -> Figure:
    whole = dict.fromkeys(each for pair in pairs for each in (pair.reference.name, pair.model.name))
    models = {each.name: each for pair in pairs for each in pair[:2]}
    shown = ([models[each] for each in whole], [pair.difference for pair in pairs])
    titles = ("weights", "differences")
    panels = [_panel(title, each, limit) for title, each, limit in zip(titles, shown, LIMITS, strict=True)]
    return Figure(name, caption, tuple(panels), number)


def _panel(title: str, shown: Iterable[Values], limit: float) -> Panel:
    series = tuple(_series(each, limit) for each in shown)
    return Panel(title, "value", f"share of values in a bin of {BIN}", series, steps=True)


def _series(shown: Values, limit: float) -> Series:
    half = round(limit / BIN)
    edges = np.arange(-half, half + 1) * BIN
    counts = np.histogram(shown.values, edges)[0] / shown.values.size
    middles = (edges[:-1] + edges[1:]) / 2
    return Series(shown.name, tuple(map(float, middles.round(7))), tuple(map(float, counts.round(8))))


def _table(pairs: Sequence[Pair]) -> Table:
    shown = {each.name: each for pair in pairs for each in pair}
    rows = tuple(
        (
            each.name,
            f"{each.values.size:,}",
            f"{np.abs(each.values).mean():.5f}",
            f"{each.values.std():.5f}",
            f"{np.mean(np.abs(each.values) < LIMITS[1]):.1%}",
            f"{_excess(each.values):+.2f}",
        )
        for each in shown.values()
    )
    head = ("values", "number", "mean |x|", "standard deviation", f"within ±{LIMITS[1]}", "nearer to Laplace, nats")
    return Table("Widths; the last column is positive where Laplace is nearer than normal, per value.", head, rows)


def _excess(values: Floats) -> float:
    """Log-likelihood per value as a Laplace variable, less that as a normal one; both of mean 0 and the best scale."""
    laplace = float(np.log(Laplace.fit(values).scale / 2)) - 1
    normal = -0.5 * float(np.log(2 * np.pi * np.mean(np.square(values)))) - 0.5
    return laplace - normal


def _claims(pairs: Sequence[Pair], in_time: Sequence[Pair], between: Sequence[Pair]) -> tuple[Claim, ...]:
    shown = {each.name: each for pair in pairs for each in pair}
    near = {name: _excess(each.values) > 0 for name, each in shown.items()}
    others = ", ".join(name for name, is_near in near.items() if not is_near)
    found = f"{sum(near.values())} of {len(near)} do" + (f"; not {others}." if others else ".")
    return (
        Claim(
            "Weights and differences follow a Laplace distribution rather than a normal one (IV-B)",
            found,
            Verdict.of(near.values()),
        ),
        _narrower("The difference of two versions is narrower around zero than the weights (Fig. 3)", in_time),
        _narrower("So is the difference of two tasks' networks (Fig. 4)", between),
    )


def _narrower(statement: str, pairs: Sequence[Pair]) -> Claim:
    ratios = {pair.difference.name: _width(pair.difference) / _width(pair.model) for pair in pairs}
    found = ", ".join(f"{ratio:.2f} ({name})" for name, ratio in ratios.items())
    return Claim(
        statement, f"Mean |difference| over mean |weight|: {found}.", Verdict.of(ratio < 1 for ratio in ratios.values())
    )


def _width(shown: Values) -> float:
    return float(np.abs(shown.values).mean())
