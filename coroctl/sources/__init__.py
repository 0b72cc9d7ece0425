"""Where a view of the cluster comes from. Knows how to ask, not how to show."""
