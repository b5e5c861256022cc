"""How long the program takes under mocks, against a flat program written by hand.

Both register the very same AWS resources and export the same, in processes of their own, in turn.
Imports are left out. Run it with `make bench`.
"""

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks
from rich.console import Console
from rich.table import Table

from model_config.plan.project import StackConfig
from model_config.testing.program import OWN_OUTPUTS, plain, run_program

CHECKOUT = Path(__file__).parent.parent.parent
RESULTS = CHECKOUT / ".bench" / "program.json"
RUNS = 5
FIELDS = 20


class Provider(Mocks):
    """Answers at once, and keeps what was registered."""

    def __init__(self) -> None:
        self.registered: list[tuple[str, str, dict[str, Any]]] = []

    def call(self, args: MockCallArgs) -> dict[str, Any]:
        return {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": "111122223333"},
            "aws:index/getRegion:getRegion": {"region": "eu-west-1"},
            OWN_OUTPUTS: {"outputs": {}},
        }[args.token]

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.registered.append((args.typ, args.name, args.inputs))
        answer = {**args.inputs, "arn": f"arn:{args.name}", "version": 1, "keyId": "key"}
        return f"{args.name}-id", answer


def write_project(folder: Path, parameters: int) -> None:
    """Write a project whose models of up to 20 fields in four groups have so many values in all."""
    models = folder / "models"
    models.mkdir(parents=True)
    for name in ("__main__.py", "Pulumi.yaml"):
        shutil.copy(CHECKOUT / name, folder)
    for first in range(0, parameters, FIELDS):
        fields = min(FIELDS, parameters - first)
        lines = ["from model_config.schema import Group, ModelConfig"]
        groups = range(0, fields, 5)
        for group in groups:
            lines.append(f"class Group{group}(Group):")
            lines += [
                f"    field_{n}: {kind}"
                for n, kind in enumerate(
                    ("float = 0.5", "int = 3", "str = 'a short text'", "bool = True", "str = 'x'")
                )
                if group + n < fields
            ]
        lines.append("class Own(ModelConfig):")
        lines += [f"    group_{group}: Group{group} = Group{group}()" for group in groups]
        lines.append("MODEL = Own()")
        (models / f"model_{first:04}.py").write_text("\n".join(lines) + "\n")


def write_flat_program(folder: Path, resources: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Write the same resources as someone would without a library: one flat program."""
    values = [
        (name, inputs["name"], inputs["value"], inputs["type"], inputs["tier"])
        for kind, name, inputs in resources
        if kind == "aws:ssm/parameter:Parameter"
    ]
    policies = [
        (name, inputs["name"], inputs["policy"])
        for kind, name, inputs in resources
        if kind == "aws:iam/policy:Policy"
    ]
    [key] = [inputs for kind, _, inputs in resources if kind == "aws:kms/key:Key"]
    (folder / "__main__.py").write_text(
        f"""import pulumi
import pulumi_aws as aws

VALUES = {values!r}
POLICIES = {policies!r}

aws.get_caller_identity()
aws.get_region()
key = aws.kms.Key("key", description="key", enable_key_rotation=True, deletion_window_in_days=30,
                  policy={key["policy"]!r}, tags={{}})
aws.kms.Alias("alias", name="alias/ai/dev", target_key_id=key.key_id)
exports, fields = {{}}, {{}}
for logical_name, name, value, kind, tier in VALUES:
    model = logical_name.split("/")[0]
    depends_on = fields.pop(model) if logical_name.endswith("/release") else []
    is_rollout = kind == "String"
    parameter = aws.ssm.Parameter(
        logical_name, name=name, type=kind, key_id=None if is_rollout else key.arn, tier=tier,
        value=value, tags={{}}, opts=pulumi.ResourceOptions(
            depends_on=depends_on, ignore_changes=["value"] if is_rollout else []))
    fields.setdefault(model, []).append(parameter)
    if is_rollout:
        continue
    exports[logical_name] = {{
        "name": name,
        "arn": parameter.arn,
        "version": parameter.version.apply(int),
        "reference": parameter.version.apply(lambda number, name=name: f"{{name}}:{{int(number)}}"),
    }}
policies = {{}}
for logical_name, name, policy in POLICIES:
    made = aws.iam.Policy(logical_name, name=name, path="/model-config/", description=name,
                          policy=pulumi.Output.format("{{0}}", policy), tags={{}})
    policies[logical_name] = {{"arn": made.arn, "json": made.policy}}
pulumi.export("kms_key", {{"arn": key.arn, "id": key.key_id}})
pulumi.export("parameters", exports)
pulumi.export("policies", policies)
"""
    )


def run_once(program: Path) -> None:
    """Run one program in this process, and print its seconds and the memory it added, in MiB."""
    _ = (pulumi.Output, aws.ssm.Parameter, aws.kms.Key, aws.kms.Alias, aws.iam.Policy)  # imported
    config = StackConfig("dev", {})
    imported = peak_memory()
    started = time.perf_counter()
    run_program(program, config, Provider())
    seconds = time.perf_counter() - started
    sys.stdout.write(json.dumps([seconds, peak_memory() - imported]))


def peak_memory() -> float:
    """Return this process's highest resident memory so far, in MiB."""
    status = Path("/proc/self/status")
    if not status.exists():  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    # getrusage would give the parent's peak, where that is higher.
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def measure(parameters: int) -> list[dict[str, Any]]:
    """Return what both programs took for so many parameters."""
    with tempfile.TemporaryDirectory() as folder:
        ours, flat = Path(folder, "ours"), Path(folder, "flat")
        flat.mkdir()
        write_project(ours, parameters)
        provider = Provider()
        run_program(ours, StackConfig("dev", {}), provider)
        registered = [
            (kind, name, plain(inputs))
            for kind, name, inputs in sorted(
                provider.registered, key=lambda item: (item[1].split("/")[0], "release" in item[1])
            )
        ]
        write_flat_program(flat, registered)
        check_same(registered, flat)
        samples: dict[Path, list[list[float]]] = {ours: [], flat: []}
        for _ in range(RUNS):
            for program, taken in samples.items():
                command = [sys.executable, __file__, str(program)]
                printed = subprocess.run(command, check=True, capture_output=True, text=True)
                taken.append(json.loads(printed.stdout))
    seconds, memory = (
        [statistics.median(sample[index] for sample in taken) for taken in samples.values()]
        for index in (0, 1)
    )
    rows = [row(f"time, {parameters} parameters", "s", *seconds)]
    if all(memory):  # a small program takes no more than its imports did for a moment
        rows.append(row(f"memory added, {parameters} parameters", "MiB", *memory))
    return rows


def check_same(registered: list[tuple[str, str, dict[str, Any]]], flat: Path) -> None:
    """Refuse to compare programs that don't register the same parameters."""
    provider = Provider()
    run_program(flat, StackConfig("dev", {}), provider)
    ours, theirs = (
        {
            inputs["name"]: (inputs["value"], inputs["tier"])
            for kind, _, inputs in resources
            if kind == "aws:ssm/parameter:Parameter"
        }
        for resources in (
            registered,
            [(kind, name, plain(inputs)) for kind, name, inputs in provider.registered],
        )
    )
    if ours != theirs:
        raise SystemExit("the two programs don't register the same parameters")


def row(name: str, unit: str, ours: float, baseline: float) -> dict[str, Any]:
    return {
        "name": name,
        "ours": round(ours, 4),
        "baseline": round(baseline, 4),
        "ratio": round(ours / baseline, 3),
        "unit": unit,
    }


def main() -> None:
    rows = [row for parameters in (10, 100, 1000) for row in measure(parameters)]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    table = Table("the program under mocks", "ours", "flat, by hand", "ratio", "unit")
    for item in rows:
        table.add_row(*(str(item[key]) for key in ("name", "ours", "baseline", "ratio", "unit")))
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_once(Path(sys.argv[1]))
    else:
        main()
