"""The core on virtual time: clusters to break in tests, in soak, and on the console. See cluster.py for the API."""

from coroctl.decision.messages import Verb
from coroctl.sim.cluster import Cluster, Line
from coroctl.sim.views import NodeView

__all__ = ["Cluster", "Line", "NodeView", "Verb"]
