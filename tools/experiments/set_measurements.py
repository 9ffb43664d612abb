"""What E11 measures: roots by every criterion, curves from the root, whole sets; and the three tasks themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import nncodec
from nncodec import EncoderConfig, Model, SetConfig, SetStructure
from nncodec.analysis import predicted_bits, root_of_set
from tools.experiments.coding import MAIN_ALONE, MAIN_UPDATE, PAPER, Coded, paper_config, paper_step, size_at_utility
from tools.experiments.context import Context
from tools.experiments.real_sets import RealSet, measure_real_sets
from tools.experiments.summary import NOT_MEASURED
from tools.experiments.tasks import Task

RUNS: Final[Mapping[str, str]] = {
    "classification": "vgg-cifar",
    "retrieval": "vgg-retrieval",
    "detection": "vgg-detection",
}
ROOT: Final = "classification"
"""The paper's root."""
ROOT_PAPER: Final = paper_config(8)
ROOT_MAIN: Final = EncoderConfig(quality=55.0)
"""How the root of the curves was sent in either mode: nearly without loss; what came of it is the reference."""
AT_Q_BITS: Final = 9
"""The paper's step at which roots are compared."""
KEPT: Final = 0.98
"""The share of a model's own utility at which curves are compared."""
REQUESTS: Final[Mapping[str, EncoderConfig]] = {
    "paper, q_bits 8": paper_config(8),
    "paper, q_bits 9": paper_config(9),
    "main, quality 55": EncoderConfig(quality=55.0),
    "main, quality 30": EncoderConfig(quality=30.0),
}
METHODS: Final = ("paper, alone", "paper, DoM", "main, alone", "main, DoM")


@dataclass(frozen=True)
class TaskSet:
    """The three networks, their tasks and their utilities, by name."""

    models: Mapping[str, Model]
    tasks: Mapping[str, Task]
    utilities: Mapping[str, float]

    def shares(self, decoded: Mapping[str, Model]) -> dict[str, float]:
        """The utilities of decoded networks, as shares of the originals'."""
        return {name: self.tasks[name].utility(decoded[name]) / whole for name, whole in self.utilities.items()}


@dataclass(frozen=True)
class Candidate:
    """One model as the root: distances of eq. 11 with shared memory and without, bytes by eq. 8 and real ones."""

    name: str
    shared: float
    divergence: float
    predicted: float
    paper: int
    main: int


@dataclass(frozen=True)
class WholeSet:
    """The set under one request in one structure; utilities as shares of the originals'."""

    request: str
    structure: SetStructure
    size: int
    root: str
    utilities: Mapping[str, float]


@dataclass(frozen=True)
class Findings:
    """All that E11 measures; curves: by task, then by `METHODS`."""

    tasks: TaskSet
    candidates: list[Candidate]
    curves: Mapping[str, Mapping[str, list[Coded]]]
    sets: list[WholeSet]
    real: list[RealSet]

    def needed(self, name: str) -> dict[str, float]:
        """By method: bytes at which the task `name` keeps `KEPT` of its utility; NaN where that cannot be read."""
        wanted = KEPT * self.tasks.utilities[name]
        return {method: size_at_utility(points, wanted) for method, points in self.curves[name].items()}


def three_tasks(context: Context) -> TaskSet:
    """The last networks of the runs."""
    zoo = context.zoo
    models = {name: zoo.model(run, zoo.epochs(run)[-1], context.seed) for name, run in RUNS.items()}
    tasks = {name: zoo.task(run) for name, run in RUNS.items()}
    return TaskSet(models, tasks, {name: tasks[name].utility(model) for name, model in models.items()})


def measure(context: Context) -> Findings:
    """Code everything."""
    tasks = three_tasks(context)
    candidates = [candidate(tasks.models, name) for name in context.track(list(RUNS), "roots")]
    others = [name for name in RUNS if name != ROOT]
    curves = {name: curves_of(context, tasks, name) for name in context.track(others, "sets: curves")}
    jobs = [(request, structure) for request in REQUESTS for structure in SetStructure]
    sets = [whole_set(tasks, *job) for job in context.track(jobs, "sets: whole")]
    return Findings(tasks, candidates, curves, sets, measure_real_sets(context))


def candidate(models: Mapping[str, Model], root: str) -> Candidate:
    """`root` as the root of all."""
    names, step = list(models), paper_step(AT_Q_BITS)
    costs = [root_of_set(list(models.values()), with_sharing=sharing).costs for sharing in (True, False)]
    bits = [predicted_bits(each, None if name == root else models[root], step) for name, each in models.items()]
    star = {
        request: SetConfig(encoder=REQUESTS[request], structure=SetStructure.STAR, root=root)
        for request in (f"paper, q_bits {AT_Q_BITS}", "main, quality 30")
    }
    sizes = [len(nncodec.encode_set(models, config)) for config in star.values()]
    place = names.index(root)
    return Candidate(root, costs[0][place], costs[1][place], sum(bits) / 8, *sizes)


def curves_of(context: Context, tasks: TaskSet, name: str) -> dict[str, list[Coded]]:
    """The task `name` by each of `METHODS`."""
    coder, task, model = context.coder, tasks.tasks[name], tasks.models[name]
    thinned = slice(None, None, 3) if context.is_reduced else slice(None)
    paper_root, main_root = (coder.decoded(tasks.models[ROOT], config) for config in (ROOT_PAPER, ROOT_MAIN))
    measured = (
        coder.curve(model, PAPER[2:][thinned], task),
        coder.curve(model, PAPER[2:][thinned], task, [paper_root]),
        coder.curve(model, MAIN_ALONE[thinned], task),
        coder.curve(model, MAIN_UPDATE[thinned], task, [main_root]),
    )
    return dict(zip(METHODS, measured, strict=True))


def whole_set(tasks: TaskSet, request: str, structure: SetStructure) -> WholeSet:
    """All three together."""
    encoded = nncodec.encode_set_with_report(tasks.models, SetConfig(encoder=REQUESTS[request], structure=structure))
    root = ", ".join(name for name, member in encoded.members.items() if not member.parents)
    return WholeSet(
        request,
        structure,
        len(encoded.data),
        NOT_MEASURED if structure == SetStructure.SEPARATE else root,
        tasks.shares(nncodec.decode_set(encoded.data)),
    )
