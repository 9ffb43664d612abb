"""E6, Tables VI and VII, Fig. 8: retrieval networks updated over a short and over a long interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from tools.experiments.coding import Coded, paper_config
from tools.experiments.context import Context
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table
from tools.experiments.retrieval_updates import Sent, sent_networks
from tools.experiments.scenarios import RETRIEVAL_RUNS
from tools.experiments.summary import NOT_MEASURED, signed, utility_series, verdict_of, with_rule
from tools.experiments.updates import matching

SETTINGS: Final = ("q_bits 6", "q_bits 7", "q_bits 8", "q_bits 9")
"""Those of Table VII."""
_INTERVAL_RUN: Final = "vgg-cifar"
_STEPS_BACK: Final = (1, 2, 3, 5, 8, 10, 15, 20)
_INTERVAL_Q: Final = 8

_TEXT: Final = """\
The last version of two retrieval networks is sent to a receiver that holds the version of late epochs, or the start of
the training, whose body was trained to classify (it stands for the paper's ImageNet networks), or nothing. References
are pristine; one seed. The paper's mode stands at its q, and profile main is asked for the very SNR that each of those
streams has: of the update, or without reference of the weights. So nothing is read between points. Changes of mAP are
those of the decoded network against the target itself, in hundredths.

Retrieval networks keep few epochs; so the length of the interval is varied on the classifier of CIFAR-10 too, of which
all are kept: one target at q = 8, and by main at the same SNR of the weights; references lie up to the start back."""


def run(context: Context) -> Section:
    """Both networks and both intervals; then the interval alone."""
    sent = sent_networks(context)
    steps = _steps(context)
    tables = (_versions(sent), _sizes(sent))
    figures = (_utilities(sent), _by_interval(steps))
    return Section("E6", "Short and long intervals", with_rule(_TEXT), tuple(_claims(sent, steps)), tables, figures)


def _versions(sent: Sequence[Sent]) -> Table:
    rows = tuple(
        (
            each.run,
            each.held,
            *(f"{value:.4f}" for value in (each.update.old, each.update.new, each.update.noise)),
            f"{each.update.drift:.3g}",
            f"{each.update.raw:,}",
        )
        for each in sent
        if each.has_reference
    )
    caption = "The networks: mAP of reference and target, half of the 95 % interval of their difference, drift."
    head = ("network", "the receiver holds", "reference", "target", "noise", "drift of outputs", "fp32 bytes")
    return Table(caption, head, rows, "VI")


def _sizes(sent: Sequence[Sent]) -> Table:
    rows = [
        (each.run, each.held, method, *(_size_cell(each, points, setting) for setting in SETTINGS))
        for each in sent
        for method, points in (("paper", each.paper), ("main, same SNR", each.main))
    ]
    caption = "Kilobytes sent, and in brackets the change of mAP in hundredths."
    return Table(caption, ("network", "the receiver holds", "method", *SETTINGS), tuple(rows), "VII")


def _size_cell(sent: Sent, points: Sequence[Coded | None], setting: str) -> str:
    for paper, point in zip(sent.paper, points, strict=True):
        if paper.setting == setting and point:
            return f"{point.size / 1000:.1f} ({signed(point.utility - sent.update.new)})"
    return NOT_MEASURED


def _utilities(sent: Sequence[Sent]) -> Figure:
    panels = []
    for run_name in RETRIEVAL_RUNS:
        own = [each for each in sent if each.run == run_name]
        lines = [utility_series([each.paper], f"paper, receiver holds {each.held}") for each in own]
        lines += [
            utility_series([[main for _, main in each.pairs]], f"main, receiver holds {each.held}") for each in own
        ]
        levels = (("target", own[0].update.new),)
        panels.append(Panel(run_name, "kB sent", "mAP", tuple(lines), log_x=True, levels=levels))
    caption = "mAP against bytes sent, by what the receiver holds."
    return Figure("fig8-intervals", caption, tuple(panels), "8")


def _steps(context: Context) -> tuple[Series, Series]:
    """Kilobytes by how many epochs the reference lies back, by both methods."""
    zoo, coder, task = context.zoo, context.coder, context.zoo.task(_INTERVAL_RUN)
    *earlier, last = zoo.epochs(_INTERVAL_RUN)
    back = sorted(last - epoch for epoch in earlier if context.is_reduced or last - epoch in _STEPS_BACK)
    target = zoo.model(_INTERVAL_RUN, last, context.seed)
    sizes: dict[str, list[float]] = {"paper, q 8": [], "main, same SNR": []}
    for each in context.track(back, "E6 length of the interval"):
        references = [zoo.model(_INTERVAL_RUN, last - each, context.seed)]
        paper = coder.measure(target, paper_config(_INTERVAL_Q), task, references)
        config = matching(paper, is_update=False)
        main = math.nan if config is None else coder.measure(target, config, task, references).size
        for line, size in zip(sizes.values(), (paper.size, main), strict=True):
            line.append(size / 1000)
    paper_line, main_line = (Series(label, tuple(map(float, back)), tuple(line)) for label, line in sizes.items())
    return paper_line, main_line


def _by_interval(steps: Sequence[Series]) -> Figure:
    panel = Panel(_INTERVAL_RUN, "epochs from the reference to the target", "kB sent", tuple(steps))
    return Figure("fig8-length", "Bytes at one quality by the length of the interval.", (panel,), "8")


def _claims(sent: Sequence[Sent], steps: Sequence[Series]) -> Iterator[Claim]:
    yield _short_is_better(sent)
    yield _reference_is_better(sent)
    yield _longer_costs_more(steps[0])
    yield _main_is_smaller(sent)


def _by_held(sent: Sequence[Sent], run_name: str) -> list[dict[str, Coded]]:
    """The paper's streams of a network by setting: without reference, from the start, from late epochs."""
    return [
        {point.setting: point for point in each.paper if point.setting in SETTINGS}
        for each in sent
        if each.run == run_name
    ]


def _ratios(sent: Sequence[Sent], held: tuple[int, int]) -> dict[str, list[float]]:
    """Bytes with one reference over bytes with another, by network: one for each q."""
    found = {}
    for run_name in RETRIEVAL_RUNS:
        of_run = _by_held(sent, run_name)
        first, other = (of_run[place] for place in held)
        found[run_name] = [first[setting].size / other[setting].size for setting in first if setting in other]
    return found


def _told(ratios: dict[str, list[float]]) -> str:
    return "; ".join(f"{run_name} {', '.join(f'{each:.2f}' for each in own)}" for run_name, own in ratios.items())


def _short_is_better(sent: Sequence[Sent]) -> Claim:
    ratios = _ratios(sent, (2, 1))
    found = (
        f"Paper's mode, bytes with the late reference over bytes with that of the start, q = 6 to 9: {_told(ratios)}."
    )
    outcomes = [each < 1 for own in ratios.values() for each in own]
    return Claim(
        "The shorter the interval, the smaller the DoM at the same q (Table VII, Fig. 8).",
        found,
        verdict_of(outcomes),
    )


def _reference_is_better(sent: Sequence[Sent]) -> Claim:
    ratios = _ratios(sent, (1, 0))
    found = f"Paper's mode, bytes with the start as reference over bytes without, q = 6 to 9: {_told(ratios)}."
    outcomes = [each < 1 for own in ratios.values() for each in own]
    statement = "Even the network that training started from makes the DoM smaller than the network itself (Fig. 8)."
    return Claim(statement, found, verdict_of(outcomes))


def _longer_costs_more(paper: Series) -> Claim:
    told = ", ".join(f"{back:.0f}: {size:.0f} kB" for back, size in zip(paper.x, paper.y, strict=True))
    statement = "The size of a DoM grows with the number of epochs between its two versions."
    found = f"{_INTERVAL_RUN} by the paper's mode at q = 8, by epochs: {told}."
    return Claim(statement, found, verdict_of(short < long for short, long in pairwise(paper.y)))


def _main_is_smaller(sent: Sequence[Sent]) -> Claim:
    pairs = {f"{each.run}, {each.held}": each.pairs for each in sent if each.has_reference}
    ratios = {name: [main.size / paper.size for paper, main in own] for name, own in pairs.items()}
    told = [
        f"{name}: {', '.join(f'{ratio:.2f}' for ratio in own)} (from {pairs[name][0][0].setting} on)"
        for name, own in ratios.items()
        if own
    ]
    statement = "Profile main needs fewer bytes than the paper's mode for the same SNR of the update, at every q."
    found = f"Main ÷ paper. {'; '.join(told) or 'No stream could be compared'}."
    return Claim(statement, found, verdict_of(ratio < 1 for own in ratios.values() for ratio in own), "target")
