"""E9, Table IX: the receiver holds a coarsely quantised reference, and the sender takes the difference to that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from nncodec import Model
from tools.experiments.coding import Coded, paper_config
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Table
from tools.experiments.scenarios import Scenario, scenarios
from tools.experiments.summary import NOT_MEASURED, cell, signed, utility_series, verdict_of, with_rule
from tools.experiments.updates import EXACT, TWO_SIDED_95, matching

REFERENCE_Q: Final = (9, 10, 11)
TARGET_Q: Final = (7, 8, 9)
SLIGHT: Final = 1.1
"""Largest size over smallest that counts as slight influence."""
_PRISTINE: Final = "pristine"
_ALONE: Final = "no reference"

_TEXT: Final = """\
The receiver holds the version of late epochs as it came out of a stream of the paper's mode of q = 9, 10 or 11, coded
alone: steps of 0.001, 0.01 and 0.1. The sender decodes the same stream and takes the difference to that (a closed
loop). The last version is sent by the paper's mode at q = 7, 8 and 9, and by profile main at the same SNR of the
weights. A pristine reference and none at all stand beside. Classification of CIFAR-10, and of twenty classes, which
stand for the paper's CIFAR-100; one seed."""


@dataclass(frozen=True)
class Held:
    """A target sent to who holds `reference`.

    old: utility of what is held, NaN for nothing; new: of the target; noise: half of the 95 % interval of that.
    """

    run: str
    reference: str
    old: float
    new: float
    noise: float
    paper: Sequence[Coded]
    main: Sequence[Coded | None]


def run(context: Context) -> Section:
    """Both tasks."""
    wanted = scenarios("E9")
    held = [
        each for scenario in context.track(wanted, "E9 quantised references") for each in _measured(context, scenario)
    ]
    figure = Figure("table9-references", "Top-1 against bytes sent, by what is held.", tuple(_panels(held)), "IX")
    return Section("E9", "Quantised references", with_rule(_TEXT), tuple(_claims(held)), (_table(held),), (figure,))


def _measured(context: Context, scenario: Scenario) -> Iterator[Held]:
    zoo, coder, task = context.zoo, context.coder, context.zoo.task(scenario.run)
    target, pristine = (each.model(zoo, context.seed) for each in (scenario.target, scenario.reference))
    new = coder.measure(target, EXACT, task).utility
    for name, reference in _references(context, pristine):
        references = [] if reference is None else [reference]
        old = coder.measure(reference, EXACT, task).utility if reference else math.nan
        paper = coder.curve(target, [paper_config(q) for q in TARGET_Q], task, references)
        configs = [matching(point, is_update=False) for point in paper]
        main = [coder.measure(target, config, task, references) if config else None for config in configs]
        yield Held(scenario.run, name, old, new, TWO_SIDED_95 * task.standard_error(target), paper, main)


def _references(context: Context, pristine: Model) -> Iterator[tuple[str, Model | None]]:
    """What the receiver may hold, from the best to nothing."""
    yield _PRISTINE, pristine
    for q in REFERENCE_Q:
        yield f"q_bits {q}", context.coder.decoded(pristine, paper_config(q))
    yield _ALONE, None


def _table(held: Sequence[Held]) -> Table:
    rows = [
        (each.run, each.reference, cell(each.old, ".4f"), method, *(_size_cell(point, each.new) for point in points))
        for each in held
        for method, points in (("paper", each.paper), ("main, same SNR", each.main))
    ]
    head = ("run", "reference", "its utility", "method", *(f"target q_bits {q}" for q in TARGET_Q))
    caption = "Kilobytes sent, and in brackets the change of utility against the target itself, in hundredths."
    return Table(caption, head, tuple(rows), "IX")


def _size_cell(point: Coded | None, new: float) -> str:
    return f"{point.size / 1000:.1f} ({signed(point.utility - new)})" if point else NOT_MEASURED


def _panels(held: Sequence[Held]) -> Iterator[Panel]:
    for name in dict.fromkeys(each.run for each in held):
        own = [each for each in held if each.run == name]
        lines = [utility_series([each.paper], f"paper, {each.reference}") for each in own]
        yield Panel(name, "kB sent", "top-1", tuple(lines), log_x=True, levels=(("target", own[0].new),))


def _claims(held: Sequence[Held]) -> Iterator[Claim]:
    first, second = dict.fromkeys(each.run for each in held)
    yield _finer_is_better(_quantised(held, first))
    yield _influence_is_slight(_quantised(held, second))
    yield _no_loss_is_added(held)
    yield _better_than_nothing(held)
    yield _main_is_smaller(held)


def _quantised(held: Sequence[Held], run_name: str) -> list[Held]:
    """Of one task, the quantised references, from fine to coarse."""
    return [each for each in held if each.run == run_name and each.reference not in {_PRISTINE, _ALONE}]


def _told(held: Sequence[Held]) -> str:
    return "; ".join(
        f"{each.reference}: {', '.join(f'{point.size / 1000:.0f} kB at {point.utility:.4f}' for point in each.paper)}"
        for each in held
    )


def _finer_is_better(held: Sequence[Held]) -> Claim:
    pairs = [pair for finer, coarser in pairwise(held) for pair in zip(finer.paper, coarser.paper, strict=True)]
    outcomes = [fine.size < coarse.size for fine, coarse in pairs]
    outcomes += [fine.utility >= coarse.utility for fine, coarse in pairs]
    statement = "With a finer reference the update is smaller and the model better (Table IX, Cifar10)."
    found = f"Paper's mode on {held[0].run}, by reference, targets of q = 7, 8, 9: {_told(held)}."
    return Claim(statement, found, verdict_of(outcomes))


def _influence_is_slight(held: Sequence[Held]) -> Claim:
    """Of size and utility each, at each q of the target."""
    by_target = list(zip(*(each.paper for each in held), strict=True))
    sizes = [max(point.size for point in row) / min(point.size for point in row) for row in by_target]
    utilities = [max(point.utility for point in row) - min(point.utility for point in row) for row in by_target]
    statement = "On the harder task the precision of the reference has slight influence (Table IX, Cifar100)."
    found = (
        f"Paper's mode on {held[0].run}, over the references, at q = 7, 8, 9: the largest size over the smallest is "
        f"{', '.join(f'{each:.2f}' for each in sizes)} (slight: at most {SLIGHT:g}), the utility varies by "
        f"{', '.join(f'{each:.4f}' for each in utilities)} (slight: within its interval, {held[0].noise:.4f})."
    )
    outcomes = [each <= SLIGHT for each in sizes] + [each <= held[0].noise for each in utilities]
    return Claim(statement, found, verdict_of(outcomes))


def _no_loss_is_added(held: Sequence[Held]) -> Claim:
    """Ours: whatever is held, the target comes out as good, as the loop is closed."""
    spans = [
        (
            each.run,
            max(abs(point.utility - other.utility) for point, other in zip(each.paper, best.paper, strict=True)),
            each.noise,
        )
        for best in held
        if best.reference == _PRISTINE
        for each in held
        if each.run == best.run and each is not best
    ]
    worst = max(span for _, span, _ in spans)
    statement = "In a closed loop a coarse reference costs bytes, not quality: the target's own step sets its error."
    found = (
        f"Against a pristine reference, at equal q of the target, the utility differs by {worst:.4f} at most; the 95 % "
        f"interval is ± {min(noise for *_, noise in spans):.4f}."
    )
    return Claim(statement, found, verdict_of(span <= noise for _, span, noise in spans), "ours")


def _better_than_nothing(held: Sequence[Held]) -> Claim:
    alone = {each.run: each for each in held if each.reference == _ALONE}
    ratios = {
        f"{each.run}, {each.reference}": [
            point.size / other.size for point, other in zip(each.paper, alone[each.run].paper, strict=True)
        ]
        for each in held
        if each.reference not in {_PRISTINE, _ALONE}
    }
    told = "; ".join(f"{name}: {', '.join(f'{ratio:.2f}' for ratio in own)}" for name, own in ratios.items())
    statement = "A quantised reference still makes the update smaller than the model alone."
    found = f"Paper's mode, bytes with the reference over bytes without, at q = 7, 8, 9: {told}."
    return Claim(statement, found, verdict_of(ratio < 1 for own in ratios.values() for ratio in own))


def _main_is_smaller(held: Sequence[Held]) -> Claim:
    ratios = [
        main.size / paper.size
        for each in held
        if each.reference != _ALONE
        for paper, main in zip(each.paper, each.main, strict=True)
        if main
    ]
    ends = f"from {min(ratios):.2f} to {max(ratios):.2f}" if ratios else "no stream could be compared"
    statement = "Profile main needs fewer bytes than the paper's mode for the same SNR, whatever is held."
    found = f"Main ÷ paper over {len(ratios)} updates: {ends}."
    return Claim(statement, found, verdict_of(ratio < 1 for ratio in ratios), "target")
