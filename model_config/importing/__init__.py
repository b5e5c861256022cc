"""Generates model modules, and the overrides of environments, from existing parameters."""
