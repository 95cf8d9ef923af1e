"""Fixtures that tests of every stage share."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of recorded frames and reference data beside the checkout; read only, never copied."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            "recorded data are absent: ../shared/data does not exist beside the checkout; "
            "tests that need no recordings run all the same"
        )
    return folder
