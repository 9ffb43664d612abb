"""The command: train the networks, run the experiments, write the report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tools.experiments.progress import COLUMNS, Bars, run_all
from tools.experiments.registry import EXPERIMENTS
from tools.experiments.sections import ROOT, Found, Settings, Step, context_of, load, origin_of

EPILOG = """\
What is found is kept in the cache: a run that was interrupted goes on where it stood, and what has not changed is not
computed again. Remove the folder to begin anew.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do as `arguments` say; returns the exit status."""
    options = _parse(arguments)
    settings = Settings(options.cache, options.data, tuple(options.seeds), options.reduced or options.data is None)
    console = Console()
    if options.data is None:
        console.print("without --data, digits stand in for all images, in tiny networks (as with --reduced)")
    if options.what == "train":
        _train(settings, console)
        return 0
    failed = run_all(options.only, settings, options.jobs, console) if options.what == "run" else []
    _report(settings, options.out, console)
    return 1 if failed else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.experiments", description=__doc__, epilog=EPILOG)
    what = "train all networks; run experiments and report (the default); report what earlier runs found"
    parser.add_argument("what", nargs="?", choices=("train", "run", "report"), default="run", help=what)
    what = "folder with datasets/, pairs/ and multi-task/; without it the run is a reduced one, on digits"
    parser.add_argument("--data", type=Path, metavar="DIR", help=what)
    what = "folder of what is kept (default: .experiments, here in the checkout)"
    parser.add_argument("--cache", type=Path, metavar="DIR", default=ROOT / ".experiments", help=what)
    what = "folder of the report (default: docs, or that of the cache if the run is reduced)"
    parser.add_argument("--out", type=Path, metavar="DIR", help=what)
    what = f"experiments to run: {', '.join(EXPERIMENTS)} (default: all)"
    parser.add_argument("--only", nargs="+", metavar="KEY", choices=EXPERIMENTS, default=list(EXPERIMENTS), help=what)
    what = "of what is trained; headline rows are measured for all, the rest for the first (default: 0 1 2)"
    parser.add_argument("--seeds", type=int, nargs="+", metavar="N", default=[0, 1, 2], help=what)
    parser.add_argument("--reduced", action="store_true", help="tiny networks, few points: minutes, not hours")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="experiments at a time, in a process each")
    options = parser.parse_args(arguments)
    if options.data is not None and not (options.data / "datasets").is_dir():
        parser.error(f"--data {options.data}: there is no folder datasets in it")
    if options.jobs < 1:
        parser.error(f"--jobs {options.jobs}: must be at least 1")
    return options


def _train(settings: Settings, console: Console) -> None:
    """All networks, which lie in the cache afterwards."""
    from tools.experiments.runs import RUNS  # noqa: PLC0415  a report needs neither recipes nor networks

    wanted = [(name, seed) for seed in settings.seeds for name in RUNS]
    with Progress(*COLUMNS, console=console) as progress:
        bars = Bars("trainings", len(wanted), progress)
        zoo = context_of(settings, "", bars.tell).zoo
        for name, seed in wanted:
            key = f"{name}, seed {seed}"
            for epoch in zoo.training(name, seed):
                bars.tell(Step(key, "epochs", epoch, zoo.epochs(name)[-1]))
            bars.close(key, "")


def _report(settings: Settings, out: Path | None, console: Console) -> None:
    from tools.experiments.report import write_report  # noqa: PLC0415  training needs no matplotlib

    found: list[Found] = []
    for key in EXPERIMENTS:
        saved = load(key, settings)
        if saved is None:
            console.print(f"{key} has not been run: the report does without it")
            continue
        if not saved.origin.is_as(origin_of(key, settings)):
            console.print(f"{key} was found with other code or settings: run it again")
        found.append(saved)
    folder = out or (settings.cache if settings.is_reduced else ROOT / "docs")
    console.print(f"wrote {write_report(found, folder)}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
