"""What an environment is deployed with: infra/environments/<name>.toml, checked against the template's own rules."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import templates

FOLDER = Path(__file__).with_name("environments")
TEMPLATE = templates.CORE
ENVIRONMENTS = ("sandbox", "live")

# What has no default, until somebody sets it.
PLACEHOLDER = "CHANGE-ME"
# Domains that documentation and tests use, and that belong to nobody (RFC 2606).
NOBODYS = re.compile(r"(?:^|[@./])(?:example\.(?:com|net|org)|(?:[\w-]+\.)*(?:example|test|invalid|localhost))(?=$|[,:/\s])")
# As the function reads it, which would not start with anything else.
ORIGINS = re.compile(r"\s*(?:\*|https?://[a-z0-9.:\[\]-]+(?:\s*,\s*https?://[a-z0-9.:\[\]-]+)*)\s*")
# What the command line says, and no file.
GIVEN = ("Environment", "Version")
STACK_KEYS = {
    "region": (r"[a-z]{2}(-[a-z]+)+-\d", "must be a region, such as eu-west-2"),
    # A function's name is the stack's with up to 23 characters behind it, and 64 at most.
    "stack": (r"[a-z][a-z0-9-]{0,40}", "must be lower-case letters, digits and hyphens, 41 at most"),
    "account": (r"(\d{12})?", "must be the twelve digits of an AWS account, or empty"),
    "bucket": (r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?", "must be the name of a bucket, or empty"),
}


class Trouble(Exception):
    """Something that whoever deploys can put right. The message says how."""


@dataclass(frozen=True)
class Settings:
    """One environment's file, read."""

    environment: str
    region: str
    stack: str
    account: str
    bucket: str
    parameters: dict[str, str]

    @property
    def file(self) -> str:
        return name_of(self.environment)


def name_of(environment: str) -> str:
    """The file as messages name it."""
    return f"infra/environments/{environment}.toml"


def read(text: str, environment: str, rules: dict[str, dict]) -> tuple[Settings, list[str], list[str]]:
    """The settings in `text`, the keys that are still to be set, and what is wrong with the others, in words."""
    file = name_of(environment)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Trouble(f"{file} is no TOML: {error}.") from None
    given = table.pop("parameters", {})
    strange = table.keys() - STACK_KEYS
    wrong = [f"{file}: there is no setting {key}, only {', '.join(STACK_KEYS)} and [parameters]." for key in strange]
    wrong += [f"{file}: {key} is missing." for key in STACK_KEYS.keys() - table.keys()]
    for key, (pattern, says) in STACK_KEYS.items():
        if key in table and not re.fullmatch(pattern, str(table[key])):
            wrong.append(f"{file}: {key} {says}.")
    wrong += [f"{file}: {key} is not for a file to say; make deploy does." for key in GIVEN if key in given]
    wrong += [f"{file}: infra/template.yaml has no parameter {key}." for key in given if key not in rules]

    # What the file leaves out is what the template says, and not what the stack had before.
    parameters = {key: str(rule["Default"]) for key, rule in rules.items() if "Default" in rule}
    parameters |= {key: str(value) for key, value in given.items()}
    parameters["Environment"] = environment
    blanks = []
    for key, rule in rules.items():
        value = parameters.get(key, PLACEHOLDER)
        if is_blank(key, value):
            blanks.append(key)
        elif key not in GIVEN and (problem := problem_with(key, value, rule)):
            wrong.append(f"{file}: {key} = {json.dumps(value)}: {problem}.")
    settings = Settings(environment, *(str(table.get(key, "")) for key in STACK_KEYS), parameters)
    return settings, blanks, sorted(wrong)


def is_blank(key: str, value: str) -> bool:
    """Whether a value only holds the place of one."""
    return value == PLACEHOLDER or (key.startswith(("Mail", "Inbox", "AllowedOrigins")) and bool(NOBODYS.search(value)))


def problem_with(key: str, value: str, rule: dict) -> str | None:
    """What CloudFormation, or the function later, would say against a parameter's value."""
    if "AllowedValues" in rule and value not in map(str, rule["AllowedValues"]):
        return f"must be one of {', '.join(map(str, rule['AllowedValues']))}"
    if "AllowedPattern" in rule and not re.fullmatch(rule["AllowedPattern"], value):
        return rule.get("ConstraintDescription", f"must match {rule['AllowedPattern']}")
    if rule["Type"] == "Number":
        least, most = rule.get("MinValue", 0), rule.get("MaxValue")
        if not re.fullmatch(r"\d+", value) or int(value) < least or (most is not None and int(value) > most):
            return f"must be a number from {least}" + (f" to {most}" if most is not None else "")
    if key == "AllowedOrigins" and not ORIGINS.fullmatch(value):
        return "must be * or origins such as https://www.credicorp.co.uk, in lower case, without a path, separated by commas"
    return None


def filled(text: str, blanks: list[str], environment: str, rules: dict[str, dict], ask: Callable[[str], str]) -> str:
    """The file's text with the answer to each blank in its place, and all else as it was."""
    for key in blanks:
        print(f"\n{key}: {' '.join(rules[key].get('Description', '').split())}")
        while True:
            answer = ask(f"{key} = ").strip()
            problem = (
                "it is needed" if not answer
                else "that is a placeholder too" if is_blank(key, answer)
                else problem_with(key, answer, rules[key])
            )
            if not problem:
                break
            print(f"  {answer or 'Nothing'}: {problem}.")
        line = f"{key} = {json.dumps(answer)}"
        text, replaced = re.subn(rf'^{key}\s*=\s*"[^"\n]*"', lambda _: line, text, flags=re.M)
        if not replaced:
            text = text.rstrip("\n") + f"\n{line}\n"
    return text


def load(environment: str, ask: Callable[[str], str] | None) -> Settings:
    """The settings of an environment, all of them set; what is not is asked for, if there is anybody to ask.

    Raises Trouble with everything that is wrong."""
    path, file = FOLDER / f"{environment}.toml", name_of(environment)
    rules = template_parameters(TEMPLATE.read_text())
    if not path.is_file():
        raise Trouble(f"{file} is missing.")
    text = path.read_text()
    settings, blanks, wrong = read(text, environment, rules)
    if blanks and not wrong and ask:
        print(f"{file} does not say everything yet. The answers are written there.")
        path.write_text(filled(text, blanks, environment, rules, ask))
        print(f"\nWritten to {file}. Commit it.\n")
        settings, blanks, wrong = read(path.read_text(), environment, rules)
    wrong += [
        f"{file}: {key} is still to be set. {' '.join(rules[key].get('Description', '').split())}" for key in blanks
    ]
    if wrong:
        raise Trouble("\n".join(wrong))
    return settings


def template_parameters(template: str) -> dict[str, dict]:
    """The template's parameters with their rules."""
    return templates.load(template)["Parameters"]
