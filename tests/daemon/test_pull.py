"""The TCP pull on real sockets: who gets a file, who does not, and that nobody can hold it up."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from coroctl.conf.files import SIZE_MAX
from coroctl.daemon import pull, pull_server
from coroctl.daemon.identities import identity_of
from coroctl.daemon.keys import make_key
from coroctl.daemon.pull import NobodyThere, PullClient, Pulled, PullError, Question
from coroctl.daemon.pull_server import CONNECTIONS, PullServer
from coroctl.daemon.seal import seal_blob
from coroctl.decision.values import Identity
from coroctl.model import NodeId
from tests.conf.samples import GOOD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

KEY, OTHER_KEY = make_key(b"k" * 32), make_key(b"o" * 32)
N1, N2 = NodeId(1), NodeId(2)
WANTED, OWN = identity_of(GOOD), Identity(6, "0" * 64)
FOUND = Pulled(GOOD, known=True, actor="anna")
DEADLINE_S = 20

pytestmark = pytest.mark.timeout(60)


async def serves(question: Question) -> Pulled | None:
    return FOUND if question.wanted == WANTED else None


@asynccontextmanager
async def served(
    serve: Callable[[Question], Awaitable[Pulled | None]] = serves,
    *,
    welcome: str = "127.0.0.1",
    addresses: tuple[str, ...] = ("127.0.0.1",),
) -> AsyncIterator[PullServer]:
    server = PullServer([KEY], "cluster", serve)
    server.configure({N1: (welcome, "")})
    await server.start(addresses, 0)
    try:
        yield server
    finally:
        await server.close()


def client(server: PullServer, *addresses: str, key: bytes = b"k" * 32, cluster: str = "cluster") -> PullClient:
    made = PullClient([make_key(key)], cluster)
    made.configure({N2: addresses or ("127.0.0.1",)}, port(server))
    return made


def port(server: PullServer) -> int:
    return int(server.listening[0].getsockname()[1])


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side closes."""
    async with asyncio.timeout(DEADLINE_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def refused(server: PullServer, count: int) -> None:
    """Until so many connections were refused: the loop's own next rounds, for it counts after it has closed."""
    async with asyncio.timeout(DEADLINE_S):
        while server.refused < count:
            await asyncio.sleep(0)


async def test_a_file_comes_as_it_is() -> None:
    async with served() as server:
        assert await client(server).pull(N2, WANTED, OWN) == FOUND
    assert server.refused == 0


async def test_the_largest_file_comes() -> None:
    large = Pulled(b"#" * SIZE_MAX, known=False, actor="")

    async def serve(_: Question) -> Pulled:
        return large

    async with served(serve) as server:
        assert await client(server).pull(N2, WANTED, OWN) == large


async def test_too_large_a_file_is_no_answer() -> None:
    async def serve(_: Question) -> Pulled:
        return Pulled(b"#" * (SIZE_MAX + 1), known=False, actor="")

    async with served(serve) as server:
        with pytest.raises(PullError, match="262145 bytes; 262144 are the limit"):
            await client(server).pull(N2, WANTED, OWN)


async def test_the_server_is_told_what_the_asker_has() -> None:
    asked = []

    async def serve(question: Question) -> Pulled:
        asked.append((question.wanted, question.own))
        return FOUND

    async with served(serve) as server:
        await client(server).pull(N2, WANTED, OWN)
    assert asked == [(WANTED, OWN)]


async def test_a_file_that_it_has_not() -> None:
    async with served() as server:
        with pytest.raises(PullError, match=r"node 2 did not hand out 9:00000000: 127\.0\.0\.1: it has no such file"):
            await client(server).pull(N2, Identity(9, "0" * 64), OWN)


async def test_another_key_and_another_cluster_get_nothing() -> None:
    async with served() as server:
        with pytest.raises(PullError, match="closed before everything was said"):
            await client(server, key=b"o" * 32).pull(N2, WANTED, OWN)
        with pytest.raises(PullError, match="closed before everything was said"):
            await client(server, cluster="other").pull(N2, WANTED, OWN)
        await refused(server, 2)


async def test_keys_change_while_it_serves() -> None:
    async with served() as server:
        asker = client(server)
        server.change_keys([OTHER_KEY])
        with pytest.raises(PullError, match="closed before everything was said"):
            await asker.pull(N2, WANTED, OWN)
        asker.change_keys([OTHER_KEY])
        assert await asker.pull(N2, WANTED, OWN) == FOUND


async def test_while_keys_rotate_both_are_good() -> None:
    async with served() as server:
        rotating = PullClient([KEY, OTHER_KEY], "cluster")
        rotating.configure({N2: ("127.0.0.1",)}, port(server))
        assert await rotating.pull(N2, WANTED, OWN) == FOUND


async def test_a_stranger_is_closed_before_it_has_said_anything() -> None:
    async with served(welcome="127.0.0.3") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(server))
        assert await closed(reader) == b""
        writer.close()
        assert server.refused == 1


async def test_ipv6_and_mixed_spellings() -> None:
    async with served(welcome="0:0:0:0:0:0:0:1", addresses=("::1",)) as server:
        assert await client(server, "::1").pull(N2, WANTED, OWN) == FOUND


async def test_a_dead_link_is_passed_over() -> None:
    async with served() as server:
        assert await client(server, "127.0.0.9", "", "127.0.0.1").pull(N2, WANTED, OWN) == FOUND


async def test_a_silent_link_is_passed_over_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (pull, pull_server):
        monkeypatch.setattr(end, "PULL_S", 1.0)
    async with served() as server:
        with socket.create_server(("127.0.0.2", port(server))):
            assert await client(server, "127.0.0.2", "127.0.0.1").pull(N2, WANTED, OWN) == FOUND


@pytest.mark.parametrize("running", [True, False], ids=["not counted among the nodes", "nobody listens"])
async def test_nobody_there_is_told_from_silence(*, running: bool) -> None:
    async with served() as server:
        asker = client(server)
        server.configure({})
        if not running:
            await server.close()
        with pytest.raises(NobodyThere, match=r"no corolistener answers there \(127\.0\.0\.1: "):
            await asker.loaded(N2, OWN, DEADLINE_S)


async def test_a_frozen_node_ends_the_pull_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (pull, pull_server):
        monkeypatch.setattr(end, "PULL_S", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))
    frozen = PullClient([KEY], "cluster")
    frozen.configure({N2: ("127.0.0.1",)}, silent.getsockname()[1])
    with silent, pytest.raises(PullError, match=r"it does not answer \(127\.0\.0\.1 did not .* within 0\.2 s\)"):
        await frozen.pull(N2, WANTED, OWN)


async def test_what_the_system_says_is_told_without_what_python_makes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As asyncio raises it, where the node's network is gone."""

    async def unreachable(address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raise OSError(errno.EHOSTUNREACH, f"Connect call failed ('{address}', {port})")

    monkeypatch.setattr(asyncio, "open_connection", unreachable)
    asker = PullClient([KEY], "cluster")
    asker.configure({N2: ("10.0.0.2", "10.1.0.2")}, 1)
    with pytest.raises(PullError) as told:
        await asker.loaded(N2, OWN, DEADLINE_S)
    assert str(told.value).endswith("it does not answer (10.0.0.2: no route to host; 10.1.0.2: no route to host)")


async def test_nobody_there_and_nobody_known() -> None:
    lonely = PullClient([KEY], "cluster")
    with pytest.raises(PullError, match=r"node 2 did not hand out .*: it has no address in the node list"):
        await lonely.pull(N2, WANTED, OWN)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = listening.getsockname()[1]
    lonely.configure({N2: ("127.0.0.1",)}, free)
    with pytest.raises(PullError, match=r"node 2 did not hand out 7:\w{8}: no corolistener answers there"):
        await lonely.pull(N2, WANTED, OWN)


async def test_the_ninth_connection_is_closed_and_silent_ones_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (pull, pull_server):
        monkeypatch.setattr(end, "PULL_S", 0.3)
    async with served() as server:
        silent = [await asyncio.open_connection("127.0.0.1", port(server)) for _ in range(CONNECTIONS)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port(server))
        assert await closed(reader) == b""
        assert server.refused == 1
        writer.close()
        for reader, writer in silent:
            assert await closed(reader) == b""
            writer.close()
        await refused(server, 1 + CONNECTIONS)
        monkeypatch.undo()
        assert await client(server).pull(N2, WANTED, OWN) == FOUND


async def test_a_reader_that_does_not_read_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (pull, pull_server):
        monkeypatch.setattr(end, "PULL_S", 0.3)

    async def serve(_: Question) -> Pulled:
        return Pulled(b"#" * SIZE_MAX, known=True, actor="")

    async with served(serve) as server:
        server.listening[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            lazy.setblocking(False)
            await asyncio.get_running_loop().sock_connect(lazy, ("127.0.0.1", port(server)))
            lazy.send(framed(question()))
            await refused(server, 1)


def question(**changes: object) -> bytes:
    row = {"wanted": list(WANTED), "own": list(OWN), "nonce": "n", **changes}
    return sealed(json.dumps({key: value for key, value in row.items() if value is not None}).encode())


def sealed(data: bytes, label: str = "configuration wanted") -> bytes:
    return seal_blob(KEY, "cluster", label, data)


def framed(blob: bytes) -> bytes:
    return len(blob).to_bytes(4, "big") + blob


@pytest.mark.parametrize(
    "said",
    [
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        framed(b"x" * 4096),
        b"GET / HTTP/1.1\r\n\r\n",
        framed(question()[:-1]),
        framed(sealed(b"{}", "configuration for")),
        framed(sealed(b"")),
        framed(sealed(b"[]")),
        framed(sealed(b"[" * 3000)),
        framed(sealed(b"\xff\xfe")),
        framed(question(wanted=None)),
        framed(question(wanted=[7])),
        framed(question(wanted=["7", "0" * 64])),
        framed(question(wanted=[-1, "0" * 64])),
        framed(question(wanted=[1 << 64, "0" * 64])),
        framed(question(own=[7, "../../etc/shadow"])),
        framed(question(nonce=7)),
        framed(question(nonce="n" * 65)),
    ],
)
async def test_junk_is_closed_and_harms_nobody(said: bytes) -> None:
    async with served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(server))
        writer.write(said)
        if said[:4] != b"GET ":
            writer.write_eof()
        assert await closed(reader) == b""
        writer.close()
        await refused(server, 1)
        assert await client(server).pull(N2, WANTED, OWN) == FOUND


async def test_half_a_question_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for end in (pull, pull_server):
        monkeypatch.setattr(end, "PULL_S", 0.3)
    async with served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(server))
        writer.write(framed(question())[:50])
        assert await closed(reader) == b""
        writer.close()


@asynccontextmanager
async def answering(blob: bytes) -> AsyncIterator[PullClient]:
    """A client of somebody who says this whatever it was asked."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(blob)
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    made = PullClient([KEY], "cluster")
    made.configure({N2: ("127.0.0.1",)}, server.sockets[0].getsockname()[1])
    async with server:
        yield made


async def test_a_former_answer_fits_no_other_question() -> None:
    recorded = sealed(b'{"found": true, "known": true, "actor": ""}\n' + GOOD, "configuration for n")
    async with answering(framed(recorded)) as made:
        with pytest.raises(PullError, match="damaged, forged, or not what was asked for"):
            await made.pull(N2, WANTED, OWN)


@pytest.mark.parametrize("blob", [b"", b"\0", b"\xff\xff\xff\xff", framed(b"short"), framed(b"x" * 100)])
async def test_a_junk_answer_is_an_error(blob: bytes) -> None:
    async with answering(blob) as made:
        with pytest.raises(PullError, match="node 2 did not hand out"):
            await made.pull(N2, WANTED, OWN)


async def test_an_address_that_comes_later_is_listened_on_already() -> None:
    async with served(addresses=("127.0.0.1", "192.0.2.77")) as server:
        assert len(server.listening) == 2


async def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = PullServer([KEY], "cluster", serves)
        with pytest.raises(PullError, match=r"cannot listen on 127\.0\.0\.1 port \d+: Address already in use"):
            await server.start(("127.0.0.1",), taken.getsockname()[1])


async def test_closing_ends_open_connections() -> None:
    async with served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(server))
        writer.write(framed(question())[:50])
        await server.close()
        assert await closed(reader) == b""
        writer.close()
