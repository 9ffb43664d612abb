"""Output files appear whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from nncodec.adapters.atomic import folder_on_success, replace_on_success
from nncodec.errors import ModelFileError

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions and links")


@pytest.fixture
def umask_027() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def write_half(target: Path, error: type[BaseException]) -> None:
    with replace_on_success(str(target)) as fresh:
        fresh.write_bytes(b"half")
        raise error


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_success(tmp_path: Path) -> None:
    target = tmp_path / "out.nmc"
    with replace_on_success(target) as fresh:
        fresh.write_bytes(b"new")
        assert not target.exists()
        assert fresh.parent == tmp_path
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "out.nmc"
    target.write_bytes(b"old")
    with pytest.raises(error):
        write_half(target, error)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [TimeoutError, ConnectionResetError])
def test_errors_of_connections_come_through(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        write_half(tmp_path / "out.nmc", error)
    with pytest.raises(error), folder_on_success(tmp_path / "folder"):
        raise error
    assert not list(tmp_path.iterdir())


def test_system_errors_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"cannot write .*: No space left"), replace_on_success(tmp_path / "o"):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["no/such/folder/o", "nul\x00", "x" * 300], ids=["folder", "nul", "long"])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelFileError, match="cannot write"), replace_on_success(tmp_path / name) as fresh:
        fresh.write_bytes(b"new")
    assert not list(tmp_path.iterdir())


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="it is a folder"), replace_on_success(tmp_path):
        pass


@posix
def test_device_is_refused() -> None:
    with pytest.raises(ModelFileError, match="not a regular file"), replace_on_success("/dev/null"):
        pass


@posix
@pytest.mark.usefixtures("umask_027")
def test_permissions(tmp_path: Path) -> None:
    with replace_on_success(tmp_path / "new"):
        pass
    assert mode_of(tmp_path / "new") == 0o640
    (tmp_path / "new").chmod(0o604)
    with replace_on_success(tmp_path / "new"):
        pass
    assert mode_of(tmp_path / "new") == 0o604


@posix
@pytest.mark.parametrize("exists", [True, False], ids=["good link", "broken link"])
def test_a_link_is_replaced_not_followed(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "link").symlink_to("real")
    if exists:
        (tmp_path / "real").write_bytes(b"old")
    with replace_on_success(tmp_path / "link") as fresh:
        fresh.write_bytes(b"new")
    assert (tmp_path / "link").read_bytes() == b"new"
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").exists() == exists


class TestFolder:
    """`folder_on_success`."""

    @pytest.mark.parametrize("exists", [True, False])
    def test_success(self, tmp_path: Path, exists: bool) -> None:
        target = tmp_path / "out"
        if exists:
            target.mkdir()
            (target / "kept").write_bytes(b"old")
            (target / "a").write_bytes(b"old")
        with folder_on_success(str(target)) as fresh:
            (fresh / "a").write_bytes(b"new")
            (fresh / "b").write_bytes(b"new")
            assert exists == target.exists()
        assert list(tmp_path.iterdir()) == [target]
        names = ["a", "b", "kept"] if exists else ["a", "b"]
        assert sorted(path.name for path in target.iterdir()) == names
        assert (target / "a").read_bytes() == b"new"

    @pytest.mark.parametrize("exists", [True, False])
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
    def test_failure_leaves_what_was_there(self, tmp_path: Path, exists: bool, error: type[BaseException]) -> None:
        target = tmp_path / "out"
        if exists:
            target.mkdir()
            (target / "a").write_bytes(b"old")
        with pytest.raises(error):
            write_half_of_a_folder(target, error)
        assert target.exists() == exists
        assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"old"] * exists
        assert [path for path in tmp_path.iterdir() if path != target] == []

    def test_nothing_to_write_makes_an_empty_folder(self, tmp_path: Path) -> None:
        with folder_on_success(tmp_path / "out"):
            pass
        assert list((tmp_path / "out").iterdir()) == []

    def test_system_errors_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ModelFileError, match=r"cannot write .*: No space left"), folder_on_success(tmp_path / "o"):
            raise OSError(28, "No space left on device")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["no/such/folder/o", "nul\x00"], ids=["folder", "nul"])
    def test_places_that_cannot_be_written(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ModelFileError, match="cannot write"), folder_on_success(tmp_path / name):
            pass
        assert not list(tmp_path.iterdir())

    def test_a_file_in_its_place_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_bytes(b"a file")
        with pytest.raises(ModelFileError, match="give the name of a folder"), folder_on_success(tmp_path / "out"):
            pass
        assert (tmp_path / "out").read_bytes() == b"a file"

    def test_a_folder_in_the_place_of_a_file_is_refused_before_any_file_moves(self, tmp_path: Path) -> None:
        (tmp_path / "out" / "b").mkdir(parents=True)
        with pytest.raises(ModelFileError, match="it is a folder"):
            write_a_and_b(tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "b"]

    @posix
    @pytest.mark.usefixtures("umask_027")
    def test_permissions(self, tmp_path: Path) -> None:
        with folder_on_success(tmp_path / "out"):
            pass
        assert mode_of(tmp_path / "out") == 0o750

    @posix
    def test_a_link_to_a_folder_is_followed_and_one_to_a_file_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "mine").write_bytes(b"mine")
        (tmp_path / "real" / "a").symlink_to(tmp_path / "mine")
        (tmp_path / "out").symlink_to("real")
        with folder_on_success(tmp_path / "out") as fresh:
            (fresh / "a").write_bytes(b"new")
        assert (tmp_path / "out").is_symlink()
        assert (tmp_path / "real" / "a").read_bytes() == b"new"
        assert (tmp_path / "mine").read_bytes() == b"mine"


def write_a_and_b(target: Path) -> None:
    with folder_on_success(target) as fresh:
        (fresh / "a").write_bytes(b"new")
        (fresh / "b").write_bytes(b"new")


def write_half_of_a_folder(target: Path, error: type[BaseException]) -> None:
    with folder_on_success(target) as fresh:
        (fresh / "a").write_bytes(b"half")
        raise error
