"""`model-config init`: what a new project is, and that it is what this repository itself is."""

import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml
from support.project import CHECKOUT

from model_config.plan.hierarchy import config_of
from model_config.plan.plan import valid_plan
from model_config.plan.project import Project
from model_config.scaffold.project import module_files
from model_config.testing.program import deploy_under_mocks, findings

TEMPLATE = CHECKOUT / "model_config" / "scaffold" / "template"
INDEX = "https://pypi.example.com/simple"
HASH = "--hash=sha256:" + "0f" * 32
PACKAGE = ".github/requirements/package.txt"
COMMIT = "git+https://git.example.com/acme/model-config@" + "0f" * 20
SSH = COMMIT.replace("https://", "ssh://git@")
KINDS = {
    "chat": "support_chat",
    "embedding": "document_embedding",
    "reranker": "passage_reranker",
    "endpoint": "passage_reranker",
    "custom": "ticket_router",
}
OURS_ALONE = {
    ".github/zizmor.yml",
    ".github/workflows/package.yml",
    ".github/requirements/policy.txt",
    ".github/requirements/setuptools.in",
}
# How the package itself comes into a job; the rest of what it installs is included from there.
DIFFERENT = {PACKAGE, ".github/requirements/deploy.txt"}


def files_in(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text("utf-8")
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture
def made(run, tmp_path):
    """Make a project: `made("--kind", "chat")`; from a commit unless told otherwise."""

    def make(*options: str, source: str = COMMIT) -> Project:
        run("init", str(tmp_path / "acme"), "--from", source, *options)
        return Project(tmp_path / "acme")

    return make


@pytest.mark.parametrize(("kind", "example"), KINDS.items())
def test_a_new_project_plans_its_example_and_the_override_in_its_comment(made, kind, example):
    project = made("--kind", kind)
    assert (project.stack_names(), project.model_names()) == (["dev", "prod"], [example])
    assert findings(project) == []
    file = project.stack_file("dev")
    head, key, rest = file.read_text().partition("  # model-config:overrides:\n")
    # `pulumi config set` keeps a comment above the key that follows it.
    assert "\n  model-config:tags:\n" in rest
    file.write_text(head + key.replace("# ", "") + re.sub("(?m)^  # ", "  ", rest))
    assert findings(project) == []
    (model,) = valid_plan(project, "dev").models
    assert model.name == example
    assert config_of(model.config)["limits"]["max_retries"] == 1


def test_what_a_project_has_in_common_with_this_repository_is_the_same():
    def common(folder: Path) -> dict[str, str]:
        files = {f".github/{path}": text for path, text in files_in(folder / ".github").items()}
        program = ("__main__.py", "tests/test_models.py")
        return files | {path: (folder / path).read_text("utf-8") for path in program}

    ours, theirs = common(CHECKOUT), common(TEMPLATE)
    paths = ours.keys() - OURS_ALONE | theirs.keys()
    different = {path for path in paths if ours.get(path) != theirs.get(path)}
    assert different == DIFFERENT, "`make scaffold` copies what changed here"
    lines, own = (set((f / "Makefile").read_text().splitlines()) for f in (CHECKOUT, TEMPLATE))
    # And the template for `pulumi new` has the example that `init` writes.
    models = {path: text for path, text in files_in(TEMPLATE).items() if path.startswith("models/")}
    written = module_files("support_chat", "chat")
    assert models == {path: content.decode() for path, content in written.items()}
    assert {line for line in own if "IS_NEW_ENOUGH" in line or "NEEDS_PYTHON" in line} <= lines


def test_what_is_written_is_the_template_with_its_words_filled_in(made, run):
    project = made()
    written, template = files_in(project.root), files_in(TEMPLATE)
    assert set(written) == {*template, ".editor/stack.schema.json"}
    changed = {path for path in template if written[path] != template[path]}
    assert changed == {"Pulumi.yaml", "README.md", "requirements.txt"}
    assert yaml.safe_load(written["Pulumi.yaml"]) == {
        "name": "acme",
        "description": "AI model configurations",
        "runtime": {"name": "python", "options": {"virtualenv": ".venv"}},
    }
    assert "# acme\n" in written["README.md"]
    assert "support_chat" in json.dumps(json.loads(written[".editor/stack.schema.json"]))
    assert "up to date" in run("schema", "--check", "--project", str(project.root)).out
    assert not any("${PROJECT}" in text or "${DESCRIPTION}" in text for text in written.values())


@pytest.mark.parametrize(
    ("source", "line", "hashed"),
    [
        (COMMIT, f"model-config[cli,deploy] @ {COMMIT}", None),
        (f"model-config @ {COMMIT}", f"model-config[cli,deploy] @ {COMMIT}", None),
        (SSH, f"model-config[cli,deploy] @ {SSH}", None),
        (
            f"model-config==1.0.0rc1 {HASH} {HASH}",
            "model-config[cli,deploy]==1.0.0rc1",
            f"model-config==1.0.0rc1 {HASH} {HASH}",
        ),
    ],
)
def test_the_package_is_required_as_told_and_jobs_with_credentials_take_only_a_hash(
    made, source, line, hashed
):
    root = made(source=source).root
    assert (root / "requirements.txt").read_text().splitlines()[1:] == ["-c constraints.txt", line]
    comments, lock = (root / PACKAGE).read_text().split("--require-hashes\n")
    assert all(comment.startswith("# ") for comment in comments.splitlines())
    assert lock == (f"# {line}\n{hashed}\n" if hashed else "")


def test_an_index_is_named_by_every_file_that_is_installed_from(made, run):
    project = made("--index-url", INDEX, source="model-config==0.2.0")
    assert "model-config[cli,deploy]==0.2.0" in (project.root / "requirements.txt").read_text()
    texts = files_in(project.root)
    installs = texts["Makefile"] + texts[".github/actions/prepare/action.yml"]
    read = set(re.findall(r"-r (\$\(PACKAGE\)|[^\s)]+)", installs))
    read -= {".venv/source.txt", ".github/requirements/policy.txt"}  # from these; in no project
    lock = ".github/requirements/deploy.txt"
    assert read == {"requirements-dev.txt", "$(PACKAGE)", PACKAGE, lock}
    assert texts["requirements-dev.txt"].splitlines()[1] == "-r requirements.txt"
    for path in ("requirements.txt", PACKAGE, lock):
        assert texts[path].splitlines()[0] == f"--index-url {INDEX}"
    assert not any("--extra-index-url" in text for text in texts.values())
    assert run("init", "--check", "--project", str(project.root)).out == ""


@pytest.fixture
def wheel(tmp_path):
    """Make a wheel of a package, as far as `init` looks at one."""

    def make(name: str = "model_config") -> Path:
        file = tmp_path / f"{name}-0.2.0-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(f"{name}-0.2.0.dist-info/METADATA", "Name: x\n")
        return file

    return make


def test_a_wheel_is_copied_and_locked_by_its_hash(made, wheel):
    file = wheel()
    root = made(source=str(file)).root
    assert (root / "wheels" / file.name).read_bytes() == file.read_bytes()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    _, _, line, extra = (root / "requirements.txt").read_text().splitlines()
    assert line == f"file:wheels/{file.name}#sha256={digest}"
    assert extra == "model-config[cli,deploy]"
    assert (
        (root / PACKAGE)
        .read_text()
        .endswith(f"--require-hashes\n# {line}\n./wheels/{file.name} --hash=sha256:{digest}\n")
    )


def test_what_can_not_be_is_refused_and_nothing_is_written(run, tmp_path, wheel):
    text, other = tmp_path / "model_config-0.3.0-py3-none-any.whl", wheel("boto3")
    text.write_text("a page that says 404")
    for options, said in [
        ([], "Nobody owns the name model-config on the public index"),
        (["latest"], "--from takes one of"),
        (["model-config"], "a bare name or version is refused"),
        (["0.2.0"], "a bare name or version is refused"),
        (["model-config==0.2.0 --hash=sha256:0f"], "a version and its hash"),
        (["git+https://git.example.com/model-config@main"], "Branches and tags"),
        (["model-config @ git+https://git.example.com/model-config"], "Branches"),
        ([COMMIT[:-1]], "Branches and tags are refused"),
        ([f"boto3 @ {COMMIT}"], "--from takes one of"),
        (["model_config-1.0-py3-none-any.whl"], "can't be read: No such file"),
        ([str(text)], f"{text} is not a wheel of model-config"),
        ([str(other)], f"{other} is not a wheel of model-config"),
        (["0.2.0", "--index-url", "http://pypi.example.com"], "takes an https URL"),
        (["0.2.0", "--index-url", "https://u:s3cret@pypi.example.com"], "without a user name"),
        ([COMMIT.replace("https://", "https://u:s3cret@")], "--from takes a git URL without"),
        ([COMMIT.replace("https://", "https://s3cret@")], "--from takes a git URL without"),
        ([COMMIT.replace("https://", "https://u:s3/cr@et@")], "--from takes a git URL without"),
        ([COMMIT.replace("https://", "ssh://git:s3cret@")], "--from takes a git URL without"),
        (["git+https://u:s3cret@git.example.com/model-config@main"], "Branches and tags"),
        (["https://u:s3cret@example.com/model_config-1.0-py3-none-any.whl"], "--from takes one of"),
        ([COMMIT, "--account", "11112222333"], "is not a valid AWS account"),
    ]:
        source = ["--from", *options] if options else []
        error = run("init", str(tmp_path / "acme"), *source, code=2).err
        assert said in error, options
        assert not re.search("s3|cr@et", error), options
        assert not (tmp_path / "acme").exists()
    said = run("init", str(tmp_path / "our models"), "--from", COMMIT, code=2).err
    assert "is not a valid name for a project" in said
    assert "model-config init DIR --from SPEC" in run("init", code=2).err


def test_it_writes_over_nothing(run, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "Makefile").symlink_to("nowhere")
    said = run("init", str(tmp_path), "--from", COMMIT, code=2).err
    assert said == f"nothing was written: {tmp_path} already has Makefile, README.md\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["Makefile", "README.md"]


def test_an_account_is_the_only_one_that_it_may_be_and_is_deployed_to(made):
    project = made("--account", "444455556666")
    for stack in ("dev", "prod"):
        config = yaml.safe_load(project.stack_file(stack).read_text())["config"]
        assert config["aws:allowedAccountIds"] == ["444455556666"]
    deployed = deploy_under_mocks(project, "prod")
    assert list(deployed.outputs["models"]) == ["support_chat"]
    assert "/ai/prod/support_chat/release" in deployed.recorder.parameters()


def test_check_shows_what_would_be_written_differently_as_a_diff_that_git_applies(made, run):
    project = made()
    assert run("init", "--check", "--project", str(project.root)).out == ""
    before = files_in(project.root)

    (project.root / "Makefile").write_text(before["Makefile"].replace("3.11 to 3.14", "3.9") + "x:")
    (project.root / ".github/workflows/drift.yml").unlink()
    (project.root / "Pulumi.dev.yaml").write_text("config: {}\n")  # a team's own
    project.module("support_chat").unlink()
    said = run("init", "--check", "--project", str(project.root), code=1).out
    assert {line for line in said.splitlines() if line.startswith(("--- ", "+++ "))} == {
        *("--- a/Makefile", "+++ b/Makefile"),
        *("--- /dev/null", "+++ b/.github/workflows/drift.yml"),
    }
    git = shutil.which("git")
    subprocess.run([git, "apply", "-"], cwd=project.root, input=said, text=True, check=True)
    after = files_in(project.root)
    for path in ("Makefile", ".github/workflows/drift.yml"):
        assert after[path] == before[path]
