"""E4, Table IV: what is coded against what. The other experiments take their pairs of versions from this list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from nncodec import Model
from tools.experiments.context import Context
from tools.experiments.results import Section, Table
from tools.experiments.versions import late_epoch
from tools.experiments.zoo import Zoo


class Stage(Enum):
    """Which of the epochs that a run keeps; the value is what a reader is told."""

    FIRST = "the start"
    HALF = "about half of the training"
    LATE = "about three quarters of the training"
    LAST = "the end"

    def of(self, epochs: tuple[int, ...]) -> int:
        """The epoch, of `epochs` in ascending order, three at least."""
        late = late_epoch(epochs)
        half = max((epoch for epoch in epochs if 2 * epoch <= epochs[-1] and epoch < late), default=epochs[0])
        return {Stage.FIRST: epochs[0], Stage.HALF: half, Stage.LATE: late, Stage.LAST: epochs[-1]}[self]


@dataclass(frozen=True)
class Version:
    """A model as a run leaves it at a stage."""

    run: str
    stage: Stage = Stage.LAST

    def epoch(self, zoo: Zoo) -> int:
        """Which epoch that is."""
        return self.stage.of(zoo.epochs(self.run))

    def model(self, zoo: Zoo, seed: int) -> Model:
        """The model."""
        return zoo.model(self.run, self.epoch(zoo), seed)

    def name(self, zoo: Zoo) -> str:
        """Such as "vgg-cifar 20"."""
        return f"{self.run} {self.epoch(zoo)}"


class Held(Enum):
    """What the receiver holds of the reference before the target comes; the value is what a reader is told."""

    PRISTINE = "the reference as it was trained"
    QUANTISED = "the reference as decoded from a stream of q_bits 9, 10 or 11"


@dataclass(frozen=True)
class Scenario:
    """A pair of versions. row: of Table IV; experiment: the key of the section that codes the pair."""

    row: str
    experiment: str
    target: Version
    reference: Version
    held: Held = Held.PRISTINE

    @property
    def run(self) -> str:
        """The run whose task the target does."""
        return self.target.run

    def interval(self, zoo: Zoo) -> str:
        """Epochs of reference and target, such as "15 → 20"."""
        return f"{self.reference.epoch(zoo)} → {self.target.epoch(zoo)}"


SEQUENTIAL: Final = "1 sequential, pristine reference"
PARTIAL: Final = "2 partial update, long interval"
QUANTISED: Final = "3 reference quantised"
PRUNED: Final = "4 pruned"
SIMULTANEOUS: Final = "5 simultaneous"

TASK_RUNS: Final = ("vgg-cifar", "vgg-fashion", "vgg-joint", "vgg-retrieval", "vgg-detection")
RETRIEVAL_RUNS: Final = ("vgg-retrieval", "resnet-retrieval")
PARTIAL_RUNS: Final = ("resnet-frozen", "resnet-retrieval")
QUANTISED_RUNS: Final = ("vgg-cifar", "vgg-joint")


def _within(row: str, experiment: str, run: str, start: Stage, held: Held = Held.PRISTINE) -> Scenario:
    return Scenario(row, experiment, Version(run), Version(run, start), held)


def _pruned(target: str, reference: str, start: Stage = Stage.LAST) -> Scenario:
    return Scenario(PRUNED, "E10", Version(target), Version(reference, start))


SCENARIOS: Final = (
    *(_within(SEQUENTIAL, "E5", run, Stage.LATE) for run in TASK_RUNS),
    *(_within(PARTIAL, "E5", run, Stage.HALF) for run in TASK_RUNS),
    *(_within(SEQUENTIAL, "E6", run, Stage.LATE) for run in RETRIEVAL_RUNS),
    *(_within(PARTIAL, "E6", run, Stage.FIRST) for run in RETRIEVAL_RUNS),
    *(_within(PARTIAL, "E8", run, stage) for run in PARTIAL_RUNS for stage in (Stage.LATE, Stage.HALF, Stage.FIRST)),
    *(_within(QUANTISED, "E9", run, Stage.LATE, Held.QUANTISED) for run in QUANTISED_RUNS),
    _pruned("vgg-pruned20", "vgg-pruned20", Stage.LATE),
    _pruned("vgg-pruned50", "vgg-pruned20"),
    _pruned("vgg-cifar", "vgg-pruned20"),
    *(Scenario(SIMULTANEOUS, "E11", Version(run), Version("vgg-cifar")) for run in ("vgg-retrieval", "vgg-detection")),
)
"""Every pair of versions, by row of Table IV."""


def scenarios(experiment: str, *stages: Stage) -> tuple[Scenario, ...]:
    """Those of one experiment, in order; with `stages`, those whose reference is at one of them."""
    own = (each for each in SCENARIOS if each.experiment == experiment)
    return tuple(each for each in own if not stages or each.reference.stage in stages)


_TEXT: Final = """\
Table IV of the paper lists its set-ups; only the meaning of its five rows is known, and each of them is here. A line is
a pair of versions: the target is sent to a receiver that holds the reference. A number after the name of a run is the
epoch, counted from the start of that run (0: before its training). The late epochs of the paper are the last kept
within three quarters of the training, the long interval begins at the last kept within half of it. Pristine means that
the receiver holds the reference bit for bit; where it holds what was decoded from a lossy stream, so does the sender,
and the difference is taken to that (a closed loop)."""


def run(context: Context) -> Section:
    """The list, with the epochs of the networks at hand."""
    wanted = list(_experiments().items())
    rows = tuple(_row(*each, context) for each in context.track(wanted, "E4 set-ups"))
    head = ("row of Table IV", "measured in", "target", "reference", "the receiver holds", "measure", "fp32 bytes")
    caption = "What is sent to whom: target, reference, and what the receiver holds of the reference."
    return Section("E4", "The set-ups", _TEXT, tables=(Table(caption, head, rows, "IV"),))


def _experiments() -> dict[Scenario, list[str]]:
    """Pairs in order of the rows, each once, with the experiments that code it."""
    found: dict[Scenario, list[str]] = {}
    for scenario in sorted(SCENARIOS, key=lambda each: each.row):
        found.setdefault(replace(scenario, experiment=""), []).append(scenario.experiment)
    return found


def _row(scenario: Scenario, experiments: list[str], context: Context) -> tuple[str, ...]:
    zoo = context.zoo
    return (
        scenario.row,
        ", ".join(experiments),
        scenario.target.name(zoo),
        scenario.reference.name(zoo),
        scenario.held.value,
        zoo.task(scenario.run).metric,
        f"{scenario.target.model(zoo, context.seed).nbytes:,}",
    )
