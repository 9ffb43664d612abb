"""nncodec: reference codec of the NMC bitstream for trained neural networks.

>>> model = nncodec.load("model.onnx")
>>> data = nncodec.encode(model, nncodec.EncoderConfig(q_bits=9))
>>> nncodec.save(nncodec.decode(data), "decoded.onnx")
"""

from nncodec.adapters.files import load, save
from nncodec.concealment import Concealed, Gap
from nncodec.conversion import DecodedFile, decode_file, encode_file
from nncodec.decoder import decode
from nncodec.encoder.config import EncoderConfig
from nncodec.encoder.encode import Encoded, EncodedFile, EncodeWarning, encode, encode_with_report
from nncodec.encoder.report import EncodeReport
from nncodec.encoder.sets.config import SetConfig
from nncodec.encoder.sets.encode import encode_set, encode_set_with_report
from nncodec.encoder.sets.report import EncodedSet
from nncodec.encoder.sets.structure import SetStructure
from nncodec.errors import (
    BitstreamError,
    EncodeError,
    ErrorClass,
    InvalidStreamError,
    LimitExceededError,
    ModelFileError,
    NncodecError,
    UnknownNameError,
    UnsupportedModelError,
    UnsupportedStreamError,
)
from nncodec.inspection import SetInfo, StreamInfo, inspect, inspect_set
from nncodec.limits import LEVELS, Limits
from nncodec.model import Model, Tensor, Topology
from nncodec.reader import Reader
from nncodec.reader import open_stream as open  # noqa: A004, F401 - as in wave, gzip: nncodec.open, not by a star
from nncodec.set_decoder import SetReader, decode_set, open_set
from nncodec.set_stream import is_set
from nncodec.tables import DType, Profile, TopologyFormat
from nncodec.work import Work

__version__ = "0.1.0"

__all__ = [
    "LEVELS",
    "BitstreamError",
    "Concealed",
    "DType",
    "DecodedFile",
    "EncodeError",
    "EncodeReport",
    "EncodeWarning",
    "Encoded",
    "EncodedFile",
    "EncodedSet",
    "EncoderConfig",
    "ErrorClass",
    "Gap",
    "InvalidStreamError",
    "LimitExceededError",
    "Limits",
    "Model",
    "ModelFileError",
    "NncodecError",
    "Profile",
    "Reader",
    "SetConfig",
    "SetInfo",
    "SetReader",
    "SetStructure",
    "StreamInfo",
    "Tensor",
    "Topology",
    "TopologyFormat",
    "UnknownNameError",
    "UnsupportedModelError",
    "UnsupportedStreamError",
    "Work",
    "decode",
    "decode_file",
    "decode_set",
    "encode",
    "encode_file",
    "encode_set",
    "encode_set_with_report",
    "encode_with_report",
    "inspect",
    "inspect_set",
    "is_set",
    "load",
    "open_set",
    "save",
]
