"""Reads our templates as plain data, for the checks of them."""

from pathlib import Path

import yaml

CORE = Path(__file__).with_name("template.yaml")
PERIMETER = Path(__file__).with_name("perimeter.yaml")
INSIGHTS = Path(__file__).with_name("insights.yaml")


def load(template: str) -> dict:
    """The template, its anchors and merges expanded; a tag such as !Ref becomes a key of that name, {"!Ref": …}."""
    return yaml.load(template, _Loader)


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
