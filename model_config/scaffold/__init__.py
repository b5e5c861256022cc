"""The files that `model-config init` and `new` write: a project, and a model's module.

`template/` is the project, and also a template for `pulumi new`. `kinds/` has a module for each
class of model.
"""

from typing import Literal

#: The classes that a new module can use.
Kind = Literal["chat", "embedding", "reranker", "endpoint", "custom"]
