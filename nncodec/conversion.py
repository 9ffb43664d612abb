"""SPEC.md clause 8.5 (informative): from file to file, in memory for a few slices, whatever the size of the model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from nncodec.adapters.files import load, writing
from nncodec.adapters.mapping import map_file
from nncodec.adapters.streams import temporary_beside, writing_stream
from nncodec.decoder import check_content_id, decode_into
from nncodec.encoder.config import EncoderConfig, check_patterns
from nncodec.encoder.encode import EncodedFile, Process
from nncodec.encoder.matching import Given
from nncodec.layout import header_of
from nncodec.limits import DEFAULT_LEVEL, LEVELS, Limits
from nncodec.memory import release
from nncodec.model import Model, TensorHeader, Topology, model_content_id
from nncodec.stream import read_stream
from nncodec.work import Work


def encode_file(
    source: str | os.PathLike[str] | Model,
    target: str | os.PathLike[str],
    config: EncoderConfig | None = None,
    references: Sequence[Model] = (),
    work: Work | None = None,
) -> EncodedFile:
    """Encode the model in the file `source`, or one loaded from a file, to the stream `target`; as `load` and `encode`.

    The bytes are those of `encode`. Tensors are read from the file part by part, coded slices wait in a temporary file
    beside `target`, which appears when it is whole. Nobody is warned: see the notices of the report. Raises what `load`
    and `encode` raise, ModelFileError where `target` cannot be written.
    """
    model, config = source if isinstance(source, Model) else load(source), config or EncoderConfig()
    check_patterns(config, [model])
    with writing_stream(target) as file, ExitStack() as opened:

        def temporary() -> BinaryIO:
            return opened.enter_context(temporary_beside(target))

        process = Process(model, Given(references), work or Work(), temporary=temporary)
        return process.write(file, config)


@dataclass(frozen=True)
class DecodedFile:
    """What a model file holds that was written: all but the data; content_ids: those of the tensors."""

    tensors: tuple[TensorHeader, ...]
    content_ids: tuple[bytes, ...]
    topology: Topology

    @classmethod
    def of(cls, model: Model) -> DecodedFile:
        """All but the data of a model in memory."""
        headers = tuple(tensor.header for tensor in model.tensors)
        return cls(headers, tuple(tensor.content_id for tensor in model.tensors), model.topology)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors)

    @property
    def content_id(self) -> bytes:
        """Content id of the model."""
        names = [tensor.name for tensor in self.tensors]
        return model_content_id(self.topology, list(zip(names, self.content_ids, strict=True)))


def decode_file(
    source: str | os.PathLike[str] | memoryview,
    target: str | os.PathLike[str],
    references: Sequence[Model] = (),
    *,
    limits: Limits = LEVELS[DEFAULT_LEVEL],
    work: Work | None = None,
) -> DecodedFile:
    """Decode the stream in the file `source`, or mapped from one, to the model file `target`; as `decode` and `save`.

    Tensors go to the file as their slices are decoded; the file appears when the last one is there and the content id
    is right. Raises what `decode` and `save` raise.
    """
    data = source if isinstance(source, memoryview) else map_file(source)
    stream = read_stream(data, limits, references)
    release(data)
    headers = tuple(header_of(record) for record in stream.records)
    with writing(headers, stream.topology, target) as sink:
        ids = decode_into(stream, range(len(headers)), sink, work or Work())
        decoded = DecodedFile(headers, tuple(ids[place] for place in range(len(headers))), stream.topology)
        check_content_id(stream, decoded.content_id)
    return decoded
