"""A model module from existing parameters. It is loaded as a test before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from model_config.format.errors import InvalidConfigurationError
from model_config.format.names import SECRETS
from model_config.importing.adoption import Adoption, adoption, import_list
from model_config.importing.field import Field, Found
from model_config.importing.fields import fields_of, fields_of_document
from model_config.importing.schema_fit import fitting_class
from model_config.importing.source import source_in_class, source_with_own_class
from model_config.plan.hierarchy import secrets_of
from model_config.plan.planned_model import PlannedModel, plan_model
from model_config.plan.project import Project
from model_config.plan.registry import Model, read_modules
from model_config.plan.settings import Settings
from model_config.schema import SecretRef


@dataclass(frozen=True, slots=True)
class ImportedModule:
    """A module to be written.

    Attributes:
        files: its source and its long texts, by file name.
        kind: the name of its MODEL's class.
        secret_keys: the config keys of its secrets.
        adoptions: the outcome for each parameter.
        import_list: the contents of the file for `pulumi import --file`; None if nothing is
            adopted.
    """

    name: str
    files: Mapping[str, str]
    kind: str
    fields: Sequence[Field]
    secret_keys: Sequence[str]
    adoptions: Sequence[Adoption]
    import_list: Mapping[str, Any] | None


def imported_module(
    name: str, origin: str, found: Sequence[Found], settings: Settings
) -> ImportedModule:
    """Return the module for existing parameters.

    Args:
        name: the model's name.
        origin: the imported path.
        found: the parameters of a tree, or a single one without a path that holds a JSON document.
        settings: where the model will be deployed.

    Raises:
        UsageError: the parameters can't become a model's fields.
        InvalidConfigurationError: the model could not be deployed.
    """
    is_document = found[0].path == ()
    fields = fields_of_document(name, found[0]) if is_document else fields_of(name, found)
    # Parameters below the model's own path can be adopted if their names stay the same.
    in_place = any(each.name.startswith(f"{settings.path_of(name)}/") for each in found)
    fit = fitting_class(fields, keep_names=in_place)
    if fit:
        text, texts = source_in_class(name, origin, fit.kind, fit.values)
    else:
        text, texts = source_with_own_class(name, origin, fields)
    files = {**texts, f"{name}.py": text}
    model, planned = _planned(name, files, settings)
    secrets = [isinstance(field.value, SecretRef) for field in fields]
    if is_document:
        count = f"{len(fields)} {'field' if len(fields) == 1 else 'fields'}"
        adoptions = [adoption(found[0], count, planned, secret=any(secrets))]
    else:
        paths = fit.paths if fit else [field.path for field in fields]
        adoptions = [
            adoption(each, "/".join((SECRETS, *path) if secret else path), planned, secret=secret)
            for each, path, secret in zip(found, paths, secrets, strict=True)
        ]
    return ImportedModule(
        name=name,
        files=files,
        kind=type(model.config).__name__,
        fields=fields,
        secret_keys=sorted({ref.config_key for ref in secrets_of(model.config).values()}),
        adoptions=adoptions,
        import_list=import_list(planned, adoptions),
    )


def _planned(name: str, files: Mapping[str, str], settings: Settings) -> tuple[Model, PlannedModel]:
    """Return the model, loaded as a deploy loads it, and its plan."""
    with TemporaryDirectory() as folder:
        project = Project(Path(folder))
        project.models_folder.mkdir()
        for file, text in files.items():
            (project.models_folder / file).write_bytes(text.encode())
        modules = read_modules(project)
    if name in modules.broken:
        raise InvalidConfigurationError(modules.broken[name])
    planned, findings = plan_model(modules.models[name], settings, region=None)
    if findings:
        raise InvalidConfigurationError(findings)
    return modules.models[name], planned
