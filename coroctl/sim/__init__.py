"""The core on virtual time: clusters to break in tests, in soak, and on the console. See cluster.py for the API."""

from coroctl.decision.messages import Verb
from coroctl.sim.cluster import Cluster, Line
from coroctl.sim.farm import Vm, farm
from coroctl.sim.views import MachinesView, NodeView, machines_of

__all__ = ["Cluster", "Line", "MachinesView", "NodeView", "Verb", "Vm", "farm", "machines_of"]
