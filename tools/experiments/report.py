"""The report: sections as one file of Markdown, its figures beside it, and all of it once more as one page of HTML."""

from __future__ import annotations

import base64
import html
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.experiments.figures import draw
from tools.experiments.results import Claim, Figure, Section, Table, Verdict
from tools.experiments.sections import Found, Origin

NAME: Final = "paper-report"
TITLE: Final = "The paper's experiments on networks trained here"
INTRODUCTION: Final = """\
What Chen, Duan, Wang et al., "Toward Knowledge as a Service Over Networks: A Deep Learning Model Communication
Paradigm" (IEEE JSAC 37(6), 2019), show on VGG-16 and ResNet models, shown on small networks that two cores train. The
paper's printed numbers are not at hand; so its claims are what is tested. "Paper mode" is the paper's method: profile
`baseline`, decadic steps 10^(q_bits − 12), f = 0.4, LZMA; "main" is all that this format has. Every figure and every
verdict here is computed from measurements by the command below; none is written by hand."""
SUMMARY_LENGTH: Final = 160
NUMBER: Final = re.compile(r"[−+-]?[\d.,]+( ?[%×kM])?( ?[±–] ?[\d.,]+%?)?|–|")
STYLE: Final = """\
body { max-width: 64rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #222; }
table { border-collapse: collapse; font-size: 0.87rem; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #888; }
td { font-variant-numeric: tabular-nums; }
img { max-width: 100%; }
a { color: #0072b2; }
code { background: #f3f3f3; }
pre { background: #f3f3f3; padding: 0.6rem; overflow-x: auto; }"""


def write_report(found: Sequence[Found], folder: Path) -> Path:
    """Write the report on `found` into `folder`: NAME.md, NAME.html, and the figures into NAME/. Returns the first."""
    pictures = folder / NAME
    shutil.rmtree(pictures, ignore_errors=True)  # what a figure of another name left there is no part of this
    pictures.mkdir(parents=True)
    for figure in (figure for each in found for figure in each.section.figures):
        draw(figure, pictures / f"{figure.name}.svg")
    text = markdown(found)
    path = folder / f"{NAME}.md"
    path.write_text(text, encoding="utf-8")
    path.with_suffix(".html").write_text(as_html(text, folder), encoding="utf-8")
    return path


def markdown(found: Sequence[Found]) -> str:
    """The report as Markdown."""
    sections = [each.section for each in found]
    parts = [f"# {TITLE}", INTRODUCTION, *_head(found), "## Summary", *_summary(sections)]
    parts += [part for section in sections for part in _section(section)]
    return "\n\n".join(parts) + "\n"


def _head(found: Sequence[Found]) -> Iterator[str]:
    """How the sections were made; mostly all of them in one way."""
    ways: dict[tuple[str, str], list[str]] = {}
    for each in found:
        ways.setdefault((each.origin.command, _versions(each.origin)), []).append(each.section.key)
    for (command, versions), keys in ways.items():
        who = "Made by" if len(ways) == 1 else f"{', '.join(keys)}: made by"
        yield f"{who}\n\n```\n{command}\n```\n\nwith {versions}."
    if any(not each.origin.has_data for each in found):
        yield "**Without the folder of data sets**: digits stand in for all images, and no real pairs joined."
    if any(each.origin.is_reduced for each in found):
        yield "**A reduced run**: tiny networks and few points. It shows that everything runs, and nothing else."


def _versions(origin: Origin) -> str:
    return ", ".join(f"{name} {version}" for name, version in origin.versions)


def _summary(sections: Iterable[Section]) -> Iterator[str]:
    claims = [(section, claim) for section in sections for claim in section.claims]
    counts = Counter(claim.verdict for _, claim in claims)
    yield ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]) or "No claims."
    rows = [_summary_row(*each) for each in claims]
    yield _table_lines(("experiment", "claim", "whose", "verdict", "found (all of it in the section)"), rows)


def _summary_row(section: Section, claim: Claim) -> tuple[str, ...]:
    link = f"[{section.key}](#{slug(_heading(section))})"
    found = shorten(claim.found, SUMMARY_LENGTH, placeholder=" …")
    return link, claim.statement.rstrip("."), claim.source, claim.verdict.value, found


def _heading(section: Section) -> str:
    return f"{section.key}. {section.title}"


def _section(section: Section) -> Iterator[str]:
    yield f"## {_heading(section)}"
    yield section.text
    if section.claims:
        yield "\n".join(map(_claim, section.claims))
    for table in section.tables:
        yield _caption("Table", table)
        yield _table_lines(table.head, table.rows)
    for figure in section.figures:
        yield f"![{figure.caption}]({NAME}/{figure.name}.svg)"
        yield _caption("Figure", figure)


def _claim(claim: Claim) -> str:
    return f"- **{claim.verdict.value}**: {claim.statement.rstrip('.')} ({claim.source}). {claim.found}"


def _caption(kind: str, shown: Table | Figure) -> str:
    numbered = "Fig." if shown.number[:1].isdigit() else "Table"  # the paper's tables bear Roman numbers
    number = f" (the paper's {numbered} {shown.number})" if shown.number else ""
    return f"**{kind}{number}.** {shown.caption}"


def _table_lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; columns of numbers are set to the right."""
    are_numbers = [all(NUMBER.fullmatch(row[column]) for row in rows) for column in range(len(head))]
    rule = ["---:" if is_number else "---" for is_number in are_numbers]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in (head, rule, *rows))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def as_html(text: str, folder: Path) -> str:
    """The same as a page that needs no other file: pictures, at paths below `folder`, stand in it."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", slug(tokens[place + 1].content))
        for child in token.children or ():
            _embed(child, folder)
    body = reader.renderer.render(tokens, reader.options, {})
    head = f'<meta charset="utf-8">\n<title>{html.escape(TITLE)}</title>\n<style>\n{STYLE}\n</style>'
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}</body>\n</html>\n'


def _embed(token: Token, folder: Path) -> None:
    if token.type == "image":
        picture = base64.b64encode((folder / str(token.attrs["src"])).read_bytes()).decode()
        token.attrSet("src", f"data:image/svg+xml;base64,{picture}")
