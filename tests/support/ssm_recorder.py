"""A recorder for programs that ask SSM for a parameter, as `ModelStack.from_aws` does."""

from __future__ import annotations

from typing import Any

from pulumi.runtime.mocks import MockCallArgs

from model_config.plan.aws import partition_of
from model_config.testing.program import Recorder

ARN = "arn:aws:ssm:eu-west-1:111122223333:parameter"


class Ssm(Recorder):
    """Answers GetParameter as the provider does; `asked` lists the requests."""

    def __init__(
        self, outputs: Any = None, versions: dict[str, int] | None = None, region: str | None = None
    ) -> None:
        super().__init__(outputs)
        self.region = region or "eu-west-1"
        self.versions = versions or {}
        self.asked: list[dict[str, Any]] = []

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if args.token != "aws:ssm/getParameter:getParameter":
            return super().call(args)
        self.asked.append(args.args)
        name = args.args["name"]
        if name not in self.versions:
            return {}, [("name", f"couldn't find resource {name}")]
        bare = name.split(":")[0]
        region = args.args.get("region", self.region)
        place = f"arn:{partition_of(region)}:ssm:{region}:111122223333:parameter"
        arn = f"{place}{bare}"
        return {
            "name": bare,
            "arn": arn,
            "version": float(self.versions[name]),
            "value": "AQI=",
        }, []
