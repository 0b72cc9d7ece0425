"""One change from its preflight to its end: asked, followed step by step, and reported, for whoever shows it.

The daemon carries the change out whether anybody follows it or not: what is lost with a connection is sight, not the
change. Blocks; the console runs it on a thread. Knows the snapshot that the daemon makes, and shows nothing.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from coroctl import actions
from coroctl.actions import Ask, Check, Effect, Outlook, Seen
from coroctl.client import Denied, ProtocolError
from coroctl.machine_sight import MachineSight
from coroctl.model import NodeId
from coroctl.sight import NodeReport, Sight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from coroctl.actions import Action
    from coroctl.client import Client, Json, Outcome

COPIED_S = 900.0
"""So long a machine that moves live is followed, as long as it is copied."""
LOOK_AGAIN_S = 0.5


class Step(NamedTuple):
    """Something that has happened on the way."""

    at_s: float
    """Since it was asked for."""
    text: str


class Report(NamedTuple):
    """The end."""

    verdict: str
    """ok, refused, unknown; withdrawn: it was ok, and has come to nothing, for why it says."""
    why: str
    missing: str
    """What of an ok change had not happened when the time was up; empty if everything had."""
    nodes: tuple[NodeReport, ...]
    took_s: float


class Operator:
    """Both of the below, by one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def preflight(self, ask: Ask) -> Outlook:
        """See the function. Who may not even look, and is in the console on the way to a change, is an event."""
        try:
            return preflight(self._client, ask)
        except Denied:
            raise turned_away(self._client, ask.action) from None

    def conduct(self, ask: Ask, outlook: Outlook, tell: Callable[[Step], object]) -> Report:
        """See the function."""
        return conduct(self._client, ask, outlook, tell)


def preflight(client: Client, ask: Ask) -> Outlook:
    """What the change would lead to. Raises what the client raises; ActionError for a check that cannot be forced."""
    told = client.preflight(ask.action.verb, ask.node, ask.arguments())
    try:
        found = _outlook(told)
    except (KeyError, TypeError, ValueError):
        raise ProtocolError("corolistener's preflight makes no sense to this coroctl") from None
    actions.check_force(found, ask.force)
    return found


def _outlook(told: Json) -> Outlook:
    seen, address = told["seen"], told["address"]
    return Outlook(
        name=told["name"],
        seen=Seen(seen["term"], seen["configuration"]["version"], seen["configuration"]["digest"]),
        checks=tuple(
            Check(one["name"], actions.Verdict(one["verdict"]), one["reason"], one["safety"]) for one in told["checks"]
        ),
        effects=tuple(Effect(one["what"], one["text"]) for one in told["effects"]),
        nothing=told["nothing"],
        loses=_node(address["loses"]),
        gains=_node(address["gains"]),
        delay_s=address["delay_ms"] / 1000,
        interrupts=told["interrupts"],
        risks_quorum=told["risks_quorum"],
        difference=tuple(told["difference"]),
    )


def conduct(client: Client, ask: Ask, outlook: Outlook, tell: Callable[[Step], object], request: str = "") -> Report:
    """Ask for it and follow it; `tell` gets each step. Raises what the client raises."""
    begin = time.monotonic()
    # Before it is asked for: of machines only what they were before tells what has become of them.
    sight = MachineSight(client, ask) if ask.action in actions.ABOUT_MACHINES else Sight(client, ask, outlook)
    try:
        with _Asking(client, ask, outlook.seen, request or os.urandom(16).hex()) as asking:
            for line in _followed(sight, asking):
                tell(Step(time.monotonic() - begin, line))
            outcome = asking.outcome()
        made, missing = outcome.verdict == "ok", ""
        if made:
            missing = _settle(sight, lambda line: tell(Step(time.monotonic() - begin, line)))
        else:
            sight.look(LOOK_AGAIN_S)
        took_s = time.monotonic() - begin
        if missing and isinstance(sight, MachineSight) and sight.has_failed():
            return Report("withdrawn", missing, "", (), took_s)
        return Report(outcome.verdict, outcome.why, missing, sight.nodes(made=made), took_s)
    finally:
        sight.close()


def turned_away(client: Client, action: Action) -> Denied:
    """Why a change is not even looked at by whoever may not look; the daemon is told of them."""
    client.tell_refused(action.verb, claimed_origin()[1])
    return Denied(actions.GROUP)


def claimed_origin() -> tuple[str, str]:
    """Who and from where, as the environment has it: logged as claimed."""
    user = os.environ.get("SUDO_USER") or os.environ.get("LOGNAME") or os.environ.get("USER") or ""
    return user[:128], (os.environ.get("SSH_CONNECTION") or "").partition(" ")[0][:128]


def _node(value: int | None) -> NodeId | None:
    return None if value is None else NodeId(value)


def _followed(sight: Sight | MachineSight, asking: _Asking) -> Iterator[str]:
    """Until the answer is there."""
    yield "asked"
    while not asking.answered:
        yield from sight.look(LOOK_AGAIN_S, asking.fileno())
    yield from sight.look(0)


def _settle(sight: Sight | MachineSight, tell: Callable[[str], object]) -> str:
    """Until everything that was foretold has happened; else what has not."""
    begun = time.monotonic()
    end = begun + sight.settle_s
    while missing := sight.missing():
        if isinstance(sight, MachineSight):
            if sight.has_failed():
                return missing
            if sight.under_way():
                end = min(time.monotonic() + sight.settle_s, begun + COPIED_S)
        left = end - time.monotonic()
        if left <= 0:
            return missing
        for line in sight.look(min(left, LOOK_AGAIN_S)):
            tell(line)
    return ""


class _Asking:
    """The request, on a thread: its answer comes when the change is through. `fileno` is readable then."""

    def __init__(self, client: Client, ask: Ask, seen: Seen, request: str) -> None:
        self._client = client
        self._ask = ask
        self._seen = seen
        self._request = request
        self._outcome: Outcome | None = None
        self._error: Exception | None = None
        self._read, self._write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="asks for the change", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._read)

    def fileno(self) -> int:
        return self._read

    @property
    def answered(self) -> bool:
        return self._outcome is not None or self._error is not None

    def outcome(self) -> Outcome:
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        return self._outcome

    def _run(self) -> None:
        user, origin = claimed_origin()
        more: dict[str, object] = {**self._ask.arguments(), "force": sorted(self._ask.force)}
        try:
            self._outcome = self._client.change(
                self._ask.action.verb, self._ask.node, self._seen, more, request=self._request, user=user, origin=origin
            )
        except Exception as error:  # noqa: BLE001 - raised to whoever waits, who would else wait for ever
            self._error = error
        finally:
            os.close(self._write)
