"""corosync's client libraries, one module each: cmap, quorum, votequorum, cfg, cpg.

Methods carry the names of the C verbs, so that the man pages apply. No ctypes value, handle or
status number leaves this package; a call answers with plain values or raises from coroctl.errors.
A call blocks for as long as corosync does (stopped, starved), so it has no place on an event loop
that must not wait; the interpreter lock is released meanwhile. One connection, one thread at a time.
"""
