"""Figures as SVG: the same values give the same file, byte for byte, under the same matplotlib.

Lines are labelled where they end, or in a legend where their ends lie too near to one another; histograms in a corner.
A label keeps its colour through all panels of a figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from tools.experiments.results import Figure, Panel, Series

WIDEST_INCHES: Final = 13.0
PANEL_INCHES: Final = (3.5, 3.1)
LETTER_INCHES: Final = 0.07
STYLE: Final[dict[Any, Any]] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "path.simplify_threshold": 0.4,  # of a pixel
    "svg.fonttype": "none",  # text stays text: small files, and it can be searched
}
INKS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444")
"""The colours of Okabe and Ito, which the colour-blind tell apart; the markers tell them apart in print."""
MARKERS: Final = "os^Dv<>"
DASHES: Final = ("-", "--", ":")
LABEL_GAP: Final = 0.07
"""Least distance of two labels, as a share of the height of the axes."""
FARTHEST: Final = 2 * LABEL_GAP
"""How far a label may stand from the end of its line."""


class Look(NamedTuple):
    """How a series is drawn."""

    ink: str
    marker: str
    dash: str


def draw(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`, as SVG."""
    with rc_context({**STYLE, "svg.hashsalt": figure.name}):
        longest = max((len(series.label) for panel in figure.panels for series in panel.series), default=0)
        width = PANEL_INCHES[0] + LETTER_INCHES * longest  # labels stand beside the axes
        columns = max(1, min(len(figure.panels), int(WIDEST_INCHES / width)))
        rows = math.ceil(len(figure.panels) / columns)
        canvas = Canvas(figsize=(columns * width, rows * PANEL_INCHES[1]), layout="constrained")
        looks = _looks(figure)
        for place, panel in enumerate(figure.panels, 1):
            _draw_panel(canvas.add_subplot(rows, columns, place), panel, looks)
        canvas.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _looks(figure: Figure) -> dict[str, Look]:
    labels = dict.fromkeys(series.label for panel in figure.panels for series in panel.series)
    count = len(INKS)
    return {
        label: Look(INKS[i % count], MARKERS[i % count], DASHES[i // count % len(DASHES)])
        for i, label in enumerate(labels)
    }


def _draw_panel(axes: Axes, panel: Panel, looks: Mapping[str, Look]) -> None:
    axes.set_title(panel.title, loc="left")
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    axes.set_xscale("log" if panel.log_x else "linear")
    axes.set_yscale("log" if panel.log_y else "linear")
    shown = [each for each in map(_finite, panel.series) if each.x]
    for series in shown:
        _draw_series(axes, series, looks[series.label], is_histogram=panel.steps)
    _thin_ticks(axes)
    _draw_levels(axes, panel.levels)
    if panel.steps:
        axes.legend(frameon=False, labelcolor="linecolor", handlelength=1)
    else:
        _label_ends(axes, shown, looks)


def _thin_ticks(axes: Axes) -> None:
    """Five numbers along an axis at most; if logarithmic, decades, or 1, 2, 5 where it spans less than two of them."""
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if axis.get_scale() == "linear":
            axis.set_major_locator(MaxNLocator(5, steps=(1, 2, 5, 10)))
            continue
        axis.set_minor_locator(NullLocator())
        if limits[0] > 0 and math.log10(limits[1] / limits[0]) < 2:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))


def _draw_levels(axes: Axes, levels: Sequence[tuple[str, float]]) -> None:
    """The highest is named above its line, the others below theirs: often they are near to one another."""
    highest = max((height for _, height in levels), default=0.0)
    for label, height in levels:
        axes.axhline(height, color="#999999", linewidth=0.9, zorder=1)
        rise, side = (2, "bottom") if height == highest else (-2, "top")
        place = (0.01, height), (0, rise), ("axes fraction", "data"), "offset points"
        axes.annotate(label, *place, color="#777777", verticalalignment=side)


def _finite(series: Series) -> Series:
    """Without the points that were not measured."""
    kept = [i for i, point in enumerate(zip(series.x, series.y, strict=True)) if all(map(math.isfinite, point))]
    x, y = (tuple(values[i] for i in kept) for values in (series.x, series.y))
    return Series(series.label, x, y, tuple(series.spread[i] for i in kept) if series.spread else ())


def _draw_series(axes: Axes, series: Series, look: Look, *, is_histogram: bool) -> None:
    if is_histogram:
        axes.plot(series.x, series.y, color=look.ink, linestyle=look.dash, linewidth=0.9, label=series.label)
        return
    style: dict[str, Any] = {"marker": look.marker, "markersize": 3.5, "linestyle": look.dash, "linewidth": 1.3}
    spread = series.spread or None
    axes.errorbar(
        series.x, series.y, yerr=spread, capsize=2, elinewidth=0.8, color=look.ink, label=series.label, **style
    )


def _label_ends(axes: Axes, shown: Sequence[Series], looks: Mapping[str, Look]) -> None:
    """Write each label at the right, as near to the height of its line's last point as the others allow."""
    axes.autoscale_view()
    axes.set_xlim(axes.get_xlim())  # labels and levels must not move what their places were computed from
    axes.set_ylim(axes.get_ylim())
    ends = {each.label: max(zip(each.x, each.y, strict=True)) for each in shown}
    heights = {label: _share(axes, *end)[1] for label, end in ends.items()}
    places = _spread_out(heights)
    if any(abs(place - heights[label]) > FARTHEST for label, place in places.items()):
        _legend_beside(axes, list(reversed(places)))
        return
    for label, height in places.items():
        ink = looks[label].ink
        leader = {"arrowstyle": "-", "color": ink, "linewidth": 0.5, "alpha": 0.6, "shrinkA": 1, "shrinkB": 2}
        axes.annotate(
            label,
            ends[label],
            (1.04, height),
            textcoords="axes fraction",
            color=ink,
            verticalalignment="center",
            arrowprops=leader,
            annotation_clip=False,
        )


def _legend_beside(axes: Axes, labels: Sequence[str]) -> None:
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    shown = [handles[label] for label in labels]
    axes.legend(shown, labels, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, labelcolor="linecolor")


def _share(axes: Axes, x: float, y: float) -> tuple[float, float]:
    across, up = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))
    return float(across), float(up)


def _spread_out(heights: Mapping[str, float]) -> dict[str, float]:
    """From the lowest up, each at least LABEL_GAP above the last, and all within the axes where they fit."""
    placed: dict[str, float] = {}
    floor = -math.inf
    for label, height in sorted(heights.items(), key=lambda item: item[1]):
        placed[label] = floor = max(height, floor + LABEL_GAP)
    ceiling = max(1.0, LABEL_GAP * (len(placed) - 1))
    for label in reversed(placed):
        placed[label] = ceiling = min(placed[label], ceiling)
        ceiling -= LABEL_GAP
    return placed
