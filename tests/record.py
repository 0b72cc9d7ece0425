"""``make recording``: records what the tests of the console show, on a real lab whose first node dies.

There is no corolistener yet, so the roles are acted afterwards; everything else is what corosync said.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from coroctl.lab.handle import Lab
from coroctl.lab.lab import Wanted, down, up
from coroctl.lab.processes import this_process
from coroctl.lab.run import until
from coroctl.model import Node, NodeId, NodeStatus, Role, Snapshot
from coroctl.sources.schema import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = Path(__file__).parent / "data/failover.jsonl"
OBSERVER = "node3"
EVERY_S = 2.0
HAND_BACK = NodeId(1)
"""Made master again at the end, so that the recording can begin anew."""


def main() -> int:
    """Record, act, store."""
    name = f"rec{os.getpid()}"
    try:
        lab = Lab(up(Wanted(name=name, token_ms=1000, networks=2), owner=this_process()))
        moments = act(record(lab))
    finally:
        down(name)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text("".join(json.dumps({"at": at, "snapshot": to_json(shot)}) + "\n" for at, shot in moments))
    print(f"{TARGET}: {len(moments)} moments")
    return 0


def record(lab: Lab) -> list[tuple[float, Snapshot]]:
    """What the observer sees while the story happens."""
    script: list[tuple[float, Callable[[], None]]] = [
        (12, lambda: lab.kill("node1")),
        (30, lambda: lab.start("node1")),
        (46, lambda: lab.part(["node2"], [OBSERVER])),  # both networks: a cut that is not transitive
        (58, lab.heal),
        (90, lambda: None),
    ]
    begin = time.monotonic()
    moments: list[tuple[float, Snapshot]] = []

    def look() -> Snapshot:
        told = json.loads(lab.ask(OBSERVER, "coroctl", "status", "--json").stdout)
        return from_json(told)

    for when, happens in script:
        while (now := time.monotonic() - begin) < when:
            shot = look()
            if not moments or now - moments[-1][0] >= EVERY_S or visible(shot) != visible(moments[-1][1]):
                moments.append((round(now, 1), shot))
            next_look = min(now + 0.4, when)
            until(lambda at=next_look: time.monotonic() - begin >= at, 2, "the next look")  # type: ignore[misc]
        happens()
    return moments


def visible(shot: Snapshot) -> object:
    """What a change of is worth a moment of its own; latency is not."""
    links = tuple(tuple(link.connected for link in node.links) for node in shot.nodes)
    return shot.quorum, links, tuple((node.status, node.config_version) for node in shot.nodes)


def act(moments: list[tuple[float, Snapshot]]) -> list[tuple[float, Snapshot]]:
    """The roles and priorities as a corolistener would make them."""
    prio = {node.nodeid: node.prio or 0 for node in moments[0][1].nodes}
    master, raise_at, version, handed_back = None, None, 1, False
    acted = []
    end = moments[-1][0]
    for at, shot in moments:
        joined = [node.nodeid for node in shot.nodes if node.status is NodeStatus.JOINED]
        best = max(joined, key=lambda nodeid: prio[nodeid])
        if not handed_back and at > end - 6:
            handed_back, version = True, version + 1
            prio[HAND_BACK] = max(prio.values()) + 1
        if master != best and shot.quorate:
            raise_at = at if master is not None else None
            master = best
        elif raise_at is not None and at > raise_at + 1 and prio[best] < max(prio.values()):
            prio[best], version, raise_at = max(prio.values()) + 1, version + 1, None
        nodes = tuple(_acted(node, prio, master if shot.quorate else None, version) for node in shot.nodes)
        conf = shot.configuration and shot.configuration._replace(version=version, loaded_version=version)
        gaps = tuple(gap for gap in shot.gaps if gap.what != "roles")
        acted.append((at, shot._replace(nodes=nodes, configuration=conf, gaps=gaps)))
    return acted


def _acted(node: Node, prio: dict[NodeId, int], master: NodeId | None, version: int) -> Node:
    if node.status is not NodeStatus.JOINED:
        return node._replace(prio=prio[node.nodeid])
    role = None if master is None else Role.MASTER if node.nodeid == master else Role.SLAVE
    return node._replace(role=role, prio=prio[node.nodeid], config_version=version)


if __name__ == "__main__":
    sys.exit(main())
