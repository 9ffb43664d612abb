"""SPEC.md clause 8.5 (informative): who works on the slices: the caller, or an executor; no byte depends on it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from nncodec.errors import NncodecError

Task = TypeVar("Task")
Result = TypeVar("Result")

Progress = Callable[[int, int], None]
"""Called with the bytes done so far and the bytes in all."""


@dataclass(frozen=True)
class Work:
    """How work is done.

    executor: any `concurrent.futures.Executor`; its workers may be threads (compiled code and compressors let others
    run), processes or other machines: tasks and results can be pickled. None: in the caller's thread. progress: is told
    how far the work is. workers: how many the executor has (None: as many as there are processors); twice as many
    slices are held at a time.
    """

    executor: Executor | None = None
    progress: Progress | None = None
    workers: int | None = None

    @property
    def silent(self) -> Work:
        """The same, of which nobody is told."""
        return replace(self, progress=None)

    @property
    def threads(self) -> ThreadPoolExecutor | None:
        """The executor, where its workers see the memory of the caller."""
        return self.executor if isinstance(self.executor, ThreadPoolExecutor) else None

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task], sizes: Sequence[int]) -> Iterator[Result]:
        """`function` of every task, in order; `sizes`: bytes that each stands for.

        An error of task k is raised after the results before it, and before an error of any later task.
        """
        results: Iterator[Result] = map(function, tasks)
        executor = self.executor
        if executor is not None:
            at_a_time = 2 * (self.workers or os.cpu_count() or 1)
            results = _in_order(lambda task: executor.submit(function, task), iter(tasks), at_a_time)
        total, done = sum(sizes), 0
        for size in sizes:
            result = next(results)
            done += size
            if self.progress is not None:
                self.progress(done, total)
            yield result
            del result  # before the next one is made: it may be large


def _in_order(submit: Callable[[Task], Future[Result]], tasks: Iterator[Task], at_a_time: int) -> Iterator[Result]:
    """As `map`, with a few tasks under way at a time: all of them at once would hold all of the model."""
    under_way: deque[Future[Result]] = deque()
    failed = None
    try:
        while True:
            try:
                under_way.append(submit(next(tasks)))
            except StopIteration:
                break
            except NncodecError as error:  # of making the task: the results before it come first
                failed = error
                break
            if len(under_way) >= at_a_time:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
    if failed is not None:
        raise failed
