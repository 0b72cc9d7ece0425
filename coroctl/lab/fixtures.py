"""pytest fixtures that bring real clusters up and take them down (``pytest_plugins = ["coroctl.lab.fixtures"]``).

A lab belongs to the test run: should the run be killed, ``coroctl lab gc`` finds its labs.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import pytest

from coroctl.lab import lab
from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted
from coroctl.lab.processes import this_process

if TYPE_CHECKING:
    from collections.abc import Iterator


class MakeLab(Protocol):
    """Brings up one more lab that ends with the test."""

    def __call__(self, wanted: Wanted = Wanted()) -> Lab: ...


@pytest.fixture
def make_lab() -> Iterator[MakeLab]:
    """Labs as a test wants them, each with a name of its own and, where none is wanted, a token of 1000 ms."""
    made: list[str] = []

    def make(wanted: Wanted = Wanted()) -> Lab:
        name = f"t{os.getpid()}-{len(made)}"
        made.append(name)
        named = replace(wanted, name=name, token_ms=wanted.token_ms or 1000)
        return Lab(lab.up(named, owner=this_process()))

    yield make
    for name in reversed(made):
        lab.down(name)


@pytest.fixture(scope="session")
def _session_lab() -> Iterator[Lab]:
    name = f"t{os.getpid()}"
    yield Lab(lab.up(Wanted(name=name, token_ms=1000), owner=this_process()))
    lab.down(name)


@pytest.fixture
def three_nodes(_session_lab: Lab) -> Lab:
    """Three nodes with token 1000, shared by the whole run, whole again at the beginning of each test."""
    _session_lab.make_whole()
    return _session_lab
