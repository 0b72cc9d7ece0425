"""Who sits before a command: nobody, or somebody who types."""

from __future__ import annotations

import os
import pty
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard input is no terminal."""
    with open(os.devnull) as stream:  # noqa: PTH123 - it stands in for sys.stdin
        monkeypatch.setattr(sys, "stdin", stream)
        yield


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as standard input; what is written to this descriptor was typed."""
    leader, follower = pty.openpty()
    with os.fdopen(follower) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield leader
    os.close(leader)
