"""How another node's manager is: asked over the sealed channel, in time, and never mistaken for a file's answer."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from coroctl.daemon import probing, pull
from coroctl.daemon.keys import make_key
from coroctl.daemon.outlook_subject import Probe
from coroctl.daemon.probing import Probing, looked
from coroctl.daemon.pull import About, Fit, PullClient, Pulled, PullError
from coroctl.daemon.pull_server import PullServer
from coroctl.daemon.pull_wire import PULL_S
from coroctl.decision.values import Identity
from coroctl.model import NodeId

if TYPE_CHECKING:
    from coroctl.daemon.pull import Question

KEY = make_key(b"k" * 32)
HERE, THERE = NodeId(1), NodeId(2)
OWN = Identity(6, "0" * 64)

pytestmark = pytest.mark.timeout(60)


async def no_file(_question: Question) -> Pulled | None:
    return None


class Pair:
    """This node, and another one that answers with what the test says."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self.hold = asyncio.Event()
        self.hold.set()
        self.client = PullClient([KEY], "cluster")
        self.server = PullServer([KEY], "cluster", self._serve)
        self.here = Probing(HERE, lambda: None, lambda: OWN, self.client, no_file)

    async def _serve(self, question: Question) -> Pulled | Fit | None:
        await self.hold.wait()
        return self.fit if question.about is About.FIT else None

    async def start(self) -> None:
        self.server.configure({HERE: ("127.0.0.1",)})
        await self.server.start(("127.0.0.1",), 0)
        self.client.configure({THERE: ("127.0.0.1",)}, int(self.server.listening[0].getsockname()[1]))


@pytest.mark.parametrize(
    ("fit", "probe"),
    [
        (Fit(""), Probe(known=True)),
        (Fit("vmmgr.service cannot be started: not-found"), Probe(True, "vmmgr.service cannot be started: not-found")),
        (Fit("", "systemd does not answer"), Probe(known=False, why="systemd does not answer")),
    ],
)
async def test_what_the_other_node_says(fit: Fit, probe: Probe) -> None:
    pair = Pair(fit)
    await pair.start()
    assert await pair.here.look(THERE) == probe
    await pair.server.close()


async def test_a_node_that_does_not_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "NEIGHBOUR_S", 0.2)
    pair = Pair(Fit(""))
    await pair.start()
    pair.hold.clear()
    begin = time.monotonic()
    probe = await pair.here.look(THERE)
    assert time.monotonic() - begin < PULL_S / 2
    assert (probe.known, "did not answer within 0.2 s" in probe.why) == (False, True)
    await pair.server.close()


async def test_a_node_that_nobody_knows() -> None:
    probe = await Pair(Fit("")).here.look(NodeId(9))
    assert (probe.known, probe.why) == (False, "it has no address in the node list")


async def test_this_node_answers_others_as_itself() -> None:
    pair = Pair(Fit(""))
    assert await pair.here.look(HERE) == Probe(known=True)
    assert await pair.here.answer(pull.Question(None, OWN, "n", About.FIT)) == Fit("")
    assert await pair.here.answer(pull.Question(None, OWN, "n")) is None


async def test_a_daemon_that_does_not_know_the_question() -> None:
    pair = Pair(Fit(""))
    pair.fit = None  # type: ignore[assignment]
    await pair.start()
    with pytest.raises(PullError, match="no short text"):
        await pair.client.fit(THERE, OWN, 1.0)
    assert "no short text" in (await pair.here.look(THERE)).why
    await pair.server.close()


async def test_no_manager_is_not_missing() -> None:
    assert await looked(None) == Fit("")
