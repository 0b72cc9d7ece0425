"""How long nobody answers: the figures that the design promises (section 5), as distributions."""

from __future__ import annotations

from coroctl.sim.takeover import distributions


def test_takeover_times() -> None:
    killed, quick, handed = distributions(40)
    print(killed, quick, handed, sep="\n")
    assert killed.median < 2200
    assert killed.most < 2300
    assert quick.median < 750
    assert quick.most < 800
    assert handed.most < 60
