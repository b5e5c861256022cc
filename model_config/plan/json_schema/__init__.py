"""The JSON Schema of a project's stack files, for editors."""
