"""The options and arguments that several verbs take."""

from __future__ import annotations

from typing import Annotated

import typer

from model_config.cli.completion import complete_environment, complete_label, complete_model

Environment = Annotated[
    str,
    typer.Option(
        "--environment",
        "-e",
        envvar="MODEL_CONFIG_ENVIRONMENT",
        help="The environment.",
        autocompletion=complete_environment,
    ),
]
Environments = Annotated[
    list[str] | None,
    typer.Option(
        "--environment",
        "-e",
        help="Only this environment; may be repeated. Default: each that has a stack file.",
        autocompletion=complete_environment,
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option(help="The prefix of all parameters. Default: from the stack file, or /ai."),
]
Local = Annotated[
    bool,
    typer.Option(
        "--local",
        envvar="MODEL_CONFIG_LOCAL",
        help="Use the project's local AWS (see `model-config local`).",
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="The model's name.",
        show_default=False,
        autocompletion=complete_model,
    ),
]
AnyModel = Annotated[
    str | None,
    typer.Argument(metavar="[MODEL]", help="Default: all models.", autocompletion=complete_model),
]
Label = Annotated[
    str | None,
    typer.Option(
        help='The label to read, or "latest". Default: MODEL_CONFIG_LABEL, or stable.',
        autocompletion=complete_label,
    ),
]
Release = Annotated[
    int | None, typer.Option(help="The number of the release to read, instead of a label.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ExitCode = Annotated[
    bool, typer.Option("--exit-code", help="Exit with 1 if there are differences.")
]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 for any free one.")]
VariablePrefix = Annotated[
    str, typer.Option(help="The prefix of each variable's name, such as CHAT_.")
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        help="The region; may be repeated. All regions are verified before any label moves.",
    ),
]
Reason = Annotated[
    str | None,
    typer.Option(
        help="The reason for `model-config history`, in at most 500 characters. Everyone "
        "who may read the model may read it."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only show what would change for the label's readers.")
]
