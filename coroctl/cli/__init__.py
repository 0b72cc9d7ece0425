"""The commands. Each one lives in its own module, imported only when it runs."""
