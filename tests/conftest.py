"""Fixtures that every kind of test shares."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# a shared machine has slow moments; where the outcome decides about a change, the same examples come every time
settings.register_profile("everywhere", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "everywhere")


@pytest.fixture(scope="session")
def gammapy_data() -> Path:
    """Folder of the real DL3 data, from the environment variable GAMMAPY_DATA; the test skips where it is not set."""
    folder = os.environ.get("GAMMAPY_DATA")
    if not folder:
        pytest.skip("GAMMAPY_DATA is not set")
    path = Path(folder)
    assert path.is_dir(), f"GAMMAPY_DATA is {folder}, which is not a folder"
    return path
