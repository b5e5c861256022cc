"""The configuration of any commit, and the differences between two configurations."""
