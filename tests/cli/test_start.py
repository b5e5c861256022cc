"""How the command line starts, and what it says where a part of the package isn't installed."""

import subprocess
import sys
from importlib.metadata import version

import pytest

# Import a module as where it isn't installed, and run a verb.
WITHOUT = """
import sys
for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None
from model_config.cli import main
main()
"""


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("missing", "extra", "verb"),
    [
        ("typer", "cli", "show support_chat"),
        ("rich", "cli", "validate"),
        ("pydantic", "cli", "validate"),
        ("pulumi", "deploy", "recover"),
        ("moto,pulumi,filelock", "local", "local deploy"),
        ("moto", "local", "show support_chat --local"),
    ],
)
def test_a_verb_without_its_extra_says_which_to_install(missing, extra, verb):
    ended = python("-c", WITHOUT, missing, *verb.split())
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == (
        f"This command needs {missing.split(',')[0]}, which is not installed. Install the extra "
        f"model-config[{extra}].\n"
    )


def test_verbs_that_need_no_deploy_need_neither_pulumi_nor_moto():
    ended = python("-c", WITHOUT, "pulumi,pulumi_aws,moto", "validate")
    assert "No findings" in ended.stdout, ended.stderr


def test_another_missing_module_is_not_explained_away():
    ended = python("-c", WITHOUT, "model_config.plan.validation", "validate")
    assert "ModuleNotFoundError" in ended.stderr


def test_help_has_a_short_form_and_the_version_is_told(run):
    for verb in ("", "validate", "local", "local deploy"):
        assert run(*verb.split(), "-h").out == run(*verb.split(), "--help").out
    assert run("--version").out == f"model-config {version('model-config')}\n"


# Interrupt the import of a module, as a Ctrl-C in the first half second does.
INTERRUPTED = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == interrupted:
            raise KeyboardInterrupt
interrupted = sys.argv.pop(1)
sys.meta_path.insert(0, Interrupt())
from model_config.cli import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "model_config.plan.validation"])
def test_an_early_interrupt_is_no_traceback(module):
    ended = python("-c", INTERRUPTED, module, "validate")
    assert ended.returncode == 130  # 128 and SIGINT, as shells have it
    assert "Traceback" not in ended.stderr
