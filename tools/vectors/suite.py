"""The suite on disk: vectors as files, and the manifest that is made from the declarations and those files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tools.vectors import wire
from tools.vectors.cases import Case, all_cases, data_of
from tools.vectors.draft import Draft
from tools.vectors.set_draft import SetDraft

PROFILES: Final = {wire.BASELINE: "baseline", wire.MAIN: "main"}


@dataclass(frozen=True)
class Suite:
    """The folder `conformance`, and all declared vectors."""

    folder: Path

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Declared vectors by id."""
        return all_cases()

    @cached_property
    def made(self) -> dict[str, bytes]:
        """The bytes of every vector as this machine makes them."""
        return {name: data_of(case) for name, case in self.cases.items()}

    @property
    def manifest_path(self) -> Path:
        """Place of the manifest."""
        return self.folder / "manifest.json"

    def path(self, name: str) -> Path:
        """Place of a vector."""
        return self.folder / f"{name}.nmc"

    def stored(self, name: str) -> bytes | None:
        """The bytes of a vector on disk, None if there is no such file."""
        path = self.path(name)
        return path.read_bytes() if path.is_file() else None

    def strays(self) -> list[str]:
        """Files of the suite that no declaration makes."""
        known = {self.path(name) for name in self.cases}
        files = [path for kind in ("valid", "invalid") for path in (self.folder / kind).rglob("*") if path.is_file()]
        return sorted(path.relative_to(self.folder).as_posix() for path in files if path not in known)


def manifest(suite: Suite) -> dict[str, Any]:
    """The manifest of the vectors as they lie on disk."""
    data = {name: suite.stored(name) or suite.made[name] for name in suite.cases}
    return {
        "format": "NMC",
        "version": wire.VERSION,
        "licence": "CC0-1.0",
        "vectors": [_entry(case, data) for case in suite.cases.values()],
    }


def _entry(case: Case, data: Mapping[str, bytes]) -> dict[str, Any]:
    draft = case.make()
    return {
        "id": case.id,
        "kind": case.kind,
        **_file(case.id, data),
        "bytes": len(data[case.id]),
        "refs": [_file(ref, data) for ref in case.refs],
        "tests": case.tests,
        "clauses": list(case.clauses),
        "profile": PROFILES[draft.profile],
        "level": draft.level,
        "reproducible": case.stable,
        "expect": _expectation(draft) if case.error is None else {"error": case.error, "accept": list(case.accept)},
    }


def _file(name: str, data: Mapping[str, bytes]) -> dict[str, str]:
    return {"file": f"{name}.nmc", "sha256": hashlib.sha256(data[name]).hexdigest()}


def _expectation(draft: Draft | SetDraft) -> dict[str, Any]:
    if isinstance(draft, SetDraft):
        return {"models": [{"name": name} | _contents(member) for name, member in draft.models()]}
    return _contents(draft)


def _contents(draft: Draft) -> dict[str, Any]:
    tensors = [
        {
            "name": item.name,
            "dtype": item.dtype,
            "shape": list(item.dims),
            "sha256": hashlib.sha256(item.data).hexdigest(),
        }
        for item in draft.items
    ]
    return {"tensors": tensors, "content_id": draft.content_id.hex()}


def manifest_text(suite: Suite) -> str:
    """The manifest as JSON, one line for each vector, so that a new vector is one new line."""
    whole = manifest(suite)
    vectors = whole.pop("vectors")
    head = json.dumps(whole, indent=1).removesuffix("\n}")
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in vectors)
    return f'{head},\n "vectors": [\n{lines}\n ]\n}}\n'


TABLE_BEGIN: Final = "<!-- table of vectors: made by tools/make_vectors.py -->"
TABLE_END: Final = "<!-- end of table -->"


def readme_text(suite: Suite, old: str) -> str:
    """The README with the table of vectors renewed. Raises ValueError if its place is not marked."""
    head, found, rest = old.partition(TABLE_BEGIN)
    tail = rest.partition(TABLE_END)[2]
    if not found or TABLE_END not in rest:
        raise ValueError(f"the README has no lines {TABLE_BEGIN!r} and {TABLE_END!r}")
    return f"{head}{TABLE_BEGIN}\n\n{_counts(suite)}\n\n{_table(suite)}\n\n{TABLE_END}{tail}"


def _counts(suite: Suite) -> str:
    kinds = [case.kind for case in suite.cases.values()]
    return f"{kinds.count('valid')} valid and {kinds.count('invalid')} invalid vectors."


def _table(suite: Suite) -> str:
    rows = ["| vector | result | tests | clauses |", "|---|---|---|---|"]
    for case in suite.cases.values():
        tests = case.tests.replace("|", "\\|")
        rows.append(f"| {case.id} | {case.error or 'decodes'} | {tests} | {', '.join(case.clauses)} |")
    return "\n".join(rows)
