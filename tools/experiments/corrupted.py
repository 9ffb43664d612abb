"""Corrupted targets, with a pristine reference and with a corrupted one; the paper names both and runs neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tools.experiments.cells import percent, span, tally, whole
from tools.experiments.coding import paper_config
from tools.experiments.context import Context
from tools.experiments.masks import ZerosKept, zeros_kept, zeros_table
from tools.experiments.matched import (
    LATTICE_SNR,
    Case,
    Match,
    by_case,
    main_table,
    match,
    paper_table,
)
from tools.experiments.pruned import RUNS, earlier, network
from tools.experiments.results import Claim, Section
from tools.experiments.summary import verdict_of, with_rule

KEY: Final = "E12-corrupted"
CORRUPTING_Q_BITS: Final = 9
"""The step by which networks are quantised before they are sent, or held."""
Q_BITS: Final = (8, 9, 10)

_TEXT: Final = f"""
The paper lists three combinations of pristine and corrupted models and runs one, a corrupted reference (E9, E10). \
Here are the others. Networks are those of E10: U, and P5 and P2 pruned from it. q(·) is a network quantised by the \
paper's method at q_bits {CORRUPTING_Q_BITS}, coded alone: all its weights are multiples of 10^-3. U' and P2' are U \
and P2 halfway through their training. *Corrupted target, pristine reference*: P5–U, P2–U, q(U)–U'. *Both corrupted*: \
q(U)–q(U'), P2–q(U), q(P2)–q(P2'). The target is what is to arrive: errors and utilities are against it, corrupted as \
it is. The receiver holds the reference bit for bit. Columns are those of E10; but where the paper's DoM loses nothing \
but last bits of float32 (more than {LATTICE_SNR:g} dB), main codes with the paper's step and without trellis. One seed.
"""


@dataclass(frozen=True)
class Findings:
    """What is measured of cases of one kind each: whether the reference is corrupted too, by name of the case."""

    matches: list[Match]
    both: set[str]
    zeros: list[ZerosKept]


def run(context: Context) -> Section:
    """Measure both combinations."""
    found = measure(context)
    return Section(
        KEY,
        "Corrupted targets",
        with_rule(_TEXT.strip()),
        tuple(claims(found)),
        (
            paper_table("Corrupted targets without and with DoM by the paper's method.", found.matches),
            main_table("The same by profile main, at the SNR of the paper's DoM.", found.matches),
            zeros_table("Zeros of the target that are zeros again after decoding, by step.", found.zeros),
        ),
    )


def measure(context: Context) -> Findings:
    """Code everything."""
    pristine, corrupted = cases(context)
    steps = Q_BITS[1:] if context.is_reduced else Q_BITS
    jobs = [(case, q_bits) for case in (*pristine, *corrupted) for q_bits in steps]
    matches = [match(context.coder, *job) for job in context.track(jobs, "corrupted targets")]
    pruned = [each for each in (*pristine, *corrupted) if "P" in each.name.partition("–")[0]]
    zeros = [
        zeros_kept(context.coder, each.name, each.target, [each.reference], q_bits)
        for each in context.track(pruned, "zeros")
        for q_bits in (CORRUPTING_Q_BITS, CORRUPTING_Q_BITS + 1)
    ]
    return Findings(matches, {each.name for each in corrupted}, zeros)


def cases(context: Context) -> tuple[list[Case], list[Case]]:
    """With a pristine reference, and with a corrupted one."""
    task, config = context.zoo.task(RUNS["U"]), paper_config(CORRUPTING_Q_BITS)
    last = {name: network(context, name) for name in RUNS}
    before = {name: earlier(context, name) for name in RUNS}
    q_last, q_before = (
        {name: context.coder.decoded(model, config) for name, model in models.items()} for models in (last, before)
    )
    pristine = [
        Case("P5–U", last["P5"], last["U"], task),
        Case("P2–U", last["P2"], last["U"], task),
        Case("q(U)–U'", q_last["U"], before["U"], task),
    ]
    both = [
        Case("q(U)–q(U')", q_last["U"], q_before["U"], task),
        Case("P2–q(U)", last["P2"], q_last["U"], task),
        Case("q(P2)–q(P2')", q_last["P2"], q_before["P2"], task),
    ]
    return pristine, both


def claims(found: Findings) -> list[Claim]:
    """One for each combination, one on what becomes of a quantised target, one on zeros."""
    pristine = [each for each in found.matches if each.case.name not in found.both]
    both = [each for each in found.matches if each.case.name in found.both]
    return [
        _helps("DoM also helps where the target is corrupted and the reference pristine (named, never run).", pristine),
        _helps("DoM also helps where both are corrupted (named, never run).", both),
        _stays_quantised(found.matches),
        _never_more(found.matches),
        _zeros(found.zeros),
    ]


def _helps(statement: str, matches: Sequence[Match]) -> Claim:
    helps = [each.helps for each in matches]
    sizes = "; ".join(
        f"{name} {span(e.update.size / e.alone.size for e in group)} (weights as DoM: "
        f"{span((e.in_difference for e in group), '.0%')}, all as DoM: "
        f"{span(e.everywhere / e.alone.size for e in group)})"
        for name, group in by_case(matches).items()
    )
    found = (
        "Weights are coded as DoM, in fewer bytes than alone at the same step, with top-1 at most one point worse, "
        f"in {tally(helps)}; DoM ÷ alone: {sizes}."
    )
    return Claim(statement, found, verdict_of(helps))


def _stays_quantised(matches: Sequence[Match]) -> Claim:
    """A target of multiples of the step, at that step: alone it arrives as it is."""
    own = [each for each in matches if each.q_bits == CORRUPTING_Q_BITS and each.case.name.startswith("q(")]
    arrives = [point.snr > LATTICE_SNR for each in own for point in (each.update, each.main)]
    said = "; ".join(
        f"{each.case.name} {_arrival(each.alone.snr)} alone in {whole(each.alone.size)} bytes, "
        f"{_arrival(each.update.snr)} by DoM in {whole(each.update.size)}; main: {_arrival(each.main.snr)} in "
        f"{whole(each.main.size)}"
        for each in own
    )
    return Claim(
        "A quantised target arrives as it is by DoM, at the step by which it was quantised.",
        f"{said}.",
        verdict_of(arrives),
        "here",
    )


def _arrival(snr: float) -> str:
    return "as it is" if snr > LATTICE_SNR else f"with {snr:.1f} dB"


def _never_more(matches: Sequence[Match]) -> Claim:
    equal = [each for each in matches if each.is_equal]
    never = [each.main.size <= each.main_alone.size for each in equal]
    quotients = "; ".join(
        f"{name} {span(e.main.size / e.main_alone.size for e in group)}" for name, group in by_case(equal).items()
    )
    return Claim(
        "With a reference at hand main never takes more bytes than without, whatever was done to the models.",
        f"In {tally(never)} with equal SNR ({len(matches) - len(equal)} without are left out); DoM ÷ alone: "
        f"{quotients}.",
        verdict_of(never),
        "target",
    )


def _zeros(zeros: Sequence[ZerosKept]) -> Claim:
    """Whether sparse networks survive references that are not."""
    dense = [each for each in zeros if not each.name.startswith("q(")]
    said = "; ".join(
        f"{each.name} {percent(each.paper)}, {percent(each.everywhere)}, {percent(each.main)}" for each in dense
    )
    return Claim(
        "A pruned target keeps its zeros although the reference has none there.",
        f"Zeros that are zeros again by the paper's method, by that with all tensors as DoM, by main: {said}.",
        verdict_of(share == 1 for each in dense for share in (each.paper, each.everywhere, each.main)),
        "here",
    )
