"""The only place with ctypes: corosync's client libraries, with their C verbs as names.

C callbacks never escape: a callback copies what it got into a frozen value and queues it, and
``dispatch()`` returns the list. Nothing here knows coroctl's configuration, roles or screens.
"""
