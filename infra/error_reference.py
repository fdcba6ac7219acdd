"""Reads docs/errors.md, the list of all error codes, for the tests that compare it with the gateway and the contract."""

import re
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).parent.parent / "docs" / "errors.md"


class Entry(NamedTuple):
    """The status and type of every response with a code."""

    status: str
    type: str


def entries(text: str) -> dict[str, Entry]:
    """The entry of each code: a heading of the second level, and a text that starts with status and type."""
    found: dict[str, Entry] = {}
    for code, paragraph in re.findall(r"^## (.+)\n+(.*)", text, re.M):
        start = re.match(r"(\d{3}) `(\w+)`\. ", paragraph)
        if not start:
            raise ValueError(f"{DOCUMENT.name}: {code} does not start with its status and type, such as: 400 `api_error`.")
        if code in found:
            raise ValueError(f"{DOCUMENT.name}: {code} has two entries.")
        found[code] = Entry(*start.groups())
    return found


def doc_urls(text: str) -> list[tuple[str, str]]:
    """The page and the code of each doc_url in the examples."""
    return re.findall(r'"doc_url": "([^"#]+)#([^"]+)"', text)
