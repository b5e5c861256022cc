"""Rollouts: their plan, their parameter, their commands and their history."""
