"""`python -m model_config`: the command line, for when its script is not on PATH."""

from model_config.cli import main

main()
