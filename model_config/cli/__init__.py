"""The command line: one file for each verb. What a verb does stands in the other rooms."""

import sys

from model_config.cli.stdout import guard_stdout

#: Which extra of the package brings what a verb imports.
_EXTRAS = {
    "click": "cli",
    "pydantic": "cli",
    "rich": "cli",
    "typer": "cli",
    "yaml": "cli",
    "pulumi": "deploy",
    "pulumi_aws": "deploy",
    "filelock": "local",
    "flask": "local",
    "moto": "local",
    "werkzeug": "local",
    "jinja2": "ui",
    "starlette": "ui",
    "uvicorn": "ui",
}


def main() -> None:
    """Run the command line, or say what a verb lacks: a plain install has none of these."""
    guard_stdout()
    try:
        from model_config.cli.app import main as run

        run()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRAS:
            raise
        sys.stderr.write(
            f"This needs {missing}, which is not installed. It comes with the extra "
            f"model-config[{_EXTRAS[missing]}]: name it where you install model-config.\n"
        )
        sys.exit(2)
