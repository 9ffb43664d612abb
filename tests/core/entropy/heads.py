"""Heads of the rANS coder for the tests."""

from nncodec.encoder.rans_model import Material, model_of
from nncodec.entropy.rans.head import Head


def head_of(material: Material) -> Head:
    """What the encoder would use, which must be something."""
    head = model_of(material)
    assert head is not None
    return head
