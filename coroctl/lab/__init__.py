"""Real corosync clusters on one machine, for people, tests and benchmarks.

A node is a whole machine: systemd-nspawn over an overlay of this machine's root, on a bridge of
the lab's own. Knows corosync.conf and the host's tools, and nothing of what runs on the nodes.
"""
