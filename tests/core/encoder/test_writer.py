"""SPEC.md clauses E.7 to E.10 and table A.2: groups, the level of a stream, its size, and the report on it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings

from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import encode, encode_with_report
from nncodec.encoder.runs import Distortion
from nncodec.errors import BitstreamError, EncodeError, ErrorClass
from nncodec.limits import LEVELS
from nncodec.model import Model, Tensor, Topology, data_bytes
from nncodec.stream import read_stream
from nncodec.tables import DType, EntropyCoder, HeaderCoding, LevelWidth, TopologyFormat, UnitType
from nncodec.work import Work
from tests.core.handmade import same_tensors, tensor_of, weights
from tests.strategies import models

LOSSLESS = EncoderConfig(lossless=True)


def zeros(name: str, shape: tuple[int, ...], dtype: DType = DType.INT8) -> Tensor:
    size = math.prod(shape) * {DType.INT8: 1, DType.FLOAT64: 8}[dtype]
    return Tensor(name, dtype, shape, bytes(size))


def many(count: int) -> Model:
    return Model(tuple(zeros(str(index), (0,)) for index in range(count)))


def named(size: int) -> Model:
    return Model((zeros("n" * size, ()),))


def ranked(rank: int) -> Model:
    return Model((zeros("t", (1,) * rank),))


def topology(size: int) -> Model:
    return Model((), Topology(TopologyFormat.ONNX, bytes(size)))


def sized(elements: int) -> Model:
    return Model((zeros("t", (elements,)),))


def empty(extent: int) -> Model:
    return Model((zeros("t", (extent, 0)),))


def typed(groups: int) -> Model:
    kinds = [item for item in DType if item != DType.STRING][:groups]
    return Model(tuple(Tensor(kind.name, kind, (8,), bytes(data_bytes(kind, (8,)) or 0)) for kind in kinds))


BORDERS: list[tuple[Callable[[int], Model], int, int]] = [
    (many, 64, 0),
    (many, 65, 1),
    (many, 4096, 1),
    (many, 4097, 2),
    (named, 64, 0),
    (named, 65, 1),
    (named, 257, 2),
    (named, 1025, 4),
    (ranked, 8, 0),
    (ranked, 9, 2),
    (ranked, 17, 4),
    (ranked, 32, 4),
    (topology, 2**16, 0),
    (topology, 2**16 + 1, 1),
    (sized, 2**18, 0),
    (sized, 2**18 + 1, 1),
    (empty, 2**18, 0),
    (empty, 2**18 + 1, 1),
    (empty, 2**28 + 1, 3),
    (empty, 2**36, 4),
    (typed, 16, 0),
    (typed, 17, 1),
]


@pytest.mark.parametrize(("make", "size", "level"), BORDERS)
def test_level_is_the_lowest_that_has_room(make: Callable[[int], Model], size: int, level: int) -> None:
    model = make(size)
    encoded = encode_with_report(model, LOSSLESS)
    assert (encoded.report.level, encoded.data[11]) == (level, level)
    assert same_tensors(decode(encoded.data, limits=LEVELS[level]), model)
    if level:
        with pytest.raises(BitstreamError) as caught:
            decode(encoded.data, limits=LEVELS[level - 1])
        assert caught.value.error_class == ErrorClass.LIMIT_EXCEEDED


def test_decoded_bytes_and_slices_raise_the_level() -> None:
    assert encode_with_report(Model((zeros("t", (2**17,), DType.FLOAT64),)), LOSSLESS).report.level == 0
    assert encode_with_report(Model((zeros("t", (2**17 + 1,), DType.FLOAT64),)), LOSSLESS).report.level == 1
    model = Model((zeros("t", (65,)),))
    assert encode_with_report(model, EncoderConfig(lossless=True, slice_symbols=2)).report.level == 0
    assert encode_with_report(model, EncoderConfig(lossless=True, slice_symbols=1)).report.level == 1


def test_parents_raise_the_level() -> None:
    parents = [Model((weights(str(index), (8, 8), index),)) for index in range(3)]
    model = Model(tuple(item.tensors[0] for item in parents))
    for count, level in ((1, 0), (2, 1), (3, 2)):
        assert encode_with_report(Model(model.tensors[:count]), LOSSLESS, parents).report.level == level


def test_model_beyond_every_level_is_refused() -> None:
    with pytest.raises(EncodeError, match=r"elements = .*no level"):
        encode(empty(2**36 + 1), LOSSLESS)


def test_levels_share_a_group_and_exact_tensors_one_for_each_type() -> None:
    tensors = (
        weights("a", (8, 8)),
        weights("bias a", (3,)),
        zeros("index", (4,)),
        weights("b", (8, 8), dtype=DType.FLOAT16),
        weights("bias b", (3,)),
    )
    stream = read_stream(encode(Model(tensors), EncoderConfig(q_bits=8)))
    assert [record.coding.slice_group for record in stream.records] == [0, 1, 2, 0, 1]
    widths = [record.coding.level_width for record in stream.records]
    assert [width == LevelWidth.NONE for width in widths] == [False, True, True, False, True]


def test_entropy_coder_and_header_coding_are_the_smaller_ones() -> None:
    noise = Tensor("n", DType.UINT8, (999,), np.random.default_rng(0).bytes(999))
    again = Tensor("f", DType.INT8, (1000,), bytes(range(250)) * 4)
    small = Tensor("s", DType.INT16, (999,), np.random.default_rng(0).integers(-9, 9, 999, np.int16).tobytes())
    stream = read_stream(encode(Model((noise, again, small)), LOSSLESS))
    coders = [group.entropy_coder for group in stream.parameters.groups]
    assert coders == [EntropyCoder.RAW, EntropyCoder.LZMA2, EntropyCoder.RANS]
    units = read_stream(encode(many(50), LOSSLESS)).units
    table = next(unit for unit in units if unit.unit_type == UnitType.TENSOR_TABLE)
    assert bytes(table.payload[:2]) == bytes([0, HeaderCoding.LZMA2])


def test_empty_tensors_have_no_slices_and_empty_models_no_groups() -> None:
    assert read_stream(encode(Model((zeros("e", (0, 4)),)), LOSSLESS)).slices == []
    stream = read_stream(encode(Model(())))
    assert (stream.parameters.groups, stream.records, stream.slices) == ([], [], [])
    assert len(encode(Model(()))) < 100


@settings(max_examples=50, deadline=None)
@given(models())
def test_report_adds_up(model: Model) -> None:
    encoded = encode_with_report(model, EncoderConfig(q_bits=10))
    report = encoded.report
    assert report.bytes == len(encoded.data) == sum(report.bytes_by_part.values())
    assert report.elements == sum(tensor.size for tensor in model.tensors)
    assert report.bits_per_weight == (8 * report.bytes / report.elements if report.elements else 0.0)
    assert [row.name for row in report.tensors] == [tensor.name for tensor in model.tensors]


def test_distortion_is_that_of_the_decoded_matrices_and_of_what_is_included() -> None:
    model = Model((weights("a", (8, 8)), weights("b", (100,), 1), weights("c", (9, 9), 2), zeros("i", (8, 8))))
    encoded = encode_with_report(model, EncoderConfig(q_bits=10, include=("b",)))
    decoded = decode(encoded.data)
    errors = np.concatenate(
        [
            (decoded.by_name[name].numpy().astype(float) - model.by_name[name].numpy()).ravel()
            for name in ("a", "b", "c")
        ]
    )
    values = np.concatenate([model.by_name[name].numpy().astype(float).ravel() for name in ("a", "b", "c")])
    found = encoded.report.matrices
    assert found.elements == errors.size
    assert math.isclose(found.mse, float(np.mean(errors**2)))
    snr = 10 * math.log10(float(np.sum(values**2) / np.sum(errors**2)))
    assert found.snr_db is not None
    assert math.isclose(found.snr_db, snr)
    rows = {row.name: row for row in encoded.report.tensors}
    assert (rows["b"].representation, rows["i"].representation) == ("levels", "exact")
    assert rows["i"].distortion is None
    assert rows["b"].distortion is not None
    assert rows["b"].distortion.mse > 0


@pytest.mark.parametrize(
    ("distortion", "snr"),
    [
        (Distortion(), None),
        (Distortion(4, 0.0, 1.0), None),
        (Distortion(4, 1.0, 1.0), 0.0),
        (Distortion(4, 0.01, 1.0), 20.0),
        (Distortion(4, 1.0, 0.0), -math.inf),
        (Distortion(4, 1e300, 1e-300), -6000.0),
    ],
)
def test_snr_is_defined_for_every_energy(distortion: Distortion, snr: float | None) -> None:
    assert distortion.snr_db == (snr if snr is None else pytest.approx(snr))


def test_lossless_coding_has_no_distortion() -> None:
    model = Model((tensor_of("a", [[1.0, math.nan], [math.inf, -2.0]]),))
    (row,) = encode_with_report(model, LOSSLESS).report.tensors
    assert row.distortion == Distortion(4)


@pytest.mark.parametrize("config", [EncoderConfig(), LOSSLESS, EncoderConfig(slice_symbols=17)])
def test_progress_rises_to_the_total(config: EncoderConfig) -> None:
    calls: list[tuple[int, int]] = []
    model = Model((weights("a", (8, 8)), weights("b", (5,))))
    encode_with_report(model, config, work=Work(progress=lambda done, total: calls.append((done, total))))
    done = [call[0] for call in calls]
    assert done == sorted(set(done))
    assert calls[-1] == (calls[-1][1], calls[0][1])


def test_ten_thousand_tensors_take_seconds() -> None:
    model = Model(tuple(weights(f"layer.{index}.weight", (8, 10), index) for index in range(10_000)))
    began = time.process_time()
    encoded = encode_with_report(model)
    assert same_tensors(decode(encoded.data), encoded.model)
    assert time.process_time() - began < 20
    assert encoded.report.level == 2


def test_ten_thousand_names_cost_less_than_their_bytes() -> None:
    model = Model(tuple(zeros(f"features.{index}.conv.weight", (0,)) for index in range(10_000)))
    assert len(encode(model, LOSSLESS)) < 4 * 10_000


def test_group_of_nothing_but_zeros_is_one_that_decoders_believe() -> None:
    model = Model(tuple(weights(f"w{index}", (128, 129), index) for index in range(4)))
    for config in (EncoderConfig(step=1e4), EncoderConfig(step=1e4, slice_symbols=20_000)):
        encoded = encode_with_report(model, config)
        assert len(encoded.data) < 800
        assert same_tensors(decode(encoded.data), encoded.model)
        assert not any(map(any, (tensor.data for tensor in encoded.model.tensors)))


def test_many_zeros_under_a_fine_step_go_to_rans() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(0, 0.05, (128, 256)).astype(np.float32)
    dense, sparse = values, np.where(generator.random(values.shape) < 0.8, np.float32(0), values)
    coders, sizes = [], []
    for each in (dense, sparse):
        data = encode(Model((Tensor.from_numpy("w", each),)), EncoderConfig(step=1e-4))
        coders.append(read_stream(data).parameters.groups[0].entropy_coder)
        sizes.append(len(data))
    assert coders == [EntropyCoder.MIXING, EntropyCoder.RANS]
    assert sizes[1] < 0.4 * sizes[0]
