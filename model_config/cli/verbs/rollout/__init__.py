"""`model-config rollout`: give a release to a share of a label's readers first."""

import typer

from model_config.cli.panels import Panel
from model_config.cli.project import takes_project
from model_config.cli.verbs.rollout.abort import abort
from model_config.cli.verbs.rollout.finish import finish
from model_config.cli.verbs.rollout.pause import pause, resume
from model_config.cli.verbs.rollout.start import start
from model_config.cli.verbs.rollout.status import status
from model_config.cli.verbs.rollout.watch import watch

PANEL = Panel.RELEASE

app = typer.Typer(
    help="Give a release to a share of a label's readers first.",
    no_args_is_help=True,
)
for verb in (start, status, pause, resume, finish, abort, watch):
    app.command()(takes_project(verb))
