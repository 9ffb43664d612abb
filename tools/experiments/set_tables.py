"""Tables and figures of E11."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from nncodec import Model, SetStructure
from nncodec.analysis import shared_bytes, shared_names
from tools.experiments.cells import ratio, whole
from tools.experiments.results import Figure, Panel, Series, Table
from tools.experiments.set_measurements import (
    AT_Q_BITS,
    KEPT,
    METHODS,
    ROOT,
    RUNS,
    Candidate,
    Findings,
    TaskSet,
    WholeSet,
)
from tools.experiments.summary import NOT_MEASURED

VGG16_WIDTHS: Final = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
"""Channels of the image and of the convolutions, 3×3 with biases, of the paper's VGG-16."""
VGG16_DENSE: Final = {"fc6": (512 * 7 * 7, 4096), "fc7": (4096, 4096)}


def shared_table(tasks: TaskSet) -> Table:
    """Table XI."""
    rows = tuple(
        (name, whole(model.nbytes), *(_shared(model, other) for other in tasks.models.values()), _layers(tasks, name))
        for name, model in tasks.models.items()
    )
    head = ("model", "bytes", *(f"shared with {name}" for name in tasks.models), f"layers shared with {ROOT}")
    caption = f"Shared memory, bytes and share of the model in its row. {papers_shares()}"
    return Table(caption, head, rows, "XI")


def papers_shares() -> str:
    """What the paper's two figures of shared memory stand for, by the shapes of VGG-16."""
    convolutions = sum(9 * before * width + width for before, width in pairwise(VGG16_WIDTHS))
    dense = {name: rows * columns + columns for name, (rows, columns) in VGG16_DENSE.items()}
    both = sum(dense.values())
    mebi = {name: 4 * count / 2**20 for name, count in (("all", convolutions + both), ("dense", both))}
    return (
        f"The paper's 56.1 MB (retrieval) are the {convolutions:,} parameters of VGG-16's convolutions in fp32, "
        f"{4 * convolutions / 2**20:.2f} MiB. Its 473 MB (detection) follow from no whole layers: fc6 and fc7 are "
        f"{mebi['dense']:.1f} MiB, with the convolutions {mebi['all']:.1f} MiB."
    )


def _shared(model: Model, other: Model) -> str:
    found = shared_bytes(model, other)
    return NOT_MEASURED if model is other else f"{found:,} ({found / model.nbytes:.1%})"


def _layers(tasks: TaskSet, name: str) -> str:
    if name == ROOT:
        return NOT_MEASURED
    return ", ".join(
        dict.fromkeys(each.partition(".")[0] for each in shared_names(tasks.models[name], tasks.models[ROOT]))
    )


def root_table(candidates: Sequence[Candidate]) -> Table:
    """Roots by every criterion."""
    head = (
        "root",
        "eq. 11",
        "K-L alone",
        "eq. 8: bytes",
        f"paper, q_bits {AT_Q_BITS}: bytes",
        "main, quality 30: bytes",
    )
    rows = tuple(
        (e.name, f"{e.shared:.3f}", f"{e.divergence:.3f}", whole(e.predicted), whole(e.paper), whole(e.main))
        for e in candidates
    )
    return Table(
        "Each model as the root of the set: distances, predicted bytes, and real bytes of its star.", head, rows
    )


def sizes_table(found: Findings) -> Table:
    """Where the curves reach `KEPT` of the utility."""
    rows = []
    for name in found.curves:
        sizes = found.needed(name)
        paper, main = (sizes[f"{mode}, alone"] / sizes[f"{mode}, DoM"] for mode in ("paper", "main"))
        quotient = ratio(sizes["main, DoM"] / sizes["paper, DoM"])
        rows.append((name, *map(whole, sizes.values()), ratio(paper), ratio(main), quotient))
    head = ("task", *METHODS, "paper: alone ÷ DoM", "main: alone ÷ DoM", "main ÷ paper, DoM")
    caption = (
        f"Bytes at {KEPT:.0%} of the model's own utility, between points; a dash where the curve does not reach it."
    )
    return Table(caption, head, tuple(rows))


def set_table(sets: Sequence[WholeSet]) -> Table:
    """Whole sets."""
    separate = {each.request: each.size for each in sets if each.structure == SetStructure.SEPARATE}
    head = ("request", "structure", "root", "bytes", "÷ separate", *RUNS, "sum")
    rows = tuple(
        (
            *(each.request, each.structure.value, each.root, whole(each.size)),
            ratio(each.size / separate[each.request]),
            *(f"{share:.3f}" for share in each.utilities.values()),
            f"{sum(each.utilities.values()):.3f}",
        )
        for each in sets
    )
    return Table("The whole set; utilities as shares of those of the originals.", head, rows)


def figures(found: Findings) -> tuple[Figure, ...]:
    """Fig. 11 and 12."""
    numbers = {"retrieval": "11", "detection": "12"}
    return tuple(
        Figure(
            f"fig{numbers[name]}",
            f"{name}: use against bytes sent, alone and from the root.",
            (panel(found, name),),
            numbers[name],
        )
        for name in found.curves
    )


def panel(found: Findings, name: str) -> Panel:
    """One task."""
    series = []
    for method, points in found.curves[name].items():
        ordered = sorted(points, key=lambda each: each.size)
        series.append(Series(method, tuple(float(e.size) for e in ordered), tuple(e.utility for e in ordered)))
    level = ("original", found.tasks.utilities[name])
    return Panel(name, "bytes sent", found.tasks.tasks[name].metric, tuple(series), log_x=True, levels=(level,))
