"""Pure functions from the data of each page to the values in its template."""
