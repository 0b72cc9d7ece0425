"""Making sure that a node is off, and having this one switched off: fence agents and the watchdog.

Carries out and says what came of it. When to fence, and what follows, is `decision.estate`'s.
"""
