"""Fixtures for every room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA_VARIABLE = "NNCODEC_TEST_DATA"


def shared_data_folder() -> Path:
    """Folder of the real models: the environment variable, or `../shared/data` beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get(DATA_VARIABLE, default))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real models; the test is skipped where there is none."""
    folder = shared_data_folder()
    if not folder.is_dir():
        pytest.skip(f"no real models: set {DATA_VARIABLE} to their folder ({folder} does not exist)")
    return folder
