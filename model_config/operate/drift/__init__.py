"""Differences among the program, the newest release and AWS."""
