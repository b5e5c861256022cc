"""Moves of labels, by a person and by a pipeline, and the record of them."""
