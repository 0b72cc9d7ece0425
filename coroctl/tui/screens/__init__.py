"""One module a screen: what is where, and which message changes it."""
