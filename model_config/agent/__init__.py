"""The agent: a reader on loopback, for applications in any language."""
