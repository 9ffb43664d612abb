"""E1: weights and differences of models as histograms (the paper's figures 3 and 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from nncodec.analysis import Laplace
from tools.experiments import versions
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table
from tools.experiments.summary import verdict_of, with_rule
from tools.experiments.versions import Pair
from tools.experiments.weights import Floats, weights

BIN: Final = 0.0002
"""The paper's."""
LIMITS: Final = (0.1, 0.04)
"""The paper shows weights up to the first, and differences up to the second."""
TEXT: Final = """\
{what} Bins are {bin} wide. "Nearer to Laplace": the values are likelier as a Laplace variable than as a normal one,
both of mean 0 and of the scale of greatest likelihood. The claims on widths compare mean |x|."""


def run(context: Context) -> Section:
    """Histograms of versions and tasks."""
    models = {**versions.versions(context), **versions.tasks(context)}
    in_time, between = versions.in_time(models), versions.between_tasks(models)
    whole = {name: weights(model) for name, model in models.items()}
    joined = list(versions.real(context))
    values = {**whole, **{pair.title: pair.difference for pair in (*in_time, *between)}, **_of_real(joined)}
    return Section(
        "E1",
        "Weights and differences are peaked at zero",
        with_rule(TEXT.format(what=versions.text(context), bin=BIN)),
        claims=(
            _laplace_claim(values),
            _narrower("The difference of two versions is narrower than the weights (Fig. 3)", [*in_time, *joined]),
            _narrower("So is the difference of the networks of two tasks (Fig. 4)", between),
        ),
        tables=(_table(values),),
        figures=(
            _figure("e1-versions", "3", {name: whole[name] for name in versions.VERSIONS}, in_time),
            _figure("e1-tasks", "4", {name: whole[name] for name in ("V3", *versions.TASKS)}, between),
        ),
    )


def _of_real(pairs: Iterable[Pair]) -> dict[str, Floats]:
    return {name: x for pair in pairs for name, x in ((pair.name, weights(pair.model)), (pair.title, pair.difference))}


def _figure(name: str, number: str, whole: Mapping[str, Floats], pairs: Sequence[Pair]) -> Figure:
    differences = {pair.title: pair.difference for pair in pairs}
    shown = (("weights", whole), ("differences", differences))
    panels = [_panel(title, each, limit) for (title, each), limit in zip(shown, LIMITS, strict=True)]
    return Figure(name, f"Histograms of {', '.join(whole)}, and of their differences.", tuple(panels), number)


def _panel(title: str, shown: Mapping[str, Floats], limit: float) -> Panel:
    series = tuple(_series(name, values, limit) for name, values in shown.items())
    return Panel(title, "value", f"share of values in a bin of {BIN}", series, steps=True)


def _series(name: str, values: Floats, limit: float) -> Series:
    half = round(limit / BIN)
    edges = np.arange(-half, half + 1) * BIN
    shares = np.histogram(values, edges)[0] / values.size
    middles = (edges[:-1] + edges[1:]) / 2
    return Series(name, tuple(map(float, middles.round(7))), tuple(map(float, shares.round(8))))


def _table(values: Mapping[str, Floats]) -> Table:
    head = ("values", "number", "mean |x|", "standard deviation", f"within ±{LIMITS[1]}", "nearer to Laplace, nats")
    caption = "Widths; the last column is by how much a value is likelier as a Laplace variable than as a normal one."
    return Table(caption, head, tuple(_row(name, each) for name, each in values.items()))


def _row(name: str, values: Floats) -> tuple[str, ...]:
    within = f"{np.mean(np.abs(values) < LIMITS[1]):.1%}"
    return name, f"{values.size:,}", f"{_width(values):.5f}", f"{values.std():.5f}", within, f"{_excess(values):+.2f}"


def _width(values: Floats) -> float:
    return float(np.abs(values).mean())


def _excess(values: Floats) -> float:
    """Log-likelihood per value as a Laplace variable, less that as a normal one; both of mean 0 and the best scale."""
    laplace = float(np.log(Laplace.fit(values).scale / 2)) - 1
    normal = -0.5 * float(np.log(2 * np.pi * np.mean(np.square(values)))) - 0.5
    return laplace - normal


def _laplace_claim(values: Mapping[str, Floats]) -> Claim:
    near = {name: _excess(each) > 0 for name, each in values.items()}
    others = ", ".join(name for name, is_near in near.items() if not is_near)
    found = f"{sum(near.values())} of {len(near)} do" + (f"; not {others}." if others else ".")
    statement = "Weights and differences follow a Laplace distribution of mean 0 (IV-B), rather than a normal one"
    return Claim(statement, found, verdict_of(near.values()))


def _narrower(statement: str, pairs: Sequence[Pair]) -> Claim:
    ratios = {pair.title: _width(pair.difference) / _width(weights(pair.model)) for pair in pairs}
    found = ", ".join(f"{ratio:.2f} ({name})" for name, ratio in ratios.items())
    return Claim(
        statement, f"Mean |difference| over mean |weight|: {found}.", verdict_of(r < 1 for r in ratios.values())
    )
