"""A function that answers with one release of a model, and with no other model's secrets."""

import json

import pulumi
import pulumi_aws as aws

from model_config.consumer import Model, ModelStack

MODEL = "support_chat"

# Where the models come from: SSM, by the environment's name; or the producer's whole state, by the
# stack's. docs/consuming.md says what each costs.
config = pulumi.Config()
if model_stack := config.get("modelStack"):
    stack = ModelStack.from_reference(model_stack)
else:
    prefix = config.get("prefix") or "/ai"
    stack = ModelStack.from_aws(environment=config.require("environment"), prefix=prefix)
model = stack.model(MODEL)

# Which release: whichever a label is on while the function reads; one number, kept until you change
# it; or "newest", the newest there is at each deploy of this function.
label = config.get("label") or "stable"
release = config.get("release")


def variables(found: Model) -> dict[str, str]:
    """Return what tells the function where and what to read."""
    number = str(found.release.version) if release == "newest" else release
    pinned = {"MODEL_CONFIG_RELEASE": number} if number else {"MODEL_CONFIG_LABEL": label}
    return {
        "MODEL_CONFIG_ENVIRONMENT": found.environment,
        "MODEL_CONFIG_PREFIX": found.prefix,
        **pinned,
    }


# Its role may write its logs and read this model. Nothing else.
role = aws.iam.Role(
    "support-bot",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                }
            ],
        }
    ),
)
logs = aws.iam.RolePolicyAttachment(
    "writes-logs",
    role=role.name,
    policy_arn=aws.iam.ManagedPolicy.AWS_LAMBDA_BASIC_EXECUTION_ROLE,
)
reader = aws.iam.RolePolicyAttachment(
    "reads-model", role=role.name, policy_arn=model.reader_policy_arn
)

function = aws.lambda_.Function(
    "support-bot",
    runtime="python3.13",
    handler="handler.handle",
    # build/ holds what `pip install --target build` put there; see README.md.
    code=pulumi.AssetArchive(
        {
            ".": pulumi.FileArchive("build"),
            "handler.py": pulumi.FileAsset("app/handler.py"),
        }
    ),
    role=role.arn,
    timeout=30,
    environment={"variables": model.apply(variables)},
    # The function reads its model as it starts, so its role has to be able to by then.
    opts=pulumi.ResourceOptions(depends_on=[logs, reader]),
)

pulumi.export("function", function.name)
pulumi.export("newest_release", model.release.reference)
