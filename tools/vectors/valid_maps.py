"""Valid vectors: channel maps and aligned copies (SPEC.md clauses 6.6.3, 8.3.2 and 8.3.5)."""

from __future__ import annotations

from dataclasses import replace

from tools.vectors import wire
from tools.vectors.bases import ONE, difference, from_grid, grid, reference_model, tensor_of
from tools.vectors.cases import valid
from tools.vectors.draft import Draft, Group, Item, Term, exact
from tools.vectors.prediction import copied_words, differing

GRID = ("reference-grid",)
MANY = 8192


def _mapped(source: str, dims: tuple[int, ...], term: Term) -> Item:
    """A tensor without levels but 0 beside a few, predicted from a tensor of the grid model of that name."""
    count = 1
    for dim in dims:
        count *= dim
    target = difference(source, "float32", dims, tuple(n % 3 - 1 for n in range(count)), term)
    return differing(grid(source), target, ONE)


@valid("6.6.3", "8.3.2", "R-8.3.2", refs=GRID)
def map_axes_transposed() -> Draft:
    """The two axes of a matrix change places."""
    return from_grid(_mapped("grid", (4, 3), Term(axes=(1, 0))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_axes_of_three() -> Draft:
    """A rotation of three axes: axis j is axis axes[j] of the reference, not the other way round."""
    return from_grid(_mapped("cube", (3, 4, 2), Term(axes=(1, 2, 0))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_axes_of_identity() -> Draft:
    """Axes that stay where they are, written out."""
    return from_grid(_mapped("cube", (2, 3, 4), Term(axes=(0, 1, 2))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_axes_cropped_and_padded() -> Draft:
    """Axes are permuted first, then cropped and padded."""
    return from_grid(_mapped("grid", (5, 2), Term(axes=(1, 0))))


@valid("6.6.3", "8.3.2", "R-8.3.2", refs=GRID)
def map_rows_permuted() -> Draft:
    """Three rows in another order: p steps backwards and forwards."""
    return from_grid(_mapped("grid", (3, 4), Term(rows=(3, 1, 2))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_rows_in_order() -> Draft:
    """Rows in their order: every element of the map is 0."""
    return from_grid(_mapped("grid", (3, 4), Term(rows=(1, 2, 3))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_rows_with_zeros() -> Draft:
    """New rows, which no row of the reference predicts: at the front, between, and at the end."""
    return from_grid(_mapped("grid", (6, 4), Term(rows=(0, 3, 0, 0, 1, 0))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_rows_repeated() -> Draft:
    """A row of the reference predicts several rows."""
    return from_grid(_mapped("grid", (5, 4), Term(rows=(2, 2, 2, 1, 2))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_rows_of_none() -> Draft:
    """All rows are new: the reference predicts nothing."""
    return from_grid(_mapped("grid", (3, 4), Term(rows=(0, 0, 0))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_rows_of_a_vector() -> Draft:
    """The rows of a vector are its elements."""
    return from_grid(_mapped("bias", (5,), Term(rows=(4, 0, 2, 2, 1))))


@valid("6.6.3", "8.3.2", "R-8.3.2", refs=GRID)
def map_columns() -> Draft:
    """Columns in another order, with a new one and one twice."""
    return from_grid(_mapped("grid", (3, 5), Term(columns=(4, 0, 1, 1, 3))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_columns_of_three_axes() -> Draft:
    """Columns are the slices along axis 1, whatever the rank."""
    return from_grid(_mapped("cube", (2, 3, 4), Term(columns=(3, 2, 0))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_rows_and_columns() -> Draft:
    """Rows and columns at once: where either is new, the prediction is 0."""
    return from_grid(_mapped("grid", (4, 3), Term(rows=(2, 0, 3, 1), columns=(0, 4, 2))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_axes_rows_and_columns() -> Draft:
    """All three steps, of a reference of three axes, then cropped along axis 2."""
    return from_grid(_mapped("cube", (3, 4, 1), Term(axes=(2, 1, 0), rows=(4, 0, 1), columns=(3, 3, 0, 1))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_rows_cropped_columns() -> Draft:
    """Rows are mapped; columns, which are not, are cropped."""
    return from_grid(_mapped("grid", (2, 2), Term(rows=(3, 2))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_columns_padded_rows() -> Draft:
    """Columns are mapped; rows, which are not, are padded."""
    return from_grid(_mapped("grid", (5, 2), Term(columns=(4, 1))))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_of_nothing() -> Draft:
    """A channel map without axes, rows and columns."""
    return from_grid(_mapped("grid", (3, 4), Term(map_of_nothing=True)))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_for_no_rows() -> Draft:
    """A tensor without rows: its columns are mapped."""
    return from_grid(_mapped("grid", (0, 2), Term(columns=(1, 4))))


@valid("6.6.3", "8.3.3", refs=GRID)
def map_with_gain_of_every_row() -> Draft:
    """Gains are those of the rows of the record, behind the map."""
    return from_grid(_mapped("grid", (4, 4), Term(rows=(3, 3, 0, 1), gains=(1.0, -1.0, 2.0, 0.5))))


@valid("6.6.3", "8.3.3", refs=GRID)
def map_of_two_terms() -> Draft:
    """Two terms with maps of their own."""
    terms = (Term(rows=(2, 1, 3)), Term(reference=4, axes=(1, 0), columns=(4, 3, 0, 1), gains=(2.0,)))
    target = difference("grid", "float32", (3, 4), (0, 1, -1) * 4, *terms)
    return from_grid(differing([grid("grid"), grid("halves")], target, ONE))


@valid("6.6.3", "8.3.2", refs=GRID)
def map_that_meets_an_expansion() -> Draft:
    """A single row of the reference predicts two hundred."""
    return from_grid(_mapped("bias", (200,), Term(rows=(2,) * 200)))


def aligned_copy(source: str, dims: tuple[int, ...], term: Term) -> Item:
    """A copy of a tensor of the grid model, brought to another shape."""
    item = grid(source)
    copy = exact(source, item.dtype, dims, copied_words(item, term, dims))
    return replace(copy, prediction=wire.PREDICT_COPY, terms=(term,))


@valid("8.3.2", "8.3.5", "R-8.3.4", refs=GRID)
def copy_cropped() -> Draft:
    """A copy of a smaller shape."""
    return from_grid(aligned_copy("ints", (1, 2), Term()))


@valid("8.3.2", "8.3.5", "R-8.3.4", refs=GRID)
def copy_padded() -> Draft:
    """A copy of a larger shape: what is missing is bytes of 0."""
    return from_grid(aligned_copy("ints", (3, 4), Term()))


@valid("8.3.2", "8.3.5", refs=GRID)
def copy_mapped() -> Draft:
    """Copies with maps, of floats, integers, bytes and complex elements."""
    items = [
        aligned_copy("grid", (4, 3), Term(axes=(1, 0))),
        aligned_copy("ints", (3, 3), Term(rows=(2, 0, 1))),
        aligned_copy("bytes", (3, 2), Term(columns=(3, 1))),
        aligned_copy("complex", (2, 2), Term(rows=(2, 1), columns=(0, 2))),
    ]
    return from_grid(*items)


@valid("8.3.2", "8.3.5", "R-8.3.4", refs=GRID)
def copy_padded_as_far_as_allowed() -> Draft:
    """Four elements copied to a shape of 8192 times as many."""
    item = aligned_copy("bias", (4 * MANY,), Term())
    return from_grid(item)


@valid("8.3.2", "8.3.5", refs=("reference-model",))
def copy_mapped_keeps_bits() -> Draft:
    """A mapped copy keeps NaN payloads, -0 and subnormals."""
    source, term = tensor_of(reference_model(), "w"), Term(columns=(4, 3, 2, 1))
    data = copied_words(source, term, (2, 4))
    item = replace(exact("w", "float32", (2, 4), data), prediction=wire.PREDICT_COPY, terms=(term,))
    return replace(from_grid(item), parents=[reference_model().content_id])


def wide_model() -> Draft:
    """A model of one long row of zeros."""
    zeros = exact("row", "float32", (1, 2**18), bytes(2**20))
    return Draft([zeros], [Group(pack=lambda data: wire.packed(data, 0, 0, 0))])


@valid("5.2", stable=False)
def reference_wide() -> Draft:
    """A reference of one row of 2^18 elements."""
    return wide_model()


@valid("8.3.2", "8.3.5", "F", refs=("reference-wide",), stable=False)
def copy_of_a_row_many_times() -> Draft:
    """4096 rows of one element: whoever picks rows of 2^18 before cropping them takes 4 GiB."""
    term = Term(rows=(1,) * 2**12)
    item = replace(exact("row", "float32", (2**12, 1), bytes(2**14)), prediction=wire.PREDICT_COPY, terms=(term,))
    draft = Draft([item], parents=[wide_model().content_id])
    return replace(draft, header_pack=lambda data: wire.packed(data, 4, 0, 0))


@valid("8.3.5", refs=GRID)
def copy_of_packed_and_strings() -> Draft:
    """Elements of four bits, and strings, are copied as they are."""
    items = [replace(aligned_copy(name, grid(name).dims, Term()), name=name) for name in ("nibbles", "names")]
    return from_grid(*items)
