"""The command line: one file for each verb. What a verb does stands in the other rooms."""

import sys


def main() -> None:
    """Run the command line, or say what it lacks: an application that only reads has no typer."""
    try:
        from model_config.cli.app import main as run
    except ModuleNotFoundError as error:
        missing = f'{error.name} is missing. For the command line: pip install "model-config[cli]"'
        sys.stderr.write(f"{missing}\n")
        sys.exit(2)
    run()
