"""Every test begins with corosync serving, whatever the last one did to it; some want the whole cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.corosync.cmap import Cmap
from coroctl.errors import CorosyncLost
from tests.on_node import corosync_control

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def serving() -> None:
    try:
        Cmap.initialize().finalize()
    except CorosyncLost:
        corosync_control.restart()


@pytest.fixture
def whole_cluster(serving: None) -> None:
    corosync_control.await_whole()


@pytest.fixture
def cmap() -> Iterator[Cmap]:
    with Cmap.initialize() as connection:
        yield connection
