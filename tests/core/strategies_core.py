"""Hypothesis strategies for the records of SPEC.md clause 6, within the bounds of every element."""

from __future__ import annotations

from typing import Any

from construct_typed import DataclassStruct
from hypothesis import strategies as st

from nncodec.limits import MAX_MODEL_NAME_BYTES
from nncodec.model import Model
from nncodec.syntax.end import END, FOOTER, INDEX_ENTRY, End, Footer, IndexEntry
from nncodec.syntax.model_index import MODEL_ENTRY, MODEL_INDEX, ModelEntry, ModelIndex
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
from nncodec.syntax.tensor_table import (
    CHANNEL_MAP,
    TABLE_EDIT,
    TENSOR_CODING,
    TENSOR_IDENTITY,
    TENSOR_RECORD,
    TENSOR_TABLE_UNIT,
    TERM,
    ChannelMap,
    TableEdit,
    TensorCoding,
    TensorIdentity,
    TensorRecord,
    TensorTableUnit,
    Term,
)
from nncodec.syntax.topology import TOPOLOGY_UNIT, TopologyUnit
from nncodec.syntax.units import UNIT_HEADER, UnitHeader
from nncodec.tables import (
    DType,
    Edit,
    EntropyCoder,
    HeaderCoding,
    LevelWidth,
    Prediction,
    Profile,
    Representation,
    StepKind,
    TopologyFormat,
)
from tests.strategies import models, names

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
    lambda parents, topology, groups: ModelParameterSet(len(parents), parents, topology, len(groups), groups),
    IDS,
    st.integers(0, 16),
    st.lists(GROUPS, max_size=5),
)
TOPOLOGY_UNITS = st.builds(
    TopologyUnit,
    st.sampled_from(TopologyFormat),
    st.sampled_from(HeaderCoding),
    st.integers(0, 2**40),
    st.binary(max_size=40),
)
TABLE_UNITS = st.builds(
    TensorTableUnit,
    st.integers(0, 16),
    st.sampled_from(HeaderCoding),
    st.integers(0, 2**40),
    st.binary(max_size=40),
)
SLICE_HEADERS = st.builds(SliceHeader, st.integers(0, 4096), st.integers(0, 2**48), st.integers(0, 2**26))
INDEX_ENTRIES = st.builds(IndexEntry, st.integers(0, 2**40), st.integers(0, 2**40), SLICE_HEADERS)
ENDS = st.builds(
    lambda index, content_id: End(len(index), index, content_id),
    st.lists(INDEX_ENTRIES, max_size=5),
    st.binary(min_size=32, max_size=32),
)
FOOTERS = st.builds(Footer, st.integers(0, 2**32 - 1), st.binary(min_size=4, max_size=4))


ZIGZAGS = st.lists(st.integers(-(2**31), 2**31), max_size=5)
MAPS = st.builds(
    lambda axes, rows, columns: ChannelMap(len(axes), axes, len(rows), rows, len(columns), columns),
    st.lists(BYTE, max_size=5),
    ZIGZAGS,
    ZIGZAGS,
)
TERMS = st.builds(
    lambda parent, place, channel_map, gains: Term(
        parent, place, channel_map is not None, channel_map, len(gains), gains
    ),
    st.integers(0, 16),
    st.integers(0, 2**20),
    st.one_of(st.none(), MAPS),
    st.lists(st.floats(-65504, 65504, width=16), max_size=4),
)


@st.composite
def identities(draw: st.DrawFn) -> TensorIdentity:
    """Identities whose string_size is there exactly if clause 6.6.1 says so."""
    dtype = draw(st.sampled_from(DType))
    dims = draw(st.lists(st.integers(0, 2**48), max_size=6))
    string_size = draw(st.integers(0, 2**40)) if dtype == DType.STRING else None
    return TensorIdentity(draw(names(min_size=0)), dtype, len(dims), dims, string_size)


@st.composite
def codings(draw: st.DrawFn) -> TensorCoding:
    """Codings whose conditional elements are there exactly if clause 6.6.2 says so."""
    prediction = draw(st.sampled_from(Prediction))
    coded, predicted = prediction != Prediction.COPY, prediction != Prediction.NONE
    terms = draw(st.lists(TERMS, max_size=2)) if predicted else []
    width = draw(st.sampled_from(LevelWidth)) if coded else None
    own = draw(st.booleans()) if width not in (None, LevelWidth.NONE) else None
    return TensorCoding(
        prediction=prediction,
        term_count=len(terms) if predicted else None,
        terms=terms,
        slice_group=draw(st.integers(0, 4096)) if coded else None,
        level_width=width,
        own_quantiser=own,
        quantiser=draw(QUANTISERS) if own else None,
    )


def tensor_records() -> st.SearchStrategy[TensorRecord]:
    """Tensor records of any identity and coding."""
    return st.builds(TensorRecord, identities(), codings())


@st.composite
def table_edits(draw: st.DrawFn) -> TableEdit:
    """Edits whose conditional elements are there exactly if clause 6.6.4 says so."""
    edit = draw(st.sampled_from(Edit))
    identity = draw(identities()) if edit in (Edit.REPLACE, Edit.INSERT) else None
    return TableEdit(draw(st.integers(0, 2**20)), edit, identity, None if edit == Edit.DELETE else draw(codings()))


MODEL_NAMES = names(min_size=0, max_size=300).map(
    lambda name: name.encode()[:MAX_MODEL_NAME_BYTES].decode(errors="ignore")
)
MODEL_ENTRIES = st.builds(ModelEntry, MODEL_NAMES, st.integers(0, 2**40))
MODEL_INDICES = st.lists(MODEL_ENTRIES, max_size=6).map(lambda entries: ModelIndex(len(entries), entries))


def model_names() -> st.SearchStrategy[str]:
    """Names that R-7.4.3 allows."""
    letters = st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="/\\:")
    return st.text(letters, min_size=1, max_size=60).filter(lambda name: name not in (".", ".."))


def random_sets() -> st.SearchStrategy[dict[str, Model]]:
    """Two to five models by name; some the same as others."""
    pools = st.lists(models(max_tensors=3), min_size=1, max_size=4)
    return pools.flatmap(lambda pool: st.dictionaries(model_names(), st.sampled_from(pool), min_size=2, max_size=5))


RECORDS: list[tuple[DataclassStruct[Any], st.SearchStrategy[Any]]] = [
    (START_PREFIX, PREFIXES),
    (START, STARTS),
    (UNIT_HEADER, UNIT_HEADERS),
    (QUANTISER, QUANTISERS),
    (SLICE_GROUP, GROUPS),
    (MODEL_PARAMETER_SET, PARAMETERS),
    (TOPOLOGY_UNIT, TOPOLOGY_UNITS),
    (TENSOR_TABLE_UNIT, TABLE_UNITS),
    (CHANNEL_MAP, MAPS),
    (TERM, TERMS),
    (TENSOR_IDENTITY, identities()),
    (TENSOR_CODING, codings()),
    (TENSOR_RECORD, tensor_records()),
    (TABLE_EDIT, table_edits()),
    (SLICE_HEADER, SLICE_HEADERS),
    (INDEX_ENTRY, INDEX_ENTRIES),
    (END, ENDS),
    (FOOTER, FOOTERS),
    (MODEL_ENTRY, MODEL_ENTRIES),
    (MODEL_INDEX, MODEL_INDICES),
]
"""Every record of clause 6 with a strategy for its values."""
