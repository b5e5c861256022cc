"""Reads the data of each page and passes it to the page's view."""
