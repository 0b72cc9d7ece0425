"""What stands between a lab's nodes and their power: the fence agent's switch and the played watchdog, as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coroctl.errors import LabError
from coroctl.lab import fencing, lab
from coroctl.lab.fencing import Mode
from coroctl.lab.lab import Wanted
from coroctl.lab.run import until

if TYPE_CHECKING:
    from coroctl.lab.fixtures import MakeLab
    from coroctl.lab.handle import Lab

pytestmark = pytest.mark.lab


def call(of: Lab, action: str, plug: str, timeout_s: float = 10) -> int:
    """As corolistener's transient unit calls it, from the first node; 124: no end in that time."""
    script = f"printf 'plug={plug}\\naction={action}\\n' | fence_coroctl"
    return of.ask("node1", "timeout", str(timeout_s), "sh", "-c", script).returncode


@pytest.mark.slow
def test_the_agent_says_and_does_what_its_mode_says(make_lab: MakeLab) -> None:
    two = make_lab(Wanted(nodes=2, listener=True, fencing="agent"))
    assert two.tell("node1", "coroctl", "fence", "test").splitlines()[1].startswith("node2: on (fence_coroctl")
    for mode, off, status in ((Mode.FAIL, 1, 0), (Mode.DEAF, 0, 0), (Mode.LIE, 0, 2)):
        two.treat("node2", mode)
        assert (call(two, "off", "node2"), call(two, "status", "node2")) == (off, status), mode
        assert two.is_on("node2")
    two.treat("node2", Mode.HANG)
    assert call(two, "off", "node2", 1) == 124
    assert two.is_on("node2")
    two.treat("node2", Mode.OK)
    assert call(two, "off", "nobody") == 1
    assert (call(two, "off", "node2"), call(two, "status", "node2")) == (0, 2)
    assert not two.is_on("node2")


@pytest.mark.slow
def test_the_watchdog_takes_the_power_from_a_node_that_stands_still(make_lab: MakeLab) -> None:
    one = make_lab(Wanted(nodes=1, listener=True, fencing="watchdog"))
    [node1] = one.plan.nodes
    until(lambda: any("counts" in line for line in fencing.log(one.plan)), 20, "the watchdog to be fed")
    one.tell("node1", "systemctl", "restart", "corolistener", timeout_s=60)
    assert one.is_on("node1")
    one.freeze("node1")
    until(lambda: not one.is_on("node1"), fencing.WATCHDOG_S + 5, "node1 to go off")
    assert any(line.endswith(f"{node1.name}: its watchdog fires") for line in fencing.log(one.plan))


def test_fencing_that_would_be_without_effect_is_refused() -> None:
    with pytest.raises(LabError, match="fencing is for the default file with corolistener"):
        lab.up(Wanted(fencing="agent"))
