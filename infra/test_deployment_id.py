"""Tests that deployment_id.py detects a change that would not be deployed."""

import re
import unittest

from deployment_id import TEMPLATE, deployment_id, problems, with_right_id

# The real template, with the right id even if the file does not have it yet.
RIGHT = with_right_id(TEMPLATE.read_text())

NEW_PARTS = {
    "NewMethod": "{ Type: AWS::ApiGateway::Method, Properties: { HttpMethod: GET } }",
    "NewResponse": "{ Type: AWS::ApiGateway::GatewayResponse, Properties: { ResponseType: BAD_REQUEST_BODY } }",
    "NewResource": "{ Type: AWS::ApiGateway::Resource, Properties: { PathPart: new } }",
}


class DeploymentId(unittest.TestCase):
    def test_the_right_id_is_accepted(self):
        self.assertEqual(problems(RIGHT), [])

    def test_a_change_in_any_part_is_detected(self):
        parts = re.findall(r"^  (\w+):(?: #.*)?\n    Type: AWS::ApiGateway::(?:RestApi|Resource|Method|GatewayResponse)$", RIGHT, re.M)
        self.assertGreater(len(parts), 20)
        for part in parts:
            with self.subTest(part):
                # Add a property.
                changed = re.sub(rf"(^  {part}:.*?\n    Properties:\n)", r"\1      Changed: true\n", RIGHT, count=1, flags=re.M | re.S)
                self.assert_one_problem(changed, "run `make deployment-id`")

    def test_a_change_of_a_shared_header_or_message_is_detected(self):
        for old, new in {"'no-store'": "'no-cache'", "maximum is 64 KiB": "maximum is 65 KiB", "!GetAtt Api.Root": "!Ref Api.Root"}.items():
            with self.subTest(old):
                self.assertIn(old, RIGHT)
                self.assert_one_problem(RIGHT.replace(old, new), "run `make deployment-id`")

    def test_a_part_that_is_missing_in_depends_on_is_detected(self):
        for name, part in NEW_PARTS.items():
            with self.subTest(name):
                more = with_right_id(RIGHT.replace("\nOutputs:\n", f"\n  {name}: {part}\n\nOutputs:\n"))
                self.assert_one_problem(more, f"add {name} to its DependsOn")

    def test_comments_layout_and_other_resources_do_not_matter(self):
        for old, new in {"\nResources:\n": "\nResources:\n\n  # A comment.\n", "MemorySize: 256": "MemorySize: 512"}.items():
            with self.subTest(new):
                self.assertNotEqual(RIGHT.replace(old, new), RIGHT)
                self.assertEqual(problems(RIGHT.replace(old, new)), [])

    def test_the_stage_refers_to_the_deployment(self):
        self.assertIn(f"DeploymentId: !Ref {deployment_id(RIGHT)}\n", RIGHT)

    def assert_one_problem(self, template: str, message: str) -> None:
        found = problems(template)
        self.assertEqual(len(found), 1, found)
        self.assertIn(message, found[0])


if __name__ == "__main__":
    unittest.main()
