"""Queries to git. None of them writes to the repository or to its index."""

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from model_config.format.errors import UsageError

# Git sets these in hooks, where they name the repository that the hook runs for.
_OF_A_HOOK = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"}
_NO_REPOSITORY = "not a git repository"
# An address without a scheme, as scp takes it: "git@github.com:owner/name.git".
_SCP = re.compile(r"(?:[^/]+@)?(?P<host>[\w.-]+):(?P<path>[^/].*)")
#: The editor of each host, by a part of the host's name. A line follows the address.
_EDITORS = {
    "github": "https://{host}{path}/edit/{branch}/{file}#L{line}",
    "gitlab": "https://{host}{path}/-/edit/{branch}/{file}#L{line}",
    "bitbucket.org": "https://{host}{path}/src/{branch}/{file}?mode=edit#lines-{line}",
}
_UNSHALLOW = "this clone is shallow and may lack it. Run `git fetch --unshallow`"


class Commit(NamedTuple):
    """A commit, with all 40 characters of its id, and the nearest ancestors listed with it."""

    id: str
    parents: tuple[str, ...]
    date: str
    author: str
    subject: str


class Repository:
    """The repository that a folder belongs to. Paths are relative to the folder.

    Every method raises UsageError, with git's own message, if git fails.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def commit(self, revision: str) -> str:
        """Return the id of the commit that a revision names; UsageError if there is none."""
        wanted = f"{revision}^{{commit}}"
        try:
            return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
        except UsageError as error:
            if _NO_REPOSITORY in str(error):
                raise
            fix = "see `git branch --all` and `git log`, or get it with `git fetch`"
            fix = _UNSHALLOW if self.is_shallow() else fix
            raise UsageError(f"there is no commit {revision!r} in {self._folder}: {fix}") from None

    def is_shallow(self) -> bool:
        return self._git("rev-parse", "--is-shallow-repository") == "true"

    def uncommitted(self, paths: Iterable[str]) -> list[str]:
        """Return the files that differ from the newest commit, untracked ones included."""
        status = self._run("status", "--porcelain", "-z", "--no-renames", "--", *paths)
        # Each entry begins with a status of two letters and a space.
        return [entry[3:] for entry in _text(status).split("\0") if entry]

    def has_project(self, commit: str) -> bool:
        names = self._git("ls-tree", "--name-only", "-z", commit).split("\0")
        return "models" in names and any(Path(name).match("Pulumi.?*.yaml") for name in names)

    def write_files(self, commit: str, folder: Path) -> None:
        archive = io.BytesIO(self._run("archive", "--format=tar", commit))
        try:
            with tarfile.open(fileobj=archive) as files:
                # It writes nothing outside the folder. Python 3.11 has it from 3.11.4.
                files.extraction_filter = getattr(tarfile, "data_filter", None)
                files.extractall(folder)  # noqa: S202 - with that filter
        except (OSError, tarfile.TarError) as error:
            what = f"the files of {commit[:9]} can't be written to {folder}"
            raise UsageError(f"{what}: {error}") from None

    def commits(self, revision: str, paths: Iterable[str]) -> list[Commit]:
        """Return the commits that changed any of the paths, from a revision backwards."""
        form = "--format=%H%x00%P%x00%cs%x00%an%x00%s"
        # --parents rewrites a commit's parents to the nearest ancestors that are listed.
        log = self._git("log", "--parents", form, "--end-of-options", revision, "--", *paths)
        lines = (line.split("\0") for line in log.split("\n") if line)  # a subject may have \x85
        return [Commit(commit, tuple(above.split()), *rest) for commit, above, *rest in lines]

    def merge_base(self, one: str, other: str) -> str:
        commits = self.commit(one), self.commit(other)
        try:
            return self._git("merge-base", *commits)
        except UsageError:
            fix = f": {_UNSHALLOW}" if self.is_shallow() else ""
            raise UsageError(f"{one} and {other} have no commit in common{fix}") from None

    def names(self) -> list[str]:
        refs = ("refs/heads", "refs/tags", "refs/remotes")
        return self._git("for-each-ref", "--format=%(refname:short)", *refs).split()

    def folder(self) -> str:
        """Return the folder's path in the repository, such as "ai/config/"; "" at the top."""
        return self._git("rev-parse", "--show-prefix")

    def editor(self) -> Callable[[str, int], str | None]:
        """Return what gives the address of a file's line in the host's editor, or None."""
        try:
            remote, above = self._git("remote", "get-url", "origin"), self.folder()
            tracked = {*self._git("ls-files", "-z").split("\0")}
            branch = self._git("branch", "--show-current")
        except UsageError:
            return lambda _file, _line: None
        try:
            head = self._git("symbolic-ref", "--short", "refs/remotes/origin/HEAD")
            branch = head.removeprefix("origin/")
        except UsageError:  # a clone that doesn't know the remote's own branch
            branch = branch or "HEAD"
        form = editor_form(remote, branch)

        def address(file: str, line: int) -> str | None:
            is_there = form and file in tracked
            return form.format(file=quote(above + file), line=line) if is_there else None

        return address

    def _git(self, *arguments: str) -> str:
        return _text(self._run(*arguments)).rstrip("\n")

    def _run(self, *arguments: str) -> bytes:
        kept = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
        # Without optional locks, `git status` leaves the index alone while someone commits.
        settings = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
        try:
            done = subprocess.run(  # noqa: S603
                ["git", *arguments],  # noqa: S607 -- whichever git the user has
                cwd=self._folder,
                env={**kept, **settings},
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise UsageError("git is required, and there is no `git` on the PATH") from None
        if done.returncode == 0:
            return done.stdout
        lines = _text(done.stderr).strip().splitlines()
        if lines and _NO_REPOSITORY in lines[0]:
            where = f"{self._folder} is {_NO_REPOSITORY}"
            raise UsageError(f"{where}. Clone the project, or run `git init` in it and commit")
        why = " ".join(filter(None, map(str.strip, lines))) or "git gave no reason"
        raise UsageError(f"`git {arguments[0]}` failed: {why}")


def _text(output: bytes) -> str:
    return output.decode(errors="replace")


def editor_form(remote: str, branch: str) -> str:
    """Return the form of an editor's addresses, with {file} and {line}, or "".

    Of a remote's address, only the host and the path are taken: never a user, a password or a
    query, which may be a token.
    """
    scp = None if "://" in remote else _SCP.fullmatch(remote)
    try:
        parts = urlsplit(f"ssh://{scp['host']}/{scp['path']}" if scp else remote)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    path = quote(parts.path.rstrip("/").removesuffix(".git"))
    # A password with a slash or an @ in it looks like a part of the path.
    if parts.scheme not in {"http", "https", "ssh", "git"} or "%40" in path or "." not in host:
        return ""
    if port and parts.scheme.startswith("http"):
        host = f"{host}:{port}"
    forms = (form for name, form in _EDITORS.items() if name in host)
    known = {"host": host, "path": path, "branch": quote(branch)}
    return next(forms, "").format(**known, file="{file}", line="{line}")
