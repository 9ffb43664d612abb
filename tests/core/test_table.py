"""SPEC.md clauses 7.3, 8.3 and E.8: inherited tensor tables and topologies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode
from nncodec.encoder.tables import edits_from
from nncodec.errors import BitstreamError, ErrorClass
from nncodec.inspection import inspect
from nncodec.model import Model, Tensor, Topology
from nncodec.stream import read_identity, read_stream
from nncodec.syntax.tensor_table import TableEdit, TensorRecord
from nncodec.table import apply_edits, copy_coding, identity_of
from nncodec.tables import DType, Edit, Prediction, Profile, TopologyFormat, UnitType
from tests.core.handmade import Draft, draft, record, same_tensors, term, weights

NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


def byte_tensor(name: str, size: int = 1) -> Tensor:
    return Tensor(name, DType.INT8, (size,), bytes(size))


def resolved(records: list[TensorRecord], parent: Model) -> list[TensorRecord]:
    """The records with every plain copy by name given by its place, as an inherited table gives it."""
    places = {tensor.name: place + 1 for place, tensor in enumerate(parent.tensors)}
    return [
        replace(item, coding=copy_coding(2, places[item.name])) if item.coding == copy_coding(2, 0) else item
        for item in records
    ]


@st.composite
def tables(draw: st.DrawFn) -> tuple[Model, list[TensorRecord]]:
    parent = Model(tuple(byte_tensor(name) for name in draw(NAMES)))
    names = [tensor.name for tensor in parent.tensors if draw(st.integers(0, 3))]  # most stay, in their order
    for name in draw(NAMES):
        if name.upper() not in names:
            names.insert(draw(st.integers(0, len(names))), name.upper())
    if draw(st.integers(0, 3)) == 0:
        names = draw(st.permutations(names))
    records = []
    for name in names:
        known = parent.by_name.get(name)
        kind = draw(st.sampled_from(["copy", "placed", "coded", "other"]))
        if known is None or kind in ("coded", "other"):
            records.append(record(name, DType.INT8, (1 + (kind == "other"),)))
        else:
            place = parent.tensors.index(known) + 1 if kind == "placed" else 0
            records.append(TensorRecord(identity_of(known), copy_coding(2, place)))
    return parent, records


@settings(max_examples=300, deadline=None)
@given(tables())
def test_edits_of_the_encoder_give_its_table_again(case: tuple[Model, list[TensorRecord]]) -> None:
    parent, records = case
    edits = edits_from(parent, 2, records)
    places = [parent.tensors.index(parent.by_name[item.name]) for item in records if item.name in parent.by_name]
    assert (edits is None) == (places != sorted(places))
    if edits is not None:
        assert apply_edits(parent, 2, edits) == resolved(records, parent)


PARENT = Model((byte_tensor("a"), byte_tensor("b"), byte_tensor("c")), Topology(TopologyFormat.ONNX, b"graph"))
X = record("x", DType.INT8, (1,))


def names_after(*edits: TableEdit) -> list[str]:
    return [item.name for item in apply_edits(PARENT, 0, edits)]


def test_each_edit_does_what_the_clause_says() -> None:
    assert names_after() == ["a", "b", "c"]
    assert names_after(TableEdit(1, Edit.DELETE, None, None)) == ["a", "c"]
    assert names_after(TableEdit(1, Edit.INSERT, X.identity, X.coding)) == ["a", "x", "b", "c"]
    assert names_after(TableEdit(3, Edit.INSERT, X.identity, X.coding)) == ["a", "b", "c", "x"]
    assert names_after(TableEdit(1, Edit.REPLACE, X.identity, X.coding)) == ["a", "x", "c"]
    (a, b, c) = apply_edits(PARENT, 0, [TableEdit(1, Edit.CHANGE, None, X.coding)])
    assert (b.identity, b.coding) == (identity_of(PARENT.tensors[1]), X.coding)
    assert (a.coding, c.coding) == (copy_coding(0, 1), copy_coding(0, 3))


@pytest.mark.parametrize(
    "edits",
    [
        [TableEdit(3, Edit.DELETE, None, None)],
        [TableEdit(3, Edit.CHANGE, None, X.coding)],
        [TableEdit(4, Edit.INSERT, X.identity, X.coding)],
        [TableEdit(2**20, Edit.REPLACE, X.identity, X.coding)],
        [TableEdit(2, Edit.DELETE, None, None), TableEdit(0, Edit.DELETE, None, None)],
    ],
)
def test_edits_beyond_the_parent_are_refused(edits: list[TableEdit]) -> None:
    with pytest.raises(BitstreamError) as caught:
        apply_edits(PARENT, 0, edits)
    assert (caught.value.error_class, caught.value.clause) == (ErrorClass.VALUE_RANGE, "R-7.3.1")


def inherited(*edits: TableEdit, count: int = 3, topology_parent: int = 1) -> Draft:
    """A stream that takes table and topology from PARENT, and edits the table."""
    base = replace(draft(), records=[], slices=[], topology=None, edits=list(edits), content_id=PARENT.content_id)
    base = base.with_parameters(parents=[PARENT.content_id], groups=[], topology_parent=topology_parent)
    return base.with_start(profile=Profile.MAIN, tensor_count=count, element_count=count, decoded_size=count)


def test_stream_without_edits_is_the_parent() -> None:
    data = inherited().data
    assert same_tensors(decode(data, [PARENT]), PARENT)
    assert {item.coding.prediction for item in read_stream(data, references=[PARENT]).records} == {Prediction.COPY}
    identity = read_identity(data)
    assert (identity.content_id, identity.parents) == (PARENT.content_id, (PARENT.content_id,))


def test_inherited_parts_ask_for_the_parent_and_others_do_not() -> None:
    for data in (inherited().data, inherited(topology_parent=0).data):
        with pytest.raises(BitstreamError) as caught:
            inspect(data)
        assert (caught.value.error_class, caught.value.clause) == (ErrorClass.REF_MISSING, "R-7.2.3")
        with pytest.raises(BitstreamError, match="REF_MISMATCH"):
            inspect(data, [Model(())])
        assert [item.name for item in inspect(data, [PARENT]).tensors] == ["a", "b", "c"]
    alone = draft().with_parameters(parents=[PARENT.content_id]).data
    assert inspect(alone).parents == (PARENT.content_id.hex(),)


def test_more_edits_than_tensors_can_need_are_refused() -> None:
    insert = TableEdit(0, Edit.INSERT, X.identity, X.coding)
    with pytest.raises(BitstreamError) as caught:
        read_stream(inherited(*[insert] * 7).data, references=[PARENT])
    assert (caught.value.error_class, caught.value.clause) == (ErrorClass.SIZE_MISMATCH, "6.6")


def test_topology_unit_beside_an_inherited_topology_is_out_of_order() -> None:
    with pytest.raises(BitstreamError) as caught:
        read_stream(replace(inherited(), topology=draft().topology).data, references=[PARENT])
    assert (caught.value.error_class, caught.value.clause) == (ErrorClass.UNIT_ORDER, "R-7.2.1")


def test_encoder_inherits_a_topology_that_stayed_and_sends_one_that_changed() -> None:
    graph = Topology(TopologyFormat.ONNX, bytes(range(256)) * 4)
    old = Model((weights("w", (8, 8)),), graph)
    same = Model((weights("w", (8, 8), 1),), graph)
    other = Model(old.tensors, Topology(TopologyFormat.SAFETENSORS_METADATA, graph.data))
    for model, parent in ((same, 1), (other, 0)):
        data = encode(model, EncoderConfig(lossless=True), [Model(()), old])
        stream = read_stream(data, references=[old])
        assert stream.parameters.topology_parent == parent
        assert (UnitType.TOPOLOGY in [unit.unit_type for unit in stream.units]) == (parent == 0)
        assert same_tensors(decode(data, [old]), model)


def test_copy_by_place_into_a_table_of_its_own() -> None:
    item = record(
        "new", DType.INT8, (1,), prediction=Prediction.COPY, terms=[term(0, 2)], slice_group=None, level_width=None
    )
    base = replace(inherited(count=1), edits=None, records=[item])
    assert decode(base.data, [PARENT], tensors=["new"]).tensors[0].content_id == PARENT.tensors[1].content_id
