"""Where decoded tensors go (nncodec/sink.py, nncodec/memory.py)."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import nncodec
from nncodec import EncoderConfig, Model, Tensor, Work, memory
from nncodec.memory import LARGE_PAGE
from nncodec.sink import Gathered


@pytest.mark.parametrize("size", [0, 1, 2 * LARGE_PAGE - 1, 2 * LARGE_PAGE, 5 * LARGE_PAGE + 3])
def test_a_large_room_begins_with_a_large_page(size: int) -> None:
    room = memory.room(size)
    assert room.nbytes == size
    assert size < 2 * LARGE_PAGE or room.ctypes.data % LARGE_PAGE == 0


def test_what_stands_in_its_room_already_is_not_copied() -> None:
    gathered = Gathered()
    room = gathered.room(3, 6)
    assert room is not None
    assert gathered.room(3, 6) is room
    gathered.write(3, b"ab")
    room[2:4] = 99
    gathered.write(3, room[2:4].data)
    gathered.write(3, b"ef")
    assert bytes(gathered.data(3)) == b"abccef"
    assert memoryview(gathered.data(3)).readonly
    assert np.shares_memory(np.frombuffer(gathered.data(3), np.uint8), room)


def test_where_there_is_no_room_parts_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_left(size: int) -> None:
        raise MemoryError(size)

    monkeypatch.setattr(memory, "room", nothing_left)
    gathered = Gathered()
    assert gathered.room(0, 4) is None
    gathered.write(0, b"ab")
    gathered.write(0, b"cd")
    assert gathered.data(0) == b"abcd"


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor, ProcessPoolExecutor])
def test_tensors_of_many_slices_are_the_same_whoever_decodes_them(executor: type | None) -> None:
    rng = np.random.default_rng(5)
    shapes = {"small": (3, 5), "large": (60, 700), "odd": (11, 1234), "last": (40_000,)}
    model = Model(
        tuple(Tensor.from_numpy(name, rng.normal(0, 0.1, shape).astype(np.float32)) for name, shape in shapes.items())
    )
    data = nncodec.encode(model, EncoderConfig(lossless=True, fast=True, slice_symbols=9000))
    if executor is None:
        decoded = nncodec.decode(data)
    else:
        with executor(2) as pool:
            decoded = nncodec.decode(data, work=Work(pool))
    assert [bytes(tensor.data) for tensor in decoded.tensors] == [bytes(tensor.data) for tensor in model.tensors]
    again = Model(tuple(Tensor(t.name, t.dtype, t.shape, t.data) for t in decoded.tensors))
    assert decoded.content_id == again.content_id == model.content_id
