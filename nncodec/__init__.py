"""nncodec: reference codec of the NMC bitstream for trained neural networks.

>>> model = nncodec.load("model.onnx")
>>> data = nncodec.encode(model, nncodec.EncoderConfig(q_bits=9))
>>> nncodec.save(nncodec.decode(data), "decoded.onnx")
"""

from nncodec.adapters.files import load, save
from nncodec.conversion import DecodedFile, decode_file, encode_file
from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import Encoded, EncodedFile, EncodeWarning, encode, encode_with_report
from nncodec.encoder.report import EncodeReport
from nncodec.errors import (
    BitstreamError,
    EncodeError,
    ErrorClass,
    InvalidStreamError,
    LimitExceededError,
    ModelFileError,
    NncodecError,
    UnsupportedModelError,
    UnsupportedStreamError,
)
from nncodec.inspection import StreamInfo, inspect
from nncodec.limits import LEVELS, Limits
from nncodec.model import Model, Tensor, Topology
from nncodec.reader import Reader
from nncodec.reader import open_stream as open  # noqa: A004 - as in wave, gzip, tarfile: nncodec.open
from nncodec.tables import DType, Profile, TopologyFormat
from nncodec.work import Work

__all__ = [
    "LEVELS",
    "BitstreamError",
    "DType",
    "DecodedFile",
    "EncodeError",
    "EncodeReport",
    "EncodeWarning",
    "Encoded",
    "EncodedFile",
    "EncoderConfig",
    "ErrorClass",
    "InvalidStreamError",
    "LimitExceededError",
    "Limits",
    "Model",
    "ModelFileError",
    "NncodecError",
    "Profile",
    "Reader",
    "StreamInfo",
    "Tensor",
    "Topology",
    "TopologyFormat",
    "UnsupportedModelError",
    "UnsupportedStreamError",
    "Work",
    "decode",
    "decode_file",
    "encode",
    "encode_file",
    "encode_with_report",
    "inspect",
    "load",
    "open",
    "save",
]
