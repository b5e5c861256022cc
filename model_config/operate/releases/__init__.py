"""The releases of a model: their history, its problems, and what no release needs any more."""
