"""What E6 and E7 stand on: networks sent by the paper's mode, and by profile main at the SNR of each such stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tools.experiments.coding import Coded
from tools.experiments.context import Context
from tools.experiments.scenarios import RETRIEVAL_RUNS, Scenario, Stage, scenarios
from tools.experiments.updates import Method, Update, matched, measure_update, sweeps_of

NO_REFERENCE: Final = "nothing"


@dataclass(frozen=True)
class Sent:
    """A network sent to a receiver that holds `held`; `main` stands beside `paper`, None where nothing can be asked."""

    run: str
    held: str
    update: Update
    paper: Sequence[Coded]
    main: Sequence[Coded | None]

    @property
    def has_reference(self) -> bool:
        """Whether the receiver holds anything."""
        return self.held != NO_REFERENCE

    @cached_property
    def pairs(self) -> tuple[tuple[Coded, Coded], ...]:
        """The paper's streams with those of main at the same SNR."""
        return tuple((paper, main) for paper, main in zip(self.paper, self.main, strict=True) if main)


def sent_networks(context: Context) -> list[Sent]:
    """The networks of E6: each without reference, then with that of the start and that of late epochs."""
    order = [(run, stage) for run in RETRIEVAL_RUNS for stage in (Stage.FIRST, Stage.LATE)]
    wanted = sorted(scenarios("E6"), key=lambda each: order.index((each.run, each.reference.stage)))
    found = [each for scenario in context.track(wanted, "E6 intervals") for each in _sent(context, scenario)]
    alone = {each.run: each for each in reversed(found) if not each.has_reference}
    return [each for each in found if each.has_reference or each is alone[each.run]]


def _sent(context: Context, scenario: Scenario) -> Iterator[Sent]:
    sweeps = sweeps_of(context, Method.PAPER_ALONE, Method.PAPER_UPDATE)
    update = measure_update(context, scenario, context.seed, sweeps)
    for method, points in update.curves.items():
        held = f"epoch {scenario.reference.epoch(context.zoo)}" if method.has_reference else NO_REFERENCE
        main = matched(context, scenario, context.seed, points, has_reference=method.has_reference)
        yield Sent(scenario.run, held, update, points, main)
