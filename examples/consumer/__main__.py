"""A function that answers with one release of a model, and with no other model's secrets."""

import json

import pulumi
import pulumi_aws as aws
from model_stack import Model, ModelStack

MODEL = "support_chat"

# Which environment's models; and which release: the newest there is at this deploy, one number that
# is kept until you change it, or whichever a label is on when the function reads.
config = pulumi.Config()
stack = ModelStack(config.require("modelStack"))
model = stack.model(MODEL)
label = config.get("label")
release = config.get_int("release") or model.release.version


def variables(environment: str, exported: Model, number: int) -> dict[str, str]:
    """Return what tells the function where to read."""
    pinned = {"MODEL_CONFIG_LABEL": label} if label else {"MODEL_CONFIG_RELEASE": str(number)}
    return {
        "MODEL_CONFIG_ENVIRONMENT": environment,
        "MODEL_CONFIG_PREFIX": exported.prefix(environment),
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
    environment={
        "variables": pulumi.Output.all(stack.environment, model, release).apply(
            lambda known: variables(*known)
        )
    },
    # The function reads its model as it starts, so its role has to be able to by then.
    opts=pulumi.ResourceOptions(depends_on=[logs, reader]),
)

pulumi.export("function", function.name)
pulumi.export("digest", model.digest)
