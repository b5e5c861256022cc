"""What a shell completes: the names of models and environments, from the file names alone."""

from __future__ import annotations


def complete_model() -> list[str]:
    """Return the names of this checkout's models."""
    from model_config.cli.local import PROJECT

    modules = (PROJECT / "model_config" / "models").glob("*.py")
    return sorted(file.stem for file in modules if not file.stem.startswith("_"))


def complete_environment() -> list[str]:
    """Return the names of this checkout's stacks."""
    from model_config.cli.local import PROJECT

    files = PROJECT.glob("Pulumi.?*.yaml")
    return sorted(file.name[len("Pulumi.") : -len(".yaml")] for file in files)
