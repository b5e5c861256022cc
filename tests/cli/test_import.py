"""`model-config import`: parameters that exist become a module that holds the same values."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_config.cli.formats import yaml_text
from model_config.format.errors import InvalidConfigurationError, UsageError
from model_config.importing.fields import Existing, looks_secret
from model_config.importing.module import ImportedModule, Source, imported_module
from model_config.plan.hierarchy import config_of, secrets_of
from model_config.plan.plan import valid_plan
from model_config.plan.project import Project
from model_config.plan.registry import Model, read_modules
from model_config.schema import ModelConfig

PROMPT = "You help customers of {{company}}.\n\nNever say 'never'. " * 3
DOCUMENT = {
    "provider": "openai",
    "model": "gpt-4.1",
    "temperature": 0.2,
    "max_tokens": 1024,
    "system_prompt": PROMPT,
    "stop": ["</a>"],
    "seed": None,
    "api_key": "sk-hidden",
}


@pytest.fixture
def put(ssm: Any, project: Path) -> Callable[..., None]:
    """Write parameters: a mapping below a path, or one text."""

    def write(path: str, value: Any, kind: str = "SecureString", **others: Any) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                write(f"{path}/{name}", each, kind, **others)
        else:
            ssm.put_parameter(Name=path, Value=value, Type=kind, **others)

    for file in (project / "models").iterdir():
        file.unlink()
    return write


def loaded(folder: Path, name: str) -> Model:
    modules = read_modules(Project(folder))
    assert name not in modules.broken
    return modules.models[name]


def test_one_json_document_becomes_a_chat_model(put: Any, project: Path, run: Any):
    put("/ai/model/config", json.dumps(DOCUMENT).replace("{{", "{\\u007b"))  # SSM takes no {{
    said = run("import", "/ai/model/config", "--as", "support_bot")
    model = loaded(project, "support_bot")
    assert config_of(model.config) == {
        "provider": "openai",
        "model_id": "gpt-4.1",
        "prompts": {"system": PROMPT},
        "generation": {"temperature": 0.2, "max_output_tokens": 1024, "stop": ["</a>"]},
        "limits": {"timeout_seconds": 30.0, "max_retries": 2},  # the class's own
    }
    assert (project / "models" / "support_bot.py").read_text() == (
        '"""Imported from /ai/model/config."""\n\n'
        "from model_config.schema import ChatModel, Generation, Prompts, SecretRef, text_beside\n"
        "\n"
        "MODEL = ChatModel(\n"
        "    provider='openai',\n"
        "    model_id='gpt-4.1',\n"
        '    api_key=SecretRef("supportBotApiKey"),\n'
        "    prompts=Prompts(\n"
        '        system=text_beside(__file__, "support_bot_system.md"),\n'
        "    ),\n"
        "    generation=Generation(\n"
        "        temperature=0.2,\n"
        "        max_output_tokens=1024,\n"
        "        stop=['</a>'],\n"
        "    ),\n"
        ")\n"
    )
    assert "a line for supportBotApiKey in .local/secrets.yaml" in said.out
    written = "".join(file.read_text() for file in project.rglob("*") if file.is_file())
    assert "sk-hidden" not in said.out + said.err + written


def test_a_tree_becomes_a_class_of_its_own(put: Any, project: Path, run: Any):
    tree = {
        "top-k": "5",
        "version": "1.10",
        "rules": '{"en-US": {"x": 1}, "de": {"x": [1, 2.5, null]}}',
        "index": {"name": "docs", "class": "fast", "limits": {"shards": "3"}},
        "limits": {"json": "true"},
        "db-password": "hunter2",
    }
    put("/old/rag", tree)
    put("/old/rag/hosts", "a,b", "StringList")
    put("/old/rag/plain_token", "hunter2", "String")
    said = run("import", "/old/rag", "--as", "rag")
    model = loaded(project, "rag")
    assert config_of(model.config) == {
        "top_k": 5,
        "version": "1.10",  # 1.1 would be another
        "rules": {"en-US": {"x": 1}, "de": {"x": [1, 2.5, None]}},
        "index": {"name": "docs", "class_": "fast", "limits": {"shards": 3}},
        "limits": {"json_": True},
        "hosts": ["a", "b"],
    }
    assert set(secrets_of(model.config)) == {"db_password", "plain_token"}
    source = (project / "models" / "rag.py").read_text()
    assert "class Rag(ModelConfig):" in source
    assert "class Limits(Group):" in source
    assert "class IndexLimits(Group):" in source
    assert "a secret in plain text: have its provider replace it" in said.out
    assert "hunter2" not in said.out + source


def test_the_commands_move_secrets_without_showing_them(
    put: Any, run: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MODEL_CONFIG_LOCAL")
    put("/ai/dev/chat", {"provider": "openai", "model_id": "gpt", "secrets/api_key": "sk-1"})
    put("/ai/dev/chat/prompts/system", "Hi")
    said = run("import", "/ai/dev/chat", "--as", "chat")
    put("/doc", json.dumps({"provider": "openai", "outer": {"api-key": "sk-2"}}))
    document = run("import", "/doc", "--as", "doc")
    read = "--region eu-west-1 --with-decryption --query Parameter.Value --output text"
    move, deploy, adopt = said.out.splitlines()[-3:]
    assert move == (
        f"  aws ssm get-parameter --name /ai/dev/chat/secrets/api_key {read} | "
        "pulumi config set --secret model-config:chatApiKey --stack dev"
    )
    assert deploy == "  pulumi up --stack dev"
    assert adopt.startswith("4 parameters already have a name that a deploy will write.")
    assert document.out.splitlines()[-2] == (
        f"  aws ssm get-parameter --name /doc {read} | jq --join-output "
        '\'.["outer"]["api-key"]\' | '
        "pulumi config set --secret model-config:docOuterApiKey --stack dev"
    )


# Several environments


def config_in(folder: Path, stack: str, name: str) -> str:
    """Return a model's values in a stack, as a deploy has them, in their order."""
    plan = valid_plan(Project(folder), stack)
    (model,) = (model for model in plan.models if model.name == name)
    return json.dumps(config_of(model.config))


def printed_overrides(out: str, stack: str) -> str:
    _, _, after = out.partition(f"Add to Pulumi.{stack}.yaml, below `config:`:\n\n")
    return after.partition("\nNothing in AWS")[0]


def test_what_differs_between_environments_becomes_overrides(put: Any, project: Path, run: Any):
    dev = {
        "provider": "openai", "model": "gpt-mini", "prompt": "Hi\n\nBe kind: always",
        "temperature": "0.5", "max_tokens": "100", "openai_key": "sk-hidden-dev",
    }  # fmt: skip
    prod = {**dev, "model": "2024", "prompt": "Hi\n\n# Be kind: always\n", "seed": "7"}
    del prod["max_tokens"]
    put("/old/dev/chat", dev)
    put("/old/production/chat", {**prod, "openai_key": "sk-hidden-prod"})
    rules = '{"b": 1, "a": {"z": [1.0, 2], "y": "1e3"}}'
    put("/old/dev/own", {"rules": rules, "limit": "5", "only_dev": "x", "date": "2024-10-21"})
    more = '{"b": 1, "a": {"z": [2, 1.0], "x": "2024-10-21"}, "c": 2.0}'
    put("/old/production/own", {"rules": more, "limit": "5.5", "group/only_prod": "yes"})
    put("/old/production/own/date", "0o17")
    for stack in ("dev", "prod"):
        (project / f"Pulumi.{stack}.yaml").write_text("config:\n  aws:region: eu-west-1\n")
    said = run("import", "/old/dev", "/old/production", "-e", "dev", "-e", "prod")
    assert "Pulumi.dev.yaml" not in said.out
    with (project / "Pulumi.prod.yaml").open("a") as file:
        file.write(printed_overrides(said.out, "prod"))
    assert run("validate").out == "No findings in dev, prod.\n"
    assert "MODEL = ChatModel(" in (project / "models" / "chat.py").read_text()
    chat = json.loads(config_in(project, "prod", "chat"))
    assert (chat["model_id"], chat["prompts"]["system"]) == ("2024", prod["prompt"])
    assert chat["generation"] == {"seed": 7, "temperature": 0.5}
    assert json.loads(config_in(project, "dev", "chat"))["generation"]["max_output_tokens"] == 100
    assert config_in(project, "dev", "own") == (
        f'{{"date": "2024-10-21", "limit": 5, "only_dev": "x", "rules": {rules}}}'
    )
    assert config_in(project, "prod", "own") == (
        '{"date": "0o17", "group": {"only_prod": "yes"}, "limit": 5.5, "rules": '
        '{"b": 1, "a": {"z": [2, 1.0], "x": "2024-10-21"}, "c": 2.0}}'
    )
    assert "sk-hidden" not in said.out + said.err
    assert said.out.count("a line for chatOpenaiKey in .local/secrets.yaml") == 2


def test_several_models_of_several_environments_are_planned_where_each_deploys(put: Any, run: Any):
    for stack in ("dev", "prod"):
        put(f"/ai/{stack}", {"first": {"answer": "1"}, "second": {"answer": "2"}})
    said = run("import", "/ai/dev", "/ai/prod", "-e", "dev", "-e", "prod")
    assert "4 parameters already have a name that a deploy will write." in said.out


def imported(
    trees: dict[str, dict[str, str]], folder: Path
) -> tuple[ImportedModule, dict[str, ModelConfig]]:
    """Import trees as a model, and return its configuration in each stack as a deploy has it."""
    sources = {}
    for stack, tree in trees.items():
        paths = {tuple(filter(None, name.split("/"))): text for name, text in tree.items()}
        parameters = [
            Existing("/".join(path), path, "String", None if looks_secret(path) else text)
            for path, text in paths.items()
        ]
        sources[stack] = Source("/ai", stack, "eu-west-1", parameters)
    module = imported_module("own", "/old", sources)
    (folder / "models").mkdir(parents=True)
    for file, text in module.files.items():
        (folder / "models" / file).write_bytes(text.encode())
    for stack, overrides in module.overrides.items():
        config = {"model-config:overrides": {"own": overrides}}
        (folder / f"Pulumi.{stack}.yaml").write_text(yaml_text({"config": config}))
    return module, {stack: valid_plan(Project(folder), stack).models[0].config for stack in trees}


NAMES = [
    "a", "b", "token", "n", "n/a", "n/b", "n/token", "n/m/a", "n/m/key", "n/x", "n/x/a", "x/class",
    "x-y/a", "Q/a", "Q/int", "Q/b", "q/Q/a",
]  # fmt: skip
OBJECTS = [
    "{}", '{"a": 1}', '{"a": 2, "b": {"m": null, "a": 3}}', '{"a b": 1, "c d": null}',
    '{"c d": {}, "a b": [1]}', '{"b": {"k y": 1}}', '{"b": {"k y": 1.0, "z": false}}',
    '{"n": {"a": 1, "key": "s"}}', '{"n": {"m": {"a": [1]}, "a": "1"}, "token": "s"}',
]  # fmt: skip
TEXTS = ["x", "1", "1.5", "true", "null", "2024-10-21", "", "[1, 2.5]", "[]", *OBJECTS]
TREES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TEXTS), min_size=1, max_size=6)
DOCUMENTS = st.fixed_dictionaries({"": st.sampled_from(OBJECTS)})


@given(st.lists(TREES | DOCUMENTS, min_size=1, max_size=3))
def test_what_is_imported_is_planned_exactly_or_refused(trees: list[dict[str, str]]):
    with TemporaryDirectory() as folder:
        try:
            module, configs = imported(dict(zip("pqr", trees, strict=False)), Path(folder))
        except (UsageError, InvalidConfigurationError):
            return
    for stack, config in configs.items():
        given: dict[str, Any] = {}
        for path, field in sorted(module.fields[stack].items()):
            if field.config_key:
                assert secrets_of(config)["/".join(path)].config_key
            elif all("/".join(path) not in secrets_of(other) for other in configs.values()):
                inner = given
                for name in path[:-1]:
                    inner = inner.setdefault(name, {})
                inner[path[-1]] = field.value
        assert json.dumps(config_of(config)) == json.dumps(given)


def test_a_group_that_an_environment_lacks_is_switched_off_there(tmp_path: Path):
    group = {"nest/b": "1", "nest/deep/c": "2", "auth/url": "u", "auth/api_key": ""}
    trees = {
        "dev": {"a": "1", "nest/deep/c": "2"},
        "qa": {"a": "1", **group, "nest/deep/d": "3"},
        "prod": {"a": "1", "auth/url": "u"},
    }
    _, configs = imported(trees, tmp_path)
    assert {stack: config_of(config) for stack, config in configs.items()} == {
        "dev": {"a": 1, "nest": {"deep": {"c": 2}}},
        "qa": {"a": 1, "auth": {"url": "u"}, "nest": {"b": 1, "deep": {"c": 2, "d": 3}}},
        "prod": {"a": 1, "auth": {"url": "u"}},
    }
    secrets = {stack: [*secrets_of(config)] for stack, config in configs.items()}
    assert secrets == {"dev": [], "qa": ["auth/api_key"], "prod": ["auth/api_key"]}
    source = (tmp_path / "models" / "own.py").read_text()
    assert "    nest: Nest | None = None\n" in source
    assert "    c: int\n    d: int | None = None\n" in source
    assert "nest: false" in (tmp_path / "Pulumi.prod.yaml").read_text()
    assert "auth: false" in (tmp_path / "Pulumi.dev.yaml").read_text()


def test_a_field_of_one_environment_hides_no_type(tmp_path: Path):
    _, configs = imported({"dev": {"a": "1", "Q/x": "2", "int": "3"}, "qa": {"a": "4"}}, tmp_path)
    assert config_of(configs["dev"]) == {"Q": {"x": 2}, "a": 1, "int_": 3}
    assert config_of(configs["qa"]) == {"a": 4}


def test_what_has_no_common_class_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="n is a value in one environment, and a group with a in"):
        imported({"dev": {"n": "1"}, "qa": {"n/a": "2"}}, tmp_path)
    with pytest.raises(UsageError, match="qa has no value of own"):
        imported({"dev": {"n": "1"}, "qa": {}}, tmp_path)


def test_a_group_of_a_schema_class_is_switched_off_too(tmp_path: Path):
    chat = {"provider": "bedrock", "model_id": "m", "prompt": "Hi"}
    guardrail = {"guardrail/id": "g", "guardrail/version": "v1"}
    for stack, other in (("dev", "prod"), ("prod", "dev")):
        _, configs = imported({stack: chat | guardrail, other: chat}, tmp_path / stack)
        assert type(configs["dev"]).__name__ == "ChatModel"
        assert config_of(configs[stack])["guardrail"] == {"id": "g", "version": "v1"}
        assert "guardrail" not in config_of(configs[other])


def test_a_difference_that_no_override_expresses_is_refused(put: Any, project: Path, run: Any):
    put("/old/dev/rules", '{"r": {"a b": 1, "c d": 2}}')
    put("/old/prod/rules", '{"r": {"c d": 2, "a b": 1}}')
    paths = ("/old/dev/rules", "/old/prod/rules")
    said = run("import", *paths, "-e", "dev", "-e", "prod", "--as", "m", code=2)
    assert "no override makes m what it is in prod" in said.err
    assert not list((project / "models").iterdir())
    assert "one PATH for each" in run("import", *paths, "--as", "m", code=2).err


def test_without_a_name_each_name_below_the_path_is_a_model(put: Any, project: Path, run: Any):
    put("/old", {"one": '{"x": 1}', "two/y": "2", "two/z/n": "3"})
    run("import", "/old")
    assert config_of(loaded(project, "one").config) == {"x": 1}
    assert config_of(loaded(project, "two").config) == {"y": 2, "z": {"n": 3}}
    put("/bad", {"my-model/x": "1"})
    assert "Try --as my_model" in run("import", "/bad", code=2).err
    assert "not a valid model name" in run("import", "/old/one", code=2).err


def test_a_field_that_would_have_to_move_keeps_parameters_out_of_a_schema_class(
    put: Any, project: Path, run: Any
):
    flat = {"provider": "openai", "model": "gpt", "system_prompt": "Hi", "temperature": "0.2"}
    put("/ai/dev/chat", flat)
    run("import", "/ai/dev/chat", "--as", "chat")
    assert "class Chat(ModelConfig)" in (project / "models" / "chat.py").read_text()
    put("/elsewhere", flat)
    run("import", "/elsewhere", "--as", "moved")
    assert "MODEL = ChatModel(" in (project / "models" / "moved.py").read_text()
    # Nor do two names for one field fit into one.
    document = {"provider": "p", "model": "m", "prompt": "Hi", "system": {"text": "Ho"}}
    put("/x", json.dumps(document))
    run("import", "/x", "--as", "m")
    assert config_of(loaded(project, "m").config) == document


def test_which_parameters_a_path_stands_for(put: Any, project: Path, run: Any):
    put("embed-provider", "openai")
    put("embed-model-id", "text-embedding-3", "String")
    put("embed-dimensions", "256", "String")
    put("embedded", "another")
    run("import", "embed-", "--as", "vectors")  # flat names, by how they begin
    assert config_of(loaded(project, "vectors").config)["dimensions"] == 256
    assert "MODEL = EmbeddingModel(" in (project / "models" / "vectors.py").read_text()
    put("/a/b", '{"x": 1}')
    put("/a/b/y", "2")
    run("import", "/a/b", "--as", "one")  # one that is both is told apart by its slash
    run("import", "/a/b/", "--as", "two")
    assert config_of(loaded(project, "one").config) == {"x": 1}
    assert config_of(loaded(project, "two").config) == {"y": 2}


def test_an_endpoint_keeps_its_objects(put: Any, project: Path, run: Any):
    document = {
        "url": "https://rerank.example.com/v1",
        "model_version": "7",
        "instances": {"instance_type": "g5", "settings": {"a": None, "b-c": [1]}},
        "feature_flags": {"fast": True},
    }
    put("/e", json.dumps(document))
    run("import", "/e", "--as", "rerank")
    config = config_of(loaded(project, "rerank").config)
    assert config["instances"]["settings"] == {"a": None, "b-c": [1]}
    assert config["feature_flags"] == {"fast": True}
    tree = {"endpoint": "https://x.example.com", "model_version": "7", "instance_type": "g5"}
    put("/t", tree)
    run("import", "/t", "--as", "tree")  # 7 is a number, and text to the class
    assert config_of(loaded(project, "tree").config)["model_version"] == "7"


NASTY = {
    "quotes": "'\"",
    "double": 'say "hi"',
    "single": "it's",
    "backslash": "a\\nb\\",
    "braces": "{{a}} {{{b",
    "lines": "one\ntwo",
    "ends": "words " * 30 + "\n",
    "more_ends": "words " * 30 + "\n\n",
    "carriage": "words\r\n" * 30,
    "spaces": " " * 200,
    "separators": "words\u2028\u0085\x0c " * 30,
    "bom": "\ufeffwords " * 30,
    "control": "\x00\x1b[31m",
    "emoji": "👩‍👩‍👧 ünï",
    "empty": "",
    "long_url": "https://example.com/" + "a" * 200,
    "numbers": [1, 1.0, -0.0, 1e300, 2**53 - 1],
    "floats": [0.1, 2.5],
    "nested": {"en-US": {"deep": [{"x": [True, None]}]}, "": "words " * 30},
    "nothing": {},
    "none": [],
}


def test_every_value_comes_back_as_it_was(tmp_path: Path):
    parameter = Existing("/n", (), "SecureString", json.dumps(NASTY))
    module = imported_module("nasty", "/n", {"dev": Source("/ai", "dev", "eu-west-1", [parameter])})
    (tmp_path / "models").mkdir()
    for file, text in module.files.items():
        (tmp_path / "models" / file).write_bytes(text.encode())
    config = config_of(loaded(tmp_path, "nasty").config)
    for name, value in NASTY.items():
        assert json.dumps(config[name]) == json.dumps(value), name


def test_a_secret_is_known_by_its_name():
    secret = ["api_key", "openaiApiKey", "DB-Password", "secrets/anything", "token"]
    other = ["max_tokens", "tokenizer", "keyboard", "key_bindings"]
    assert [it for it in secret + other if looks_secret(tuple(it.split("/")))] == secret


def test_a_secret_under_an_innocent_name_is_not_written(put: Any, project: Path, run: Any):
    texts = [
        "sk-" + "a1" * 12,
        "postgres://user:pass@host/db",
        "AKIA" + "A" * 16,
        "-----BEGIN RSA PRIVATE KEY-----",
        "Use the key sk-" + "a1" * 12,
    ]
    for number, text in enumerate(texts):
        put(f"/x/innocent{number}", text)
        put(f"/x/doc{number}", json.dumps({"inner": {"en-US": {"note": text}}}))
    said = run("import", "/x/", "--as", "m")
    module = (project / "models" / "m.py").read_text()
    assert not [text for text in texts if text in module + said.out + said.err]
    names = {f"{name}{number}" for name in ("doc", "innocent") for number in range(len(texts))}
    assert set(secrets_of(loaded(project, "m").config)) == names


def test_a_document_that_makes_no_fields_is_refused(put: Any, project: Path, run: Any):
    for number, (text, expected) in enumerate({
        "not json, sk-hidden": "is not JSON at character 0",
        '{"a": 1': "is not JSON at character 7",
        "[1]": "holds no JSON object with a value",
        '"sk-hidden"': "holds no JSON object with a value",
        "{}": "holds no JSON object with a value",
        '{"a": null}': "holds no JSON object with a value",
        '{"a": NaN}': "a can't be stored: nan is not a JSON number",
        '{"a": "\\ud800"}': "a can't be stored: half of a surrogate pair",
        '{"a-b": 1, "a_b": 2}': "a-b and a_b would be one field",
        '{"Aa": 1, "aA": 2}': "Aa and aA would be one field",
        "[" * 4000: "is not JSON",
        '{"hosts": [{"name": "a", "token": "sk-hidden"}]}':
            "hosts seems to contain a secret inside a list",
    }.items()):  # fmt: skip
        put(f"/x{number}", text)
        said = run("import", f"/x{number}", "--as", "m", code=2)
        assert expected in said.err
        assert "sk-hidden" not in said.err
    put("/deep/" + "/".join("abcdefghijklm"), "1")  # it could not be deployed
    assert "levels" in run("import", "/deep", "--as", "m", code=2).err
    assert not list((project / "models").iterdir())


def test_names_that_become_the_same_are_all_told(put: Any, run: Any):
    put("/x", {"top-k": "1", "top_k": "2", "prompt": "p", "Prompt": {"system": "s"}})
    said = run("import", "/x", "--as", "m", code=2)
    assert "top-k and top_k would be one field, or a field and a group: rename one" in said.err
    assert "Prompt/system and prompt would be one field" in said.err


def test_a_name_or_a_path_that_can_not_be_is_refused(put: Any, run: Any):
    put("/ai/model/other", '{"a": 1}')
    for name, better in {"my-model": "my_model", "9lives": "lives", "class": "class_model"}.items():
        said = run("import", "/ai/model/other", "--as", name, code=2).err
        assert f"Try --as {better}" in said
    for path, problem in {
        "/ai/model/config": "no parameter /ai/model/config",
        "/ai/model/oth": "there are /ai/model/other",
        "/ai//x": "is not a valid SSM path",
    }.items():
        assert problem in run("import", path, "--as", "m", code=2).err


def test_what_this_project_deployed_is_not_imported(put: Any, released: Any, run: Any):
    assert put
    released()
    assert "is a release" in run("import", "/ai/dev/chat", "--as", "again", code=2).err


def test_where_one_is_denied_the_rest_is_shown_and_nothing_written(
    put: Any, ssm: Any, project: Path, run: Any
):
    put("/x", {"a": "1", "b": "2", "api_key": "sk-hidden"})
    really_ask = ssm._make_api_call

    def ask(operation: str, given: Any) -> Any:
        if operation == "GetParameters" and "/x/b" in given["Names"]:
            code = {"Error": {"Code": "AccessDeniedException", "Message": "not for you"}}
            raise ssm.exceptions.ClientError(code, operation)
        assert "api_key" not in str(given.get("Names"))  # nobody needs its value
        return really_ask(operation, given)

    with patch.object(ssm, "_make_api_call", ask):
        said = run("import", "/x", "--as", "m", code=2)
    assert said.out.splitlines() == ["/x/a\tSecureString", "/x/api_key\tSecureString"]
    assert "ssm:GetParameters is missing on arn:aws:ssm:*:*:parameter/x/b" in said.err
    assert "Nothing was written" in said.err
    assert not list((project / "models").iterdir())


def test_nothing_is_written_over_without_asking(
    put: Any, project: Path, run: Any, monkeypatch: pytest.MonkeyPatch
):
    put("/x", '{"a": 1}')
    module = project / "models" / "m.py"
    module.write_text("mine")
    assert "Overwrite it with --force" in run("import", "/x", "--as", "m", code=2).err
    for answer, code in (("n\n", 1), ("y\n", 0)):
        assert module.read_text() == "mine"
        terminal = StringIO(answer)
        terminal.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", terminal)
        run("import", "/x", "--as", "m", code=code)
    assert "Imported from /x" in module.read_text()
    module.write_text("mine")
    run("import", "/x", "--as", "m", "--force")
    assert "Imported from /x" in module.read_text()
