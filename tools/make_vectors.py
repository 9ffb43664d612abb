"""Write the golden bitstreams of `conformance/`, their manifest and the table in its README, or check them.

    python -m tools.make_vectors            write what is new; refuse to change what is there
    python -m tools.make_vectors --check    make everything again and compare
    python -m tools.make_vectors --force    write everything anew: only while the bitstream is a draft (version 0)

A golden file is written once. Those in which liblzma took part (`"reproducible": false` in the manifest) depend on its
version: their bytes are not compared; instead they must still decode to what is declared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.vectors import wire
from tools.vectors.judge import complaint
from tools.vectors.suite import Suite, manifest_text, readme_text

FOLDER = Path(__file__).resolve().parent.parent / "conformance"


def complaints(suite: Suite) -> Iterator[str]:
    """Everything in which the golden files are not what is declared, missing ones left aside."""
    for name, case in suite.cases.items():
        found = suite.stored(name)
        if found is None:
            continue
        if case.stable and found != suite.made[name]:
            yield f"{name}: the file holds other bytes than its declaration makes; a golden file never changes"
        elif not case.stable:
            yield from filter(None, [complaint(case, found, lambda ref: suite.stored(ref) or suite.made[ref])])
    yield from (f"{stray}: no declaration makes this file" for stray in suite.strays())


def missing(suite: Suite) -> Iterator[str]:
    """Files that are not there, or that do not agree with what they are made from."""
    yield from (f"{name}: there is no such file" for name in suite.cases if suite.stored(name) is None)
    if not suite.manifest_path.is_file() or suite.manifest_path.read_text(encoding="utf-8") != manifest_text(suite):
        yield "manifest.json is not that of these files"
    readme = (suite.folder / "README.md").read_text(encoding="utf-8")
    if readme != readme_text(suite, readme):
        yield "README.md: its table is not that of these vectors"


def write(suite: Suite, *, force: bool) -> int:
    """Write what is not there, or everything; returns the number of files written."""
    written = 0
    for name, data in suite.made.items():
        if force or suite.stored(name) is None:
            suite.path(name).parent.mkdir(parents=True, exist_ok=True)
            suite.path(name).write_bytes(data)
            written += 1
    for stray in suite.strays() if force else ():
        (suite.folder / stray).unlink()
    suite.manifest_path.write_text(manifest_text(suite), encoding="utf-8")
    readme = suite.folder / "README.md"
    readme.write_text(readme_text(suite, readme.read_text(encoding="utf-8")), encoding="utf-8")
    return written


def self_consistent(suite: Suite) -> list[str]:
    """Vectors that nncodec does not judge as they declare: never to be written."""
    judged = (complaint(case, suite.made[name], suite.made.__getitem__) for name, case in suite.cases.items())
    return [reason for reason in judged if reason]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make_vectors", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; compare what is there with what is declared"
    )
    parser.add_argument("--force", action="store_true", help="write every file anew, while the version is a draft")
    arguments = parser.parse_args(argv)
    suite = Suite(FOLDER)
    if arguments.force and wire.VERSION != 0:
        parser.error(f"version {wire.VERSION} is released: its golden files stay as they are")
    troubles = [] if arguments.force else list(complaints(suite))
    troubles += missing(suite) if arguments.check else self_consistent(suite)
    if troubles:
        sys.stderr.write("\n".join(troubles) + f"\n{len(troubles)} complaints; nothing was written\n")
        return 1
    if arguments.check:
        print(f"{len(suite.cases)} vectors are as they are declared")
    else:
        print(f"{len(suite.cases)} vectors, {write(suite, force=arguments.force)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
