"""Compares metrics, dashboard and queries with what the functions log. A word that is no longer logged would look like no events."""

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
# Words that Lambda itself logs.
LAMBDA_WORDS = {"platform.report", "timeout", "error", "failure"}


def _of_type(resources: dict, kind: str) -> dict[str, dict]:
    return {name: part["Properties"] for name, part in resources.items() if part["Type"] == kind}


def _of_the_stack(value: dict) -> str:
    """A name that starts with the ring's stack name, in the same form for both templates."""
    return next(iter(value.values())).replace("${AWS::StackName}", "${CoreStack}")


FILTERS = _of_type(CORE, "AWS::Logs::MetricFilter")
QUERIES = _of_type(INSIGHTS, "AWS::Logs::QueryDefinition")
# The keys of each metric's dimensions.
METRICS = {
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


# The variants whose names are logged: those of enumerations that derive their text.
VARIANTS = {
    variant
    for body in re.findall(r"IntoStaticStr[^\n]*\)\]\n(?:#\[[^\n]*\n)*(?:pub )?enum \w+ \{\n(.*?)\n\}", SOURCES, re.S)
    for variant in re.findall(r"^    ([A-Z]\w+)\b", body, re.M)
}


def _is_logged(word: str) -> bool:
    return f'"{word}"' in SOURCES or "".join(part.capitalize() for part in word.split("_")) in VARIANTS


class Insights(unittest.TestCase):
    def test_filters_look_for_words_that_are_logged(self):
        for name, part in FILTERS.items():
            for word in re.findall(r'"([a-z_.]+)"', part["FilterPattern"]):
                self.assertTrue(_is_logged(word), f"{name}: {word}")
            fields = re.findall(r"\$\.(\w+)", part["FilterPattern"] + json.dumps(part["MetricTransformations"]))
            self.assertTrue(fields)
            for field in fields:
                self.assertRegex(SOURCES, rf"\b{field}\b( =|,)", name)

    def test_the_values_of_a_dimension_are_words_of_our_code(self):
        # Not form, path or id: callers choose those, and we pay for each value.
        self.assertEqual({key for keys in METRICS.values() for key in keys}, {"outcome", "code", "delivery"})
        for name, part in FILTERS.items():
            for dimension in (dimension for metric in part["MetricTransformations"] for dimension in metric.get("Dimensions", [])):
                self.assertEqual(dimension["Value"], f"$.{dimension['Key']}", name)
                # Otherwise a line without the field would count without the dimension.
                self.assertIn(dimension["Value"], part["FilterPattern"], name)

    def test_alarms_watch_metrics_that_exist(self):
        for name, alarm in _of_type(CORE, "AWS::CloudWatch::Alarm").items():
            # An alarm has one metric, or several that it adds up.
            for metric in [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query] or [alarm]:
                if metric["Namespace"] == {"!Ref": "AWS::StackName"}:
                    self.assertEqual(METRICS.get(metric["MetricName"]), [], name)

    def test_the_dashboard_shows_all_metrics(self):
        shown = set()
        for metric in _metrics():
            if isinstance(metric[0], dict):
                found = re.match(r"""SEARCH\('{"\${CoreStack}",(\w+)} MetricName="(\w+)"'""", metric[0]["expression"])
                if found:
                    self.assertEqual(METRICS.get(found[2]), [found[1]])
                    shown.add(found[2])
                else:
                    self.assertIn("{AWS/WAFV2,", metric[0]["expression"])
            elif metric[0] == "${CoreStack}":
                self.assertEqual(METRICS.get(metric[1]), [], metric)
                shown.add(metric[1])
        # Not on the dashboard, because its alarm rings months before a deadline could be wrong.
        self.assertEqual(set(METRICS) - shown, {"BankHolidaysEnding"})

    def test_the_dashboard_names_functions_and_queues_that_exist(self):
        functions = {_of_the_stack(part["FunctionName"]) for part in _of_type(CORE, "AWS::Serverless::Function").values()}
        queues = set(INSIGHTS["Dashboard"]["Properties"]["DashboardBody"]["!Sub"][1])
        for metric in _metrics():
            if "FunctionName" in metric:
                self.assertIn(metric[metric.index("FunctionName") + 1], functions)
            if "QueueName" in metric:
                self.assertIn(metric[metric.index("QueueName") + 1].strip("${}"), queues)

    def test_the_dashboard_shows_errors_and_throttles_of_every_function(self):
        functions = {_of_the_stack(part["FunctionName"]) for part in _of_type(CORE, "AWS::Serverless::Function").values()}
        for name in ("Errors", "Throttles"):
            self.assertEqual({metric[3] for metric in _metrics() if metric[:3] == ["AWS/Lambda", name, "FunctionName"]}, functions)

    def test_queries_read_log_groups_that_exist(self):
        groups = {_of_the_stack(part["LogGroupName"]) for part in _of_type(CORE, "AWS::Logs::LogGroup").values()}
        for name, query in QUERIES.items():
            self.assertLessEqual({_of_the_stack(group) for group in query["LogGroupNames"]}, groups, name)

    def test_queries_use_words_and_fields_that_are_logged(self):
        for name, query in QUERIES.items():
            text = query["QueryString"]
            for word in set(re.findall(r'"([a-z_.]+)"', text)) - LAMBDA_WORDS:
                self.assertTrue(_is_logged(word), f"{name}: {word}")
            for line in text.splitlines():
                listed = re.match(r"fields ([\w@, ]+)$", line)
                for field in listed[1].split(", ") if listed else []:
                    is_logged = field.startswith("@") or f'"{field}":' in ACCESS_LOG or re.search(rf"\b{field}\b( =|,)", SOURCES)
                    self.assertTrue(is_logged, f"{name}: {field}")


if __name__ == "__main__":
    unittest.main()
