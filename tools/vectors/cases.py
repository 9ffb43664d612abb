"""Vectors as declared: one small function each. Its name is the id, its docstring is what the vector tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Final, TypeVar

from tools.vectors.draft import Draft, assemble
from tools.vectors.set_draft import SetDraft, assemble_set

Make = Callable[[], Draft | SetDraft]
MakeT = TypeVar("MakeT", bound=Make)

MODULES: Final = (
    *("valid_container", "valid_slices", "valid_types", "valid_levels", "valid_rounding"),
    *("valid_prediction", "valid_terms", "valid_maps", "valid_exact_difference", "valid_inherited"),
    *("valid_mixing", "valid_taps", "valid_rans", "valid_rans_sides", "rans_bounds"),
    *("own_copies", "valid_limits", "valid_encoder", "valid_sets"),
    *("invalid_start", "invalid_units", "invalid_parameters", "invalid_table", "invalid_slices"),
    *("invalid_end", "invalid_coded", "invalid_references", "invalid_terms", "invalid_maps"),
    *("invalid_inherited", "invalid_limits"),
    *("invalid_order", "invalid_mixing", "invalid_rans", "invalid_rans_alone", "invalid_sets", "invalid_set_members"),
)
"""The modules of this folder that declare vectors, in the order of the manifest."""


@dataclass(frozen=True)
class Case:
    """One vector.

    error: the class a decoder must give, None for a valid vector; accept: classes that are as honest.
    refs: ids of the vectors that are given as references. stable: no liblzma took part, so the bytes never change.
    """

    id: str
    tests: str
    clauses: tuple[str, ...]
    make: Make
    error: str | None = None
    accept: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    stable: bool = True

    @property
    def kind(self) -> str:
        """Either "valid" or "invalid"."""
        return "valid" if self.error is None else "invalid"


_CASES: dict[str, Case] = {}


def all_cases() -> dict[str, Case]:
    """Every declared vector by id."""
    for module in MODULES:
        import_module(f"tools.vectors.{module}")
    return dict(_CASES)


def valid(*clauses: str, refs: Sequence[str] = (), stable: bool = True) -> Callable[[MakeT], MakeT]:
    """Declare a valid vector that covers `clauses`."""
    return lambda make: _declare(make, Case("", "", clauses, make, refs=_ids(refs), stable=stable))


def invalid(
    error: str, *clauses: str, accept: Sequence[str] = (), refs: Sequence[str] = (), stable: bool = True
) -> Callable[[MakeT], MakeT]:
    """Declare an invalid vector that must be rejected with class `error` for breaking `clauses`."""
    case = Case("", "", clauses, Draft, error, tuple(accept), _ids(refs), stable)
    return lambda make: _declare(make, case)


def patched(base: Make, rows: Iterable[tuple[str, Mapping[str, bytes], str]], refs: Sequence[str] = ()) -> None:
    """Declare invalid vectors that are `base` with patches; `refs` are given as references.

    A row is: name, class and clauses in one string; the patches; what is tested.
    """
    for head, patches, tests in rows:
        name, error, *clauses = head.split()
        make = partial(_with_patches, base, patches)
        _add(Case(f"invalid/{name.replace('_', '-')}", tests, tuple(clauses), make, error, refs=_ids(refs)))


def patched_valid(base: Make, rows: Iterable[tuple[str, Mapping[str, bytes], str]]) -> None:
    """Declare valid vectors that are `base` with patches; a row is name and clauses, patches, what is tested."""
    for head, patches, tests in rows:
        name, *clauses = head.split()
        _add(Case(f"valid/{name}", tests, tuple(clauses), partial(_with_patches, base, patches)))


def _with_patches(base: Make, patches: Mapping[str, bytes]) -> Draft | SetDraft:
    return replace(base(), patches=patches)


def _declare(make: MakeT, case: Case) -> MakeT:
    name = make.__name__.strip("_").replace("_", "-")
    tests = " ".join((inspect.getdoc(make) or "").split())
    _add(replace(case, id=f"{case.kind}/{name}", tests=tests, make=make))
    return make


def _add(case: Case) -> None:
    if case.id in _CASES:
        raise ValueError(f"two vectors are called {case.id}")
    _CASES[case.id] = case


def _ids(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"valid/{name}" for name in names)


def data_of(case: Case) -> bytes:
    """The bytes of a vector."""
    draft = case.make()
    return assemble_set(draft) if isinstance(draft, SetDraft) else assemble(draft)
