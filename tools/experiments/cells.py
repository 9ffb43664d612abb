"""Numbers as tables and claims of sets and pruned networks show them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tools.experiments.summary import NOT_MEASURED, cell


def whole(value: float) -> str:
    """Bytes, such as "12,345"."""
    return cell(value, ",.0f")


def ratio(value: float) -> str:
    """A quotient, such as "0.312" or "41.3": three figures."""
    return cell(value, ".3f" if abs(value) < 10 else ".1f")


def percent(value: float) -> str:
    """A share, such as "93.10%"."""
    return cell(value, ".2%")


def decibels(value: float) -> str:
    """An SNR; "exact" where there is no error."""
    return "exact" if value == math.inf else cell(value, ".1f")


def span(values: Iterable[float], form: str = ".2f") -> str:
    """The least and the greatest of `values`, such as "0.31 to 0.55"."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return NOT_MEASURED
    low, high = (format(each, form) for each in (min(known), max(known)))
    return low if low == high else f"{low} to {high}"


def tally(cases: Iterable[bool]) -> str:
    """In how many cases something holds, such as "11 of 12"."""
    outcomes = list(cases)
    return f"{sum(outcomes)} of {len(outcomes)}"
