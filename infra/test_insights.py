"""Holds what is counted, shown and asked against what is logged: a word that nobody writes any more would only look quiet."""

import json
import re
import unittest
from collections.abc import Iterator

import templates

CORE = templates.load(templates.CORE.read_text())["Resources"]
INSIGHTS = templates.load(templates.INSIGHTS.read_text())["Resources"]
ROOT = templates.CORE.parent.parent
SOURCES = "".join(path.read_text() for folder in ("functions", "shared") for path in sorted((ROOT / folder).glob("*/src/**/*.rs")))
ACCESS_LOG = CORE["Stage"]["Properties"]["AccessLogSetting"]["Format"]
# What Lambda itself writes.
OF_LAMBDA = {"platform.report", "timeout", "error", "failure"}


def _of_type(resources: dict, kind: str) -> dict[str, dict]:
    return {name: part["Properties"] for name, part in resources.items() if part["Type"] == kind}


def _of_the_stack(value: dict) -> str:
    """A name that starts with the ring's, whichever of the two templates says it."""
    return next(iter(value.values())).replace("${AWS::StackName}", "${CoreStack}")


FILTERS = _of_type(CORE, "AWS::Logs::MetricFilter")
QUERIES = _of_type(INSIGHTS, "AWS::Logs::QueryDefinition")
# Each metric with the dimensions that it has.
COUNTED = {
    metric["MetricName"]: [dimension["Key"] for dimension in metric.get("Dimensions", [])]
    for part in FILTERS.values()
    for metric in part["MetricTransformations"]
}


def _widgets() -> list[dict]:
    text, _ = INSIGHTS["Dashboard"]["Properties"]["DashboardBody"]["!Sub"]
    return json.loads(text)["widgets"]


def _metrics() -> Iterator[list]:
    for widget in _widgets():
        yield from widget["properties"]["metrics"]


# The variants whose names are logged: those of an enumeration from which the text is derived.
VARIANTS = {
    variant
    for body in re.findall(r"IntoStaticStr[^\n]*\)\]\n(?:#\[[^\n]*\n)*(?:pub )?enum \w+ \{\n(.*?)\n\}", SOURCES, re.S)
    for variant in re.findall(r"^    ([A-Z]\w+)\b", body, re.M)
}


def _is_written(word: str) -> bool:
    return f'"{word}"' in SOURCES or "".join(part.capitalize() for part in word.split("_")) in VARIANTS


class Insights(unittest.TestCase):
    def test_what_filters_look_for_is_written(self):
        for name, part in FILTERS.items():
            for word in re.findall(r'"([a-z_.]+)"', part["FilterPattern"]):
                self.assertTrue(_is_written(word), f"{name}: {word}")
            fields = re.findall(r"\$\.(\w+)", part["FilterPattern"] + json.dumps(part["MetricTransformations"]))
            self.assertTrue(fields)
            for field in fields:
                self.assertRegex(SOURCES, rf"\b{field}\b( =|,)", name)

    def test_a_dimension_is_a_word_of_ours(self):
        # Not form, path or id: each value is paid for, and the caller would choose it.
        self.assertEqual({key for keys in COUNTED.values() for key in keys}, {"outcome", "code", "delivery"})
        for name, part in FILTERS.items():
            for dimension in (dimension for metric in part["MetricTransformations"] for dimension in metric.get("Dimensions", [])):
                self.assertEqual(dimension["Value"], f"$.{dimension['Key']}", name)
                # A line without the field would be a metric without the dimension.
                self.assertIn(dimension["Value"], part["FilterPattern"], name)

    def test_alarms_watch_what_is_counted(self):
        for name, alarm in _of_type(CORE, "AWS::CloudWatch::Alarm").items():
            # One metric, or several that are added up.
            for metric in [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query] or [alarm]:
                if metric["Namespace"] == {"!Ref": "AWS::StackName"}:
                    self.assertEqual(COUNTED.get(metric["MetricName"]), [], name)

    def test_the_dashboard_shows_what_is_counted(self):
        shown = set()
        for metric in _metrics():
            if isinstance(metric[0], dict):
                found = re.match(r"""SEARCH\('{"\${CoreStack}",(\w+)} MetricName="(\w+)"'""", metric[0]["expression"])
                if found:
                    self.assertEqual(COUNTED.get(found[2]), [found[1]])
                    shown.add(found[2])
                else:
                    self.assertIn("{AWS/WAFV2,", metric[0]["expression"])
            elif metric[0] == "${CoreStack}":
                self.assertEqual(COUNTED.get(metric[1]), [], metric)
                shown.add(metric[1])
        # It rings months before it matters, and only once a start.
        self.assertEqual(set(COUNTED) - shown, {"BankHolidaysEnding"})

    def test_the_dashboard_names_functions_and_queues_that_exist(self):
        functions = {_of_the_stack(part["FunctionName"]) for part in _of_type(CORE, "AWS::Serverless::Function").values()}
        queues = set(INSIGHTS["Dashboard"]["Properties"]["DashboardBody"]["!Sub"][1])
        for metric in _metrics():
            if "FunctionName" in metric:
                self.assertIn(metric[metric.index("FunctionName") + 1], functions)
            if "QueueName" in metric:
                self.assertIn(metric[metric.index("QueueName") + 1].strip("${}"), queues)

    def test_the_dashboard_shows_which_function_an_alarm_over_all_functions_rings_for(self):
        functions = {_of_the_stack(part["FunctionName"]) for part in _of_type(CORE, "AWS::Serverless::Function").values()}
        for name in ("Errors", "Throttles"):
            self.assertEqual({metric[3] for metric in _metrics() if metric[:3] == ["AWS/Lambda", name, "FunctionName"]}, functions)

    def test_queries_read_groups_that_exist(self):
        groups = {_of_the_stack(part["LogGroupName"]) for part in _of_type(CORE, "AWS::Logs::LogGroup").values()}
        for name, query in QUERIES.items():
            self.assertLessEqual({_of_the_stack(group) for group in query["LogGroupNames"]}, groups, name)

    def test_queries_ask_for_what_is_written(self):
        for name, query in QUERIES.items():
            text = query["QueryString"]
            for word in set(re.findall(r'"([a-z_.]+)"', text)) - OF_LAMBDA:
                self.assertTrue(_is_written(word), f"{name}: {word}")
            for line in text.splitlines():
                listed = re.match(r"fields ([\w@, ]+)$", line)
                for field in listed[1].split(", ") if listed else []:
                    written = field.startswith("@") or f'"{field}":' in ACCESS_LOG or re.search(rf"\b{field}\b( =|,)", SOURCES)
                    self.assertTrue(written, f"{name}: {field}")


if __name__ == "__main__":
    unittest.main()
