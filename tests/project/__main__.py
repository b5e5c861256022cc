"""The Pulumi program: reads the settings and models, deploys them, and exports the outputs."""

from pathlib import Path

from model_config.infra.components import EncryptionKey, ModelParameters, Notifications
from model_config.infra.engine import current_account, stack_config, stop_on_findings
from model_config.infra.outputs import export_stack
from model_config.plan.plan import plan_stack
from model_config.plan.project import Project
from model_config.plan.registry import read_modules_twice

# Models: one module each. Settings: from this stack's file. Nothing is deployed if either has a
# finding.
modules = read_modules_twice(Project(Path(__file__).parent))
plan = plan_stack(modules, stack_config())
stop_on_findings(plan)

# Deploy: one key for the environment; each model's parameters, release and reader policy.
key = EncryptionKey("encryption-key", plan.settings, current_account())
models = [ModelParameters(model.name, model, plan.settings, key) for model in plan.models]

# Notify: a topic receives the changes that affect readers.
if plan.settings.notify_topic_arn:
    Notifications("notifications", plan.settings, key)

# Export: outputs for other stacks.
export_stack(plan.settings, key, models)
