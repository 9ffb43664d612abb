"""What an experiment hands to the report: claims with what was found, tables, figures; all values, kept as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from nncodec.adapters.atomic import replace_on_success


class Verdict(str, Enum):
    """How a claim of the paper fares on our models."""

    CONFIRMED = "confirmed"
    PARTLY = "partly"
    CONTRADICTED = "contradicted"
    UNTESTED = "untested"


@dataclass(frozen=True)
class Claim:
    """One statement, whose it is, and what we measured about it in one sentence with figures."""

    statement: str
    found: str
    verdict: Verdict
    source: str = "paper"


@dataclass(frozen=True)
class Table:
    """A table; cells are text as it is to be read. `number`: the paper's, such as "IV", or empty."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    number: str = ""


@dataclass(frozen=True)
class Series:
    """One line of a figure; `spread`: half the height of the bar around each y, or empty."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One pair of axes. `level`: heights at which to draw a grey line, each with a label."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    levels: tuple[tuple[str, float], ...] = ()
    steps: bool = False
    """Whether the series are histograms: lines without points, named in a corner."""


@dataclass(frozen=True)
class Figure:
    """Panels side by side. `name` is the stem of its file; `number`: the paper's, such as "7", or empty."""

    name: str
    caption: str
    panels: tuple[Panel, ...]
    number: str = ""


@dataclass(frozen=True)
class Section:
    """One experiment. `text`: what was done and on what, in Markdown without headings."""

    key: str
    title: str
    text: str
    claims: tuple[Claim, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()

    def save(self, path: Path) -> None:
        """Write it as JSON; the file appears whole."""
        with replace_on_success(path) as beside:
            beside.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> Section:
        """What `save` wrote."""
        return _section(json.loads(path.read_text(encoding="utf-8")))


def _section(raw: dict[str, Any]) -> Section:
    return Section(
        raw["key"],
        raw["title"],
        raw["text"],
        tuple(Claim(**{**each, "verdict": Verdict(each["verdict"])}) for each in raw["claims"]),
        tuple(_table(each) for each in raw["tables"]),
        tuple(_figure(each) for each in raw["figures"]),
    )


def _table(raw: dict[str, Any]) -> Table:
    return replace(Table(**raw), head=tuple(raw["head"]), rows=tuple(tuple(row) for row in raw["rows"]))


def _figure(raw: dict[str, Any]) -> Figure:
    return replace(Figure(**raw), panels=tuple(_panel(each) for each in raw["panels"]))


def _panel(raw: dict[str, Any]) -> Panel:
    series = tuple(Series(**{key: _as_tuple(value) for key, value in each.items()}) for each in raw["series"])
    return replace(Panel(**raw), series=series, levels=tuple((label, height) for label, height in raw["levels"]))


def _as_tuple(value: Any) -> Any:  # noqa: ANN401  whatever JSON holds
    return tuple(value) if isinstance(value, list) else value
