"""SPEC.md clause 8.5 (informative): who works on the slices: the caller, or an executor; no byte depends on it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
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
    how far the work is.
    """

    executor: Executor | None = None
    progress: Progress | None = None

    @property
    def threads(self) -> ThreadPoolExecutor | None:
        """The executor, where its workers see the memory of the caller."""
        return self.executor if isinstance(self.executor, ThreadPoolExecutor) else None

    def map(self, function: Callable[[Task], Result], tasks: Iterable[Task], sizes: Sequence[int]) -> Iterator[Result]:
        """`function` of every task, in order; `sizes`: bytes that each stands for.

        An error of task k is raised after the results before it, and before an error of any later task.
        """
        results = map(function, tasks) if self.executor is None else _in_order(self.executor, function, iter(tasks))
        total, done = sum(sizes), 0
        for size in sizes:
            result = next(results)
            done += size
            if self.progress is not None:
                self.progress(done, total)
            yield result
            del result  # before the next one is made: it may be large


def _in_order(executor: Executor, function: Callable[[Task], Result], tasks: Iterator[Task]) -> Iterator[Result]:
    """As `map`, with a few tasks under way at a time: all of them at once would hold all of the model."""
    under_way: deque[Future[Result]] = deque()
    most, failed = 2 * (os.cpu_count() or 1), None
    try:
        while True:
            try:
                under_way.append(executor.submit(function, next(tasks)))
            except StopIteration:
                break
            except NncodecError as error:  # of making the task: the results before it come first
                failed = error
                break
            if len(under_way) >= most:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
    if failed is not None:
        raise failed
