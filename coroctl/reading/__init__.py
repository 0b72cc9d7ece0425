"""The processes that corolistener starts to look at a log or at the machine: JSON lines out, and they end with it.

Processes of their own, because disks hang, regular expressions take for ever, and psutil costs memory.
"""
