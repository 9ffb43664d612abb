"""Invalid vectors: channel maps between tensors of different ranks (SPEC.md clause 8.3.2)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import difference, from_grid
from tools.vectors.cases import invalid
from tools.vectors.draft import Draft, Term

GRID = ("reference-grid",)


def _difference(name: str, dims: tuple[int, ...], count: int, term: Term) -> Draft:
    item = difference(name, "float32", dims, (1,) * count, term)
    return from_grid(replace(item, data=bytes(4 * count), prediction=wire.PREDICT_REFERENCE))


@invalid("VALUE_RANGE", "R-8.3.2", refs=GRID)
def map_columns_of_a_matrix_in_a_vector() -> Draft:
    """As many columns as the record has, of a reference that has none."""
    return _difference("bias", (2, 4), 8, Term(columns=(1, 2, 3, 4)))


@invalid("VALUE_RANGE", "R-8.3.2", refs=GRID)
def map_columns_of_a_vector_in_a_matrix() -> Draft:
    """As many columns as the reference has, of a record that has none."""
    return _difference("grid", (3,), 3, Term(columns=(1, 2, 3, 4)))


@invalid("VALUE_RANGE", "R-8.3.2", refs=GRID)
def map_rows_of_a_scalar_in_a_vector() -> Draft:
    """A row of a record that has none; the reference has four."""
    return _difference("bias", (), 1, Term(rows=(1,)))
