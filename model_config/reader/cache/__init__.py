"""The reader's cache: values by key, their states, and who asks AWS again when."""
