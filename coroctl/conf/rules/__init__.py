"""The rules of the linter, by what they look at."""

from coroctl.conf.rules import listener, nodes, quorum, schema, text, totem

TEXT_RULES = text.RULES
"""For any bytes."""
RULES = (*schema.RULES, *totem.RULES, *nodes.RULES, *quorum.RULES, *listener.RULES)
"""For files that corosync can parse."""
