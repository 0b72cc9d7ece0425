"""Reusable Textual widgets: plain values in, messages out. They know nothing of corosync or coroctl."""
