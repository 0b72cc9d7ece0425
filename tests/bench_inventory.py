"""What an inventory of 5,000 machines costs: its snapshot, an operation on the disk, and a new master's way to it.

The real replica on a real disk; no network. Definitions are of 3 KB, as libvirt's are.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from random import Random

from coroctl.daemon.inventory import carriage
from coroctl.daemon.inventory.database import Database
from coroctl.decision.estate.actions import PullFrom, StoreWhole
from coroctl.decision.estate.core import Start, boot
from coroctl.decision.estate.events import Pulled, Tick
from coroctl.decision.estate.inventory import Inventory, next_position
from coroctl.decision.estate.replica import serve
from coroctl.decision.estate.values import Operation, Position, Reported, Seen, Stock
from coroctl.lab.machines import xml
from coroctl.model import NodeId
from tests.decision.build_estate import ME, TERM, TWO, Holder, machine

MACHINES, NODES = 5000, 32
OPERATIONS = 200


def table() -> list[tuple[str, str, str, str]]:
    """Rows of the README's table."""
    whole = inventory()
    with tempfile.TemporaryDirectory() as folder:
        size, core_s, disk_s = promotion(whole, Path(folder) / "promoted.db")
        each_ms = applied_ms(whole, Path(folder) / "one-by-one.db", 1)
        together_ms = applied_ms(whole, Path(folder) / "together.db", OPERATIONS)
    of = f"{MACHINES} machines on {NODES} nodes"
    return [
        (f"snapshot of the inventory, {of}", f"{size / 1e6:.1f} MB", "compressed, as it is sent", ""),
        (
            f"operations applied and fsynced on {MACHINES} machines",
            f"{1000 / together_ms:.0f} a second",
            f"one by one {1000 / each_ms:.0f}",
            "",
        ),
        (
            f"promotion: inventory copied from another node and opened, {of}",
            f"{core_s + disk_s:.2f} s",
            f"of that its store {disk_s:.2f} s",
            "",
        ),
    ]


def inventory() -> Inventory:
    """Of all machines, as an epoch before this one has left it."""
    names = (f"vm{number:05}" for number in range(MACHINES))
    found = {
        name: machine(name, NodeId(at % NODES + 1))._replace(xml=definition(name)) for at, name in enumerate(names)
    }
    return Inventory(Position(TERM - 1, MACHINES + 1), found)


def definition(name: str) -> str:
    """As long as libvirt's, and with as much in it (ids, addresses, paths) that is found in no other one."""
    return xml(name) * 4 + Random(name).randbytes(128).hex()  # noqa: S311


def promotion(whole: Inventory, file: Path) -> tuple[int, float, float]:
    """Bytes of the snapshot; seconds until the epoch is opened, at both ends together; and until that is stored."""
    others = tuple(NodeId(number) for number in range(2, NODES + 1))
    holder = Holder(nodes=others)
    holder.estate = boot(Start(ME))
    holder.stocks = dict.fromkeys(others, Stock(whole.position, obeys=whole.position, running=0))
    source = boot(Start(TWO, whole))
    begin = time.perf_counter()
    [asked] = [one for one in holder.feed(Tick()) if isinstance(one, PullFrom)]
    data = carriage.packed(serve(source, asked.position))
    stores = holder.feed(Pulled(asked.number, carriage.unpacked(data)))
    core_s = time.perf_counter() - begin
    assert holder.estate.desk.opened == TERM
    [stored] = [one for one in stores if isinstance(one, StoreWhole)]
    begin = time.perf_counter()
    Database(file).replace(stored.inventory)
    return len(data), core_s, time.perf_counter() - begin


def applied_ms(whole: Inventory, file: Path, together: int) -> float:
    """Milliseconds of one operation, so many of them in a transaction; those that wait for one go in the next."""
    database, position, operations = Database(file), whole.position, []
    database.replace(whole)
    for number in range(OPERATIONS):
        position = next_position(position)
        operations.append(Operation(position, Reported(f"vm{number:05}", Seen.PAUSED)))
    begin = time.perf_counter()
    for at in range(0, OPERATIONS, together):
        database.append(operations[at : at + together])
    return (time.perf_counter() - begin) / OPERATIONS * 1e3


if __name__ == "__main__":
    print(*table(), sep="\n")
    sys.exit(0)
