"""coroctl: the console and the failover daemon for corosync clusters."""

__version__ = "0.1.0"
