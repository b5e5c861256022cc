"""A function that reads a release of one model, and can't read any other model."""

import json

import pulumi
import pulumi_aws as aws

from model_config.consumer import Model, ModelStack

MODEL = "support_chat"

# The models come from SSM, by the environment's name, or from the producer's outputs, by the
# stack's name. docs/consuming.md compares the two.
config = pulumi.Config()
if model_stack := config.get("modelStack"):
    stack = ModelStack.from_reference(model_stack)
else:
    prefix = config.get("prefix") or "/ai"
    stack = ModelStack.from_aws(environment=config.require("environment"), prefix=prefix)
model = stack.model(MODEL)

# The release: the one with a label when the function reads, a number that you set, or "newest",
# which is the newest release at each deploy of this function.
label = config.get("label") or "stable"
release = config.get("release")


def variables(found: Model) -> dict[str, str]:
    """Return the function's environment variables, which say what to read."""
    number = str(found.release.version) if release == "newest" else release
    pinned = {"MODEL_CONFIG_RELEASE": number} if number else {"MODEL_CONFIG_LABEL": label}
    return {
        "MODEL_CONFIG_ENVIRONMENT": found.environment,
        "MODEL_CONFIG_PREFIX": found.prefix,
        **pinned,
    }


# The role may write logs and read this model, and nothing else.
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
    # build/ holds the packages that `pip install --target build` installed; see README.md.
    code=pulumi.AssetArchive(
        {
            ".": pulumi.FileArchive("build"),
            "handler.py": pulumi.FileAsset("app/handler.py"),
        }
    ),
    role=role.arn,
    timeout=30,
    environment={"variables": model.apply(variables)},
    # The function reads its model at its start, so its role needs the permission before.
    opts=pulumi.ResourceOptions(depends_on=[logs, reader]),
)

pulumi.export("function", function.name)
pulumi.export("newest_release", model.release.reference)
