"""What `diff` and `find-commit` stand on: any commit's configurations, and how two differ."""
