"""Which file the other nodes have loaded, asked before this node's corosync starts; and that file put in place.

A corosync that starts with an older version than the running ones exits at the first sync, so this comes before it.
It follows what a majority of the voters names as loaded. Where fewer answer, it follows the highest version that came
to one of them as the cluster's: such a file was stored by a majority before anybody loaded it, so it was decided. What
somebody has loaded by hand on a minority is neither, and is never followed.

Meanwhile it answers the same question itself: when a whole cluster is powered on, no daemon runs anywhere, and the
nodes that ask are the ones that know. Knows neither corosync nor the daemon.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from coroctl.daemon.configuration import link_addresses, own_node, parsed, read
from coroctl.daemon.holdings import FilesError, Holdings
from coroctl.daemon.keys import load_keys
from coroctl.daemon.pull import NobodyThere, PullClient, PullError
from coroctl.daemon.pull_server import PullServer
from coroctl.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from coroctl.daemon.configuration import Loaded
    from coroctl.daemon.keys import Key
    from coroctl.daemon.pull import Pulled, Question, Told
    from coroctl.decision.values import Identity
    from coroctl.model import NodeId

ALL_S = 10.0
"""Then this node starts with what it has."""
EACH_S = 2.0
AGAIN_S = 0.3
ABSENT_S = 4.0
"""A node that is on and does not answer for so long has no daemon; not one that starts, after corosync, or again."""
LINGER_S = 3.0


class Peers(NamedTuple):
    """This node among the others, by its own file."""

    loaded: Loaded
    node: NodeId
    client: PullClient
    keys: tuple[Key, ...] = ()
    links: Mapping[NodeId, tuple[str, ...]] = {}

    @property
    def others(self) -> dict[NodeId, int]:
        """The other nodes, with their votes."""
        nodes = self.loaded.cluster.nodes
        return {one.nodeid: one.votes for one in nodes if one.nodeid is not None and one.nodeid != self.node}

    def name(self, node: NodeId) -> str:
        """As people call it."""
        found = next((one.name for one in self.loaded.cluster.nodes if one.nodeid == node), "")
        return found or f"node {node}"


class Choice(NamedTuple):
    """What follows from the answers."""

    wanted: Identity | None
    """None: go on with the own file."""
    sources: tuple[NodeId, ...]
    why: str


def peers_of(conf: Path) -> Peers:
    """Reads file and key, and looks names up, which may block. Raises ConfigError or KeyFileError."""
    loaded = read(conf)
    keys = load_keys(loaded.cluster.listener.keyfile)
    links = link_addresses(loaded.cluster)
    client = PullClient(keys, loaded.cluster.cluster_name)
    client.configure(links, loaded.cluster.listener.port)
    return Peers(loaded, own_node(loaded, conf), client, keys, links)


async def fetch(conf: Path, state: Path, say: Callable[[str], None]) -> bool:
    """Put the cluster's file in place, if it is a newer one; whether it did. Ends after ALL_S and what the disk takes.

    What was found and what was not is said. Raises CoroctlError or OSError if this node's own file cannot be used.
    """
    deadline = asyncio.get_running_loop().time() + ALL_S
    peers, holdings = await _peers(conf, deadline), Holdings(conf, state)
    async with _answering(peers, holdings):
        answers, silent = await _ask_all(peers, deadline)
        choice = chosen(peers, answers)
        say(choice.why + "".join(f"; {peers.name(node)}: {why}" for node, why in sorted(silent.items())))
        if choice.wanted is None:
            return False
        for source in choice.sources:
            try:
                await _take(peers, holdings, choice.wanted, source)
            except (PullError, FilesError) as error:
                say(str(error))
            else:
                return True
        return False


@asynccontextmanager
async def _answering(peers: Peers, holdings: Holdings) -> AsyncIterator[None]:
    """As this node's daemon would, of the file that corosync is about to load.

    Who was told of a newer file than it has is given the time to get it: it asks for it when it has decided, too.
    """
    told_older, got = asyncio.Event(), asyncio.Event()

    async def answer(question: Question) -> Pulled | Told | None:
        own = await asyncio.to_thread(holdings.own)
        if question.wanted is not None:
            got.set()
        elif question.own.version < own.identity.version:
            told_older.set()
        return await asyncio.to_thread(holdings.answer, question, own.identity, None)

    cluster = peers.loaded.cluster
    server = PullServer(peers.keys, cluster.cluster_name, answer)
    server.configure(peers.links)
    # Without it, this node can still ask.
    with suppress(PullError):
        await server.start([one for one in peers.links.get(peers.node, ()) if one], cluster.listener.port)
    try:
        yield
        if told_older.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(got.wait(), LINGER_S)
        await server.finish()
    finally:
        await server.close()


async def _peers(conf: Path, deadline: float) -> Peers:
    """This node's addresses may come up late."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return await asyncio.to_thread(peers_of, conf)
        except ConfigError as error:
            if error.line or loop.time() + AGAIN_S >= deadline:
                raise
        await asyncio.sleep(AGAIN_S)


async def _ask_all(peers: Peers, deadline: float) -> tuple[dict[NodeId, Told], dict[NodeId, str]]:
    """Answers, and why there are none; no longer than until a majority names one file."""
    answers: dict[NodeId, Told] = {}
    silent = dict.fromkeys(peers.others, "no answer in time")
    asking = {asyncio.create_task(_ask(peers, node, silent, deadline)): node for node in peers.others}
    waiting = set(asking)
    while waiting and named_by_majority(peers, answers) is None:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            told = task.result()
            if told is not None:
                answers[asking[task]] = told
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return answers, {} if waiting else {node: why for node, why in silent.items() if node not in answers}


async def _ask(peers: Peers, node: NodeId, silent: dict[NodeId, str], deadline: float) -> Told | None:
    """Again and again: whoever is asked may be booting, too."""
    loop = asyncio.get_running_loop()
    absent_at = loop.time() + ABSENT_S
    while (left := deadline - loop.time()) > 0:
        try:
            return await peers.client.loaded(node, peers.loaded.identity, min(EACH_S, left))
        except NobodyThere as error:
            silent[node] = str(error)
            if loop.time() >= absent_at:
                return None
        except PullError as error:
            silent[node] = str(error)
        await asyncio.sleep(AGAIN_S)
    return None


def named_by_majority(peers: Peers, answers: Mapping[NodeId, Told]) -> Identity | None:
    """The file that voters of majority weight have, this node's own among them. By the list of this node's file."""
    cluster = peers.loaded.cluster
    weights: dict[Identity, int] = {}
    for node, votes in peers.others.items():
        if node in answers:
            weights[answers[node].loaded] = weights.get(answers[node].loaded, 0) + votes
    own = peers.loaded.identity
    weights[own] = weights.get(own, 0) + cluster.votes - sum(peers.others.values())
    return next((one for one, weight in weights.items() if weight >= cluster.majority), None)


def chosen(peers: Peers, answers: Mapping[NodeId, Told]) -> Choice:
    """Which file to start with. Pure."""
    own = peers.loaded.identity
    keep = f"going on with this node's own file, {own}"
    current = named_by_majority(peers, answers)
    if current is None:
        decided = [told.loaded for told in answers.values() if told.distributed and told.loaded.version > own.version]
        if not decided:
            return Choice(None, (), f"no majority of the nodes tells which file it has loaded: {keep}")
        wanted, why = max(decided), "is the newest that the nodes that answer have got as the cluster's"
    elif current == own:
        return Choice(None, (), f"this node's file, {own}, is the cluster's")
    elif current.version <= own.version:
        remedy = "compare them (coroctl conf diff), and see coroctl conf adopt"
        return Choice(None, (), f"a majority has loaded {current}, which is not newer: {keep}; {remedy}")
    else:
        wanted, why = current, "is loaded by a majority"
    sources = tuple(sorted(node for node, told in answers.items() if told.loaded == wanted))
    return Choice(wanted, sources, f"{wanted} {why}, this node has {own}")


async def _take(peers: Peers, holdings: Holdings, wanted: Identity, source: NodeId) -> None:
    """Pull it, look at it, put it in place."""
    own = await asyncio.to_thread(holdings.own)
    pulled = await peers.client.pull(source, wanted, own.identity)
    file = await asyncio.to_thread(holdings.examined, wanted, pulled, source, own)
    if all(one.nodeid != peers.node for one in parsed(file.data).cluster.nodes):
        raise FilesError(f"this node, {peers.node}, is not in the list of {wanted}: it was removed from the cluster")
    await asyncio.to_thread(holdings.put_in_place, wanted, file)
