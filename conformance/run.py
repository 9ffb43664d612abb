"""Test any NMC decoder: `python conformance/run.py [OPTIONS] -- ./mydec {in} {ref}`. README.md has the contract."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

if __package__ in (None, ""):  # this folder is the package, whatever it is called and whatever else lies on the path
    sys.modules["conformance"] = ModuleType("conformance")
    sys.modules["conformance"].__path__ = [str(Path(__file__).resolve().parent)]

from conformance import report
from conformance.process import MEBIBYTE, Bounds
from conformance.selftest import selftest
from conformance.session import Session
from conformance.vectors import HarnessError, Vector, load, select
from conformance.verdicts import Result, Verdict, passes

EXIT_PASSED, EXIT_FAILED, EXIT_HARNESS = 0, 1, 2

USAGE = """\
%(prog)s [OPTIONS] -- COMMAND {in} {ref}   run a decoder on the vectors
       %(prog)s list [--only GLOB]               name the vectors and what they test
       %(prog)s show ID                          say all about one vector
       %(prog)s selftest                         prove that bad decoders are found out"""

EPILOG = """\
exit codes: 0 every vector passed, 1 some did not, 2 usage, or the suite or the machine is at fault

example: %(prog)s --strict -j 2 -- python conformance/adapter_nncodec.py {in} {ref}"""


def make_parser() -> argparse.ArgumentParser:
    """Options that stand before the command."""
    parser = argparse.ArgumentParser(
        prog="run.py", usage=USAGE, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="vectors by id, as 'invalid/lzma2-*'"
    )
    parser.add_argument("--strict", action="store_true", help="count a wrong error class as a failure")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="S", help="seconds for one run; default 10")
    parser.add_argument("--memory", type=int, default=512, metavar="MIB", help="memory for one run; default 512")
    parser.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="run each vector N times; results must agree"
    )
    parser.add_argument(
        "--profile", choices=["baseline", "main"], default="main", help="skip vectors of higher profiles"
    )
    parser.add_argument("--level", type=int, choices=range(5), default=4, help="skip vectors of higher levels")
    parser.add_argument("-j", type=int, default=1, dest="jobs", metavar="N", help="vectors at a time; default 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the results as JUnit XML")
    parser.add_argument("--verbose", action="store_true", help="show passed vectors too")
    return parser


def run_command(argv: Sequence[str]) -> int:
    """Options, `--`, and the command of a decoder."""
    parser = make_parser()
    before = argv[: argv.index("--")] if "--" in argv else argv
    arguments = parser.parse_args(before)
    words = list(argv[len(before) + 1 :])
    if not any("{in}" in word for word in words):
        parser.error("behind -- there must be the command of a decoder, with {in} where the stream's path goes")
    if min(arguments.timeout, arguments.memory, arguments.repeat, arguments.jobs) <= 0:
        parser.error("--timeout, --memory, --repeat and -j must be positive")
    bounds = Bounds(arguments.timeout, arguments.memory * MEBIBYTE)
    session = Session(words, bounds, arguments.repeat, arguments.jobs, arguments.profile, arguments.level)
    results = _shown(session, select(load(), arguments.only), verbose=arguments.verbose)
    if arguments.json:
        arguments.json.write_text(report.as_json(results, words, strict=arguments.strict), encoding="utf-8")
    if arguments.junit:
        arguments.junit.write_text(report.as_junit(results, strict=arguments.strict), encoding="utf-8")
    print(report.summary(results, strict=arguments.strict))
    failed = any(not passes(result.verdict, strict=arguments.strict) for result in results)
    return EXIT_FAILED if failed else EXIT_PASSED


def _shown(session: Session, vectors: Sequence[Vector], *, verbose: bool) -> list[Result]:
    results = []
    for result in session.results(vectors):
        results.append(result)
        if verbose or result.verdict not in (Verdict.PASS, Verdict.SKIPPED):
            print(report.row(result), flush=True)
    return results


def list_command(argv: Sequence[str]) -> int:
    """A line on every vector."""
    parser = argparse.ArgumentParser(prog="run.py list")
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="vectors by id")
    for vector in select(load(), parser.parse_args(argv).only):
        print(f"{vector.id:<52} {vector.expectation:<22} {vector.tests}")
    return EXIT_PASSED


def show_command(argv: Sequence[str]) -> int:
    """Everything about one vector."""
    parser = argparse.ArgumentParser(prog="run.py show")
    parser.add_argument("id", help="as 'valid/type-float32'")
    (vector,) = select(load(), [parser.parse_args(argv).id])[:1]
    for label, value in (
        ("id", vector.id),
        ("tests", vector.tests),
        ("clauses", ", ".join(vector.clauses)),
        ("file", vector.file),
        ("references", ", ".join(vector.refs) or "none"),
        ("needs", f"profile {vector.profile}, level {vector.level}"),
        ("must give", vector.expectation),
    ):
        print(f"{label:<11} {value}")
    for model in vector.models:
        if model.name is not None:
            print(f"  model {model.name!r}")
        for tensor in model.tensors:
            print(f"  {tensor.name!r} {tensor.dtype} {tensor.shape} {tensor.sha256}")
    return EXIT_PASSED


def selftest_command(argv: Sequence[str]) -> int:
    """Fake decoders against the runner."""
    argparse.ArgumentParser(prog="run.py selftest").parse_args(argv)
    return EXIT_PASSED if selftest(print) else EXIT_FAILED


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "list": list_command,
    "show": show_command,
    "selftest": selftest_command,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = COMMANDS.get(words[0]) if words else None
    try:
        return command(words[1:]) if command else run_command(words)
    except (HarnessError, OSError) as error:
        sys.stderr.write(f"run.py: {error}\n")
        return EXIT_HARNESS
    except KeyboardInterrupt:
        return EXIT_HARNESS


if __name__ == "__main__":
    sys.exit(main())
