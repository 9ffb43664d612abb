"""SPEC.md clause E.15 (informative): from the streams of its models to the bytes of a set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from nncodec.encoder.writer import lowest_level
from nncodec.errors import BitstreamError, EncodeError
from nncodec.limits import LEVELS, MAX_UNIT_BYTES
from nncodec.set_stream import name_flaw
from nncodec.syntax.model_index import ModelEntry, build_model_index
from nncodec.syntax.start import LONGEST_START, Start, build_start, parse_start


def write_set(streams: Mapping[str, bytes]) -> bytes:
    """The set of `streams`, two or more, each of one model, by the names of these; each may need those before it.

    Raises EncodeError where they make no set, or no level of Annex A holds them together.
    """
    check_names(streams)
    starts = [_start_of(name, stream) for name, stream in streams.items()]
    entries = [ModelEntry(name, len(stream)) for name, stream in streams.items()]
    return b"".join([build_start(_start(starts)), build_model_index(entries), *streams.values()])


def check_names(names: Collection[str]) -> None:
    """Raises EncodeError where models of these names, which are distinct, make no set."""
    if len(names) < 2:
        raise EncodeError(f"a set has two models or more, not {len(names)}: code one model by itself")
    for name in names:
        flaw = name_flaw(name)
        if flaw is not None:
            raise EncodeError(f"the name of model {name!r} {flaw}")


def set_overhead(names: Iterable[str]) -> int:
    """Bytes of a set of models called `names` beside their streams, at most."""
    return len(build_model_index([ModelEntry(name, MAX_UNIT_BYTES) for name in names])) + LONGEST_START


def _start_of(name: str, stream: bytes) -> Start:
    try:
        start, _ = parse_start(memoryview(stream), LEVELS[-1])
    except BitstreamError as error:
        raise EncodeError(f"what should be the stream of model {name!r} is none: {error}") from error
    if start.model_count != 1:
        raise EncodeError(f"model {name!r} is a set itself: a set holds streams of one model each")
    return start


def _start(starts: list[Start]) -> Start:
    elements, tensors, size = (
        sum(getattr(start, name) for start in starts) for name in ("element_count", "tensor_count", "decoded_size")
    )
    needs = {"elements": elements, "tensors": tensors, "decoded_bytes": size, "models": len(starts)}
    return Start(
        profile=max(start.profile for start in starts),
        level=lowest_level(needs, max(start.level for start in starts)).level,
        incompatible_features=0,
        rewrite_features=0,
        compatible_features=0,
        model_count=len(starts),
        tensor_count=tensors,
        element_count=elements,
        decoded_size=size,
    )
