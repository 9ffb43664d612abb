"""E3: K-L divergence of weight histograms, of versions, of tasks, and of a random reference (tables II and III)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from nncodec.analysis import divergence, divergence_from_uniform
from tools.experiments import versions
from tools.experiments.context import Context
from tools.experiments.results import Claim, Section, Table
from tools.experiments.summary import verdict_of, with_rule
from tools.experiments.versions import Pair

MUCH: Final = 10
TEXT: Final = """\
Names and values are those of E1. D(model ‖ reference) is the paper's eq. 9 in nats: bins of 0.0002 over the weights of
both, every bin counting half a weight more than fell into it (eq. 9 leaves range and empty bins open). The random
reference is U[−0.1, 0.1], of as many weights. "Much less" is less than a tenth."""


class Row(NamedTuple):
    """A model: D from its reference, D from the random one."""

    name: str
    base: str
    from_reference: float
    from_random: float


def run(context: Context) -> Section:
    """Tables II and III."""
    models = {**versions.versions(context), **versions.tasks(context)}
    sequential = [*map(_row, (*versions.in_time(models), *versions.real(context)))]
    between = [*map(_row, versions.between_tasks(models))]
    return Section(
        "E3",
        "K-L divergence between versions and between tasks",
        with_rule(TEXT),
        claims=(
            _claim("D from the version before is much less than from random weights (Table II)", sequential),
            _claim("So is D between the networks of two tasks (Table III)", between),
        ),
        tables=(
            _table("Versions in turn: D(model ‖ reference) in nats.", "II", sequential),
            _table("Networks of two tasks: D(model ‖ reference) in nats.", "III", between),
        ),
    )


def _row(pair: Pair) -> Row:
    from_reference = divergence(pair.model, pair.reference)
    return Row(pair.name, pair.base, from_reference, divergence_from_uniform(pair.model))


def _table(caption: str, number: str, rows: Iterable[Row]) -> Table:
    head = ("model", "reference", "D from reference", "D from random", "ratio")
    cells = tuple(
        (each.name, each.base, f"{each.from_reference:.4f}", f"{each.from_random:.4f}", f"{_ratio(each):.3f}")
        for each in rows
    )
    return Table(caption, head, cells, number)


def _ratio(row: Row) -> float:
    return row.from_reference / row.from_random


def _claim(statement: str, rows: Sequence[Row]) -> Claim:
    found = ", ".join(f"{_ratio(row):.3f} ({row.name} ‖ {row.base})" for row in rows)
    return Claim(statement, f"D as a share of that: {found}.", verdict_of(_ratio(row) * MUCH < 1 for row in rows))
