"""Reads our templates as plain data, for the checks of them."""

from pathlib import Path

import yaml

CORE = Path(__file__).with_name("template.yaml")
PERIMETER = Path(__file__).with_name("perimeter.yaml")
INSIGHTS = Path(__file__).with_name("insights.yaml")


FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")


class Template:
    """A template, by what its parts are."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.parsed = load(source)
        self.resources: dict[str, dict] = self.parsed["Resources"]

    def of_type(self, *types: str) -> dict[str, dict]:
        """The properties of all resources of these types."""
        return {name: part.get("Properties", {}) for name, part in self.resources.items() if part["Type"] in types}

    def functions(self) -> dict[str, dict]:
        """The same of the functions, with what Globals says of every one."""
        shared = self.parsed.get("Globals", {}).get("Function", {})
        return {name: {**shared, **own} for name, own in self.of_type(*FUNCTIONS).items()}


def load(template: str) -> dict:
    """The template, its anchors and merges expanded; a tag such as !Ref becomes a key of that name, {"!Ref": …}."""
    return yaml.load(template, _Loader)


def listed_under(key: str, template: str) -> list[tuple[str, int]]:
    """The texts of every list that has this key, each with the number of its line, counted from 0."""
    # An anchor's node is there once, however often it is used.
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


# The one in C, where PyYAML was built with it: it takes a tenth of the time.
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
