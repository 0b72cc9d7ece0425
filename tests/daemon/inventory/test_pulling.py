"""Operations and snapshots over real sockets: a node that serves, and one that asks, also for more than one piece."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon.inventory import carriage
from coroctl.daemon.inventory.rows import RowError
from coroctl.daemon.pull import PullError
from coroctl.daemon.pull_wire import About, Flow, Question
from coroctl.daemon.seal import DATA_MAX
from coroctl.decision.estate.events import Batch, DomainRead
from coroctl.decision.estate.inventory import Inventory
from coroctl.decision.estate.values import Domain, Machine, Position, Seen
from coroctl.model import NodeId
from tests.daemon.test_pull import N2, OWN, client, served

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

AT = Position(4, 1 << 40)


def machine(name: str) -> Machine:
    """With a definition that no compression shortens much."""
    return Machine(name, name, random.Random(name).randbytes(1000).hex(), NodeId(1))  # noqa: S311


WHOLE = Inventory(AT, {name: machine(name) for name in map(str, range(3000))})


def serving(data: bytes, *, cut: int = 0) -> Callable[[Question], Awaitable[Flow]]:
    """A node that hands that out in pieces; or only so many of them."""

    async def pieces(question: Question) -> Flow:
        assert question.about in (About.INVENTORY, About.MACHINE)
        found = [data[at : at + DATA_MAX] for at in range(0, len(data), DATA_MAX)]
        for piece in found[: cut or None]:
            yield piece

    async def serve(question: Question) -> Flow:
        return pieces(question)

    return serve


async def test_a_snapshot_of_several_pieces_comes_whole() -> None:
    data = carriage.packed(Batch(whole=WHOLE))
    assert len(data) > 2 * DATA_MAX
    async with served(serving(data)) as server:  # type: ignore[arg-type]
        came = await client(server).inventory(N2, AT, OWN)
    assert carriage.unpacked(came) == Batch(whole=WHOLE)


async def test_one_that_was_cut_off_is_no_snapshot() -> None:
    data = carriage.packed(Batch(whole=WHOLE))
    async with served(serving(data, cut=1)) as server:  # type: ignore[arg-type]
        came = await client(server).inventory(N2, AT, OWN)
    with pytest.raises(RowError):
        carriage.unpacked(came)


async def test_a_machine_of_another_node() -> None:
    found = DomainRead(0, Domain("a", "u", Seen.RUNNING), "<domain/>", 512)
    async with served(serving(carriage.packed_domain(found))) as server:  # type: ignore[arg-type]
        assert carriage.unpacked_domain(await client(server).machine(N2, "a", OWN)) == found


async def test_a_node_that_has_none_is_an_error() -> None:
    async with served(serving(b"")) as server:  # type: ignore[arg-type]
        with pytest.raises(PullError):
            await client(server).inventory(N2, AT, OWN)
