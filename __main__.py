"""What `pulumi up` deploys: settings, models, deploy, export."""

from model_config.core.deployment import plan
from model_config.core.settings import read_settings
from model_config.infra.encryption_key import EncryptionKey
from model_config.infra.model_parameters import ModelParameters
from model_config.infra.outputs import export_stack
from model_config.infra.settings import (
    collect_less_garbage,
    current_account,
    stack_config,
    stop_on,
)

collect_less_garbage()

# Settings: what this stack's file says.
findings = []
config = stack_config()
settings = read_settings(config, findings)

# Models: one module each, as this environment has it. Nothing is deployed if anything is wrong.
models = plan(settings, config, findings)
stop_on(findings)

# Deploy: one key for the environment; each model's parameters, release and reader policy.
key = EncryptionKey("encryption-key", settings, current_account())
deployed = [ModelParameters(model, settings, key) for model in models]

# Export: what other stacks pin.
export_stack(settings, key, deployed)
