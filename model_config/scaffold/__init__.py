"""What a team's own repository begins with: a project, and a module for each model.

`template/` is the project, which `pulumi new` takes too. `kinds/` has a module for each class of
model.
"""

from typing import Literal

#: The classes that a new module can be of.
Kind = Literal["chat", "embedding", "endpoint"]
