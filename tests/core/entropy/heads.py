"""Heads of the rANS coder for the tests."""

from nncodec.encoder.rans_model import Material, model_of
from nncodec.entropy.rans.head import Head


def head_of(material: Material) -> Head:
    """What the encoder would use, which must be something."""
    found = model_of(material)
    assert found is not None
    return found.head
