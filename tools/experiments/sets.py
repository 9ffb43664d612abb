"""E11, Table XI, Fig. 11, 12: three tasks on one backbone, one of them the root of the other two; sets as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from nncodec import SetStructure
from tools.experiments import real_sets
from tools.experiments.cells import percent, ratio, tally, whole
from tools.experiments.coding import Coded
from tools.experiments.context import Context
from tools.experiments.results import Claim, Section
from tools.experiments.set_measurements import (
    AT_Q_BITS,
    KEPT,
    REQUESTS,
    ROOT,
    Candidate,
    Findings,
    WholeSet,
    measure,
)
from tools.experiments.set_tables import figures, root_table, set_table, shared_table, sizes_table
from tools.experiments.summary import verdict_of, with_rule

MOST_OF_SEPARATE: Final = 0.55
"""What was to be reached: bytes of a set over those of its models one by one."""
LOST: Final = 0.95
"""A network that keeps less of its utility than this holds no more."""

_TEXT: Final = """\
Three networks on one backbone: classification (vgg-cifar, conv1 to conv4, fc6, fc8), retrieval (conv1 to conv4 from \
that, and an embedding) and detection (conv1 to conv4 and fc6 from that, and a 1×1 head); all their layers were \
trained on, so that what is shared in name and shape differs in value. Last epochs, one seed; utilities {utilities}.

*Shared memory* (Table XI): bytes of the tensors that agree in name, shape and type. *Roots*: the summed distance of \
eq. 11, shared memory weighing the K-L divergence (see `nncodec.analysis.root`), and the divergence alone, in nats; \
bytes by eq. 8 at the paper's step of q_bits {q_bits}, R(root) + Σ R(DoM), weights only; and the real bytes of the \
star of each root. *Curves* (Fig. 11, 12): each task alone and from the root as the receiver holds it, decoded, after \
it was sent at q_bits 8 (paper) or quality 55 (main); the root's bytes are not in the curve. *Sets*: all three by \
`encode_set`, as a tree (of predicted bits, up to two parents each), a star of the root of the fewest predicted bits, \
the paper's star (root by eq. 11) and separately; root and DoMs at the same step or quality; every set was decoded.

{real}
"""


def run(context: Context) -> Section:
    """Measure E11."""
    found = measure(context)
    tasks = found.tasks.tasks
    text = _TEXT.strip().format(
        utilities=", ".join(
            f"{name} {percent(utility)} ({tasks[name].metric})" for name, utility in found.tasks.utilities.items()
        ),
        q_bits=AT_Q_BITS,
        real=real_sets.said(context.data),
    )
    tables = [shared_table(found.tasks), root_table(found.candidates), sizes_table(found), set_table(found.sets)]
    if found.real:
        tables.append(real_sets.table(found.real))
    return Section(
        "E11",
        "Three tasks on one backbone",
        with_rule(text),
        tuple(claims(found)),
        tuple(tables),
        figures(found),
    )


def claims(found: Findings) -> Iterator[Claim]:
    """The paper's, and what was to be reached here."""
    yield root_claim(found.candidates)
    yield from (curve_claim(found, name) for name in found.curves)
    yield main_claim(found)
    yield best_root_claim(found.candidates)
    yield no_worse_claim(found)
    yield separate_claim(found)


def root_claim(candidates: Sequence[Candidate]) -> Claim:
    """Table XI."""
    best = min(candidates, key=lambda each: each.shared)
    costs = ", ".join(f"{each.name} {each.shared:.3f}" for each in candidates)
    return Claim(
        "Classification is the root of the three (Table XI).",
        f"Summed distance of eq. 11 with shared memory, in nats: {costs}.",
        verdict_of([best.name == ROOT]),
    )


def curve_claim(found: Findings, name: str) -> Claim:
    """Fig. 11 or 12: at sizes at which the DoM still holds, the model alone has lost its use."""
    utility = found.tasks.utilities[name]
    outcomes, said = [], []
    for mode in ("paper", "main"):
        least = smallest_that_holds(found.curves[name][f"{mode}, DoM"], KEPT * utility)
        if least is None:
            continue
        left = utility_at(found.curves[name][f"{mode}, alone"], least.size) / utility
        outcomes.append(left < LOST)
        said.append(
            f"{mode}: {least.utility / utility:.1%} in {whole(least.size)} bytes ({ratio(least.ratio)} to 1) with DoM, "
            f"{left:.1%} alone in as many"
        )
    figure = {"retrieval": "Fig. 11", "detection": "Fig. 12"}[name]
    return Claim(
        f"{name.capitalize()}: where few bytes are sent the DoM still holds, the model alone does not ({figure}).",
        f"Utility as a share of the original's, where the DoM keeps {KEPT:.0%} for the last time; alone, between "
        f"points, to be below {LOST:.0%}: {'; '.join(said)}.",
        verdict_of(outcomes),
    )


def utility_at(points: Sequence[Coded], size: int) -> float:
    """The utility of a curve at `size` bytes, between its points along log size; 0 below its smallest."""
    ordered = sorted(points, key=lambda each: each.size)
    sizes, utilities = [math.log(each.size) for each in ordered], [each.utility for each in ordered]
    return float(np.interp(math.log(size), sizes, utilities, left=0.0))


def smallest_that_holds(points: Sequence[Coded], utility: float) -> Coded | None:
    """The smallest point that has `utility`, as all larger ones have."""
    least = None
    for point in sorted(points, key=lambda each: -each.size):
        if point.utility < utility:
            break
        least = point
    return least


def main_claim(found: Findings) -> Claim:
    """Both modes."""
    quotients = {}
    for name in found.curves:
        sizes = found.needed(name)
        quotients[name] = sizes["main, DoM"] / sizes["paper, DoM"]
    known = {name: quotient for name, quotient in quotients.items() if quotient == quotient}  # noqa: PLR0124  not NaN
    return Claim(
        "At equal utility main takes fewer bytes for a DoM from the root than the paper's method.",
        f"Main ÷ paper at {KEPT:.0%} of the utility: {'; '.join(f'{n} {ratio(q)}' for n, q in known.items())}.",
        verdict_of(quotient < 1 for quotient in known.values()),
        "target",
    )


def best_root_claim(candidates: Sequence[Candidate]) -> Claim:
    """Criteria against real bytes."""
    chosen = {
        "eq. 11": min(candidates, key=lambda each: each.shared),
        "K-L alone": min(candidates, key=lambda each: each.divergence),
        "eq. 8": min(candidates, key=lambda each: each.predicted),
    }
    least = min(each.paper for each in candidates)
    outcomes = [each.paper == least for each in chosen.values()]
    said = ", ".join(f"{by} {each.name} ({each.paper / least:.3f})" for by, each in chosen.items())
    return Claim(
        "Every criterion finds the root of the smallest star.",
        f"Roots chosen, and the bytes of their star over those of the best, in the paper's mode: {said}.",
        verdict_of(outcomes),
        "here",
    )


def no_worse_claim(found: Findings) -> Claim:
    """The root by predicted bits against that of eq. 11, on every set."""
    pairs = {request: star_sizes(found.sets, request) for request in REQUESTS}
    pairs |= {each.name: (each.main[SetStructure.STAR], each.main[SetStructure.PAPER]) for each in found.real}
    outcomes = [star <= paper for star, paper in pairs.values()]
    said = ", ".join(f"{name} {star / paper:.4f}" for name, (star, paper) in pairs.items())
    return Claim(
        "The star of the root by predicted bits is never larger than that of the root by eq. 11.",
        f"In {tally(outcomes)}; bytes over bytes: {said}.",
        verdict_of(outcomes),
        "target",
    )


def star_sizes(sets: Sequence[WholeSet], request: str) -> tuple[int, int]:
    """Bytes of the set as a star of predicted bits and as the paper's."""
    sizes = {each.structure: each.size for each in sets if each.request == request}
    return sizes[SetStructure.STAR], sizes[SetStructure.PAPER]


def separate_claim(found: Findings) -> Claim:
    """Sets against their models one by one, in main."""
    quotients = {}
    for request in (each for each in REQUESTS if each.startswith("main")):
        sizes = {each.structure: each.size for each in found.sets if each.request == request}
        quotients[f"three tasks, {request}"] = sizes[SetStructure.TREE] / sizes[SetStructure.SEPARATE]
    for each in found.real:
        quotients[f"{each.name} at {each.snr:.0f} dB"] = each.main[SetStructure.TREE] / each.main[SetStructure.SEPARATE]
    said = ", ".join(f"{name} {quotient:.3f}" for name, quotient in quotients.items())
    return Claim(
        f"A set on a shared backbone takes at most {MOST_OF_SEPARATE:g} of the bytes of its models one by one.",
        f"Main, tree ÷ separate: {said}.",
        verdict_of(quotient <= MOST_OF_SEPARATE for quotient in quotients.values()),
        "target",
    )
