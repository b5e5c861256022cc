"""The verbs: one in a file, or a few of one subject."""
