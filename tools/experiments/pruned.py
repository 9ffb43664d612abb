"""E10, Table X, Fig. 10: a reference that was pruned, and targets that were pruned less, as much, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from nncodec import Model
from tools.experiments.cells import decibels, percent, ratio, span, tally, whole
from tools.experiments.coding import Coded, paper_config
from tools.experiments.context import Context
from tools.experiments.masks import (
    NEAR_ENTROPY,
    MaskCost,
    ZerosKept,
    cost_table,
    mask_cost,
    zeros_kept,
    zeros_table,
)
from tools.experiments.matched import (
    Case,
    Match,
    by_case,
    main_table,
    match,
    paper_table,
    same_error,
    weights_kept,
)
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table
from tools.experiments.summary import verdict_of, with_rule

RUNS: Final[Mapping[str, str]] = {"U": "vgg-cifar", "P5": "vgg-pruned50", "P2": "vgg-pruned20"}
"""The paper's names of the networks, each pruned from the one before it: U is whole, P5 has 50 % left, P2 20 %."""
Q_BITS: Final = (7, 8, 9, 10, 11)
FEW_Q_BITS: Final = (8, 10)
EQUAL_SIZE: Final = 0.01
"""Sizes that differ by no more count as equal."""
AT_Q_BITS: Final = 9
"""The step at which intervals and masks are looked at."""

_TEXT: Final = """
One classifier (vgg-cifar), trained to the end: U; pruned to the half of each weight matrix that is greatest in \
magnitude and trained on with the rest held at 0: P5; that pruned on to a fifth and trained on again: P2. Cases are \
named as in the paper, target–reference: P2–P2 is the last P2 predicted from that of {before} epochs earlier, P5–P2 \
and U–P2 the last P5 and the last U from the last P2. The receiver holds the reference without loss: what makes it a \
corrupted one is that it was pruned.

*Paper* is profile baseline, f = 0.4, LZMA; its encoder may code a tensor without difference where that is smaller, \
which the paper's does not: *coded as DoM* is the share of the weights that it does code so, *all as DoM* what the \
difference of all tensors takes. *Main* is asked for the SNR of the weight matrices that the paper's DoM has at that \
step, so that bytes compare, which is for the least squared error; *fast* is main with the fast coder (rANS, no \
trellis); *K-L* is the divergence of the answers from the target's, in nats. *Ratio*: the target's own bytes \
÷ bytes sent, the own bytes being the dense fp32 tensors, {dense} for all three; of the weights that are left alone \
they would be {kept}. Utility is top-1 on {samples} images; U has {utilities}. *Interval*: epochs of training (those \
of pruned networks included) that lie between reference and target. *Mask*: which weights are left; what it costs is \
the target's stream less that of the target from which the removed weights are left out, and of the reference the \
same places. One seed.
"""


class Reference(NamedTuple):
    """What a reference of a certain age gives: epochs between, the paper's points, main at one error for all ages."""

    interval: int
    paper: list[Coded]
    main: Coded


@dataclass(frozen=True)
class Findings:
    """All that E10 measures; ages: by case, the shortest interval first."""

    matches: list[Match]
    ages: dict[str, list[Reference]]
    masks: list[MaskCost]
    zeros: list[ZerosKept]


def network(context: Context, name: str) -> Model:
    """The network that the paper calls `name`, fully trained."""
    return context.zoo.model(RUNS[name], context.zoo.epochs(RUNS[name])[-1], context.seed)


def earlier(context: Context, name: str) -> Model:
    """The same, halfway through its training: later the learning rate falls, and versions hardly differ."""
    return context.zoo.model(RUNS[name], halfway(context, name), context.seed)


def halfway(context: Context, name: str) -> int:
    """The epoch of that: the one kept that is nearest to half of all."""
    epochs = context.zoo.epochs(RUNS[name])
    return min(epochs, key=lambda epoch: abs(2 * epoch - epochs[-1]))


def run(context: Context) -> Section:
    """Measure E10."""
    found = measure(context)
    shown = "in the paper's mode" if context.is_reduced else "in the paper's mode at q_bits 7 to 11"
    return Section(
        "E10",
        "Pruned networks",
        with_rule(text(context)),
        tuple(claims(found)),
        (
            paper_table("Sizes and use without and with DoM by the paper's method.", found.matches, "X"),
            main_table("The same by profile main, at the SNR of the paper's DoM.", found.matches, "X"),
            age_table(found.ages),
            cost_table(f"What the mask costs, in bytes, at the step of q_bits {AT_Q_BITS}.", found.masks),
            zeros_table("Zeros that are zeros again after decoding, by step.", found.zeros),
        ),
        (
            Figure(
                "fig10",
                f"Use against bytes sent, {shown}: alone, and by interval.",
                panels(found),
                "10",
            ),
            Figure("fig10-main", "The same cases, both modes.", main_panels(found), "10"),
        ),
    )


def measure(context: Context) -> Findings:
    """Code everything."""
    steps = FEW_Q_BITS if context.is_reduced else Q_BITS
    jobs = [(case, q_bits) for case in cases(context) for q_bits in steps]
    matches = [match(context.coder, *job) for job in context.track(jobs, "pruned networks")]
    groups = list(by_case(matches).items())
    ages = {name: references_by_age(context, name, group) for name, group in context.track(groups, "intervals")}
    pairs = mask_pairs(context)
    masks = [mask_cost(context.coder, *pair, AT_Q_BITS) for pair in context.track(pairs, "masks")]
    zeros = [zeros_kept(context.coder, *pair, q_bits) for pair in pairs for q_bits in (AT_Q_BITS, AT_Q_BITS + 1)]
    return Findings(matches, ages, masks, zeros)


def cases(context: Context) -> list[Case]:
    """DoM1 to DoM3 of Table X."""
    task = context.zoo.task(RUNS["U"])
    last = {name: network(context, name) for name in RUNS}
    references = {"P2": earlier(context, "P2"), "P5": last["P2"], "U": last["P2"]}
    return [Case(f"{name}–P2", last[name], reference, task) for name, reference in references.items()]


def mask_pairs(context: Context) -> list[tuple[str, Model, list[Model]]]:
    """Targets with and without references whose masks are looked at: name, target, references."""
    half, fifth = (network(context, name) for name in ("P5", "P2"))
    return [
        ("P2 alone", fifth, []),
        ("P2–P2", fifth, [earlier(context, "P2")]),
        ("P5 alone", half, []),
        ("P5–P2", half, [fifth]),
    ]


def references_by_age(context: Context, name: str, matches: Sequence[Match]) -> list[Reference]:
    """The case `name` of `matches` from every kept P2, the nearest first."""
    case, steps = matches[0].case, [each.q_bits for each in matches]
    at = next((each for each in matches if each.q_bits >= AT_Q_BITS), matches[-1])
    main, found = same_error(at.update, at.q_bits), []
    for epoch in context.zoo.epochs(RUNS["P2"]):
        reference = [context.zoo.model(RUNS["P2"], epoch, context.seed)]
        interval = interval_to(context, name.partition("–")[0], epoch)
        if interval or name != "P2–P2":
            paper = context.coder.curve(case.target, map(paper_config, steps), case.task, reference)
            found.append(Reference(interval, paper, context.coder.measure(case.target, main, case.task, reference)))
    return sorted(found, key=lambda each: each.interval)


def interval_to(context: Context, target: str, epoch: int) -> int:
    """Epochs of training between the last network `target` and P2 after `epoch` epochs."""
    last = {name: context.zoo.epochs(run)[-1] for name, run in RUNS.items()}
    return {"P2": last["P2"] - epoch, "P5": epoch, "U": last["P5"] + epoch}[target]


def text(context: Context) -> str:
    """What was done."""
    last = {name: network(context, name) for name in RUNS}
    task = context.zoo.task(RUNS["U"])
    utilities = {name: percent(task.utility(model)) for name, model in last.items()}
    return _TEXT.strip().format(
        before=context.zoo.epochs(RUNS["P2"])[-1] - halfway(context, "P2"),
        dense=whole(last["U"].nbytes),
        kept=", ".join(f"{whole(weights_kept(model))} ({name})" for name, model in last.items()),
        samples=f"{task.samples:,}",
        utilities=f"{utilities['U']}, P5 {utilities['P5']}, P2 {utilities['P2']}",
    )


def claims(found: Findings) -> list[Claim]:
    """The paper's, and what was to be reached here."""
    return [*_paper_claims(found), *_main_claims(found.matches), *_mask_claims(found)]


def _paper_claims(found: Findings) -> list[Claim]:
    groups = by_case(found.matches)
    quotients = "; ".join(f"{name} {span(e.update.size / e.alone.size for e in g)}" for name, g in groups.items())
    helps = [each.helps for each in found.matches]
    rises = [a.update.ratio < b.update.ratio for group in groups.values() for a, b in pairwise(group)]
    ends = "; ".join(f"{n} {ratio(g[0].update.ratio)} to {ratio(g[-1].update.ratio)}" for n, g in groups.items())
    nearer = {
        name: [
            a.paper[place].size <= (1 + EQUAL_SIZE) * b.paper[place].size
            for a, b in pairwise(ages)
            for place in range(len(a.paper))
        ]
        for name, ages in found.ages.items()
    }
    return [
        Claim(
            "DoM helps for all three combinations of pruned and whole networks (Table X).",
            "Weights are coded as DoM, in fewer bytes than alone at the same step, with top-1 at most one point worse, "
            f"in {tally(helps)}; DoM ÷ alone: {quotients}.",
            verdict_of(helps),
        ),
        Claim(
            "The compression ratio rises with q_bits.",
            f"Ratio of the DoM from the finest to the coarsest step: {ends}; it rises from one step to the next in "
            f"{tally(rises)}.",
            verdict_of(rises),
        ),
        Claim(
            "A shorter interval gives a smaller DoM (Fig. 10).",
            f"Of two neighbouring intervals the shorter takes no more bytes (to {EQUAL_SIZE:.0%}) at the same step in "
            + "; ".join(f"{name} {tally(each)}" for name, each in nearer.items())
            + ".",
            verdict_of(outcome for each in nearer.values() for outcome in each),
        ),
    ]


def _main_claims(matches: Sequence[Match]) -> list[Claim]:
    groups = by_case(matches)
    equal = [each for each in matches if each.is_equal]
    never_more = [each.main.size <= each.main_alone.size for each in equal]
    less = [min(each.main.size, each.fast) < each.update.size for each in equal]
    main = "; ".join(f"{n} {span(e.main.size / e.update.size for e in group)}" for n, group in groups.items())
    fast = "; ".join(f"{n} {span(e.fast / e.update.size for e in group)}" for n, group in groups.items())
    return [
        Claim(
            "With a reference at hand main never takes more bytes than without.",
            f"At equal SNR in {tally(never_more)}; DoM ÷ alone "
            f"{span(each.main.size / each.main_alone.size for each in matches)}.",
            verdict_of(never_more),
            "target",
        ),
        Claim(
            "At equal error main takes fewer bytes than the paper's method, with the better of its two coders.",
            f"In {tally(less)}; main ÷ paper: {main}; with the fast coder: {fast}.",
            verdict_of(less),
            "target",
        ),
    ]


def _mask_claims(found: Findings) -> list[Claim]:
    costs = "; ".join(
        f"{each.name} {whole(each.main)} and {whole(each.fast)}, to be {whole(each.given)}" for each in found.masks
    )
    near = [each.is_near_entropy(cost) for each in found.masks for cost in (each.main, each.fast)]
    names = {"paper": "paper", "main": "main", "nearest": "main without trellis"}
    kept = [getattr(each, kind) == 1 for each in found.zeros for kind in ("paper", "main")]
    shares = {said: span((getattr(each, kind) for each in found.zeros), ".1%") for kind, said in names.items()}
    return [
        Claim(
            "The mask of the target costs no more than its entropy given the mask of the reference, and "
            f"{NEAR_ENTROPY:.0%} of its entropy.",
            f"Bytes of the mask in main's stream (without trellis), by the mixing coder and by the fast one: {costs}.",
            verdict_of(near),
            "target",
        ),
        Claim(
            "A pruned network is decoded as a pruned network: its zeros stay zeros.",
            "Zeros found again, over the cases: " + "; ".join(f"{said} {each}" for said, each in shares.items()) + ".",
            verdict_of(kept),
            "target",
        ),
    ]


def age_table(ages: Mapping[str, Sequence[Reference]]) -> Table:
    """By interval."""
    settings = [point.setting for point in next(iter(ages.values()))[0].paper]
    head = ("case", "interval", *(f"paper, {each}: bytes" for each in settings), "main: bytes", "SNR, dB", "utility")
    rows = tuple(
        (
            name,
            str(each.interval),
            *(whole(point.size) for point in each.paper),
            *(whole(each.main.size), decibels(each.main.snr), percent(each.main.utility)),
        )
        for name, references in ages.items()
        for each in references
    )
    caption = "DoM by interval, in epochs: the paper's steps, and main at one SNR for all intervals of a case."
    return Table(caption, head, rows)


def panels(found: Findings) -> tuple[Panel, ...]:
    """Fig. 10: a panel for each case."""
    drawn = []
    for name, group in by_case(found.matches).items():
        series = [line("alone", [each.alone for each in group])]
        series += [line(f"DoM, interval {each.interval}", each.paper) for each in found.ages[name]]
        drawn.append(_panel(group[0].case, series))
    return tuple(drawn)


def main_panels(found: Findings) -> tuple[Panel, ...]:
    """Both modes, the nearest reference."""
    kinds = {"alone": "paper, alone", "update": "paper, DoM", "main_alone": "main, alone", "main": "main, DoM"}
    return tuple(
        _panel(group[0].case, [line(said, [getattr(each, kind) for each in group]) for kind, said in kinds.items()])
        for group in by_case(found.matches).values()
    )


def _panel(case: Case, series: Sequence[Series]) -> Panel:
    level = ("target", case.task.utility(case.target))
    return Panel(case.name, "bytes sent", case.task.metric, tuple(series), log_x=True, levels=(level,))


def line(label: str, points: Sequence[Coded]) -> Series:
    """Utility against size."""
    ordered = sorted(points, key=lambda each: each.size)
    return Series(label, tuple(float(each.size) for each in ordered), tuple(each.utility for each in ordered))
