"""Generates a model module from existing parameters, and the file for adopting them."""
