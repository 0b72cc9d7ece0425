"""One animated SVG of many still ones: each is shown for as long as it was, waits cut short, again and again."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_S, LAST_S = 2.0, 4.0
_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


def animated(frames: Sequence[tuple[float, str]]) -> str:
    """`frames`: the second in which each began, and the picture."""
    begins = [0.0]
    for (before, _), (now, _) in pairwise(frames):
        begins.append(begins[-1] + min(now - before, LONGEST_S))
    total = begins[-1] + LAST_S
    size = _SIZE.search(frames[0][1])
    assert size is not None
    shown = (
        _frame(number, begin, end, total, svg)
        for number, (begin, end, (_, svg)) in enumerate(zip(begins, [*begins[1:], total], frames, strict=True))
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[1]} {size[2]}">'
    return "\n".join([head, *shown, "</svg>"])


def _frame(number: int, begin: float, end: float, total: float, svg: str) -> str:
    """Rich names what a picture defines after its content; here two may have the same, so each gets a number."""
    own = re.sub(r"terminal-\d+", f"f{number}", svg)
    first = "visible" if number == 0 else "hidden"
    times = f"0;{begin / total:.4f};{end / total:.4f}"
    animate = (
        f'<animate attributeName="visibility" values="{first};visible;hidden" keyTimes="{times}" '
        f'dur="{total:.2f}s" calcMode="discrete" repeatCount="indefinite"/>'
    )
    return f'<g visibility="{first}">{animate}{own}</g>'
