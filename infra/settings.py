"""Reads an environment's settings, infra/environments/<name>.toml, and checks them against the template's own rules."""

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

# The value of a setting that has no default, until somebody sets it.
PLACEHOLDER = "CHANGE-ME"
# Domains that are reserved for documentation and tests, so nobody can own them (RFC 2606).
RESERVED = re.compile(r"(?:^|[@./])(?:example\.(?:com|net|org)|(?:[\w-]+\.)*(?:example|test|invalid|localhost))(?=$|[,:/\s])")
# The format that the function accepts. With any other value it does not start.
ORIGINS = re.compile(r"\s*(?:\*|https?://[a-z0-9.:\[\]-]+(?:\s*,\s*https?://[a-z0-9.:\[\]-]+)*)\s*")
# Parameters that the command sets. A file must not set them.
SET_BY_COMMAND = ("Environment", "Version")
STACK_KEYS = {
    "region": (r"[a-z]{2}(-[a-z]+)+-\d", "must be an AWS region, such as eu-west-2"),
    # A function's name has at most 64 characters: the stack's name, and up to 23 more.
    "stack": (r"[a-z][a-z0-9-]{0,40}", "must start with a letter and have at most 41 lower-case letters, digits and hyphens"),
    "account": (r"(\d{12})?", "must be the 12 digits of an AWS account, or empty"),
    "bucket": (r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?", "must be the name of an S3 bucket, or empty"),
}


class DeployError(Exception):
    """A problem that the person who deploys can fix. The message says how."""


@dataclass(frozen=True)
class Settings:
    """The settings in one environment's file."""

    environment: str
    region: str
    stack: str
    account: str
    bucket: str
    parameters: dict[str, str]

    @property
    def file(self) -> str:
        return file_name(self.environment)


def file_name(environment: str) -> str:
    """The name of the environment's file in messages."""
    return f"infra/environments/{environment}.toml"


def read(text: str, environment: str, rules: dict[str, dict]) -> tuple[Settings, list[str], list[str]]:
    """The settings in `text`, the keys that still need a value, and a message for each other mistake."""
    file = file_name(environment)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DeployError(f"{file} is not valid TOML: {error}.") from None
    given = table.pop("parameters", {})
    unknown = table.keys() - STACK_KEYS
    wrong = [f"{file}: unknown setting {key}. Use {', '.join(STACK_KEYS)} and [parameters]." for key in unknown]
    wrong += [f"{file}: {key} is missing." for key in STACK_KEYS.keys() - table.keys()]
    for key, (pattern, rule) in STACK_KEYS.items():
        if key in table and not re.fullmatch(pattern, str(table[key])):
            wrong.append(f"{file}: {key} {rule}.")
    wrong += [f"{file}: remove {key}. `make deploy` sets it." for key in SET_BY_COMMAND if key in given]
    wrong += [f"{file}: unknown parameter {key}. infra/template.yaml does not have it." for key in given if key not in rules]

    # A parameter that is not in the file gets the template's default, not the value that the stack has now.
    parameters = {key: str(rule["Default"]) for key, rule in rules.items() if "Default" in rule}
    parameters |= {key: str(value) for key, value in given.items()}
    parameters["Environment"] = environment
    blanks = []
    for key, rule in rules.items():
        value = parameters.get(key, PLACEHOLDER)
        if is_blank(key, value):
            blanks.append(key)
        elif key not in SET_BY_COMMAND and (problem := problem_with(key, value, rule)):
            wrong.append(f"{file}: {key} = {json.dumps(value)}: {problem}.")
    settings = Settings(environment, *(str(table.get(key, "")) for key in STACK_KEYS), parameters)
    return settings, blanks, sorted(wrong)


def is_blank(key: str, value: str) -> bool:
    """Whether a value is only a placeholder."""
    return value == PLACEHOLDER or (key.startswith(("Mail", "Inbox", "AllowedOrigins")) and bool(RESERVED.search(value)))


def problem_with(key: str, value: str, rule: dict) -> str | None:
    """Why CloudFormation or the function would refuse a parameter's value."""
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
    """Asks for each blank, and returns the file's text with the answers. The rest of the text stays the same."""
    for key in blanks:
        print(f"\n{key}: {' '.join(rules[key].get('Description', '').split())}")
        while True:
            answer = ask(f"{key} = ").strip()
            problem = (
                "a value is required" if not answer
                else "this is a placeholder; use your own value" if is_blank(key, answer)
                else problem_with(key, answer, rules[key])
            )
            if not problem:
                break
            print(f"  {answer or '(empty)'}: {problem}.")
        line = f"{key} = {json.dumps(answer)}"
        text, replaced = re.subn(rf'^{key}\s*=\s*"[^"\n]*"', lambda _: line, text, flags=re.M)
        if not replaced:
            text = text.rstrip("\n") + f"\n{line}\n"
    return text


def load(environment: str, ask: Callable[[str], str] | None) -> Settings:
    """The complete settings of an environment. Asks for missing ones with `ask`, if there is somebody to ask.

    Raises a DeployError that lists everything that is wrong."""
    path, file = FOLDER / f"{environment}.toml", file_name(environment)
    rules = template_parameters(TEMPLATE.read_text())
    if not path.is_file():
        raise DeployError(f"{file} is missing.")
    text = path.read_text()
    settings, blanks, wrong = read(text, environment, rules)
    if blanks and not wrong and ask:
        print(f"{file} is not complete yet. Your answers are saved there.")
        path.write_text(filled(text, blanks, environment, rules, ask))
        print(f"\nSaved your answers in {file}. Commit this file.\n")
        settings, blanks, wrong = read(path.read_text(), environment, rules)
    wrong += [
        f"{file}: {key} is required. {' '.join(rules[key].get('Description', '').split())}" for key in blanks
    ]
    if wrong:
        raise DeployError("\n".join(wrong))
    return settings


def template_parameters(template: str) -> dict[str, dict]:
    """The template's parameters, each with its rules."""
    return templates.load(template)["Parameters"]
