"""Families in small, loaded once for all tests of this room."""

from __future__ import annotations

import pytest

from tests.support.loaded_families import LoadedFamilies


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> LoadedFamilies:
    """A family's backbone, each variant made and loaded once; settings may differ."""
    return LoadedFamilies(tmp_path_factory.mktemp("families"))
