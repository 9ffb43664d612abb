"""What is shown and written about the results of a run."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

from conformance.process import MEBIBYTE
from conformance.vectors import SUITE
from conformance.verdicts import Result, Verdict, passes


def row(result: Result) -> str:
    """A line on one result."""
    return f"{result.verdict.value:<17} {result.id}  {result.detail}".rstrip()


def summary(results: Sequence[Result], *, strict: bool) -> str:
    """Totals by verdict and kind, and the last word."""
    kinds = ("valid", "invalid")
    counts = Counter((result.verdict, result.id.partition("/")[0]) for result in results)
    lines = [f"{'':<17} {'valid':>7} {'invalid':>7}"]
    for verdict in Verdict:
        numbers = [counts[verdict, kind] for kind in kinds]
        if any(numbers):
            lines.append(f"{verdict.value:<17} {numbers[0]:>7} {numbers[1]:>7}")
    return "\n".join([*lines, "", conclusion(results, strict=strict)])


def conclusion(results: Sequence[Result], *, strict: bool) -> str:
    """One sentence."""
    failed = sum(not passes(result.verdict, strict=strict) for result in results)
    skipped = sum(result.verdict == Verdict.SKIPPED for result in results)
    mark = " (strict)" if strict else ""
    aside = f", {skipped} skipped" if skipped else ""
    if failed:
        return f"FAILED{mark}: {failed} of {len(results)} vectors{aside}"
    return f"PASSED{mark}: all of {len(results)} vectors{aside}"


def as_json(results: Sequence[Result], command: Sequence[str], *, strict: bool) -> str:
    """The results for programs."""
    totals = Counter(result.verdict.value for result in results)
    whole = {
        "command": list(command),
        "manifest_sha256": hashlib.sha256((SUITE / "manifest.json").read_bytes()).hexdigest(),
        "strict": strict,
        "passed": all(passes(result.verdict, strict=strict) for result in results),
        "totals": {verdict.value: totals[verdict.value] for verdict in Verdict},
        "results": [_entry(result) for result in results],
    }
    return json.dumps(whole, indent=1) + "\n"


def _entry(result: Result) -> dict[str, Any]:
    return {
        "id": result.id,
        "verdict": result.verdict.value,
        "detail": result.detail,
        "seconds": round(result.seconds, 4),
        "peak_mib": round(result.peak / MEBIBYTE, 1),
    }


def as_junit(results: Sequence[Result], *, strict: bool) -> str:
    """The results in the XML of JUnit, as most build servers read it."""
    failed = sum(not passes(result.verdict, strict=strict) for result in results)
    skipped = sum(result.verdict == Verdict.SKIPPED for result in results)
    head = f'<testsuite name="nmc-conformance" tests="{len(results)}" failures="{failed}" skipped="{skipped}">'
    cases = [_case(result, strict=strict) for result in results]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>", ""])


def _case(result: Result, *, strict: bool) -> str:
    kind, _, name = result.id.partition("/")
    inner = ""
    if result.verdict == Verdict.SKIPPED:
        inner = "<skipped/>"
    elif not passes(result.verdict, strict=strict):
        inner = f'<failure type="{result.verdict.value}" message="{escape(result.detail)}"/>'
    return f'<testcase classname="{escape(kind)}" name="{escape(name)}" time="{result.seconds:.4f}">{inner}</testcase>'
