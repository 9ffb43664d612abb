"""How far experiments are, as bars; experiments run in this process or in several, a failure stops none but its own."""

from __future__ import annotations

import multiprocessing
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tools.experiments.sections import Settings, Step, run

COLUMNS: Final = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


class Bars:
    """One bar for everything, and one for each thing that an experiment goes through just now."""

    def __init__(self, what: str, total: int, progress: Progress) -> None:
        self._progress = progress
        self._whole = self._progress.add_task(what, total=total)
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def tell(self, step: Step) -> None:
        """Show `step`; what is complete disappears."""
        name = (step.key, step.what)
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(f"{step.key}: {step.what}", total=step.total)
        self._progress.update(self._tasks[name], completed=step.done)
        if step.done == step.total:
            self._progress.remove_task(self._tasks.pop(name))

    def close(self, key: str, failure: str) -> None:
        """Experiment `key` is over; failure: why it came to nothing, or empty."""
        for name in [name for name in self._tasks if name[0] == key]:
            self._progress.remove_task(self._tasks.pop(name))
        self._progress.advance(self._whole)
        what = f"{key}: failed\n{failure}" if failure else f"{key}: done"
        self._progress.console.print(what, markup=False, highlight=False)


def run_all(keys: Sequence[str], settings: Settings, jobs: int, console: Console) -> list[str]:
    """Run experiments, up to `jobs` at a time in a process each; returns the keys of those that failed."""
    failed = []
    with Progress(*COLUMNS, console=console) as progress:
        bars = Bars("experiments", len(keys), progress)
        for key, failure in (_in_turn if jobs == 1 else _at_once)(keys, settings, jobs, bars.tell):
            bars.close(key, failure)
            failed += [key] if failure else []
    return failed


def attempt(key: str, settings: Settings, tell: Callable[[Step], None]) -> str:
    """Run experiment `key`; returns why it failed, or an empty text."""
    try:
        run(key, settings, tell)
    except Exception:  # noqa: BLE001  the others go on, and what happened is said
        return traceback.format_exc()
    return ""


def _in_turn(
    keys: Sequence[str], settings: Settings, _: int, tell: Callable[[Step], None]
) -> Iterator[tuple[str, str]]:
    for key in keys:
        yield key, attempt(key, settings, tell)


def _at_once(
    keys: Sequence[str], settings: Settings, jobs: int, tell: Callable[[Step], None]
) -> Iterator[tuple[str, str]]:
    """The processes put their steps into one queue, which a thread reads."""
    spawn = multiprocessing.get_context("spawn")  # a fork of threads (of PyTorch, of numba) may hang
    with spawn.Manager() as manager, ProcessPoolExecutor(jobs, spawn) as pool:
        steps = manager.Queue()
        listener = threading.Thread(target=_listen, args=(steps.get, tell))
        listener.start()
        try:
            futures = {pool.submit(attempt, key, settings, steps.put): key for key in keys}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)
            steps.put(None)
            listener.join()


def _listen(get: Callable[[], Step | None], tell: Callable[[Step], None]) -> None:
    for step in iter(get, None):
        tell(step)
