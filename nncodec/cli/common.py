"""Command line (informative): what the three commands share: exit codes, errors, progress, references."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from enum import IntEnum
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Protocol

from nncodec import __version__
from nncodec.adapters.files import files_of
from nncodec.adapters.mapping import file_view, map_file
from nncodec.errors import NncodecError, UnsupportedModelError, UnsupportedStreamError
from nncodec.kernel import numba
from nncodec.limits import DEFAULT_LEVEL, LEVELS, Limits
from nncodec.work import Work

_SLOW_ELEMENTS = 100_000


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    REJECTED = 1
    USAGE = 2
    UNSUPPORTED = 3
    INTERRUPTED = 130


class UsageError(NncodecError):
    """The command line asks for something that makes no sense."""


class Command(Protocol):
    """Body of a command."""

    def __call__(self, arguments: argparse.Namespace) -> None:
        """Do the work, or raise."""


def run(
    parser: argparse.ArgumentParser,
    body: Command,
    argv: Sequence[str] | None,
    last_words: Callable[[argparse.Namespace, BaseException], str] | None = None,
) -> int:
    """Parse `argv`, run `body`, and turn what it raises into lines on stderr and an exit code.

    `last_words` may add a line below the message.
    """
    arguments = parser.parse_args(argv)
    try:
        with _stopped_by_signals(), _with_output():
            body(arguments)
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: what is left would fail again
    except (NncodecError, OSError, MemoryError) as error:
        sys.stderr.write(f"{parser.prog}: error: {describe(error)}\n")
        if last_words is not None:
            sys.stderr.write(last_words(arguments, error))
        return exit_code(error)
    except KeyboardInterrupt:
        sys.stderr.write(f"{parser.prog}: interrupted; nothing was written\n")
        return ExitCode.INTERRUPTED
    return ExitCode.DONE


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Has a request to end do what Ctrl-C does: files that are not whole are removed."""
    is_main = threading.current_thread() is threading.main_thread()  # Python lets no other thread set handlers
    known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if is_main and hasattr(signal, name)]
    untouched = [number for number in known if signal.getsignal(number) == signal.SIG_DFL]  # nohup ignores one
    for number in untouched:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in untouched:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _with_output() -> Iterator[None]:
    """Has what is printed go nowhere where standard output, or error, is closed."""
    with ExitStack() as stack:
        nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        if sys.stdout is None:
            stack.enter_context(redirect_stdout(nowhere))
        if sys.stderr is None:
            stack.enter_context(redirect_stderr(nowhere))
        yield


def refuse_overwriting(output: Path | None, inputs: Iterable[Path]) -> None:
    """Raises UsageError where the output, or a shard of it, is a file that is read: it may be the only copy."""
    written = [path for path in files_of(output) if path.exists()] if output is not None else []
    for path in (file for given in inputs for file in files_of(given) if file.exists()):
        if any(path.samefile(other) for other in written):
            raise UsageError(f"{path} is read, too: give the output another name")


def printable(name: str) -> str:
    """A name on one line, without what moves a cursor."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def describe(error: BaseException) -> str:
    """One line that says what went wrong, and for a bad stream what to do."""
    if isinstance(error, MemoryError):
        return "not enough memory for this model"
    if isinstance(error, UnsupportedStreamError):
        return f"{error}; a newer nncodec may read it"
    return str(error)


def exit_code(error: BaseException) -> ExitCode:
    """Exit code of `error`."""
    if isinstance(error, UnsupportedStreamError | UnsupportedModelError):
        return ExitCode.UNSUPPORTED
    if isinstance(error, UsageError):
        return ExitCode.USAGE
    return ExitCode.REJECTED


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that every command has."""
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output")


def add_work_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every command that codes or decodes slices."""
    parser.add_argument(
        "--jobs",
        type=_at_least_one,
        metavar="N",
        help="threads; default: one for each processor; no byte depends on it",
    )


def _at_least_one(text: str) -> int:
    """A positive whole number. Raises ValueError, which argparse explains."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def add_decoding_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every command that reads a stream."""
    parser.add_argument(
        "--level",
        type=int,
        default=DEFAULT_LEVEL,
        choices=[limits.level for limits in LEVELS],
        help=f"highest level (size class, SPEC.md Annex A) to accept; default {DEFAULT_LEVEL}",
    )


def add_reference_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every command that may need reference models."""
    parser.add_argument(
        "--ref",
        action="append",
        default=[],
        type=Path,
        metavar="OLD",
        help="a reference model: a model file or an .nmc (then the model that it decodes to); may be repeated",
    )
    parser.add_argument(
        "--refs",
        type=Path,
        metavar="DIR",
        help="a folder of model files and streams, in which references are found by their content id",
    )


def limits_of(arguments: argparse.Namespace) -> Limits:
    """The limits that `--level` stands for."""
    return LEVELS[arguments.level]


def view_stream(path: Path) -> memoryview:
    """The file at `path`, mapped if it is large; standard input, for `-`, by way of a temporary file."""
    if str(path) != "-":
        return map_file(path)
    with TemporaryFile() as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        return file_view(file.fileno())


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    json.dump(value, sys.stdout, indent=1, default=_json_default)
    sys.stdout.write("\n")


def _json_default(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else str(value)


def warn_if_slow(elements: int) -> None:
    """Say how to be faster where many weights meet kernels that are not compiled."""
    if elements > _SLOW_ELEMENTS and numba() is None:
        sys.stderr.write("note: numba is not installed, coding will be slow: pip install 'nmc-codec[fast]'\n")


@contextmanager
def watched_work(title: str, jobs: int | None) -> Iterator[Work]:
    """Work by `jobs` threads (None: as many as there are processors), with a bar where stderr is a terminal."""
    with ExitStack() as stack:
        executor = None
        if jobs != 1:
            executor = stack.enter_context(ThreadPoolExecutor(jobs or os.cpu_count()))
        if not sys.stderr.isatty():
            yield Work(executor, workers=jobs)
            return
        from rich.console import Console
        from rich.progress import Progress as Bar

        bar = stack.enter_context(Bar(console=Console(stderr=True), transient=True))
        task = bar.add_task(title, total=None)
        yield Work(executor, lambda done, total: bar.update(task, completed=done, total=total), jobs)
