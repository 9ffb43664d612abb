"""SPEC.md Annex D.2 (informative): a model whose tensors stand in several safetensors files (shards), with an index.

Large models are kept so: the index, `<name>.safetensors.index.json`, says which shard beside it holds which tensor.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from nncodec.adapters import safetensors_model
from nncodec.adapters.atomic import replace_on_success
from nncodec.adapters.files import model_name
from nncodec.adapters.placed import PlacedFile
from nncodec.adapters.reports import damaged, reading, unknown_format
from nncodec.errors import ModelFileError, UnsupportedModelError
from nncodec.model import NO_TOPOLOGY, Model, TensorHeader, Topology

MOST_SHARD_BYTES: Final = 5_000_000_000
"""Bytes of tensors in a shard that is written, at most; a larger tensor has a shard of its own."""

_KIND: Final = "safetensors"
_MOST_INDEX_BYTES: Final = 100_000_000


def load(path: Path) -> Model:
    """Model in the shards that the index `path` names: shards by their names, tensors in the order of data.

    The metadata of the shards together become the topology; those of the index are left out.
    Raises ModelFileError where the index or a shard is damaged or missing, or they do not say the same; otherwise as
    `safetensors_model.load`.
    """
    homes = _weight_map(path)
    shards = {name: _load_shard(path.with_name(name)) for name in sorted(set(homes.values()))}
    found = Counter((tensor.name, shard) for shard, model in shards.items() for tensor in model.tensors)
    if differing := found - Counter(homes.items()) or Counter(homes.items()) - found:
        name, shard = min(differing)
        fault = (
            "has it, and the index does not say so" if (name, shard) in found else "does not have it as the index says"
        )
        raise damaged(path, _KIND, f"tensor {name!r}: {shard!r} {fault}")
    tensors = tuple(tensor for model in shards.values() for tensor in model.tensors)
    return Model(tensors, _together(path, [model.topology for model in shards.values()]))


def _load_shard(path: Path) -> Model:
    with reading(path):
        is_there = path.is_file()
    if not is_there:
        raise ModelFileError(
            f"cannot read {str(path)!r}: the index names it, but there is no such file; fetch all shards"
        )
    with reading(path):
        return safetensors_model.load(path)


def _weight_map(path: Path) -> dict[str, str]:
    """The index: for each tensor the file name of its shard."""
    if path.stat().st_size > _MOST_INDEX_BYTES:
        raise damaged(path, _KIND, f"it has more than {_MOST_INDEX_BYTES} bytes")
    try:
        index = json.loads(
            path.read_bytes(), object_pairs_hook=lambda pairs: safetensors_model.without_repeats(path, pairs)
        )
    except (ValueError, RecursionError) as error:
        raise unknown_format(path, f"; it begins as JSON but is not valid: {error}") from error
    homes = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(homes, dict):
        raise unknown_format(path, '; it is JSON without a "weight_map", which an index of safetensors shards has')
    for name, shard in homes.items():
        _check_home(path, name, shard)
    return homes


def _check_home(path: Path, name: str, shard: object) -> None:
    """Whether a shard is a safetensors file in the folder of the index, and no other."""
    if not isinstance(shard, str) or "/" in shard or "\\" in shard or "\0" in shard:
        raise damaged(path, _KIND, f"tensor {name!r}: {shard!r} is no name of a file beside the index")
    if not shard.endswith(".safetensors"):
        raise unknown_format(path, f"; its shard {shard!r} is no safetensors file and must be converted first")


def _together(path: Path, topologies: Sequence[Topology]) -> Topology:
    """The metadata of all shards; where two say different things of one key there is no model that has both."""
    found: dict[str, str] = {}
    given = [metadata for metadata in map(safetensors_model.metadata_of, topologies) if metadata is not None]
    for key, value in (item for metadata in given for item in metadata.items()):
        if found.setdefault(key, value) != value:
            raise damaged(path, _KIND, f"its shards have different metadata {key!r}: {found[key]!r} and {value!r}")
    return safetensors_model.topology_of(found) if given else NO_TOPOLOGY


@contextmanager
def writing(
    tensors: Sequence[TensorHeader], topology: Topology, path: Path, most: int = MOST_SHARD_BYTES
) -> Iterator[_Shards]:
    """Context manager: yields the sink for the data of `tensors`, which go to shards of `most` bytes beside the index.

    The files appear when the block ends: an index that was there goes first, the new one comes last, so that shards of
    two models are never taken for one; shards of former indexes stay. Each shard has the metadata. Raises as
    `safetensors_model.writing`, UnsupportedModelError for a model without tensors.
    """
    if not tensors:
        raise UnsupportedModelError("a model without tensors has no shards: write it to one .safetensors file")
    homes = _homes(tensors, most)
    count = homes[-1] + 1
    names = [f"{model_name(path)}-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)]
    with replace_on_success(path) as fresh, ExitStack() as shards:
        sinks = []
        for number, name in enumerate(names):
            held = [tensor for tensor, home in zip(tensors, homes, strict=True) if home == number]
            sinks.append(shards.enter_context(safetensors_model.writing(held, topology, path.with_name(name))))
        yield _Shards(sinks, homes)
        for sink in sinks:
            sink.flush()
        path.unlink(missing_ok=True)
        total = sum(tensor.nbytes for tensor in tensors)
        weight_map = {tensor.name: names[home] for tensor, home in zip(tensors, homes, strict=True)}
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        fresh.write_text(json.dumps(index, indent=2) + "\n")


def _homes(tensors: Sequence[TensorHeader], most: int) -> list[int]:
    """The number of the shard of each tensor: a shard is full where the next tensor would make it too large."""
    homes: list[int] = []
    number, size = 0, 0
    for tensor in tensors:
        if size and size + tensor.nbytes > most:
            number, size = number + 1, 0
        homes.append(number)
        size += tensor.nbytes
    return homes


class _Shards:
    """A sink: the tensors of several files, each of which has some that follow one another; `homes` says which."""

    def __init__(self, sinks: Sequence[PlacedFile], homes: Sequence[int]) -> None:
        firsts = {home: place for place, home in reversed(list(enumerate(homes)))}
        self._places = [(sinks[home], place - firsts[home]) for place, home in enumerate(homes)]

    def write(self, place: int, data: bytes | memoryview) -> None:
        """Write the next bytes of a tensor."""
        sink, inner = self._places[place]
        sink.write(inner, data)

    def copy(self, place: int, original: int) -> None:
        """Write a tensor that has the bytes of another one, perhaps of another file."""
        sink, inner = self._places[original]
        for data in sink.read(inner):
            self.write(place, data)

    def room(self, place: int, size: int) -> None:
        """None: what is written goes to the files."""
