"""The report of the experiments: what stands in it, and that the same sections give the same bytes."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.experiments.figures import LABEL_GAP, _spread_out, draw
from tools.experiments.report import NAME, as_html, markdown, slug, write_report
from tools.experiments.results import Claim, Figure, Panel, Section, Series, Table, Verdict
from tools.experiments.sections import Found, Origin

ORIGIN = Origin("digest", (0, 1), has_data=True, is_reduced=False, versions=(("python", "3.11"),))
LINES = Panel(
    "top-1",
    "bytes",
    "utility",
    (Series("alone", (1e3, 1e4), (0.2, 0.7), (0.1, 0.05)), Series("update", (1e2, math.nan, 1e3), (0.5, 0.6, 0.7))),
    log_x=True,
    levels=(("before", 0.72),),
)
STEPS = Panel("weights", "value", "share", (Series("V1", (-1.0, 0.0, 1.0), (1.0, 5.0, 1.0)),), steps=True)
FIGURE = Figure("e5-curves", "Utility over size.", (LINES, STEPS, LINES, LINES), "7")
SECTION = Section(
    "E5",
    "Updates, one after the other",
    "What was done.",
    (
        Claim("An update | is smaller", "5.0 times.", Verdict.CONFIRMED),
        Claim("It is free", "No.", Verdict.CONTRADICTED),
    ),
    (Table("Sizes.", ("what", "bytes", "gain"), (("alone", "1,234", "1.5 ± 0.2"), ("update", "–", "2.5×")), "V"),),
    (FIGURE,),
)


def report(*sections: Section, origin: Origin = ORIGIN) -> str:
    return markdown([Found(section, origin) for section in sections])


def files(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}


def test_section_survives_its_file(tmp_path: Path) -> None:
    bars = Panel("p", "x", "y", (Series("s", (1.0, 2.0), (3.0, 4.0), (0.5, 0.5)),), log_x=True, levels=(("l", 1.0),))
    section = Section("E1", "t", "text", SECTION.claims, SECTION.tables, (Figure("f", "c", (bars,), "1"),))
    section.save(tmp_path / "E1.json")
    assert Section.load(tmp_path / "E1.json") == section


def test_summary_lists_claims_with_verdicts_and_links() -> None:
    text = report(SECTION)
    summary = text.partition("## Summary")[2].partition("\n## ")[0]
    assert "1 confirmed, 1 contradicted" in summary
    assert (
        r"| [E5](#e5-updates-one-after-the-other) | An update \| is smaller | paper | confirmed | 5.0 times. |"
        in summary
    )
    assert slug("E5. Updates, one after the other") == "e5-updates-one-after-the-other"


def test_summary_has_a_line_of_what_the_section_tells_in_full() -> None:
    told = "0.5 times the bytes (vgg-cifar), " * 20 + "at last."
    claim = Claim("Updates are small.", told, Verdict.CONFIRMED)
    text = report(Section("E5", "t", "text", (claim,)))
    summary, _, section = text.partition("\n## E5")
    assert "| Updates are small | paper |" in summary
    assert " … |" in summary
    assert "at last" not in summary
    assert f"- **confirmed**: Updates are small (paper). {told}" in section


def test_columns_of_numbers_are_set_to_the_right() -> None:
    assert "| what | bytes | gain |\n| --- | ---: | ---: |\n| alone | 1,234 | 1.5 ± 0.2 |" in report(SECTION)


def test_tables_and_figures_name_those_of_the_paper() -> None:
    text = report(SECTION)
    assert "**Table (the paper's Table V).** Sizes." in text
    assert f"![Utility over size.]({NAME}/e5-curves.svg)\n\n**Figure (the paper's Fig. 7).**" in text


def test_head_says_how_it_was_made_and_what_is_missing() -> None:
    text = report(SECTION)
    assert "python -m tools.experiments --data DATA --seeds 0 1\n" in text
    assert "python 3.11" in text
    assert "reduced run" not in text.lower()
    poor = Origin("digest", (0,), has_data=False, is_reduced=True, versions=())
    text = report(SECTION, origin=poor)
    assert "python -m tools.experiments --reduced --seeds 0\n" in text
    assert "Without the folder of data sets" in text
    assert "A reduced run" in text


def test_sections_of_different_making_are_told_apart() -> None:
    other = Origin("digest", (5,), has_data=True, is_reduced=False, versions=())
    text = markdown([Found(SECTION, ORIGIN), Found(Section("E9", "t", "text"), other)])
    assert "E5: made by" in text
    assert "E9: made by" in text


def test_report_is_written_whole_and_the_same_twice(tmp_path: Path) -> None:
    found = [Found(SECTION, ORIGIN)]
    path = write_report(found, tmp_path / "a")
    (tmp_path / "b" / NAME).mkdir(parents=True)
    (tmp_path / "b" / NAME / "of-yesterday.svg").touch()
    write_report(found, tmp_path / "b")
    names = files(path.parent)
    assert names == {f"{NAME}.html", f"{NAME}.md", f"{NAME}/e5-curves.svg"} == files(tmp_path / "b")
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_page_holds_all_that_it_shows(tmp_path: Path) -> None:
    path = write_report([Found(SECTION, ORIGIN)], tmp_path)
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    assert 'id="e5-updates-one-after-the-other"' in page
    assert re.findall(r'src="(.{26})', page) == ["data:image/svg+xml;base64,"]
    assert '<td style="text-align:right">1,234</td>' in page


def test_text_of_an_experiment_is_no_markup_of_the_page(tmp_path: Path) -> None:
    assert "<script>" not in as_html("a <script>alert(1)</script> b", tmp_path)


def test_figure_is_svg_with_its_words_and_no_date(tmp_path: Path) -> None:
    draw(FIGURE, tmp_path / "f.svg")
    text = (tmp_path / "f.svg").read_text(encoding="utf-8")
    texts = [each for each in ET.fromstring(text).iter() if each.tag.endswith("}text")]  # noqa: S314  our own
    words = {"".join(each.itertext()).strip() for each in texts}
    assert {"alone", "update", "before", "V1", "bytes", "utility"} <= words
    assert "<dc:date>" not in text


@pytest.mark.parametrize("count", [1, 3, 15, 20])
def test_labels_keep_their_distance_and_order(count: int) -> None:
    heights = {str(i): 0.9 + i / 1000 for i in range(count)}
    placed = list(_spread_out(heights).values())
    assert list(_spread_out(heights)) == list(heights)
    assert all(high - low >= LABEL_GAP - 1e-9 for low, high in pairwise(placed))
    assert placed[-1] <= 1 or count * LABEL_GAP > 1
