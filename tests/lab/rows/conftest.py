"""One lab a file, whole again at the beginning of each test, with the checker beside it."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from coroctl.lab import lab as labs
from coroctl.lab.checker.checker import Checker
from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted
from coroctl.lab.processes import this_process
from tests.lab.rows.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = count()


@pytest.fixture(scope="module")
def wanted() -> Wanted:
    """The lab of a file; a file that needs another one has its own fixture of this name."""
    return Wanted(token_ms=1000)


@pytest.fixture(scope="module")
def listening_lab(wanted: Wanted) -> Iterator[Lab]:
    """Its nodes run corolistener; it goes with the file."""
    name = f"t{os.getpid()}-{next(_NUMBERS)}-rows"
    yield Lab(labs.up(replace(wanted, name=name, listener=True), owner=this_process()))
    labs.down(name)


@pytest.fixture
def cluster(listening_lab: Lab) -> Iterator[Cluster]:
    """Settled, with a master; what is reported begins now."""
    with Checker(listening_lab) as checker:
        cluster = Cluster(listening_lab, checker)
        cluster.make_whole()
        checker.mark()
        marks = cluster.marks()
        yield cluster
        # Shown by pytest where a test failed.
        print("\n".join(line for name in listening_lab.names for line in cluster.log(name)[marks[name] :]))
