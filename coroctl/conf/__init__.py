"""corosync.conf: read without losing a byte, edited one value at a time, checked, identified.

Asks nobody: it knows text, not the running cluster.
"""
