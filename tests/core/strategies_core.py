"""Hypothesis strategies for the records of SPEC.md clause 6, within the bounds of every element."""

from __future__ import annotations

from typing import Any

from construct_typed import DataclassStruct
from hypothesis import strategies as st

from nncodec.syntax.end import END, FOOTER, INDEX_ENTRY, End, Footer, IndexEntry
from nncodec.syntax.model_parameter_set import (
    MODEL_PARAMETER_SET,
    QUANTISER,
    SLICE_GROUP,
    ModelParameterSet,
    Quantiser,
    SliceGroup,
)
from nncodec.syntax.slice import SLICE_HEADER, SliceHeader
from nncodec.syntax.start import START, START_PREFIX, Start, StartPrefix
from nncodec.syntax.tensor_table import TENSOR_RECORD, TENSOR_TABLE_UNIT, TensorRecord, TensorTableUnit
from nncodec.syntax.topology import TOPOLOGY_UNIT, TopologyUnit
from nncodec.syntax.units import UNIT_HEADER, UnitHeader
from nncodec.tables import (
    DType,
    EntropyCoder,
    HeaderCoding,
    LevelWidth,
    Prediction,
    Profile,
    Representation,
    StepKind,
    TopologyFormat,
)
from tests.strategies import names

BYTE = st.integers(0, 255)
MASK = st.integers(0, 2**32 - 1)
INDEX = st.integers(0, 2**16)
OFFSET = st.integers(-128, 127)
IDS = st.lists(st.binary(min_size=32, max_size=32), max_size=16)

PREFIXES = st.builds(StartPrefix, st.binary(min_size=8, max_size=8), BYTE, BYTE)
STARTS = st.builds(
    Start,
    st.sampled_from(Profile),
    BYTE,
    MASK,
    MASK,
    MASK,
    INDEX,
    st.integers(0, 2**32),
    st.integers(0, 2**48),
    st.integers(0, 2**48),
    st.integers(0, 2**40),
)
UNIT_HEADERS = st.builds(UnitHeader, BYTE, st.integers(0, 2**40))
QUANTISERS = st.one_of(
    st.builds(Quantiser, st.just(StepKind.DECADIC), BYTE, BYTE, st.none(), st.none(), OFFSET),
    st.builds(Quantiser, st.just(StepKind.COMPACT), st.none(), st.none(), st.integers(0, 65535), st.none(), OFFSET),
    st.builds(
        Quantiser,
        st.just(StepKind.BINARY64),
        st.none(),
        st.none(),
        st.none(),
        st.floats(2.0**-512, 2.0**512),
        OFFSET,
    ),
)
GROUPS = st.one_of(
    st.builds(SliceGroup, st.just(Representation.EXACT), st.sampled_from(EntropyCoder), st.none()),
    st.builds(SliceGroup, st.just(Representation.LEVELS), st.sampled_from(EntropyCoder), QUANTISERS),
)
PARAMETERS = st.builds(
    lambda index, parents, groups: ModelParameterSet(index, len(parents), parents, len(groups), groups),
    INDEX,
    IDS,
    st.lists(GROUPS, max_size=5),
)
TOPOLOGY_UNITS = st.builds(
    TopologyUnit,
    INDEX,
    st.sampled_from(TopologyFormat),
    st.sampled_from(HeaderCoding),
    st.integers(0, 2**40),
    st.binary(max_size=40),
)
TABLE_UNITS = st.builds(
    TensorTableUnit,
    INDEX,
    st.integers(0, 2**20),
    st.sampled_from(HeaderCoding),
    st.integers(0, 2**40),
    st.binary(max_size=40),
)
SLICE_HEADERS = st.builds(SliceHeader, INDEX, st.integers(0, 4096), st.integers(0, 2**48), st.integers(0, 2**26))
INDEX_ENTRIES = st.builds(IndexEntry, st.integers(0, 2**40), st.integers(0, 2**40), SLICE_HEADERS)
ENDS = st.builds(lambda index, ids: End(len(index), index, len(ids), ids), st.lists(INDEX_ENTRIES, max_size=5), IDS)
FOOTERS = st.builds(Footer, st.integers(0, 2**32 - 1), st.binary(min_size=4, max_size=4))


@st.composite
def tensor_records(draw: st.DrawFn) -> TensorRecord:
    """Tensor records whose conditional elements are there exactly if clause 6.6.1 says so."""
    dtype = draw(st.sampled_from(DType))
    dims = draw(st.lists(st.integers(0, 2**48), max_size=6))
    prediction = draw(st.sampled_from(Prediction))
    coded = prediction != Prediction.COPY
    width = draw(st.sampled_from(LevelWidth)) if coded else None
    own = draw(st.booleans()) if width not in (None, LevelWidth.NONE) else None
    predicted = prediction != Prediction.NONE
    return TensorRecord(
        name=draw(names(min_size=0)),
        dtype=dtype,
        rank=len(dims),
        dims=dims,
        string_size=draw(st.integers(0, 2**40)) if dtype == DType.STRING else None,
        prediction=prediction,
        parent=draw(st.integers(0, 16)) if predicted else None,
        reference_tensor=draw(st.integers(0, 2**20)) if predicted else None,
        slice_group=draw(st.integers(0, 4096)) if coded else None,
        level_width=width,
        own_quantiser=own,
        quantiser=draw(QUANTISERS) if own else None,
    )


RECORDS: list[tuple[DataclassStruct[Any], st.SearchStrategy[Any]]] = [
    (START_PREFIX, PREFIXES),
    (START, STARTS),
    (UNIT_HEADER, UNIT_HEADERS),
    (QUANTISER, QUANTISERS),
    (SLICE_GROUP, GROUPS),
    (MODEL_PARAMETER_SET, PARAMETERS),
    (TOPOLOGY_UNIT, TOPOLOGY_UNITS),
    (TENSOR_TABLE_UNIT, TABLE_UNITS),
    (TENSOR_RECORD, tensor_records()),
    (SLICE_HEADER, SLICE_HEADERS),
    (INDEX_ENTRY, INDEX_ENTRIES),
    (END, ENDS),
    (FOOTER, FOOTERS),
]
"""Every record of clause 6 with a strategy for its values."""
