"""Reads the commit and the changes of the working tree from git."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def version() -> str:
    """The commit's short hash, followed by -dirty if there are uncommitted changes. Outside of git: unknown."""
    commit = _git("rev-parse", "--short=12", "HEAD").strip()
    if not commit:
        return "unknown"
    return f"{commit}-dirty" if changes() else commit


def changes() -> list[str]:
    """The files that differ from the commit. This includes new files, because they may be in the build."""
    return [line[3:] for line in _git("status", "--porcelain").splitlines()]


def committed_at(*paths: str) -> int:
    """The time of the last commit that changed these paths, in seconds since the epoch; 0 if there is none."""
    return int(_git("log", "-1", "--format=%ct", "--", *paths).strip() or 0)


def _git(*arguments: str) -> str:
    """The output of git. Empty if there is no git or no repository, as in an unpacked archive of the sources."""
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
