"""Reads docs/errors.md, the one list of all error codes, for the tests that compare it with the gateway and the contract."""

import re
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).parent.parent / "docs" / "errors.md"


class Entry(NamedTuple):
    """What a response with this code has."""

    status: str
    type: str


def entries(text: str) -> dict[str, Entry]:
    """The entry of each code. Each is a heading of the second level, then status and type at the beginning of its text."""
    found: dict[str, Entry] = {}
    for code, paragraph in re.findall(r"^## (.+)\n+(.*)", text, re.M):
        begins = re.match(r"(\d{3}) `(\w+)`\. ", paragraph)
        if not begins:
            raise ValueError(f"{DOCUMENT.name}: {code} does not begin with its status and type, such as: 400 `api_error`.")
        if code in found:
            raise ValueError(f"{DOCUMENT.name}: {code} has two entries.")
        found[code] = Entry(*begins.groups())
    return found


def doc_urls(text: str) -> list[tuple[str, str]]:
    """Of each doc_url in the examples, the page and the code."""
    return re.findall(r'"doc_url": "([^"#]+)#([^"]+)"', text)
