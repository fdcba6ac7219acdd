"""Shows that a stack of the last release becomes one of today's, and loses nothing.

  test_upgrade.py             with the builds under target/release, which `make test` makes first
  test_upgrade.py --binaries FOLDER

On a local AWS of its own, infra/released/template.yaml is deployed and used, then updated to infra/template.yaml, then once
more to a template with another gateway response. Each stage is reached once, in setUpClass; each test says one thing that
must hold then.

The functions are today's throughout: of a release, only the template is kept.
"""

import argparse
import json
import re
import signal
import sys
import time
import unittest
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import deployment
import logs
from emulator import ANY_PORT, Emulator, Trouble
from stack import MAIL

sys.path.append(str(deployment.ROOT / "infra"))
import deployment_id

RELEASED = deployment.ROOT / "infra" / "released" / "template.yaml"
# What the released functions did not write yet, and so must not be in the record that is upgraded.
WRITTEN_SINCE = ["timeline"]

FOLDER = deployment.ROOT / ".local" / "upgrade"
HOME = FOLDER / "stack"
MAIL_SECONDS = 30

SECRET = "AWS::SecretsManager::Secret"
# What holds data, or an address that others know. CloudFormation replaces it when its logical id changes or a property that
# cannot be updated, and what comes instead is empty.
LASTING = {"AWS::ApiGateway::RestApi", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::SQS::Queue", SECRET}
DEPLOYMENT = "AWS::ApiGateway::Deployment"

# A record's attributes that are its notification's. They move on by themselves, whatever is deployed.
OF_THE_NOTIFICATION = re.compile(r"mail_.*|ses_message_id|sent_at|delivery|timeline")

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
ANOTHER_MESSAGE = "This message is new."


@dataclass
class Answer:
    """What the gateway answered."""

    status: int
    headers: Message
    body: dict


@dataclass
class Stage:
    """The stack after a deployment."""

    api_url: str
    outputs: dict[str, str]
    resources: dict[str, tuple[str, str]]
    secrets: dict[str, str]
    answer_for_no_route: Answer

    def physical_ids(self, types: set[str]) -> dict[str, str]:
        """By logical id, of these types."""
        return physical_ids(self.resources, types)

    def without_deployment(self) -> dict[str, tuple[str, str]]:
        """All resources but the gateway's deployment."""
        return {name: resource for name, resource in self.resources.items() if resource[0] != DEPLOYMENT}


class Upgrade(unittest.TestCase):
    maxDiff = None
    emulator: Emulator
    functions: dict[str, Path]

    @classmethod
    def setUpClass(cls) -> None:
        deployment.prepare(cls.emulator, cls.functions)
        cls.released = cls.deploy(RELEASED)
        cls.first = cls.post("the first", KEY)
        cls.forget(cls.first.body["id"], WRITTEN_SINCE)
        cls.first_before = cls.record(cls.first.body["id"])

        cls.upgraded = cls.deploy(deployment.TEMPLATE)
        cls.replayed = cls.post("the first", KEY)
        cls.second = cls.post("the second")
        cls.first_mails = cls.mails(cls.first.body["id"])
        cls.second_mails = cls.mails(cls.second.body["id"])
        cls.records = cls.both_records()

        template = deployment.TEMPLATE.read_text()
        cls.message = cls.upgraded.answer_for_no_route.body["error"]["message"]
        cls.old_id = template.replace(cls.message, ANOTHER_MESSAGE)
        cls.new_id = deployment_id.with_right_id(cls.old_id)
        cls.changed_in_vain = cls.deploy(written(cls.old_id))
        cls.changed = cls.deploy(written(cls.new_id))
        cls.replayed_again = cls.post("the first", KEY)
        cls.records_at_the_end = cls.both_records()

    def test_the_url_stays(self) -> None:
        self.assertEqual(self.upgraded.api_url, self.released.api_url)

    def test_nothing_that_lasts_is_replaced(self) -> None:
        before = self.released.physical_ids(LASTING)
        self.assertEqual(LASTING, {self.released.resources[name][0] for name in before}, "there is nothing to compare")
        now = self.upgraded.physical_ids(LASTING)
        self.assertEqual(before, {name: now.get(name) for name in before})

    def test_secrets_keep_their_values(self) -> None:
        before, now = self.released.secrets, self.upgraded.secrets
        self.assertEqual(before, {name: now.get(name) for name in before})

    def test_the_record_is_as_it_was(self) -> None:
        before, now = self.first_before, self.records[0]
        self.assertEqual(own(before), own(now))
        timeline = before.get("timeline", {"L": []})["L"]
        self.assertEqual(timeline, now.get("timeline", {"L": []})["L"][: len(timeline)])

    def test_a_key_stands_for_its_enquiry_still(self) -> None:
        self.assertNotIn("idempotent-replayed", self.first.headers)
        for replayed in (self.replayed, self.replayed_again):
            self.assertEqual("true", replayed.headers.get("idempotent-replayed"))
            self.assertEqual(self.first.body["id"], replayed.body["id"])

    def test_what_was_recorded_before_is_mailed(self) -> None:
        self.assert_mailed_once(self.first_mails, "the first")
        self.assertEqual({"S": "sent"}, self.records[0]["mail_state"])

    def test_a_new_enquiry_is_recorded_and_mailed(self) -> None:
        self.assertIn("the second", self.records[1]["fields"]["S"])
        self.assert_mailed_once(self.second_mails, "the second")
        self.assertEqual({"S": "sent"}, self.records[1]["mail_state"])

    def test_a_changed_gateway_response_is_served(self) -> None:
        self.assertEqual(404, self.changed.answer_for_no_route.status)
        self.assertEqual(ANOTHER_MESSAGE, self.changed.answer_for_no_route.body["error"]["message"])

    def test_with_the_old_deployment_id_it_is_not_and_make_check_says_so(self) -> None:
        self.assertEqual(self.message, self.changed_in_vain.answer_for_no_route.body["error"]["message"])
        found = deployment_id.problems(self.old_id)
        self.assertEqual(1, len(found), found)
        self.assertIn("run `make deployment-id`", found[0])
        self.assertEqual([], deployment_id.problems(self.new_id))

    def test_nothing_else_changes_with_it(self) -> None:
        self.assertEqual(self.upgraded.without_deployment(), self.changed.without_deployment())
        self.assertNotEqual(self.upgraded.physical_ids({DEPLOYMENT}), self.changed.physical_ids({DEPLOYMENT}))
        self.assertEqual(self.upgraded.outputs, self.changed.outputs)
        self.assertEqual(self.upgraded.secrets, self.changed.secrets)
        for before, now in zip(self.records, self.records_at_the_end, strict=True):
            self.assertEqual(own(before), own(now))

    def assert_mailed_once(self, mails: list[dict], message: str) -> None:
        self.assertEqual([[MAIL["InboxSupport"]]], [mail["To"] for mail in mails])
        self.assertIn(f"| {message}", mails[0]["BodyText"])

    # ---- What setUpClass does -----------------------------------------------------------------------------------------

    @classmethod
    def deploy(cls, template: Path) -> Stage:
        outputs = deployment.deploy(cls.emulator, MAIL, template)
        cls.env = deployment.stack_env(cls.emulator, dict(outputs))
        deployment.wait_until_it_answers(cls.env["API_URL"])
        listed = cls.client("cloudformation").describe_stack_resources(StackName=deployment.STACK_NAME)["StackResources"]
        resources = {
            resource["LogicalResourceId"]: (resource["ResourceType"], resource["PhysicalResourceId"]) for resource in listed
        }
        return Stage(
            api_url=cls.env["API_URL"],
            outputs=outputs,
            resources=resources,
            secrets={
                name: cls.client("secretsmanager").get_secret_value(SecretId=physical)["SecretString"]
                for name, physical in physical_ids(resources, {SECRET}).items()
            },
            answer_for_no_route=cls.send("GET", "/public/v1/nothing"),
        )

    @classmethod
    def post(cls, message: str, key: str | None = None) -> Answer:
        fields = {"name": "Ada", "email": "ada@example.com", "message": message, "consent": "yes"}
        headers = {"content-type": "application/json", **({"idempotency-key": key} if key else {})}
        body = json.dumps({"form": "contact-us", "dept": "support", "fields": fields}).encode()
        answer = cls.send("POST", deployment.ENDPOINT_PATH, headers, body)
        if answer.status != 201:
            raise Trouble(f"An enquiry was not accepted: {answer}")
        return answer

    @classmethod
    def send(cls, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        request = urllib.request.Request(cls.env["API_URL"] + path, method=method, headers=headers or {}, data=body)
        try:
            with urllib.request.urlopen(request, timeout=deployment.ANSWER_SECONDS) as answer:
                return Answer(answer.status, answer.headers, json.load(answer))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, json.load(error))

    @classmethod
    def record(cls, enquiry_id: str) -> dict:
        """All attributes of an enquiry's record; none when there is no such record."""
        key = {"id": {"S": enquiry_id}}
        table = cls.client("dynamodb")
        return table.get_item(TableName=cls.env["ENQUIRIES_TABLE"], Key=key, ConsistentRead=True).get("Item", {})

    @classmethod
    def both_records(cls) -> list[dict]:
        return [cls.record(answer.body["id"]) for answer in (cls.first, cls.second)]

    @classmethod
    def forget(cls, enquiry_id: str, attributes: list[str]) -> None:
        if attributes:
            cls.client("dynamodb").update_item(
                TableName=cls.env["ENQUIRIES_TABLE"],
                Key={"id": {"S": enquiry_id}},
                UpdateExpression="REMOVE " + ", ".join(attributes),
            )

    @classmethod
    def mails(cls, enquiry_id: str) -> list[dict]:
        """The mails about an enquiry, once its record says that it is sent; or whatever is there when that takes too long."""
        deadline = time.monotonic() + MAIL_SECONDS
        while cls.record(enquiry_id).get("mail_state") != {"S": "sent"} and time.monotonic() < deadline:
            time.sleep(0.1)
        with urllib.request.urlopen(cls.env["MAILBOX_URL"]) as answer:
            accounts = json.load(answer)["messages"]
        return [mail for mails in accounts.values() for mail in mails if enquiry_id in mail["Subject"]]

    @classmethod
    def client(cls, service: str):
        return deployment.client(cls.emulator, service)


def physical_ids(resources: dict[str, tuple[str, str]], types: set[str]) -> dict[str, str]:
    return {name: physical for name, (kind, physical) in resources.items() if kind in types}


def own(record: dict) -> dict:
    """The record without what is its notification's."""
    return {name: value for name, value in record.items() if not OF_THE_NOTIFICATION.fullmatch(name)}


def written(template: str) -> Path:
    path = FOLDER / "template.yaml"
    path.write_text(template)
    return path


def stop() -> None:
    """Stop the local AWS, be it an earlier run's that was killed, and keep its functions' logs."""
    emulator = Emulator.running(HOME)
    if not emulator:
        return
    try:
        logs.save(emulator, FOLDER / "functions.log")
    except Exception as error:  # whatever is wrong with the logs, it must still stop
        print(f"could not keep the functions' logs: {error}", file=sys.stderr)
    finally:
        emulator.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, default=deployment.ROOT / "target" / "release", help="folder of the builds")
    Upgrade.functions = deployment.binaries(parser.parse_args().binaries)

    # Whoever ends us ends what we started too. Of all exceptions, unittest lets only this one through.
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)
    FOLDER.mkdir(parents=True, exist_ok=True)
    stop()
    try:
        Upgrade.emulator = Emulator.start(HOME, ANY_PORT, "", FOLDER / "ministack.log")
        unittest.main(argv=sys.argv[:1])
    finally:
        # A second Ctrl-C must not leave half of it running.
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, signal.SIG_IGN)
        stop()


if __name__ == "__main__":
    main()
