"""The second core: which machines run where, and who may start them. Pure, like the lease's core beside it.

`core.step(estate, input) -> (estate, actions)`. docs/machines.md has the rules (I1-I4, M1-M5, C1-C4); of the lease it
is told facts only (facts.py).
"""
