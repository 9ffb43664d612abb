"""Manifest, files, declarations and SPEC.md agree, and golden files are what they were made as."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from conformance.vectors import SUITE
from nncodec.errors import ErrorClass
from nncodec.tables import VERSION
from tools import make_vectors
from tools.vectors.suite import Suite, manifest_text

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "SPEC.md").read_text(encoding="utf-8")
MANIFEST = json.loads((SUITE / "manifest.json").read_text(encoding="utf-8"))
ENTRIES = MANIFEST["vectors"]
SCHEMA = json.loads((SUITE / "manifest.schema.json").read_text(encoding="utf-8"))

MOST_BYTES = 1_500_000
"""Of the whole folder: the suite is to be copied into other projects."""

RULES = set(re.findall(r"^\| (R-\d+\.\d+\.\d+) \|", SPEC, re.MULTILINE))
CLAUSES = set(re.findall(r"^#+ (?:Annex )?([A-H0-9](?:\.\d+)*)[ (]", SPEC, re.MULTILINE))
CLAUSES |= set(re.findall(r"^\*\*(E\.\d+) ", SPEC, re.MULTILINE))
UNTESTABLE = {"3.1", "3.2", "8.7"}
"""Normative clauses without vectors: the notation, and what no decoder does under test (B.2; see test_reader.py)."""


@pytest.fixture(scope="module")
def suite():
    return Suite(SUITE)


def test_manifest_lists_exactly_the_files():
    files = {path.relative_to(SUITE).as_posix() for kind in ("valid", "invalid") for path in (SUITE / kind).iterdir()}
    assert files == {entry["file"] for entry in ENTRIES}
    assert len(files) == len(ENTRIES) == len({entry["id"] for entry in ENTRIES})


def test_manifest_lists_hash_and_size_of_every_file():
    for entry in ENTRIES:
        for file in (entry, *entry["refs"]):
            data = (SUITE / file["file"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"], file["file"]
        assert (SUITE / entry["file"]).stat().st_size == entry["bytes"]
        assert entry["id"] == f"{entry['kind']}/{Path(entry['file']).stem}"


def test_manifest_is_of_this_version():
    assert MANIFEST["version"] == VERSION


def test_no_two_vectors_have_the_same_bytes_and_references():
    seen = Counter((entry["sha256"], *(ref["sha256"] for ref in entry["refs"])) for entry in ENTRIES)
    same = {key[0] for key, count in seen.items() if count > 1}
    assert [entry["id"] for entry in ENTRIES if entry["sha256"] in same] == []


def test_references_are_valid_vectors_whose_own_references_come_first():
    parents = {entry["file"]: [ref["file"] for ref in entry["refs"]] for entry in ENTRIES}
    for entry in ENTRIES:
        given: list[str] = []
        for ref in entry["refs"]:
            assert ref["file"].startswith("valid/")
            assert set(parents[ref["file"]]) <= set(given), entry["id"]
            given.append(ref["file"])


def schema_faults(value: object, schema: dict, where: str = "manifest") -> list[str]:
    """What of `value` breaks `schema`, for the few keywords that the schema of the manifest has."""
    if "$ref" in schema:
        return schema_faults(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], where)
    if "oneOf" in schema:
        fits = [not schema_faults(value, option, where) for option in schema["oneOf"]]
        return [] if fits.count(True) == 1 else [f"{where}: fits {fits.count(True)} of the alternatives"]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    faults = []
    if not isinstance(value, kinds.get(schema.get("type"), object)):
        return [f"{where}: not of type {schema['type']}"]
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        faults.append(f"{where}: {value!r} is not allowed")
    if isinstance(value, str):
        fits_pattern = re.search(schema.get("pattern", ""), value) and len(value) >= schema.get("minLength", 0)
        faults += [] if fits_pattern else [f"{where}: {value!r}"]
    elif isinstance(value, int):
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        faults += [] if low <= value <= high else [f"{where}: {value} is not from {low} to {high}"]
    return faults + container_faults(value, schema, where)


def container_faults(value: object, schema: dict, where: str) -> list[str]:
    """What of the parts of `value` breaks `schema`."""
    faults = []
    if isinstance(value, dict):
        known = schema.get("properties", {})
        faults += [f"{where}: {key} is missing" for key in schema.get("required", ()) if key not in value]
        if schema.get("additionalProperties") is False:
            faults += [f"{where}: {key} is unknown" for key in value if key not in known]
        for key in value.keys() & known.keys():
            faults += schema_faults(value[key], known[key], f"{where}.{key}")
    elif isinstance(value, list):
        faults += [] if len(value) >= schema.get("minItems", 0) else [f"{where}: too few items"]
        for index, item in enumerate(value):
            faults += schema_faults(item, schema.get("items", {}), f"{where}[{index}]")
    return faults


def test_manifest_fits_its_schema():
    assert schema_faults(MANIFEST, SCHEMA) == []


@pytest.mark.parametrize("change", [{"bytes": "4"}, {"id": "valid/Bad"}, {"kind": "odd"}, {"extra": 1}, {"expect": {}}])
def test_schema_refuses_what_was_planted(change):
    planted = MANIFEST | {"vectors": [ENTRIES[0] | change]}
    assert schema_faults(planted, SCHEMA)


SET = next(entry for entry in ENTRIES if "models" in entry["expect"])
MODELS = SET["expect"]["models"]


@pytest.mark.parametrize(
    "models", [[], MODELS[:1], [*MODELS, {"name": "a"}], [MODELS[0] | {"name": ""}, MODELS[1]], [*MODELS, {}]]
)
def test_schema_refuses_sets_that_were_planted(models):
    assert schema_faults(MANIFEST | {"vectors": [SET]}, SCHEMA) == []
    assert schema_faults(MANIFEST | {"vectors": [SET | {"expect": {"models": models}}]}, SCHEMA)


def test_golden_files_are_those_of_their_declarations(suite):
    assert list(make_vectors.complaints(suite)) == []
    assert list(make_vectors.missing(suite)) == []


def test_a_changed_golden_file_is_noticed(suite, tmp_path):
    copy = Suite(tmp_path)
    name = next(iter(suite.cases))
    copy.path(name).parent.mkdir(parents=True)
    copy.path(name).write_bytes((suite.stored(name) or b"")[:-1])
    (tmp_path / "valid" / "stray.nmc").write_bytes(b"")
    complaints = list(make_vectors.complaints(copy))
    assert len(complaints) == 2
    assert "never changes" in complaints[0]


def test_a_golden_file_is_not_overwritten(suite, tmp_path):
    copy = Suite(tmp_path)
    (tmp_path / "README.md").write_bytes((SUITE / "README.md").read_bytes())
    name = next(iter(suite.cases))
    copy.path(name).parent.mkdir(parents=True)
    copy.path(name).write_bytes(b"old")
    assert make_vectors.write(copy, force=False) == len(copy.cases) - 1
    assert copy.stored(name) == b"old"
    assert make_vectors.write(copy, force=True) == len(copy.cases)
    assert copy.stored(name) == copy.made[name]
    assert copy.manifest_path.read_text(encoding="utf-8") == manifest_text(copy)


def test_every_rule_of_the_specification_has_a_vector_that_breaks_it():
    broken = {clause for entry in ENTRIES if entry["kind"] == "invalid" for clause in entry["clauses"]}
    assert sorted(RULES - broken) == []


def test_every_rule_and_clause_that_a_vector_names_is_in_the_specification():
    named = {clause for entry in ENTRIES for clause in entry["clauses"]}
    assert {name for name in named if name.startswith("R-")} <= RULES
    assert {name for name in named if not name.startswith("R-")} <= CLAUSES


def test_every_normative_clause_without_parts_is_named_by_a_vector():
    named = {clause for entry in ENTRIES for clause in entry["clauses"]}
    named |= {clause.removeprefix("R-").rpartition(".")[0] for clause in named if clause.startswith("R-")}
    normative = {clause for clause in CLAUSES if clause[0] in "3456789"}
    leaves = {clause for clause in normative if not any(other.startswith(f"{clause}.") for other in normative)}
    assert leaves - named - UNTESTABLE == set()


def test_rules_that_code_names_are_in_the_specification():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "nncodec").rglob("*.py"))
    named = set(re.findall(r"R-\d+\.\d+\.\d+", code))
    assert named <= RULES
    assert RULES - named == set()


def test_every_error_class_is_expected_at_least_twice():
    counts = Counter(entry["expect"]["error"] for entry in ENTRIES if entry["kind"] == "invalid")
    assert {error.value: counts[error.value] for error in ErrorClass if counts[error.value] < 2} == {}
    assert set(counts) <= {error.value for error in ErrorClass}


def test_the_suite_is_small():
    files = [path for path in SUITE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES


def test_table_of_the_readme_names_every_vector():
    readme = (SUITE / "README.md").read_text(encoding="utf-8")
    assert [entry["id"] for entry in ENTRIES if f"| {entry['id']} |" not in readme] == []
