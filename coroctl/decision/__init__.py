"""Who is master: the pure core. Input in, actions out; time and chance come with the input (see core.py)."""

from coroctl.decision.core import Start, boot, step
from coroctl.decision.events import Input

__all__ = ["Input", "Start", "boot", "step"]
