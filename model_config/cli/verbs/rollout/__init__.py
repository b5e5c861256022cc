"""`model-config rollout`: a release for a share of a label's readers first."""

import typer

from model_config.cli.panels import Panel
from model_config.cli.project import takes_project
from model_config.cli.verbs.rollout.abort import abort
from model_config.cli.verbs.rollout.finish import finish
from model_config.cli.verbs.rollout.pause import pause
from model_config.cli.verbs.rollout.resume import resume
from model_config.cli.verbs.rollout.start import start
from model_config.cli.verbs.rollout.status import status
from model_config.cli.verbs.rollout.watch import watch

PANEL = Panel.RELEASE

app = typer.Typer(
    help="Give a release to a share of a label's readers first, and the way back.",
    no_args_is_help=True,
)
for verb in (start, status, pause, resume, finish, abort, watch):
    app.command()(takes_project(verb))
