"""One run of a decoder command: without a shell, in an empty folder, within time, memory and output (POSIX)."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from conformance.vectors import HarnessError

MEBIBYTE: Final = 2**20
MAX_OUTPUT: Final = 64 * MEBIBYTE
KEPT_ERRORS: Final = 2**16
_WITH_OPTION: Final = re.compile(r"\{ref:([^{}]+)\}")
PAUSES: Final = (0.001, 0.02)
"""Seconds between two looks at a running decoder: the first, and the longest."""


@dataclass(frozen=True)
class Bounds:
    """What a decoder may take: seconds, bytes of memory."""

    seconds: float = 10.0
    memory: int = 512 * MEBIBYTE


class Ending(Enum):
    """How a run came to its end."""

    EXIT = "exit"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"


@dataclass(frozen=True)
class Outcome:
    """What a run left: `code` is negative for a signal."""

    ending: Ending
    code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    peak: int
    strays: tuple[str, ...]


def prepared(words: Sequence[str]) -> list[str]:
    """The command with the files it names made absolute, as it runs elsewhere. Raises HarnessError.

    The first word is a program; unless it holds a slash it is looked up as a shell would.
    """
    program = shutil.which(words[0])
    if program is None:
        raise HarnessError(f"{words[0]}: no such program")
    rest = [str(Path(word).resolve()) if Path(word).is_file() else word for word in words[1:]]
    return [str(Path(program).absolute()), *rest]


def expanded(words: Sequence[str], stream: Path, refs: Sequence[Path]) -> list[str]:
    """The command for one vector: {in} is the stream; a word with {ref} is repeated for each reference, or dropped.

    The word {ref:OPTION} becomes two for each reference: OPTION and its path.
    """
    out = []
    for word in words:
        option = _WITH_OPTION.fullmatch(word)
        if option:
            out += [part for ref in refs for part in (option[1], str(ref))]
            continue
        copies = [word.replace("{ref}", str(ref)) for ref in refs] if "{ref}" in word else [word]
        out += [copy.replace("{in}", str(stream)) for copy in copies]
    return out


def run(words: Sequence[str], stream: bytes, refs: Sequence[bytes], bounds: Bounds) -> Outcome:
    """Run the command on copies of the files. Raises HarnessError where it cannot be started."""
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as folder:
        base = Path(folder)
        files = _lay_out(base / "box", stream, refs)
        before = _contents(base / "box")
        command = expanded(words, files[0], files[1:])
        started = time.monotonic()
        ending, code, peak = _supervised(command, base, bounds)
        seconds = time.monotonic() - started
        strays = _changes(before, _contents(base / "box"))
        return Outcome(ending, code, _head(base / "stdout"), _tail(base / "stderr"), seconds, peak, strays)


def _lay_out(box: Path, stream: bytes, refs: Sequence[bytes]) -> list[Path]:
    (box / "work").mkdir(parents=True)
    (box / "input").mkdir()
    files = [box / "input" / name for name in ("stream.nmc", *(f"ref{index}.nmc" for index in range(len(refs))))]
    for path, data in zip(files, (stream, *refs), strict=True):
        path.write_bytes(data)
    return files


def _contents(box: Path) -> dict[str, bytes]:
    """All files around the working folder, which is the decoder's own."""
    paths = (path for path in box.rglob("*") if path.is_file() and (box / "work") not in path.parents)
    return {path.relative_to(box).as_posix(): path.read_bytes() for path in paths}


def _changes(before: dict[str, bytes], after: dict[str, bytes]) -> tuple[str, ...]:
    return tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))


def _supervised(command: Sequence[str], base: Path, bounds: Bounds) -> tuple[Ending, int, int]:
    work = base / "box" / "work"
    with (base / "stdout").open("wb") as stdout, (base / "stderr").open("wb") as stderr:
        try:
            process = subprocess.Popen(
                command, cwd=work, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                env={**os.environ, "TMPDIR": str(work)}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise HarnessError(f"{command[0]} cannot be started: {error}") from error
        try:
            return _watched(process, (base / "stdout", base / "stderr"), bounds)
        finally:
            _kill(process)


def _watched(process: subprocess.Popen[bytes], outputs: Sequence[Path], bounds: Bounds) -> tuple[Ending, int, int]:
    deadline, pause, peak, ending = time.monotonic() + bounds.seconds, PAUSES[0], 0, Ending.EXIT
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            peak = max(peak, _own_only(usage.ru_maxrss * 1024))
            over = peak > bounds.memory and ending == Ending.EXIT
            return Ending.MEMORY if over else ending, process.returncode, peak
        peak = max(peak, _own_only(_resident(process.pid)))
        if ending == Ending.EXIT:
            ending = _excess(peak, deadline, outputs, bounds)
            if ending != Ending.EXIT:
                _kill(process)
        time.sleep(pause)
        pause = min(2 * pause, PAUSES[1])


def _own_only(measured: int) -> int:
    """0 where `measured` may be the memory of this process, of which a child has a copy until it runs its command."""
    return measured if measured > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 else 0


def _excess(peak: int, deadline: float, outputs: Sequence[Path], bounds: Bounds) -> Ending:
    """What a running decoder has taken too much of; EXIT for nothing."""
    if peak > bounds.memory:
        return Ending.MEMORY
    if any(path.stat().st_size > MAX_OUTPUT for path in outputs):
        return Ending.OUTPUT
    return Ending.TIMEOUT if time.monotonic() > deadline else Ending.EXIT


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The whole group: a decoder may have started others, which would go on without it.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _resident(pid: int) -> int:
    """Bytes of memory that a process and its descendants hold; 0 where the system does not tell (no /proc)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(_resident(int(child)) for child in children)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_OUTPUT + 1)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - KEPT_ERRORS))
        return file.read()
