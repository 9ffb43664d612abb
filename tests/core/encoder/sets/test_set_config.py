"""What may be asked of a set, and what contradicts itself."""

from __future__ import annotations

import math

import pytest

from nncodec import EncodeError, EncoderConfig, Profile, SetConfig, SetStructure

UPDATE = EncoderConfig(update_snr=20)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"depth": 0}, "depth 0 must be within 1 to 65536"),
        ({"depth": 2**16 + 1}, "depth 65537"),
        ({"parents": 0}, "parents 0 must be within 1 to 16"),
        ({"parents": 17}, "parents 17"),
        ({"encoder": EncoderConfig(max_bytes=10)}, "max_bytes of each model has no meaning in a set"),
        ({"encoder": UPDATE}, "update_snr of each model has no meaning in a set"),
        ({"max_bytes": 0}, "max_bytes 0 must be a whole number above 0"),
        ({"max_bytes": -1}, "max_bytes -1"),
        ({"max_bytes": 10, "encoder": EncoderConfig(quality=3)}, "make no other request"),
        ({"max_bytes": 10, "encoder": EncoderConfig(lossless=True)}, "make no other request"),
        ({"max_bytes": 10, "encoder": EncoderConfig(profile=Profile.BASELINE)}, "profile main"),
        ({"structure": SetStructure.SEPARATE, "root": "a"}, "structure separate has no root"),
        ({"weights": {"a": -1.0}}, "weight -1.0 of model 'a' must be a number of at least 0"),
        ({"weights": {"a": math.nan}}, "weight nan of model 'a'"),
        ({"weights": {"a": math.inf}}, "weight inf of model 'a'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, words):
    with pytest.raises(EncodeError, match=words):
        SetConfig(**arguments)


def test_defaults():
    config = SetConfig()
    assert (config.structure, config.root, config.depth, config.parents) == (SetStructure.TREE, None, 8, 2)
    assert config.encoder == EncoderConfig()
    assert config.max_bytes is None
