"""Tests what infra/local decides before it starts or updates a local stack, and the versions that its environments share."""

import contextlib
import re
import socket
import sys
import tomllib
import unittest
from pathlib import Path

INFRA = Path(__file__).parent
sys.path.append(str(INFRA / "local"))
import emulator
import stack
from emulator import Emulator, Trouble
from stack import Deployed, Settings

REQUIREMENTS = [INFRA / "local" / "requirements.txt", *sorted(INFRA.glob("requirements-*.txt"))]


class SettingsOfAStack(unittest.TestCase):
    def test_they_come_from_the_environment(self):
        read = Settings.from_variables
        self.assertEqual(read({}), Settings())
        self.assertEqual(read({"PORT": "", "RATE_LIMIT": "", "ENVIRONMENT": ""}), Settings())
        self.assertEqual(read({"PORT": "5000", "RATE_LIMIT": "7", "ENVIRONMENT": "live"}), Settings(5000, "7", "live"))

    def test_a_bad_one_is_refused_by_name(self):
        bad = {"PORT": ["x", "0", "65536", "-1"], "RATE_LIMIT": ["x", "0", "1.5"], "ENVIRONMENT": ["production", "Live"]}
        for name, value in ((name, value) for name, values in bad.items() for value in values):
            with self.subTest(f"{name}={value}"), self.assertRaisesRegex(Trouble, f"{name} must be .*, not {value}"):
                Settings.from_variables({name: value})

    def test_a_default_is_named_so_that_an_update_goes_back_to_it(self):
        parameters = Settings().parameters()
        self.assertEqual((parameters["Environment"], parameters["RateLimit"]), ("sandbox", "60"))
        parameters = Settings(rate_limit="7", environment="live").parameters()
        self.assertEqual((parameters["Environment"], parameters["RateLimit"]), ("live", "7"))


class Updates(unittest.TestCase):
    def check(self, expected: str | None, port: int | None = None, environment: str = "sandbox", started_by: str | None = None):
        running = Emulator(Path(), 1, 4610, started_by or stack.deployment.emulator_fingerprint())
        obstacle = stack.why_not_updated(running, Deployed("old", "sandbox"), Deployed("new", environment), port)
        self.assertEqual(obstacle is not None, expected is not None, obstacle)
        self.assertIn(expected or "", obstacle or "")

    def test_another_build_or_limit_is_an_update(self):
        self.check(None)
        self.check(None, port=4610)

    def test_another_port_environment_or_emulator_needs_a_new_start(self):
        self.check("port 4611", port=4611)
        self.check("environment live", environment="live")
        self.check("has changed", started_by="another version")


class Ports(unittest.TestCase):
    def test_thefirst_free_one_is_taken(self):
        with listener() as first, listener() as second:
            taken = [first.getsockname()[1], second.getsockname()[1]]
            with self.assertRaisesRegex(Trouble, "in use"):
                emulator.first_free(taken)
            free = emulator.first_free(emulator.ANY_PORT)
            self.assertNotIn(free, taken)
            self.assertEqual(emulator.first_free([*taken, free]), free)

    def test_a_port_that_something_else_uses_is_refused(self):
        with listener() as other:
            port = other.getsockname()[1]
            with self.assertRaisesRegex(Trouble, f"Port {port} is in use"):
                stack.port_must_be_free(port, running=None)
            stack.port_must_be_free(port, running=Emulator(Path(), 1, port, ""))
        stack.port_must_be_free(None, running=None)


class Sample(unittest.TestCase):
    def test_its_form_is_registered_and_has_its_fields(self):
        registry = tomllib.loads((INFRA.parent / "shared" / "domain" / "forms.toml").read_text())["form"]
        form = next(form for form in registry if form["key"] == stack.SAMPLE["form"])
        self.assertLessEqual(set(stack.SAMPLE["fields"]), {field["name"] for field in form["field"]})


class Requirements(unittest.TestCase):
    def test_every_version_is_exact(self):
        for path in REQUIREMENTS:
            for line in path.read_text().splitlines():
                self.assertRegex(line, r"^(#.*|[\w.-]+==[\w.]+)?$", path)

    def test_the_unit_tests_import_the_versions_that_run(self):
        running, checking = pins(INFRA / "local" / "requirements.txt"), pins(INFRA / "requirements-check.txt")
        for name in ("boto3", "botocore", "PyYAML"):
            self.assertEqual(running[name], checking[name], name)


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", path.read_text(), re.M))


@contextlib.contextmanager
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


if __name__ == "__main__":
    unittest.main()
