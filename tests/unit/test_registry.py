"""A model is a file: what is wrong with one is reported, with its place, beside all the others."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from model_config.core.errors import Finding
from model_config.core.registry import Model, load_models, model_names
from model_config.schema import EmbeddingModel

GOOD = """
from model_config.schema import EmbeddingModel
MODEL = EmbeddingModel(provider="p", model_id="m", dimensions=8)
"""


def loaded(folder: Path, content: str | bytes, name: str = "search") -> list[Model | Finding]:
    """Return what became of one module: its model, or the findings."""
    text = content.encode() if isinstance(content, str) else content
    (folder / f"{name}.py").write_bytes(text)
    findings: list[Finding] = []
    return [*load_models([name], findings, folder), *findings]


def test_a_module_is_a_model_of_its_files_name(tmp_path: Path) -> None:
    config = EmbeddingModel(provider="p", model_id="m", dimensions=8)
    assert loaded(tmp_path, GOOD) == [Model("search", "models/search.py", config)]


def test_every_python_file_is_a_model_but_those_that_begin_with_an_underscore(
    tmp_path: Path,
) -> None:
    for name in ("zeta.py", "alpha.py", "__init__.py", "_shared.py", "alpha.md", "no-name.py"):
        (tmp_path / name).touch()
    assert model_names(tmp_path) == ["alpha", "no-name", "zeta"]


def test_the_three_shipped_models_are_in_order() -> None:
    findings: list[Finding] = []
    models = load_models(model_names(), findings)
    assert findings == []
    assert {model.name: type(model.config).__name__ for model in models} == {
        "document_embedding": "EmbeddingModel",
        "passage_reranker": "EndpointModel",
        "support_chat": "ChatModel",
    }


def test_a_text_beside_a_module_and_a_class_of_its_own_are_found(tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("Hello\n", encoding="utf-8")
    module = """
from __future__ import annotations
from model_config.schema import Group, ModelConfig, text_beside
class Texts(Group):
    hello: str
class Mine(ModelConfig):
    texts: Texts
MODEL = Mine(texts=Texts(hello=text_beside(__file__, "prompt.md")))
"""
    (model,) = loaded(tmp_path, module)
    assert isinstance(model, Model)
    assert model.config.model_dump() == {"texts": {"hello": "Hello"}}


def test_an_edit_within_the_same_second_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # as it is for users
    loaded(tmp_path, GOOD)
    before = (tmp_path / "search.py").stat()
    (tmp_path / "search.py").write_text(GOOD.replace("8", "9"), encoding="utf-8")
    os.utime(tmp_path / "search.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    (model,) = load_models(["search"], [], tmp_path)
    assert model.config.model_dump()["dimensions"] == 9


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("", None, "the module has no MODEL"),
        ("MODEL = {}", None, "its MODEL is a dict"),
        (
            GOOD + "MODEL = EmbeddingModel",
            None,
            "its MODEL is the class EmbeddingModel, not a conf",
        ),
        ("import no_such_thing", 1, "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("from . import no_such_thing", 1, "ImportError: cannot import name 'no_such_thing'"),
        ("x = 1\ny = (\n", 2, "SyntaxError: '(' was never closed"),
        ("x = 1\n\nraise KeyError('k')", 3, "the module can't be imported: KeyError: 'k'"),
        ("exit(0)", 1, "SystemExit: 0"),
        (b"\xff\xfe", 1, "'utf-8' codec can't decode byte 0xff"),
        (b"x\x00", None, "null bytes"),
        (GOOD.replace("dimensions=8", "dimensions=0"), 3, "should be greater than or equal to 1"),
        (GOOD.replace("dimensions=8", "dimension=8"), 3, "field required"),
        (GOOD.replace("dimensions=8", "dimensions=8, api_key='x'"), 3, "a secret's value never"),
        (
            "\nfrom model_config.schema import ModelConfig\nclass Mine(ModelConfig):\n    x: bytes",
            3,
            "SchemaError: Mine.x: bytes can't stand here",
        ),
        (
            'from model_config.schema import text_beside\ntext_beside(__file__, "none.md")',
            2,
            "SchemaError: none.md beside search.py: No such file or directory",
        ),
    ],
)
def test_a_wrong_module_is_reported_with_its_line(
    tmp_path: Path, content: str | bytes, line: int | None, problem: str
) -> None:
    finding, *_ = loaded(tmp_path, content)
    assert isinstance(finding, Finding)
    assert problem in finding.problem
    assert (finding.file, finding.line) == ("models/search.py", line)
    assert finding.where.split("/")[0] == "search"
    assert finding.fix


def test_each_wrong_value_of_a_module_is_a_finding_with_its_place(tmp_path: Path) -> None:
    findings = loaded(tmp_path, GOOD.replace('"p"', "5").replace("=8", "=8, batch_size=0, x=1"))
    assert [str(finding).partition(": ")[0] for finding in findings] == [
        "search/EmbeddingModel/provider (models/search.py:3)",
        "search/EmbeddingModel/batch_size (models/search.py:3)",
        "search/EmbeddingModel/x (models/search.py:3)",
    ]


@pytest.mark.parametrize("name", ["no-name", "2fast", "😀", "two words", "prénom", ".hidden"])
def test_a_file_whose_name_cannot_be_a_models_is_reported_and_not_run(
    tmp_path: Path, name: str
) -> None:
    (finding,) = loaded(tmp_path, "raise SystemExit", name)
    assert isinstance(finding, Finding)
    assert finding.where == name
    assert "no Python identifier" in finding.problem


def test_a_folder_that_looks_like_a_module_is_reported(tmp_path: Path) -> None:
    (tmp_path / "search.py").mkdir()
    findings: list[Finding] = []
    assert load_models(model_names(tmp_path), findings, tmp_path) == []
    assert "IsADirectoryError" in findings[0].problem


def test_wrong_modules_are_all_reported_and_hide_no_right_one(tmp_path: Path) -> None:
    for name, content in {"a": "(", "b": GOOD, "c": "", "d-e": "", "f": "1 / 0"}.items():
        (tmp_path / f"{name}.py").write_text(content, encoding="utf-8")
    findings: list[Finding] = []
    models = load_models(model_names(tmp_path), findings, tmp_path)
    assert [model.name for model in models] == ["b"]
    assert [finding.where for finding in findings] == ["a", "c", "d-e", "f"]
