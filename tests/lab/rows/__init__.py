"""Rows of the list of faults, each on real nodes that run corolistener, watched from outside."""
