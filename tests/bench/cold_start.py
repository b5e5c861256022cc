"""How long a fresh process takes to its first configuration, beside a bare boto3 script.

All make the same one request of the bench's server. They run in turn, in an environment like an
application's: with the bytecode compiled, and without what an editable installation imports at
every start. Run it with `make bench`.
"""

import argparse
import os
import resource
import subprocess
import sysconfig
import tempfile
import time
import venv
from importlib.metadata import version
from pathlib import Path

from _measure import clean_environment, report, row, timed
from _server import OURS, Aws, BenchServer, config_of

CHECKOUT = Path(__file__).parent.parent.parent
BARE = f"""
import json, boto3
client = boto3.client("ssm")
answer = client.get_parameters(Names=["{OURS}/chat/release:stable"], WithDecryption=True)
json.loads(answer["Parameters"][0]["Value"])["config"]
"""
READER = """
from model_config import Reader
Reader("prod").get("chat")
"""
# As without the extra `crt`. boto3 too would import awscrt, and take a fifth longer.
WITHOUT = "import sys; sys.modules['awscrt'] = None"
LIMIT, LIMIT_OVER_CRT = 0.75, 0.3
CRT = f"awscrt {version('awscrt')}"  # importing some versions takes as long as all else


def start(python: Path, program: str, environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds a process takes by the clock, and of the processors' time."""
    used, began = _processors(), time.perf_counter()
    subprocess.run([python, "-c", program], env=environment, check=True)
    return time.perf_counter() - began, _processors() - used


def _processors() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def python_without_editables(folder: Path) -> Path:
    """Return a Python that has this one's packages but runs none of their .pth files."""
    venv.create(folder, symlinks=True)
    base = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", base))
    packages.joinpath("packages.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "bin" / "python"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30, help="of each side")
    runs = parser.parse_args().runs
    clean_environment()
    with BenchServer() as server, tempfile.TemporaryDirectory() as folder:
        python = python_without_editables(Path(folder) / "environment")
        Aws(server).deploy("chat", config_of(40), {})
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONPYCACHEPREFIX": f"{folder}/bytecode",
            "AWS_ENDPOINT_URL_SSM": server.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
        programs = {
            "nothing": "pass",
            "bare": WITHOUT + BARE,
            "boto3": WITHOUT + READER,
            CRT: READER,
        }
        taken = {name: [start(python, program, environment)] for name, program in programs.items()}
        for _ in range(runs):
            for name, program in programs.items():
                taken[name].append(start(python, program, environment))
    # The fastest of each, which other work on the machine has disturbed least.
    clock, processors = (
        {name: min(each[side] for each in all_) for name, all_ in taken.items()} for side in (0, 1)
    )
    rows = [
        timed(f"{what} / a bare boto3 script", "s", taken_[over], taken_["bare"], limit)
        for over, limit in (("boto3", LIMIT), (CRT, LIMIT_OVER_CRT))
        for what, taken_ in ((f"cold start over {over}", clock), ("its processor time", processors))
    ]
    rows.append(row("of which Python itself", "s", clock["nothing"], clock["nothing"]))
    report("cold_start.json", f"the fastest of {runs} fresh processes each", rows)


if __name__ == "__main__":
    main()
