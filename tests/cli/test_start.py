"""How the command line starts and ends as a process, and what it says where a part is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from model_config.cli.options import Panel

COMMAND = Path(sys.executable).parent / "model-config"
# An interpreter that forks for each program: what they all import, it imports once.
FORKS = """
import gc, json, os, sys, tempfile
import model_config.cli.app, model_config.plan.validation
def forget(*names):
    for name in list(sys.modules):
        if f"{name}.".startswith(tuple(f"{each}." for each in names)):
            module = sys.modules.pop(name)
            package, _, own = name.rpartition(".")
            vars(sys.modules.get(package, module)).pop(own, None)

gc.freeze()
ended = []
for program, words, stdout in json.loads(sys.argv[1]):
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    if child := os.fork():
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0), err.seek(0)
        ended.append((status, out.read().decode(), err.read().decode()))
        continue
    if stdout == "closed":  # as `| head -0` does
        ours, stdout = os.pipe()
        os.close(ours)
    else:
        stdout = os.open(stdout, os.O_WRONLY) if stdout else out.fileno()
    os.dup2(stdout, 1), os.dup2(err.fileno(), 2)
    sys.argv = ["model-config", *words]
    break
else:
    json.dump(ended, sys.stdout)
    sys.exit()
exec(program)
"""
MAIN = "from model_config.cli import main; main()"


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def ended(project: Path, *cases: tuple[str, ...]) -> list[Ended]:
    """Return how each case ended: a program, its arguments, and where its output goes."""
    given = [(program, line.split(), *(stdout or [""])) for program, line, *stdout in cases]
    done = subprocess.run(
        [sys.executable, "-c", FORKS, json.dumps(given)],
        cwd=project,
        capture_output=True,
        check=True,
        timeout=60,
        env={"HOME": str(project), "PYTHONIOENCODING": "ascii"},
    )
    return [Ended(*each) for each in json.loads(done.stdout)]


def without(missing: str, *users: str) -> str:
    """Return the program where modules aren't installed; those that use them are imported anew."""
    names = missing.split()
    return f"forget(*{[*names, *users]})\nsys.modules.update(dict.fromkeys({names}))\n{MAIN}"


# Interrupt the import of a module, as a Ctrl-C in the first half second does.
INTERRUPTED = """
class Interrupt:
    def find_spec(self, name, *_):
        if name == interrupted:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
forget('model_config.cli.app', interrupted)
"""


def test_what_cannot_be_imported(project):
    extras = [
        ("typer", "cli", "show support_chat", "model_config.cli"),
        ("rich", "cli", "validate", "typer", "model_config.cli"),
        ("pydantic", "cli", "validate", "model_config"),
        ("pulumi", "deploy", "recover"),
        ("moto pulumi filelock", "local", "local deploy"),
        ("moto", "local", "show support_chat --local"),
    ]
    early, late, unneeded, another, *missing = ended(
        project,
        (f"interrupted = 'typer'{INTERRUPTED}{MAIN}", "validate"),
        (f"interrupted = 'model_config.plan.validation'{INTERRUPTED}{MAIN}", "validate"),
        (without("pulumi pulumi_aws moto", "model_config"), "validate"),
        (without("model_config.plan.validation"), "validate"),
        *((without(names, *users), verb) for names, _, verb, *users in extras),
    )
    for interrupt in (early, late):
        assert interrupt.code == 130  # 128 and SIGINT, as shells have it
        assert "Traceback" not in interrupt.err
    assert (unneeded.code, unneeded.out) == (0, "No findings in dev, prod.\n"), unneeded.err
    assert "ModuleNotFoundError" in another.err  # it isn't explained away
    for (names, extra, *_), said in zip(extras, missing, strict=True):
        what = f"This command needs {names.split()[0]}, which is not installed."
        assert said == (2, "", f"{what} Install the extra model-config[{extra}].\n")


NEW_VERB = '''
"""`model-config greet`: what anybody can add."""
from typing import Annotated
from model_config.cli.options import Environment, Panel
PANEL = Panel.READ
def greet_all(environment: Environment = "dev", *, so_loud: Annotated[bool, "Shout."] = False):
    """Greet an environment."""
    print(f"Hello {environment}{'!' if so_loud else ''}")
'''


def test_a_new_verb_is_found_without_a_list_and_how_the_output_ends(project, tmp_path):
    (tmp_path / "greet_all.py").write_text(NEW_VERB)
    with (project / "Pulumi.dev.yaml").open("a", encoding="utf-8") as file:
        file.write("      prompts:\n        system: Zoë\n")
    lines = ["--help", "greet-all --project / -e qa", "greet-all --so-loud", "greet-all --help"]
    greets = (
        "forget('model_config.cli')\nos.environ['COLUMNS'] = '100'\n"
        f"from model_config.cli import verbs; verbs.__path__.append({str(tmp_path)!r})\n"
        "from model_config.cli import guard_stdout; from model_config.cli.app import app\n"
        f"guard_stdout()\nfor line in {lines}:\n"
        "    app(line.split(), standalone_mode=False)\n"
        "    print(end='\\f')"
    )
    completes = (
        "import runpy\nos.environ.update(_MODEL_CONFIG_COMPLETE='complete_bash',"
        "COMP_WORDS='model-config tree -e p', COMP_CWORD='3')\n"
        f"sys.argv[0] = {str(COMMAND)!r}; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    as_module = "import runpy; runpy.run_module('model_config', run_name='__main__')"
    breaks = "open('models/broken.py', 'w').write('MODEL = 1')\n"
    greeted, completed, unicode, full, full_too, seen, seen_too = ended(
        project,
        (greets, ""),
        (completes, ""),
        (as_module, "diff --environments dev prod"),
        (MAIN, "digest", "/dev/full"),
        (MAIN, "--help", "/dev/full"),
        (MAIN, "digest", "closed"),
        (breaks + MAIN, "tree", "closed"),
    )
    shown, in_qa, loud, options, _ = greeted.out.split("\f")
    assert "─ Commands ─" not in shown  # where typer puts a verb without a panel
    panel = shown.split(Panel.READ)[1].split("╰")[0]
    assert "greet-all" in panel
    assert "show" in panel
    assert (in_qa, loud) == ("Hello qa\n", "Hello dev!\n")
    assert "Shout." in options
    assert "--no-so-loud" not in options

    assert completed.out.split() == ["prod"]
    assert "Zoë" in unicode.out  # in UTF-8, whatever the encoding
    assert "Traceback" not in unicode.err
    assert full == full_too == (2, "", "can't write the output: No space left on device\n")
    # A reader that has seen enough changes no exit code.
    assert (seen.code, seen_too.code) == (0, 2)
    for said in (seen, seen_too):
        assert "Broken pipe" not in said.err
        assert "Traceback" not in said.err


def test_help_has_a_short_form_and_the_version_is_told(run):
    for verb in ("", "local deploy"):
        assert run(*verb.split(), "-h").out == run(*verb.split(), "--help").out
    assert run("--version").out == f"model-config {version('model-config')}\n"
