"""moto imports its EC2, which nothing here uses, for its SSM: half of the time that it takes."""

import sys
from types import ModuleType

ec2 = sys.modules["moto.ec2"] = ModuleType("moto.ec2")
ec2.ec2_backends = {}  # type: ignore[attr-defined]
