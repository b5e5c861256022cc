"""A stack's configuration and state, through Pulumi's Automation API."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from pulumi import automation

from model_config.format.errors import DeployError
from model_config.plan.project import COMPONENT, Adoption, Project, StackConfig, StackState


class EngineStack:
    """One stack of a project, in the backend that the Pulumi CLI is logged in to.

    Raises:
        DeployError: there is no Pulumi CLI, or no such stack in the backend.
    """

    def __init__(self, project: Project, name: str) -> None:
        with _short_errors():
            self._workspace = automation.LocalWorkspace(work_dir=str(project.root))
            self._stack = automation.Stack.select(name, self._workspace)
        self._name, self._project = name, project.name

    def config(self) -> StackConfig:
        with _short_errors():
            config = self._workspace.get_all_config(self._name)
        values = {key: item.value for key, item in config.items()}
        secret_keys = frozenset(key for key, item in config.items() if item.secret)
        return StackConfig(self._name, values, secret_keys, self._project)

    def outputs(self) -> dict[str, Any]:
        """Return the outputs of the stack's last successful update, or nothing before the first."""
        with _short_errors():
            return {key: output.value for key, output in self._stack.outputs().items()}

    def state(self) -> StackState:
        with _short_errors():
            deployment = self._stack.export_stack().deployment or {}
        resources = deployment.get("resources") or []
        ids: dict[str, set[str]] = {}
        for resource in resources:
            # Those that a project adds to its program, such as another key, have other parents.
            is_ours = COMPONENT in resource.get("parent", "")
            if is_ours and resource.get("custom") and resource.get("id"):
                ids.setdefault(resource["type"], set()).add(resource["id"])
        return StackState(
            owner=f"{self._project}/{self._name}",
            ids={kind: frozenset(of_kind) for kind, of_kind in ids.items()},
            urns={
                resource["urn"].rsplit("::", 1)[-1]: resource["urn"]
                for resource in resources
                if resource["type"].startswith(COMPONENT)
            },
            pending=[
                (operation["type"], operation["resource"]["urn"])
                for operation in deployment.get("pending_operations") or []
            ],
        )

    def cancel(self) -> None:
        """Remove the lock that a killed deploy left."""
        with _short_errors():
            self._stack.cancel()

    def apply(
        self,
        pending: Collection[str],
        adopt: Collection[Adoption],
        refresh: Collection[str],
        say: Callable[[str], Any],
    ) -> None:
        """Clear pending operations, adopt existing resources, and refresh those with these URNs."""
        with _short_errors():
            if pending:
                exported = self._stack.export_stack()
                deployment = {**(exported.deployment or {}), "pending_operations": None}
                self._stack.import_stack(automation.Deployment(exported.version, deployment))
            if adopt:
                components = self.state().urns
                self._stack.import_resources(
                    resources=_listed(adopt, components.keys()),
                    name_table={_as_parent(name): urn for name, urn in components.items()},
                    protect=False,  # the next deploy protects what the settings say
                    generate_code=False,
                    show_secrets=False,
                    on_output=say,
                )
            if refresh:
                self._stack.refresh(target=list(refresh), show_secrets=False, on_output=say)


def _listed(adopt: Collection[Adoption], components: Collection[str]) -> list[Any]:
    """Return resources as `pulumi import` takes them, after the components that the state lacks."""
    listed: list[Any] = []
    for name, child in {it.parent: it.type for it in adopt if it.parent not in components}.items():
        kind = "EncryptionKey" if child.startswith("aws:kms/") else "ModelParameters"
        names = {"name": _as_parent(name), "logicalName": name}
        listed.append({"type": f"{COMPONENT}{kind}", **names, "component": True})
    for it in adopt:
        names = {"name": f"{it.type} {it.name}", "logicalName": it.name}
        listed.append({"type": it.type, **names, "id": it.id, "parent": _as_parent(it.parent)})
    return listed


def _as_parent(component: str) -> str:
    # The key, its alias and their component have one logical name; a list needs one for each.
    return f"component {component}"


@contextmanager
def _short_errors() -> Iterator[None]:
    """Turn the CLI's errors into a DeployError with what it printed to standard error."""
    try:
        yield
    except FileNotFoundError:
        raise DeployError(
            "this needs the Pulumi CLI, and `pulumi` is not on PATH: "
            "https://www.pulumi.com/docs/install/"
        ) from None
    except automation.ConcurrentUpdateError:
        raise DeployError(
            "the stack is locked: a deploy is running, or a killed one left its lock. If none is "
            "running, pass --cancel"
        ) from None
    except automation.CommandError as error:
        # Not its standard output, which may hold the configuration.
        said = str(error).partition("stderr:")[2].strip()
        if "failed to load checkpoint" in said:
            raise DeployError(
                f"Pulumi can't read the stack's state: {said}\nIn a file backend, a killed deploy "
                "may leave its state file incomplete. Copy the .bak file next to it over it, remove"
                " its .attrs file, and run this again"
            ) from None
        raise DeployError(f"Pulumi failed: {said}") from None
