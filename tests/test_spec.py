"""SPEC.md and the code say the same: syntax tables, constants, limits, error classes, rules, clauses."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from enum import IntEnum
from pathlib import Path

import construct as c
import pytest
from construct_typed import DataclassStruct

import nncodec.syntax
from nncodec import limits, tables
from nncodec.errors import ErrorClass
from nncodec.syntax.descriptors import Descriptor, Leb128, Text, ZigZag
from nncodec.syntax.runs import Row

ROOT = Path(__file__).parents[1]
SPEC = (ROOT / "SPEC.md").read_text(encoding="utf-8")
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "nncodec").rglob("*.py"))}
POWER = re.compile(r"2\^(\d+)(−1)?")


def rows_after(marker: str) -> list[list[str]]:
    """Cells of the rows of the first table after `marker`, without its two head rows."""
    lines = SPEC[SPEC.index(marker) :].splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def number(cell: str) -> int:
    """A number as the tables write it: 4096, 2^26, 2^32−1."""
    match = POWER.fullmatch(cell)
    return int(cell) if match is None else 2 ** int(match[1]) - (1 if match[2] else 0)


def declarations() -> dict[str, type]:
    """Every record class that a module of the syntax room declares."""
    found = {}
    for module in pkgutil.iter_modules(nncodec.syntax.__path__):
        names = vars(importlib.import_module(f"nncodec.syntax.{module.name}"))
        records = [value.dc_type for value in names.values() if isinstance(value, DataclassStruct)]
        found |= {record.__name__: record for record in records}
    return found


def leaf(subcon: c.Construct) -> Descriptor | DataclassStruct:
    """The descriptor or record inside conditions and arrays."""
    while not isinstance(subcon, Descriptor | DataclassStruct):
        subcon = subcon.thensubcon if isinstance(subcon, c.IfThenElse) else subcon.subcon
    return subcon


def declared_rows(record: type) -> list[tuple[str, str, int | None]]:
    """Name, descriptor and maximum of every element of a record class."""
    rows = []
    for field in dataclasses.fields(record):
        inner = leaf(field.metadata["subcon"])
        text = inner.text if isinstance(inner, Descriptor) else inner.dc_type.__name__
        rows.append((field.name, text, maximum_of(inner)))
    return rows


def maximum_of(inner: Descriptor | DataclassStruct) -> int | None:
    """The maximum that stands beside an element."""
    if isinstance(inner, Row):
        return maximum_of(inner.element)
    if isinstance(inner, ZigZag):
        return inner.folded.maximum
    if isinstance(inner, Text):
        return inner.length.maximum
    return inner.maximum if isinstance(inner, Leb128) else None


DECLARATIONS = declarations()


def test_every_record_of_the_code_is_in_the_spec_and_back():
    assert set(re.findall(r"Record `(\w+)`", SPEC)) == set(DECLARATIONS)


@pytest.mark.parametrize("name", DECLARATIONS)
def test_syntax_table_equals_declaration(name):
    written = []
    for element, descriptor, maximum, _ in rows_after(f"Record `{name}`"):
        written.append((element, descriptor, number(maximum) if maximum else None))
    assert written == declared_rows(DECLARATIONS[name])


def test_element_types_equal_table_4_1():
    written = {int(value): (name, int(bits), flag == "yes") for value, name, bits, flag in rows_after("Table 4.1")}
    coded = {t.value: (t.name, tables.DTYPE_BITS[t], t in tables.QUANTISABLE) for t in tables.DType}
    assert written == coded


@pytest.mark.parametrize(
    "enum", [value for value in vars(tables).values() if isinstance(value, type) and issubclass(value, IntEnum)]
)
def test_enumerations_equal_clause_4(enum):
    if enum in (IntEnum, tables.DType):
        return
    line = re.search(rf"Table 4\.\d+ `{enum.__name__}`[^:]*: (.*)", SPEC)[1]
    written = {name: int(value) for value, name in re.findall(r"(\d+) ([A-Z][A-Z0-9_]+)", line)}
    assert written == {member.name: member.value for member in enum}


def test_constants_equal_clause_4():
    assert tables.MAGIC.hex(" ").upper() in SPEC
    assert tables.FOOTER_MAGIC.hex(" ").upper() in SPEC
    constants = re.findall(r"([A-Z_]{8,}) = (\d+)", SPEC[SPEC.index("## 4 ") : SPEC.index("Table 4.1")])
    assert constants
    for name, value in constants:
        assert getattr(tables, name) == int(value)


def test_levels_equal_table_a_2():
    written = [tuple(map(number, row)) for row in rows_after("Table A.2")]
    assert written == [dataclasses.astuple(level) for level in limits.LEVELS]


def test_error_classes_equal_annex_b():
    assert [row[0] for row in rows_after("### B.1")] == [member.value for member in ErrorClass]


def test_rules_of_the_spec_are_enforced_in_code():
    in_spec = set(re.findall(r"R-\d\.\d\.\d+", SPEC))
    in_code = set(re.findall(r"R-\d\.\d\.\d+", "".join(SOURCES.values())))
    assert in_code == in_spec


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_first_line_of_every_module_names_a_clause_that_exists(path):
    first = SOURCES[path].split('"""')[1].splitlines()[0]
    headings = set(re.findall(r"^#+ (?:Annex )?([A-H0-9](?:\.\d+)*)[ (]", SPEC, re.MULTILINE)) | set(
        re.findall(r"^\*\*([E]\.\d+) ", SPEC, re.MULTILINE)
    )
    named = re.findall(r"(?<![\w.])([A-H](?=[:. ,)])(?:\.\d+)*|\d+(?:\.\d+)*)(?=[ :,)])", first)
    if "SPEC.md" in first:
        assert named
        assert set(named) <= headings, f"{first!r} names {set(named) - headings}"
    else:
        assert "(informative)" in first or path.name == "__init__.py"


def test_descriptors_equal_clause_3_3():
    written = {row[0].strip("`") for row in rows_after("### 3.3")}
    used = {text for record in DECLARATIONS.values() for _, text, _ in declared_rows(record)} - set(DECLARATIONS)
    for pattern, generic in ((r"u\(\d+\)", "u(n)"), (r"b\(\d+\)", "b(n)"), (r"e\(\w+\)", "e(T)")):
        used = {re.sub(f"^{pattern}$", generic, text) for text in used}
    assert used == written


def test_public_functions_of_the_package_are_documented():
    for name in nncodec.__all__:
        assert inspect.getdoc(getattr(nncodec, name)), name
