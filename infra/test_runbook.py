"""Compares docs/runbook.md with the templates: each alarm has a section, and its commands use names that exist in the stack."""

import re
import shutil
import subprocess
import tomllib
import unittest

import templates

DOCS = templates.CORE.parent.parent / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text()
# The files that set $STACK for their commands.
FILES_WITH_STACK = {
    path.name: path.read_text() for path in (DOCS / "runbook.md", DOCS / "privacy.md", templates.INSIGHTS, templates.PERIMETER)
}
RESOURCES = templates.load(templates.CORE.read_text())["Resources"]
PARTS = ("Alarm", "Meaning", "Check", "Action", "Resolved when")


def _alarms() -> dict[str, str]:
    """The section that each alarm names, or None."""
    return {
        name: re.search(r"(?:Runbook: ([a-z -]+)\.)?$", part["Properties"]["AlarmDescription"])[1]
        for name, part in RESOURCES.items()
        if part["Type"] == "AWS::CloudWatch::Alarm"
    }


def _sections() -> dict[str, str]:
    """The text of each section about alarms, by its heading in lower case."""
    chapter = re.search(r"^## Alarms\n(.*?)^## ", RUNBOOK, re.M | re.S)[1]
    parts = re.split(r"^### (.+)\n", chapter, flags=re.M)[1:]
    return {heading.lower(): text for heading, text in zip(parts[::2], parts[1::2], strict=True)}


class Runbook(unittest.TestCase):
    def test_every_alarm_names_a_section_that_names_it(self):
        for name, section in _alarms().items():
            self.assertIn(section, _sections(), name)
            self.assertIn(f"`{name}`", _sections()[section], name)

    def test_every_section_names_alarms_that_name_it(self):
        for section, text in _sections().items():
            named = re.findall(r"`(\w+Alarm)`", text)
            self.assertTrue(named, section)
            for name in named:
                self.assertEqual(_alarms().get(name), section, name)

    def test_every_section_has_the_same_parts(self):
        for section, text in _sections().items():
            self.assertEqual(tuple(re.findall(r"^- \*\*([\w ]+):\*\*", text, re.M)), PARTS, section)

    def test_the_runbooks_queries_are_the_saved_ones(self):
        insights = templates.load(templates.INSIGHTS.read_text())["Resources"]
        names = {
            part["Properties"]["Name"]["!Sub"].removeprefix("${CoreStack}/")
            for part in insights.values()
            if part["Type"] == "AWS::Logs::QueryDefinition"
        }
        asked = set(re.findall(r'ask "([^"]+)"', RUNBOOK))
        # Nobody would find a query that the runbook does not use.
        self.assertEqual(asked, names)
        # `ask` uses the first query whose name starts with its argument.
        self.assertFalse([(a, b) for a in names for b in names if a != b and b.startswith(a)])

    def test_outputs_resources_and_parameters_exist(self):
        template = templates.load(templates.CORE.read_text())
        words = {
            "output": template["Outputs"], "resource": RESOURCES, "by_function": RESOURCES, "set_parameter": template["Parameters"],
        }
        for word, known in words.items():
            named = re.findall(rf"\b{word} ([A-Z]\w+)\b(?! *\w*:)", RUNBOOK)
            self.assertTrue(named)
            for name in set(named) - {"NAME", "ALARM"}:
                self.assertIn(name, known, word)

    def test_the_stack_is_that_of_an_environment(self):
        files = [tomllib.loads(path.read_text()) for path in templates.CORE.with_name("environments").glob("*.toml")]
        deployed = {(file["region"], file["stack"]) for file in files}
        for name, text in FILES_WITH_STACK.items():
            [named] = re.findall(r"\bexport AWS_REGION=(\S+) STACK=(\S+)$", text, re.M)
            self.assertIn(named, deployed, name)
            # All other places use $STACK.
            self.assertEqual(re.findall(r"\bcredicorp-public\b\S*", text), [named[1]], name)

    def test_commands_parse(self):
        bash = shutil.which("bash")
        if not bash:
            self.skipTest("needs bash")
        for page in ("runbook.md", "privacy.md"):
            for indent, block in re.findall(r"^( *)```\n(.*?)^\1```$", FILES_WITH_STACK[page], re.M | re.S):
                script = re.sub(f"^{indent}", "", block, flags=re.M)
                parsed = subprocess.run([bash, "-n"], input=script, text=True, capture_output=True, check=False)
                self.assertEqual((parsed.returncode, parsed.stderr), (0, ""), f"{page}:\n{script}")

    def test_links_point_to_headings(self):
        headings = {re.sub(r"[^a-z -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", RUNBOOK, re.M)}
        for link in re.findall(r"\]\(#([^)]+)\)", RUNBOOK):
            self.assertIn(link, headings)


if __name__ == "__main__":
    unittest.main()
