"""Reads our templates as plain data, for checks."""

from pathlib import Path

import yaml

CORE = Path(__file__).with_name("template.yaml")
PERIMETER = Path(__file__).with_name("perimeter.yaml")
INSIGHTS = Path(__file__).with_name("insights.yaml")


FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")


class Template:
    """A parsed template, with its resources by type."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.parsed = load(source)
        self.resources: dict[str, dict] = self.parsed["Resources"]

    def of_type(self, *types: str) -> dict[str, dict]:
        """The properties of all resources of these types."""
        return {name: part.get("Properties", {}) for name, part in self.resources.items() if part["Type"] in types}

    def functions(self) -> dict[str, dict]:
        """The properties of all functions, including those from Globals."""
        shared = self.parsed.get("Globals", {}).get("Function", {})
        return {name: {**shared, **own} for name, own in self.of_type(*FUNCTIONS).items()}


def load(template: str) -> dict:
    """Parses a template and expands its anchors and merges. A tag becomes a key: !Ref becomes {"!Ref": …}."""
    return yaml.load(template, _Loader)


def listed_under(key: str, template: str) -> list[tuple[str, int]]:
    """The items of every list under this key, each with its line number, counted from 0."""
    # A node with an anchor is visited once, even if it is used several times.
    found, seen, waiting = [], set(), [yaml.compose(template, _Loader)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.ScalarNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        for name, value in node.value:
            waiting.append(value)
            if name.value == key:
                found += [(item.value, item.start_mark.line) for item in value.value]
    return sorted(found, key=lambda item: item[1])


# Uses PyYAML's loader in C if there is one: it takes a tenth of the time.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    pass


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> dict:
    construct = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda node: loader.construct_sequence(node, deep=True),
        yaml.MappingNode: lambda node: loader.construct_mapping(node, deep=True),
    }
    return {f"!{tag}": construct[type(node)](node)}


_Loader.add_multi_constructor("!", _tagged)
