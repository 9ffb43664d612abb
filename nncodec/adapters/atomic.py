"""SPEC.md Annex D.0 (informative), files: an output file appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from nncodec.adapters.reports import reason
from nncodec.errors import ModelFileError

_OF_OTHERS: Final = (ConnectionError, TimeoutError)
"""What a block raises when others give no answer: OSError to Python, but nothing is wrong with the file."""


@contextmanager
def replace_on_success(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Context manager: yields the path of an empty file beside `path`, which takes its place when the block ends.

    Leaving the block by any exception, KeyboardInterrupt included, removes the new file and leaves `path` as it was.
    The file gets the permissions of the file that it replaces; a new one those that the umask gives. A symbolic link
    at `path` is itself replaced: what it points at stays untouched.

    Raises ModelFileError where the folder cannot be written, `path` is not a regular file, or the block raises OSError,
    unless it is of a connection or a time that ran out.
    """
    target = Path(path)
    try:
        mode = _check_target(target)
        fresh = _create_beside(target)
    except (OSError, ValueError) as error:
        raise _cannot_write(target, error) from error
    try:
        yield fresh
        _finish(fresh, target, mode)
    except _OF_OTHERS:
        raise
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        with suppress(OSError):
            fresh.unlink()


@contextmanager
def folder_on_success(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Context manager: yields a new folder; when the block ends, its files move into the folder `path`.

    `path` is made if there is nothing; its other files stay. Leaving the block by any exception removes the new folder
    and leaves `path` as it was. Files of the same names are replaced one after the other. The new folder is in `path`,
    or beside it where that is still to be made, so that files move within one file system.

    Raises ModelFileError where the folder cannot be made or written, or `path` is no folder.
    """
    target = Path(path)
    try:
        home = target if _is_folder(target) else target.parent
        fresh = Path(tempfile.mkdtemp(".tmp", ".nnc-", home))
    except (OSError, ValueError) as error:
        raise _cannot_write(target, error) from error
    try:
        yield fresh
        files = sorted(fresh.iterdir())
        for file in files:
            _check_target(target / file.name)
        target.mkdir(exist_ok=True)
        for file in files:
            file.replace(target / file.name)
    except _OF_OTHERS:
        raise
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _cannot_write(target: Path, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"cannot write {str(target)!r}: {reason(error)}; check the folder, its permissions and free space"
    )


def _is_folder(target: Path) -> bool:
    """Whether there is a folder at `target`, not nothing; raises ModelFileError where there is something else."""
    try:
        what = target.stat()
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(what.st_mode):
        raise ModelFileError(f"cannot write {str(target)!r}: it is a file; give the name of a folder")
    return True


def _check_target(target: Path) -> int | None:
    """Permissions of the regular file at `target`; None where there is nothing yet, or a link to a regular file."""
    try:
        what = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(what.st_mode):
        kind = "a folder" if stat.S_ISDIR(what.st_mode) else "not a regular file"
        raise ModelFileError(f"cannot write {str(target)!r}: it is {kind}; give the name of a file")
    return None if target.is_symlink() else stat.S_IMODE(what.st_mode)


def _create_beside(target: Path) -> Path:
    """Make a new empty file in the folder of `target`; O_EXCL, so that nobody's file or link is ever opened."""
    fresh = target.parent / f".nnc-{secrets.token_hex(8)}.tmp"
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return fresh


def _finish(fresh: Path, target: Path, mode: int | None) -> None:
    """Bring the bytes to the disk before the name: after a power cut the old file or the new one is there, whole."""
    handle = os.open(fresh, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    if mode is not None:
        fresh.chmod(mode)
    fresh.replace(target)
