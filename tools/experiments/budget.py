"""Eq. 10, which the paper states and never runs: a set of tasks in a budget of bytes, with the most use left in it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import nncodec
from nncodec import EncodedSet, EncodeError, EncoderConfig, Model, SetConfig
from tools.bench.sets import Family, at_one_quality
from tools.experiments.cells import whole
from tools.experiments.coding import Coder, paper_config, setting_of
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table
from tools.experiments.set_measurements import ROOT, TaskSet, three_tasks
from tools.experiments.summary import NOT_MEASURED, verdict_of, with_rule

KEY: Final = "E12-eq10"
SHARES: Final = (0.2, 0.1, 0.05, 0.03)
TINY_SHARES: Final = (0.4, 0.3)
"""Budgets, of the fp32 bytes of the set; tiny networks need a larger share for their graphs."""
PAPER_GRID: Final = tuple(paper_config(q_bits) for q_bits in (7, 8, 9, 10, 11))
MAIN_GRID: Final = tuple(EncoderConfig(quality=float(quality)) for quality in (1, 4, 7, 10, 13, 17, 24, 40))
NEAR: Final = 0.99
"""What was to be reached: the share of what an exhaustive search finds."""
WAYS: Final = ("paper, one q_bits", "paper, eq. 10", "main, one quality", "main, allocator", "main, exhaustive")

_TEXT: Final = """\
The three tasks of E11 in {shares} of their fp32 bytes ({raw} in all): max Σ U_i subject to R(root) + Σ R(DoM) ≤ \
budget. As utilities of different tasks do not compare, U_i is the share of the original's that is left, measured on \
the test sets, 3 for all that there is; one standard error of the sum, by the size of the test sets and as if they \
were independent, is {error:.3f}. *Main, allocator*: `encode_set` with `max_bytes` and the tasks' own utilities, in \
whatever structure it plans. *Main, one quality*: the highest that fits, the same for all. *Main, exhaustive*: a star \
from classification, each of the {main_points} qualities {main_grid} for the root with each of them for either DoM, \
every stream coded and every network measured, the best choice that fits. *Paper, eq. 10*: the same search over q_bits \
{paper_grid}; *paper, one q_bits*: the best of these for all. One seed.
"""


class Spent(NamedTuple):
    """A set in a budget: bytes, shares of utilities by task, and what was chosen, task by task; no bytes: none fits."""

    size: int
    shares: Mapping[str, float]
    chosen: str

    @property
    def total(self) -> float:
        """The sum of eq. 10; NaN where nothing fits."""
        return sum(self.shares.values()) if self.shares else math.nan


class Operating(NamedTuple):
    """One stream: bytes, and the share of utility that is left."""

    size: int
    share: float


@dataclass(frozen=True)
class Grid:
    """Every stream that a search may choose: the root's, and each DoM's by the setting of the root and its own."""

    configs: Sequence[EncoderConfig]
    root: Sequence[Operating]
    updates: Mapping[str, Sequence[Sequence[Operating]]]

    def choices(self) -> Iterable[tuple[int, ...]]:
        """Settings of the root and of each DoM, by their places."""
        return itertools.product(range(len(self.configs)), repeat=1 + len(self.updates))

    def spent(self, choice: Sequence[int]) -> Spent:
        """What a choice gives."""
        root, *others = choice
        points = {ROOT: self.root[root]}
        points |= {name: rows[root][other] for (name, rows), other in zip(self.updates.items(), others, strict=True)}
        names = ", ".join(setting_of(self.configs[place]).rpartition(" ")[2] for place in choice)
        return Spent(sum(p.size for p in points.values()), {name: p.share for name, p in points.items()}, names)

    def best(self, budget: int, choices: Iterable[tuple[int, ...]]) -> Spent:
        """The most utility in the budget; of as much, the fewest bytes."""
        fitting = (spent for spent in map(self.spent, choices) if spent.size <= budget)
        return max(fitting, key=lambda each: (each.total, -each.size), default=NOTHING)


EQUAL: Final = 0.01
"""Sums of shares that differ by no more count as equal: a hundredth of what one network does."""
NOTHING: Final = Spent(0, {}, NOT_MEASURED)


def run(context: Context) -> Section:
    """Measure eq. 10."""
    tasks = three_tasks(context)
    shares = TINY_SHARES if context.is_reduced else SHARES
    main_grid = MAIN_GRID[1::3] if context.is_reduced else MAIN_GRID
    paper_grid = PAPER_GRID[1::2] if context.is_reduced else PAPER_GRID
    paper, main = (grid(context, tasks, each) for each in (paper_grid, main_grid))
    raw = sum(model.nbytes for model in tasks.models.values())
    budgets = {share: round(share * raw) for share in shares}
    found = {
        share: spend(tasks, budgets[share], paper, main) for share in context.track(list(shares), "eq. 10: budgets")
    }
    text = _TEXT.strip().format(
        shares=", ".join(f"{share:.0%}" for share in shares),
        raw=whole(raw),
        error=standard_error(tasks),
        main_points=len(main_grid),
        main_grid=_settings(main_grid),
        paper_grid=_settings(paper_grid),
    )
    caption = "Σ U_i ÷ U_i(original) in a budget; *chosen*: q_bits or quality, task by task."
    table = Table(caption, ("budget", "way", "bytes", *tasks.models, "sum", "chosen"), tuple(rows(found, budgets)))
    return Section(
        KEY,
        "Eq. 10: a set in a budget",
        with_rule(text),
        tuple(claims(found)),
        (table,),
        (figure(found, budgets),),
    )


def _settings(configs: Sequence[EncoderConfig]) -> str:
    return ", ".join(setting_of(config).rpartition(" ")[2] for config in configs)


def standard_error(tasks: TaskSet) -> float:
    """Of the sum of shares: a utility is at worst a mean of numbers that are 0 or 1."""
    variance = 0.0
    for name, task in tasks.tasks.items():
        utility = tasks.utilities[name]
        variance += (1 - utility) / utility / task.samples if utility else math.nan
    return math.sqrt(variance)


def grid(context: Context, tasks: TaskSet, configs: Sequence[EncoderConfig]) -> Grid:
    """Code and measure every stream."""
    coder = context.coder
    others = [name for name in tasks.models if name != ROOT]
    updates: dict[str, list[list[Operating]]] = {name: [] for name in others}
    for root_config in context.track(configs, "eq. 10: streams"):
        root = [coder.decoded(tasks.models[ROOT], root_config)]
        for name in others:
            updates[name].append([operating(coder, tasks, name, config, root) for config in configs])
    return Grid(configs, [operating(coder, tasks, ROOT, config) for config in configs], updates)


def operating(
    coder: Coder, tasks: TaskSet, name: str, config: EncoderConfig, references: Sequence[Model] = ()
) -> Operating:
    """One stream."""
    task, model = tasks.tasks[name], tasks.models[name]
    point = coder.measure(model, config, task, references)
    return Operating(point.size, point.utility / tasks.utilities[name])


def spend(tasks: TaskSet, budget: int, paper: Grid, main: Grid) -> dict[str, Spent]:
    """The budget spent in each of `WAYS`."""
    uniform = [(place,) * (1 + len(paper.updates)) for place in range(len(paper.configs))]
    spent = (
        paper.best(budget, uniform),
        paper.best(budget, paper.choices()),
        one_quality(tasks, budget),
        allocated(tasks, budget),
        main.best(budget, main.choices()),
    )
    return dict(zip(WAYS, spent, strict=True))


def one_quality(tasks: TaskSet, budget: int) -> Spent:
    """The highest quality for all."""
    try:
        encoded, quality = at_one_quality(Family("three tasks", tasks.models, 0), budget)
    except ValueError:
        return NOTHING
    return _spent(tasks, encoded, f"{quality:.1f}")


def allocated(tasks: TaskSet, budget: int) -> Spent:
    """By `encode_set`."""
    utilities: Mapping[str, Callable[[Model], float]] = {name: task.utility for name, task in tasks.tasks.items()}
    try:
        encoded = nncodec.encode_set_with_report(tasks.models, SetConfig(max_bytes=budget), utilities=utilities)
    except EncodeError:
        return NOTHING
    qualities = [] if encoded.spending is None else encoded.spending.qualities.items()
    return _spent(
        tasks, encoded, ", ".join(f"{dict(qualities)[name]:.1f}" for name in tasks.models if qualities) or "lossless"
    )


def _spent(tasks: TaskSet, encoded: EncodedSet, chosen: str) -> Spent:
    decoded = {name: member.encoded.model for name, member in encoded.members.items()}
    return Spent(len(encoded.data), tasks.shares(decoded), chosen)


def rows(found: Mapping[float, Mapping[str, Spent]], budgets: Mapping[float, int]) -> Iterable[tuple[str, ...]]:
    """A row for each budget and way."""
    for share, ways in found.items():
        for way, spent in ways.items():
            fits = bool(spent.shares)
            shares = [f"{each:.3f}" for each in spent.shares.values()] if fits else [NOT_MEASURED] * 3
            total = f"{spent.total:.3f}" if fits else NOT_MEASURED
            size = whole(spent.size) if fits else NOT_MEASURED
            yield f"{share:.0%} ({whole(budgets[share])})", way, size, *shares, total, spent.chosen


def claims(found: Mapping[float, Mapping[str, Spent]]) -> list[Claim]:
    """The paper's, and what was to be reached here."""
    main = compared(found, "main, allocator", "main, one quality")
    paper = compared(found, "paper, eq. 10", "paper, one q_bits")
    near = compared(found, "main, allocator", "main, exhaustive")
    modes = compared(found, "main, allocator", "paper, eq. 10")
    return [
        Claim(
            "A budget spent by eq. 10 leaves at least as much use as one setting for all models (stated, never run).",
            f"Sum of shares less that of one setting (to be at least −{EQUAL:g}), by budget: paper {said(paper)}; main "
            f"{said(main)}.",
            verdict_of(gain >= -EQUAL for gain, _ in (*paper.values(), *main.values())),
        ),
        Claim(
            f"The allocator leaves at least {NEAR:.0%} of the use that an exhaustive search finds.",
            "Sum of shares over that of the search: "
            + ", ".join(f"{budget} {quotient:.3f}" for budget, (_, quotient) in near.items())
            + ".",
            verdict_of(quotient >= NEAR for _, quotient in near.values()),
            "target",
        ),
        Claim(
            "In the same budget main leaves at least as much use as the paper's mode, both spent by eq. 10.",
            f"Sum of shares of main less the paper's (to be at least −{EQUAL:g}): {said(modes)}.",
            verdict_of(gain >= -EQUAL for gain, _ in modes.values()),
            "target",
        ),
    ]


def compared(found: Mapping[float, Mapping[str, Spent]], way: str, other: str) -> dict[str, tuple[float, float]]:
    """By budget: difference and quotient of the sums of two ways; budgets that either cannot meet are left out."""
    pairs = {f"{share:.0%}": (ways[way].total, ways[other].total) for share, ways in found.items()}
    return {b: (one - two, one / two) for b, (one, two) in pairs.items() if not math.isnan(one + two)}


def said(compared_sums: Mapping[str, tuple[float, float]]) -> str:
    """Differences, budget by budget."""
    return ", ".join(f"{budget} {gain:+.3f}".replace("-", "−") for budget, (gain, _) in compared_sums.items())


def figure(found: Mapping[float, Mapping[str, Spent]], budgets: Mapping[float, int]) -> Figure:
    """Sums against budgets."""
    series = tuple(
        Series(
            way,
            tuple(float(budgets[share]) for share in found),
            tuple(ways[way].total for ways in found.values()),
        )
        for way in WAYS
    )
    panel = Panel("three tasks", "budget in bytes", "sum of shares", series, log_x=True, levels=(("originals", 3.0),))
    return Figure("eq10", "What is left of three tasks in a budget, by way of spending it.", (panel,))
