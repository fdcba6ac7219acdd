"""Which commit the working tree is, as git tells."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def version() -> str:
    """The commit's short hash, with -dirty behind it when there is more than the commit; unknown outside of git."""
    commit = _git("rev-parse", "--short=12", "HEAD").strip()
    if not commit:
        return "unknown"
    return f"{commit}-dirty" if changes() else commit


def changes() -> list[str]:
    """The files that are not as they were committed. New ones count: they may be in the build."""
    return [line[3:] for line in _git("status", "--porcelain").splitlines()]


def committed_at(*paths: str) -> int:
    """When these were last changed by a commit, in seconds of the epoch; 0 if never."""
    return int(_git("log", "-1", "--format=%ct", "--", *paths).strip() or 0)


def _git(*arguments: str) -> str:
    """What git says; nothing where there is no git or no repository, as in an unpacked archive of the sources."""
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
