"""A model is a file: what is wrong with one is reported, with its place, beside all the others."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Event

import pytest

from model_config.format.errors import Finding
from model_config.plan import registry
from model_config.plan.project import Project
from model_config.plan.registry import Model, read_modules, read_modules_twice
from model_config.schema import EmbeddingModel

GOOD = """
from model_config.schema import EmbeddingModel
MODEL = EmbeddingModel(provider="p", model_id="m", dimensions=8)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project without a model."""
    project = Project(tmp_path)
    project.models_folder.mkdir()
    return project


def loaded(project: Project, content: str | bytes, name: str = "search") -> list[Model | Finding]:
    """Return what became of one module: its model, or the findings."""
    text = content.encode() if isinstance(content, str) else content
    project.module(name).write_bytes(text)
    modules = read_modules(project)
    return [*modules.models.values(), *modules.broken.get(name, ())]


def test_a_module_is_a_model_of_its_files_name(project: Project) -> None:
    config = EmbeddingModel(provider="p", model_id="m", dimensions=8)
    assert loaded(project, GOOD) == [Model("search", config)]


def test_every_python_file_is_a_model_but_those_that_begin_with_an_underscore(project: Project):
    for name in ("zeta.py", "alpha.py", "__init__.py", "_shared.py", "alpha.md", "no-name.py"):
        (project.models_folder / name).touch()
    assert project.model_names() == ["alpha", "no-name", "zeta"]


def test_a_text_beside_a_module_and_a_class_of_its_own_are_found(project: Project) -> None:
    (project.models_folder / "prompt.md").write_text("Hello\n", encoding="utf-8")
    module = """
from __future__ import annotations
from model_config.schema import Group, ModelConfig, text_beside
class Texts(Group):
    hello: str
class Mine(ModelConfig):
    texts: Texts
MODEL = Mine(texts=Texts(hello=text_beside(__file__, "prompt.md")))
"""
    (model,) = loaded(project, module)
    assert isinstance(model, Model)
    assert model.config.model_dump() == {"texts": {"hello": "Hello"}}


def test_an_edit_within_the_same_second_counts(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # as it is for users
    loaded(project, GOOD)
    before = (project.models_folder / "search.py").stat()
    (project.models_folder / "search.py").write_text(GOOD.replace("8", "9"), encoding="utf-8")
    os.utime(project.models_folder / "search.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    model = read_modules(project).models["search"]
    assert model.config.model_dump()["dimensions"] == 9


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("", None, "the module has no MODEL"),
        ("MODEL = 1", None, "MODEL is of type int, not a configuration"),
        (GOOD + "MODEL = EmbeddingModel", None, "MODEL is the class EmbeddingModel, not an inst"),
        ("import no_such_thing", 1, "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("from . import no_such_thing", 1, "ImportError: cannot import name 'no_such_thing'"),
        ("x = 1\ny = (\n", 2, "SyntaxError: '(' was never closed"),
        ("x = 1\n\nraise KeyError('k')", 3, "the module can't be imported: KeyError: 'k'"),
        ("exit(0)", 1, "SystemExit: 0"),
        ("raise GeneratorExit('g')", 1, "the module can't be imported: GeneratorExit: g"),
        (b"\xff\xfe", 1, "'utf-8' codec can't decode byte 0xff"),
        (b"x\x00", None, "null bytes"),
        (GOOD.replace("dimensions=8", "dimensions=0"), 3, "should be greater than or equal to 1"),
        (GOOD.replace("dimensions=8", "dimension=8"), 3, "field required"),
        (GOOD.replace("dimensions=8", "dimensions=8, api_key='x'"), 3, "a secret's value never"),
        (
            "\nfrom model_config.schema import ModelConfig\nclass Mine(ModelConfig):\n    x: bytes",
            3,
            "SchemaError: Mine.x: its type can't be bytes: write str",
        ),
        (
            'from model_config.schema import text_beside\ntext_beside(__file__, "none.md")',
            2,
            "SchemaError: none.md beside search.py: No such file or directory",
        ),
    ],
)
def test_a_wrong_module_is_reported_with_its_line(project, content, line, problem):
    finding, *_ = loaded(project, content)
    assert isinstance(finding, Finding)
    assert problem in finding.problem
    assert (finding.file, finding.line) == ("models/search.py", line)
    assert finding.where.split("/")[0] == "search"
    assert finding.fix


def test_each_wrong_value_of_a_module_is_a_finding_with_its_place(project: Project) -> None:
    findings = loaded(project, GOOD.replace('"p"', "5").replace("=8", "=8, batch_size=0, x=1"))
    assert [str(finding).partition(": ")[0] for finding in findings] == [
        "search/provider (models/search.py:3)",
        "search/batch_size (models/search.py:3)",
        "search/x (models/search.py:3)",
    ]


LIST = """
from typing import Literal
from model_config.schema import Group, ModelConfig, Prompt
class Message(Group):
    role: Literal["user", "assistant"]
    content: Prompt | list[Prompt]
class FewShot(ModelConfig):
    messages: list[Message]
    by_name: dict[str, Message] = {}
    max_output_tokens: int = 1
FIRST = Message(role="user", content="2+2?")
"""


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (
            """
MODEL = FewShot(
    messages=[
        FIRST,
        {"role": "user", "content": "x"},
        {
            "role": "usr",
            "contents": "x",
        },
    ],
    by_name={
        "a": {"role": "user", "content": ["{{a}}", "{{b c}}"]},
        "b": {},
    },
    maxTokens=5,
)
""",
            [("messages/2/role", 18), ("messages/2/content", 17), ("messages/2/contents", 19),
             ("by_name/a/content/1", 23), ("by_name/b/role", 24), ("by_name/b/content", 24),
             ("maxTokens", 26)],
        ),
        (
            """
SECOND = [
    FIRST,
    Message(
        role="usr",
        content="x"),
]
MODEL = FewShot(messages=SECOND)
""",
            [("messages/1/role", 16)],  # MODEL isn't there yet, but its expression is
        ),
        (
            """
MODEL = FewShot(messages=[FIRST, Message(role="user",
    content=5)])
""",
            [("messages/1/content", 14)],
        ),
        (
            """
def message(text):
    return Message(role="user", content=text)
MODEL = FewShot(messages=[message(5)])
""",
            [("Message/content", 14)],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_in_lists_and_dicts_is_found_by_path_and_line(project, code, wrong):
    findings = loaded(project, LIST + code)
    assert [(finding.where, finding.line) for finding in findings] == [  # type: ignore[union-attr]
        (f"search/{path}", line) for path, line in wrong
    ]


def test_the_time_to_find_wrong_items_grows_only_with_their_number(project: Project) -> None:
    items = '{"role": "usr", "content": ["{{a b}}"]},\n' * 400
    findings = loaded(project, f"{LIST}MODEL = FewShot(messages=[\n{items}])")
    assert len(findings) == 800
    assert (findings[-1].where, findings[-1].line) == ("search/messages/399/content/0", 412)  # type: ignore[union-attr]


def finding_of(project: Project, content: str, name: str = "search") -> Finding:
    (finding,) = loaded(project, content, name)
    assert isinstance(finding, Finding)
    return finding


def test_the_right_name_is_suggested_for_a_providers_field_and_for_shared_code(project: Project):
    finding = finding_of(project, LIST + "MODEL = FewShot(messages=[], maxTokens=5)")
    assert finding.problem == "FewShot has no field of that name"
    assert finding.fix == 'did you mean "max_output_tokens"?'
    for name in ("_shared", "rules"):
        project.module(name).write_text("SIZE = 8\n")
    finding = finding_of(project, "from _shared import SIZE")
    assert finding.fix == "write `from models._shared import ...`"
    finding = finding_of(project, "import rules")
    assert finding.fix == "write `from models._rules import ...`, and rename rules.py to _rules.py"


def test_a_module_in_a_subfolder_is_reported_unless_an_underscore_says_that_it_is_shared(project):
    for name in ("top", "support/chat", "support/faq/judge", "_parts/rules", "support/_rules"):
        project.module(name).parent.mkdir(parents=True, exist_ok=True)
        project.module(name).write_text(GOOD, encoding="utf-8")
    modules = read_modules(project)
    assert list(modules.models) == ["top"]
    assert list(modules.broken) == ["support/chat", "support/faq/judge"]
    (finding,) = modules.broken["support/chat"]
    assert (finding.file, finding.fix.partition(",")[0]) == (
        "models/support/chat.py", "move it to models/chat.py",
    )  # fmt: skip


def test_a_file_whose_name_cannot_be_a_models_is_reported_and_not_run(project: Project) -> None:
    for name in ("no-name", "2fast", "😀", "two words", "prénom", ".hidden"):
        finding = finding_of(project, "raise SystemExit", name)
        assert finding.where == name
        assert "not a Python identifier" in finding.problem
        project.module(name).unlink()


def test_wrong_modules_are_all_reported_and_hide_no_right_one(project: Project) -> None:
    for name, content in {"a": "(", "b": GOOD, "c": "", "d-e": "", "f": "1 / 0"}.items():
        (project.models_folder / f"{name}.py").write_text(content, encoding="utf-8")
    project.module("g").mkdir()
    modules = read_modules(project)
    assert list(modules.models) == ["b"]
    assert [finding.where for found in modules.broken.values() for finding in found] == [
        "a", "c", "d-e", "f", "g",
    ]  # fmt: skip
    assert "IsADirectoryError" in modules.broken["g"][0].problem


def test_modules_share_what_an_underscore_module_holds_and_nothing_is_left_beside_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # as it is for users
    (project.models_folder / "_shared.py").write_text("SIZE = 8\n", encoding="utf-8")
    absolute = "from models._shared import SIZE\n" + GOOD.replace("=8", "=SIZE")
    relative = "from ._shared import SIZE\n" + GOOD.replace("=8", "=SIZE")
    for name, content in {"a": absolute, "b": relative}.items():
        project.module(name).write_text(content, encoding="utf-8")
    assert list(read_modules(project).models) == ["a", "b"]
    assert sorted(file.name for file in project.models_folder.iterdir()) == [
        "_shared.py", "a.py", "b.py",
    ]  # fmt: skip
    assert not any(name.partition(".")[0] == "models" for name in sys.modules)


def test_what_a_module_prints_goes_to_standard_error(project, capsys):
    loaded(project, GOOD + "print('hello')")
    assert capsys.readouterr() == ("", "hello\n")


def test_a_value_that_changes_by_itself_is_found(project: Project) -> None:
    module = (
        "import time\nfrom model_config.schema import ModelConfig\n"
        "class Own(ModelConfig):\n    at: float\n    nan: float | None = None\n    b: int = 1\n"
        "MODEL = Own(at=time.perf_counter_ns())\n"
    )
    project.module("clock").write_text(module, encoding="utf-8")
    project.module("search").write_text(GOOD, encoding="utf-8")
    modules = read_modules_twice(project)
    assert list(modules.models) == ["search"]
    (finding,) = modules.broken["clock"]
    assert finding.where == "clock/at"
    assert "changes each time" in finding.problem


ONE_OF_TWO = """
from typing import Literal
from model_config.schema import Group, ModelConfig
class Web(Group):
    kind: Literal["web"]
    url: str
    depth: int
class File(Group):
    kind: Literal["file"]
    path: str
class Mine(ModelConfig):
    source: Web | File
    more: list[Web | File | str] = []
MODEL = Mine(source={source}, more=[{more}])
"""
FILE = '{"kind": "file", "path": "a"}'


UNFIT = [
    ('{"kind": "web", "url": "u", "depth": "x"}', "", "source/depth", "input should be a valid"),
    ('{"kind": "file"}', "", "source/path", "field required"),
    ('{"kind": "fil", "path": "a"}', "", "source/kind", "input should be 'file'"),
    ('{"kind": "file", "pth": "a", "path": "a"}', "", "source/pth", "File has no field of"),
    (FILE, '"a", {"kind": "file", "path": 1}', "more/1/path", "input should be a valid string"),
    (FILE, "7", "more/0", "input should be a valid dictionary or instance of Web; or "),
]


def test_a_value_that_fits_no_class_of_several_is_one_finding_of_the_class_meant(project: Project):
    for source, more, where, problem in UNFIT:
        module = ONE_OF_TWO.replace("{source}", source).replace("{more}", more)
        finding = finding_of(project, module)
        assert finding.where == f"search/{where}"
        assert finding.problem.startswith(problem)


def test_a_module_that_loops_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    said, heard = list[str](), Event()

    def hear(text: str, *, file: object) -> None:
        assert file is sys.stderr
        said.append(text)
        heard.set()

    monkeypatch.setattr(registry, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(registry, "print", hear, raising=False)
    monkeypatch.setattr(registry, "heard", heard, raising=False)
    waits = "from model_config.plan import registry\nassert registry.heard.wait(10)\n"
    (model,) = loaded(project, f"{waits}{GOOD}", "slow")
    assert isinstance(model, Model)
    assert said == ["models/slow.py has been running for 0 seconds. Press Ctrl-C if it loops."]
