"""What a run of a decoder on a vector is worth (README.md, "The contract")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from conformance import tds
from conformance.process import MAX_OUTPUT, MEBIBYTE, Bounds, Ending, Outcome
from conformance.vectors import Vector

EXIT_DECODED, EXIT_REJECTED, EXIT_UNSUPPORTED = 0, 1, 3
_LAST_LINE: Final = re.compile(r"(error|unsupported): ([A-Z][A-Z0-9_]*)(?: [a-z]+=\d+)*")


class Verdict(str, Enum):
    """Results, in the order in which they are counted."""

    PASS = "PASS"  # noqa: S105
    WRONG_CLASS = "WRONG_CLASS"
    WRONG_OUTPUT = "WRONG_OUTPUT"
    ACCEPTED_INVALID = "ACCEPTED_INVALID"
    REJECTED_VALID = "REJECTED_VALID"
    CRASH = "CRASH"
    TIMEOUT = "TIMEOUT"
    MEMORY = "MEMORY"
    PROTOCOL = "PROTOCOL"
    UNSUPPORTED = "UNSUPPORTED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True)
class Result:
    """Verdict on one vector, with a word on why."""

    id: str
    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0
    peak: int = 0


def passes(verdict: Verdict, *, strict: bool) -> bool:
    """Whether a verdict leaves a decoder conforming; a wrong class does unless `strict`."""
    return verdict in (Verdict.PASS, Verdict.SKIPPED) or (verdict == Verdict.WRONG_CLASS and not strict)


def judge(vector: Vector, outcomes: Sequence[Outcome], bounds: Bounds) -> Result:
    """The verdict on all runs of a decoder on one vector: that of the first that failed."""
    verdicts = [_judge_one(vector, outcome, bounds) for outcome in outcomes]
    verdict, detail = next((found for found in verdicts if found[0] != Verdict.PASS), verdicts[0])
    if verdict == Verdict.PASS and len({_visible(outcome) for outcome in outcomes}) > 1:
        verdict, detail = Verdict.WRONG_OUTPUT, "not the same result in every run"
    elif verdicts.count((verdict, detail)) != len(verdicts):
        detail = f"not the same result in every run: {detail}"
    seconds = max(outcome.seconds for outcome in outcomes)
    return Result(vector.id, verdict, detail, seconds, max(outcome.peak for outcome in outcomes))


def _visible(outcome: Outcome) -> tuple[int, bytes, str]:
    return outcome.code, outcome.stdout, last_line(outcome.stderr)


def _judge_one(vector: Vector, outcome: Outcome, bounds: Bounds) -> tuple[Verdict, str]:
    if outcome.ending != Ending.EXIT:
        return _cut_short(outcome, bounds)
    if outcome.strays:
        return Verdict.PROTOCOL, f"wrote outside its working folder: {', '.join(outcome.strays)}"
    if outcome.code < 0:
        return Verdict.CRASH, f"ended by signal {-outcome.code}"
    if outcome.code == EXIT_DECODED:
        return _judge_decoded(vector, outcome)
    if outcome.code in (EXIT_REJECTED, EXIT_UNSUPPORTED):
        return _judge_refused(vector, outcome)
    return Verdict.CRASH, f"exit code {outcome.code}: {last_line(outcome.stderr)}"


def _cut_short(outcome: Outcome, bounds: Bounds) -> tuple[Verdict, str]:
    if outcome.ending == Ending.TIMEOUT:
        return Verdict.TIMEOUT, f"still running after {bounds.seconds:g} s"
    if outcome.ending == Ending.MEMORY:
        return Verdict.MEMORY, f"took {outcome.peak // MEBIBYTE} MiB; {bounds.memory // MEBIBYTE} are allowed"
    return Verdict.PROTOCOL, f"wrote more than {MAX_OUTPUT // MEBIBYTE} MiB"


def _judge_decoded(vector: Vector, outcome: Outcome) -> tuple[Verdict, str]:
    if not vector.valid:
        return Verdict.ACCEPTED_INVALID, f"exit code 0; must be {vector.expectation}"
    try:
        models = tds.parse(outcome.stdout)
    except tds.TdsError as error:
        return Verdict.PROTOCOL, f"tensor dump: {error}"
    difference = first_difference(vector.models, models)
    return (Verdict.WRONG_OUTPUT, difference) if difference else (Verdict.PASS, "")


def first_difference(expected: Sequence[tds.Model], found: Sequence[tds.Model]) -> str:
    """Where the models are not those that are expected; empty if they are."""
    for index, (ours, theirs) in enumerate(zip(expected, found, strict=False)):
        if ours.name != theirs.name:
            return f"model {index}: name is {theirs.name!r}, must be {ours.name!r}"
        difference = _difference_of_tensors(ours.tensors, theirs.tensors)
        if difference:
            return difference if ours.name is None else f"model {index} ({ours.name!r}): {difference}"
    return "" if len(expected) == len(found) else f"{len(found)} models, must be {len(expected)}"


def _difference_of_tensors(expected: Sequence[tds.Tensor], found: Sequence[tds.Tensor]) -> str:
    for index, (ours, theirs) in enumerate(zip(expected, found, strict=False)):
        for field in ("name", "dtype", "shape", "sha256"):
            wanted, given = getattr(ours, field), getattr(theirs, field)
            if wanted != given:
                return f"tensor {index} ({ours.name!r}): {field} is {given!r}, must be {wanted!r}"
    return "" if len(expected) == len(found) else f"{len(found)} tensors, must be {len(expected)}"


def _judge_refused(vector: Vector, outcome: Outcome) -> tuple[Verdict, str]:
    said = _LAST_LINE.fullmatch(last_line(outcome.stderr))
    if said is None:
        return (
            Verdict.CRASH,
            f"exit code {outcome.code}, and the last line does not say why: {last_line(outcome.stderr)!r}",
        )
    word, error_class = said[1], said[2]
    unsupported = outcome.code == EXIT_UNSUPPORTED
    if (word == "unsupported") != unsupported:
        return Verdict.PROTOCOL, f"exit code {outcome.code} with {said[0]!r}"
    if tds.is_complete(outcome.stdout):
        return Verdict.PROTOCOL, "a whole tensor dump, and then an error"
    if vector.valid:
        return (Verdict.UNSUPPORTED if unsupported else Verdict.REJECTED_VALID), said[0]
    return _judge_class(vector, error_class, unsupported=unsupported)


def _judge_class(vector: Vector, error_class: str, *, unsupported: bool) -> tuple[Verdict, str]:
    fits = error_class in vector.classes
    if fits and unsupported == error_class.startswith("UNSUPPORTED_"):
        return Verdict.PASS, ""
    if unsupported:
        return Verdict.UNSUPPORTED, f"{error_class}, must be {vector.expectation}"
    return Verdict.WRONG_CLASS, f"{error_class}, must be {vector.expectation}"


def last_line(stderr: bytes) -> str:
    """The last line of standard error that is not empty."""
    lines = stderr.decode("utf-8", "replace").split("\n")
    return next((line.rstrip("\r") for line in reversed(lines) if line.strip()), "")
