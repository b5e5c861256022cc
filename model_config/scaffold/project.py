"""Renders a new project's files and a new model's, and the upgrade of an older project."""

import hashlib
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from string import Template

from pydantic.alias_generators import to_camel

from model_config.format.errors import UsageError
from model_config.plan.project import Project
from model_config.scaffold import Kind

_TEMPLATE, _KINDS = (Path(__file__).parent / name for name in ("template", "kinds"))
_EXAMPLES: dict[Kind, str] = {
    "chat": "support_chat",
    "embedding": "document_embedding",
    "reranker": "passage_reranker",
    "endpoint": "passage_reranker",
    "custom": "ticket_router",
}
_NO_ACCOUNT = '# aws:allowedAccountIds: ["111122223333"]'
_NO_SOURCE = """\
# Name the source of model-config here, because it is not on a public index.
# model-config[cli,deploy] @ git+https://git.example.com/model-config@<commit>"""
# What jobs with credentials install by hash: the package, and what it needs.
_PACKAGE, _LOCK = ".github/requirements/package.txt", ".github/requirements/deploy.txt"

_NAME = r"model-config(\[[a-z,]*\])?"
_COMMIT = re.compile(rf"({_NAME} *@ *)?(?P<url>git\+\S+@[0-9a-f]{{40}})")
# The user name of ssh is no secret. That of https may be a token.
_OPEN = re.compile(r"git\+(ssh://[^@:/]+@)?[^@]+@[0-9a-f]{40}")
_VERSION = re.compile(
    rf"({_NAME} *== *)?(?P<version>\d[\w.+]*)(?P<hashes>( +--hash=sha256:[0-9a-f]{{64}})*)"
)
_FORMS = """--from takes one of
  a commit                     model-config @ git+https://git.example.com/model-config@<40 digits>
  a wheel                      dist/model_config-0.1.0-py3-none-any.whl
  a version and its hash       model-config==0.1.0 --hash=sha256:<64 digits>
  a version in your own index  model-config==0.1.0, with --index-url https://pypi.example.com/simple
Nobody owns the name model-config on the public index, so a bare name or version is refused: whoever
takes the name would run in your jobs. Branches and tags are refused because they can move"""

_COMMITTED = (
    "without a user name or password, since the file that it is written to is committed. pip and "
    "git read passwords from ~/.netrc"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a project gets the package."""

    requirement: str  #: Its lines in requirements.txt.
    hashed: str = ""  #: Its line for jobs with credentials. If it is empty, `make lock` writes one.
    index: str | None = None  #: The only index to install from, instead of pip's default.
    files: Mapping[str, bytes] = field(default_factory=dict)  #: What it refers to, by path.


def source(spec: str | None, index: str | None = None) -> Source:
    # No error shows a value, which may hold a password.
    if index and not re.fullmatch(r"https://[^\s@]+", index):
        raise UsageError(f"--index-url takes an https URL {_COMMITTED}")
    if spec and spec.endswith(".whl") and "://" not in spec:
        return _wheel(Path(spec), index)
    if commit := _COMMIT.fullmatch(spec or ""):
        if not _OPEN.fullmatch(commit["url"]):
            raise UsageError(f"--from takes a git URL {_COMMITTED}. ssh may have a user name")
        return Source(f"model-config[cli,deploy] @ {commit['url']}", index=index)
    version = _VERSION.fullmatch(spec or "")
    if not version or not (version["hashes"] or index):
        raise UsageError(_FORMS)
    hashed = f"model-config=={version['version']}{version['hashes']}" if version["hashes"] else ""
    return Source(f"model-config[cli,deploy]=={version['version']}", hashed, index)


def _wheel(path: Path, index: str | None) -> Source:
    try:
        content = path.read_bytes()
        names = zipfile.ZipFile(path).namelist()
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    except zipfile.BadZipFile:
        names = []
    if not any(re.fullmatch(r"model_config-[^/]*\.dist-info/METADATA", name) for name in names):
        raise UsageError(f"{path} is not a wheel of model-config")
    # Two lines, because pip checks the hash of a URL, and takes extras only of a name. A --hash
    # would be required of every other package, too.
    target, digest = f"wheels/{path.name}", hashlib.sha256(content).hexdigest()
    lines = f"file:{target}#sha256={digest}\nmodel-config[cli,deploy]"
    return Source(lines, f"./{target} --hash=sha256:{digest}", index, {target: content})


def project_files(name: str, kind: Kind, source: Source, account: str | None) -> dict[str, bytes]:
    """Return a new project's files, by their path in it, or raise UsageError.

    `account` is the only AWS account that it may be deployed to.
    """
    # The rule for names of projects: https://www.pulumi.com/docs/iac/concepts/projects/
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name):
        raise UsageError(
            f'"{name}" is not a valid name for a project: use at most 100 letters, digits, "_", '
            '"." and "-". Rename the folder'
        )
    if account is not None and not re.fullmatch(r"[0-9]{12}", account):
        raise UsageError(f"{account!r} is not a valid AWS account: use its 12 digits")
    words = {
        "${PROJECT}": name,
        "${DESCRIPTION}": "AI model configurations",
        _EXAMPLES["chat"]: _EXAMPLES[kind],
        _NO_ACCOUNT: f'aws:allowedAccountIds: ["{account}"]' if account else _NO_ACCOUNT,
        _NO_SOURCE: source.requirement,
    }
    word = re.compile("|".join(map(re.escape, words)))
    texts = {
        path: word.sub(lambda match: words[match[0]], text)
        for path, text in _template(source.index)
        if not path.startswith("models/")
    }
    texts["Pulumi.yaml"] = texts["Pulumi.yaml"].partition("template:")[0]
    if source.hashed:
        line = source.requirement.splitlines()[0]  # which a job looks for, before it installs
        texts[_PACKAGE] += f"# {line}\n{source.hashed}\n"
    own = {path: text.encode() for path, text in texts.items()}
    return {**own, **module_files(_EXAMPLES[kind], kind), **source.files}


def module_files(name: str, kind: Kind) -> dict[str, bytes]:
    """Return the files of a new model, by their path in the project."""
    words = {"name": name, "secret": f"{to_camel(name)}ApiKey"}
    return {
        f"models/{name}{file.suffix}": Template(file.read_text("utf-8")).substitute(words).encode()
        for file in _KINDS.glob(f"{kind}.*")
    }


def upgrade(project: Project) -> str:
    """Return the upgrade of a project to this version of the package, as a diff.

    It covers the files that a team leaves unchanged: the workflows, the Makefile and the versions.
    """
    lines: list[str] = []
    requirements = project.root / "requirements.txt"
    own = requirements.read_text("utf-8") if requirements.is_file() else ""
    index = re.search(r"(?m)^--index-url (\S+)$", own)
    for path, text in _template(index[1] if index else None):
        if path.startswith((".github/", "Makefile", "constraints.txt")) and path != _PACKAGE:
            exists = (file := project.root / path).is_file()
            before = file.read_text("utf-8") if exists else ""
            texts = (before.splitlines(keepends=True), text.splitlines(keepends=True))
            lines += unified_diff(*texts, f"a/{path}" if exists else "/dev/null", f"b/{path}")
    unfinished = "\n\\ No newline at end of file\n"
    return "".join(line if line.endswith("\n") else line + unfinished for line in lines)


def _template(index: str | None) -> Iterator[tuple[str, str]]:
    """Yield each file's path in the project and its text. Whatever installs names the index."""
    for file in sorted(_TEMPLATE.rglob("*")):
        if file.is_file() and file.parent.name != "__pycache__":
            path, text = file.relative_to(_TEMPLATE).as_posix(), file.read_text("utf-8")
            if index and path in {"requirements.txt", _PACKAGE, _LOCK}:
                text = f"--index-url {index}\n{text}"
            yield path, text
