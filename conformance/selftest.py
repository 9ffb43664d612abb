"""The runner under test: fake decoders (fakes.py), each of which must get the verdict it deserves."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conformance.process import MEBIBYTE, Bounds
from conformance.session import Session
from conformance.vectors import SUITE, load, select
from conformance.verdicts import Result, Verdict

VALID: Final = "valid/everything-small"
INVALID: Final = "invalid/slice-payload-short"
TRAILING: Final = "invalid/trailing-a-zero"
VERSION: Final = "invalid/version-1"
SET: Final = "valid/set-in-its-own-order"
OTHER_SET: Final = "valid/set-difference"
NAME: Final = "invalid/set-name-up"
TOTALS: Final = "invalid/set-element-count-one-more"
HIGHER: Final = "invalid/set-member-of-a-higher-level"
NESTED: Final = "invalid/set-in-a-set"


@dataclass(frozen=True)
class Trial:
    """A fake decoder, and the verdicts that it must get, by vector."""

    name: str
    verdicts: dict[str, Verdict]
    repeat: int = 1


def _both(name: str, valid: Verdict, invalid: Verdict) -> Trial:
    return Trial(name, {VALID: valid, INVALID: invalid})


def _wrong_when_valid(name: str, verdict: Verdict = Verdict.WRONG_OUTPUT) -> Trial:
    return Trial(name, {VALID: verdict})


def _wrong_with_sets(name: str) -> Trial:
    return Trial(name, {SET: Verdict.WRONG_OUTPUT, OTHER_SET: Verdict.WRONG_OUTPUT})


TRIALS: Final = (
    _both("accepts-all-with-nothing", Verdict.WRONG_OUTPUT, Verdict.ACCEPTED_INVALID),
    _both("accepts-all-with-garbage", Verdict.PROTOCOL, Verdict.ACCEPTED_INVALID),
    _both("rejects-all", Verdict.REJECTED_VALID, Verdict.WRONG_CLASS),
    _both("rejects-all-silently", Verdict.CRASH, Verdict.CRASH),
    Trial("unsupported-all", {VALID: Verdict.UNSUPPORTED, INVALID: Verdict.UNSUPPORTED, VERSION: Verdict.UNSUPPORTED}),
    _both("rejects-as-unsupported", Verdict.PROTOCOL, Verdict.PROTOCOL),
    _both("other-exit-code", Verdict.CRASH, Verdict.CRASH),
    _both("crashes-on-reject", Verdict.PASS, Verdict.CRASH),
    _both("traceback-on-reject", Verdict.PASS, Verdict.CRASH),
    _both("hangs", Verdict.TIMEOUT, Verdict.TIMEOUT),
    _wrong_when_valid("eats-memory", Verdict.MEMORY),
    _wrong_when_valid("floods", Verdict.PROTOCOL),
    _both("partial-then-error", Verdict.REJECTED_VALID, Verdict.PASS),
    _both("whole-then-error", Verdict.PROTOCOL, Verdict.PROTOCOL),
    _wrong_when_valid("wrong-dtype"),
    _wrong_when_valid("wrong-shape"),
    _wrong_when_valid("wrong-name"),
    _wrong_when_valid("wrong-order"),
    _wrong_when_valid("last-tensor-missing"),
    _both("one-ulp-off", Verdict.WRONG_OUTPUT, Verdict.PASS),
    Trial("ignores-trailing-data", {VALID: Verdict.PASS, TRAILING: Verdict.ACCEPTED_INVALID}),
    Trial("nondeterministic", {VALID: Verdict.WRONG_OUTPUT}, repeat=2),
    _both("writes-beside-its-input", Verdict.PROTOCOL, Verdict.PROTOCOL),
    _wrong_when_valid("writes-to-its-input", Verdict.PROTOCOL),
    _wrong_when_valid("dump-without-end", Verdict.PROTOCOL),
    _wrong_when_valid("dump-with-wrong-count", Verdict.PROTOCOL),
    _wrong_when_valid("dump-with-something-behind", Verdict.PROTOCOL),
    _wrong_with_sets("models-without-names"),
    _wrong_with_sets("models-of-other-names"),
    Trial("models-sorted", {SET: Verdict.WRONG_OUTPUT}),
    _wrong_with_sets("models-swapped"),
    _wrong_with_sets("last-model-missing"),
    _wrong_with_sets("first-model-only"),
    Trial("ignores-totals", {SET: Verdict.PASS, TOTALS: Verdict.ACCEPTED_INVALID, NAME: Verdict.PASS}),
    Trial("accepts-any-name", {SET: Verdict.PASS, TOTALS: Verdict.PASS, NAME: Verdict.ACCEPTED_INVALID}),
    Trial("accepts-members-above-the-set", {SET: Verdict.PASS, HIGHER: Verdict.ACCEPTED_INVALID}),
    Trial("accepts-nested-sets", {SET: Verdict.PASS, NESTED: Verdict.ACCEPTED_INVALID}),
)
PASSED: Final = (VALID, INVALID, TRAILING, VERSION, SET, OTHER_SET, NAME, TOTALS, HIGHER, NESTED)
HONEST: Final = Trial("adapter_nncodec.py", dict.fromkeys(PASSED, Verdict.PASS), repeat=2)


def selftest(tell: Callable[[str], object]) -> bool:
    """Whether every fake got its verdicts, and the honest decoder passed."""
    good = _tried(HONEST, [str(SUITE / HONEST.name)], tell)
    for trial in TRIALS:
        good &= _tried(trial, [str(SUITE / "fakes.py"), trial.name], tell)
    tell(f"{len(TRIALS)} bad decoders and a good one: " + ("all found out" if good else "NOT all judged rightly"))
    return good


def _tried(trial: Trial, words: list[str], tell: Callable[[str], object]) -> bool:
    good = True
    for result in _results(trial, [sys.executable, *words, "{in}", "{ref}"]):
        wanted = trial.verdicts.get(result.id)
        good &= result.verdict == wanted
        mark = "ok " if result.verdict == wanted else f"BAD (must be {wanted.value if wanted else 'nothing'})"
        tell(f"{mark} {trial.name:<27} {result.id:<28} {result.verdict.value}: {result.detail}")
    return good


def _results(trial: Trial, words: list[str]) -> list[Result]:
    seconds = 0.5 if trial.name == "hangs" else 20.0
    session = Session(words, Bounds(seconds, 256 * MEBIBYTE), trial.repeat, jobs=2)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FAKE_STATE"] = str(Path(folder) / "state")
        return list(session.results(select(load(), list(trial.verdicts))))
