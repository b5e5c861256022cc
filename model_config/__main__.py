"""`python -m model_config`: the command line, where its script is not on PATH."""

from model_config.cli import main

main()
