"""The impure shell of corolistener: one loop, and around it everything that the pure core asks for.

Each kind of effect has one module that owns it. None of them decides anything: what happens to the cluster address,
the manager or the file is said by `coroctl.decision`, carried out here, and told back as an event.
"""
