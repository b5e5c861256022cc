"""The command line: one file for each verb. The other rooms do the work."""

import sys

from model_config.cli.stdout import guard_stdout

#: The extra that installs each package that a verb may import.
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
    "starlette": "agent,ui",
    "uvicorn": "agent,ui",
}


def main() -> None:
    """Run the command line, or name the missing extra: a plain install has none of them."""
    guard_stdout()
    try:
        from model_config.cli.app import main as run

        run()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRAS:
            raise
        sys.stderr.write(
            f"This command needs {missing}, which is not installed. Install the extra "
            f"model-config[{_EXTRAS[missing]}].\n"
        )
        sys.exit(2)
