"""Tests that a deploy stops at problems that would make it fail later, and says how to fix them. Needs no account or network."""

import contextlib
import io
import json
import os
import re
import tempfile
import tomllib
import unittest
import zipfile
from pathlib import Path

import boto3
from botocore.stub import Stubber

import deploy
import preflight
import settings
import smoke_test
from preflight import check_tree, check_zips
from settings import FOLDER, PLACEHOLDER, TEMPLATE, DeployError, Settings
from smoke_test import Response, SmokeTestError, Stack

RULES = settings.template_parameters(TEMPLATE.read_text())
NO_DEFAULT = ("MailSender", *preflight.INBOXES)
# Settings that these tests rely on. Somebody who fills in a file may change them.
AS_COMMITTED = {
    "MailIdentity": "create",
    "ApiGatewayLogRole": "create",
    "AlarmTopicArn": "arn:aws:sns:eu-west-2:123456789012:alarms",
    "RestoredEnquiriesTable": "",
    "account": "",
    "bucket": "",
}
ROLE = "arn:aws:iam::123456789012:role/somebody-elses"
HEALTHY = {"ProductionAccessEnabled": True, "SendingEnabled": True, "EnforcementStatus": "HEALTHY"}
VERIFIED = {"VerifiedForSendingStatus": True, "DkimAttributes": {"Status": "SUCCESS", "Tokens": ["t1"]}}
PENDING = {"VerifiedForSendingStatus": False, "DkimAttributes": {"Status": "PENDING", "Tokens": ["t1", "t2"]}}
UNSIGNED = {"VerifiedForSendingStatus": True, "DkimAttributes": {"Status": "FAILED", "Tokens": ["t1"]}}


def file_of(environment: str, **values: str) -> str:
    """The text of an environment's file, with these values."""
    text = (FOLDER / f"{environment}.toml").read_text()
    values = {"AllowedOrigins": "https://www.credicorp.co.uk", **dict.fromkeys(NO_DEFAULT, "a@credicorp.co.uk"), **AS_COMMITTED, **values}
    for key, value in values.items():
        line = f"{key} = {json.dumps(value)}"
        text = re.sub(rf"^{key} = .*$", lambda _: line, text, flags=re.M)
    return text


def settings_of(environment: str, **values: str) -> Settings:
    chosen, blanks, wrong = settings.read(file_of(environment, **values), environment, RULES)
    assert not blanks and not wrong, (blanks, wrong)
    return chosen


class TheSettings(unittest.TestCase):
    def test_a_committed_file_lacks_only_settings_without_a_default(self):
        # If somebody has filled in a file, it has no placeholders. The rest must still be valid.
        for environment, more in {"sandbox": [], "live": ["AllowedOrigins"]}.items():
            with self.subTest(environment):
                _, blanks, wrong = settings.read((FOLDER / f"{environment}.toml").read_text(), environment, RULES)
                self.assertEqual(wrong, [])
                self.assertLessEqual(set(blanks), {*NO_DEFAULT, *more})

    def test_each_parameter_of_the_template_is_in_each_file(self):
        for environment in settings.ENVIRONMENTS:
            given = tomllib.loads((FOLDER / f"{environment}.toml").read_text())["parameters"]
            self.assertEqual(set(given), RULES.keys() - set(settings.SET_BY_COMMAND))

    def test_a_placeholder_is_refused_and_the_message_names_file_and_key(self):
        for key in (*NO_DEFAULT, "AllowedOrigins"):
            for value in (PLACEHOLDER, "https://www.example.com" if key == "AllowedOrigins" else "a@example.com"):
                with self.subTest(key, value=value):
                    _, blanks, wrong = settings.read(file_of("live", **{key: value}), "live", RULES)
                    self.assertEqual((blanks, wrong), ([key], []))
        with self.assertRaises(DeployError) as raised, folder({"live": file_of("live", InboxOnCall=PLACEHOLDER)}):
            settings.load("live", None)
        self.assertRegex(str(raised.exception), r"^infra/environments/live.toml: InboxOnCall is required\. Tickets of the highest")

    def test_addresses_that_only_look_like_placeholders_are_accepted(self):
        for address in ("a@myexample.com", "example.com@credicorp.co.uk", "a@example.co.uk", "test@contest.uk", "a@latest.io"):
            self.assertEqual(settings_of("live", InboxGeneral=address).parameters["InboxGeneral"], address)

    def test_all_mistakes_are_reported_at_once(self):
        text = file_of("live", InboxSupport="nobody", ApiGatewayLogRole="maybe", AllowedOrigins="https://credicorp.co.uk/")
        text = re.sub("MailConcurrency = .*", "MailConcurrency = 1\nVersion = 1\nColour = 2", text)
        text = re.sub("region = .*", 'regino = ""', text)
        _, _, wrong = settings.read(text, "live", RULES)
        parts = [
            'AllowedOrigins = "https://credicorp.co.uk/": must be * or origins',
            'ApiGatewayLogRole = "maybe": must be one of create, existing',
            'InboxSupport = "nobody": must be one email address',
            'MailConcurrency = "1": must be a number from 2 to 1000',
            "region is missing",
            "remove Version",
            "unknown parameter Colour",
            "unknown setting regino",
        ]
        self.assertEqual(len(wrong), len(parts), wrong)
        for part, problem in zip(parts, wrong):
            self.assertIn(f"infra/environments/live.toml: {part}", problem)

    def test_a_parameter_that_is_not_in_the_file_gets_the_templates_default(self):
        text = file_of("sandbox").replace("RateLimit = 60\n", "")
        chosen, _, _ = settings.read(text, "sandbox", RULES)
        self.assertEqual(chosen.parameters["RateLimit"], "60")
        self.assertEqual(chosen.parameters["Environment"], "sandbox")

    def test_a_missing_setting_is_asked_for_until_it_is_valid_and_then_saved(self):
        before = file_of("sandbox", MailSender=PLACEHOLDER, InboxSupport="help@example.com")
        answers = iter(["", "x@Credicorp.co.uk", "x@credicorp.co.uk", PLACEHOLDER, " help@credicorp.co.uk "])
        with folder({"sandbox": before}) as where, contextlib.redirect_stdout(io.StringIO()):
            chosen = settings.load("sandbox", lambda prompt: next(answers))
            after = (where / "sandbox.toml").read_text()
        self.assertEqual(chosen.parameters["MailSender"], "x@credicorp.co.uk")
        self.assertEqual(after, file_of("sandbox", MailSender="x@credicorp.co.uk", InboxSupport="help@credicorp.co.uk"))

    def test_parameters_are_passed_in_a_file_so_that_commas_and_stars_are_safe(self):
        with folder({}) as where:
            deploy.FOLDER, before = where, deploy.FOLDER
            try:
                chosen = settings_of("live", AllowedOrigins="https://a.uk, https://b.uk")
                command = deploy.sam_command(chosen, "0123456789ab")
            finally:
                deploy.FOLDER = before
            file = command[command.index("--parameter-overrides") + 1]
            parameters = json.loads(Path(file.removeprefix("file://")).read_text())
        self.assertEqual(parameters.keys(), RULES.keys())
        self.assertEqual((parameters["AllowedOrigins"], parameters["Version"]), ("https://a.uk, https://b.uk", "0123456789ab"))
        self.assertIn("--resolve-s3", command)


@contextlib.contextmanager
def folder(files: dict[str, str]):
    """Replaces the folder of environments by one with only these files."""
    before = settings.FOLDER
    with tempfile.TemporaryDirectory() as name:
        for environment, text in files.items():
            (Path(name) / f"{environment}.toml").write_text(text)
        settings.FOLDER = Path(name)
        try:
            yield Path(name)
        finally:
            settings.FOLDER = before


class TheBuild(unittest.TestCase):
    def test_zips_must_exist_be_for_arm64_and_be_up_to_date(self):
        head = lambda machine: b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + bytes(20)
        zips = {"missing": None, "right": head(183), "x86": head(62), "text": b"#!/bin/sh\n", "empty": b"", "stale": head(183)}
        template = "".join(f"CodeUri: ../target/lambda/{name}/bootstrap.zip\n" for name in zips)
        with tempfile.TemporaryDirectory() as root:
            for name, content in zips.items():
                if content is not None:
                    path = Path(root, "target", "lambda", name, "bootstrap.zip")
                    path.parent.mkdir(parents=True)
                    with zipfile.ZipFile(path, "w") as archive:
                        archive.writestr("bootstrap", content)
                    os.utime(path, (1_000, 999 if name == "stale" else 1_000))
            found = list(check_zips(template, Path(root), 1_000))
        self.assertTrue(all(finding.is_error and "make build" in finding.fix for finding in found))
        messages = {finding.problem.split("/")[2]: finding.problem for finding in found}
        self.assertEqual(messages.keys(), {"missing", "x86", "text", "empty", "stale"})
        self.assertIn("older than the last commit", messages["stale"])
        self.assertIn("does not contain a function for arm64", messages["x86"])

    def test_live_must_be_a_commit_and_sandbox_need_not_be(self):
        for environment, version, changes, expected in [
            ("live", "0123456789ab", [], []),
            ("live", "0123456789ab-dirty", ["README.md"], [True]),
            ("sandbox", "0123456789ab-dirty", ["README.md"], [False]),
            ("live", "unknown", [], [True]),
        ]:
            with self.subTest(environment, version=version):
                found = list(check_tree(environment, version, changes))
                self.assertEqual([finding.is_error for finding in found], expected)
                self.assertTrue(all("0123456789ab: README.md." in finding.problem for finding in found if changes))

    def test_errors_that_a_build_cannot_fix_are_reported_before_the_build(self):
        changed_settings = {"version": lambda: "0123456789ab-dirty", "changes": lambda: ["infra/environments/live.toml"]}
        committed = {"version": lambda: "0123456789ab", "changes": lambda: []}
        commit_them = "environments/live.toml.\n         Commit them, then run again: make deploy ENVIRONMENT=live"
        for environment, values, state, fake, message in [
            ("live", {}, committed, {}, ""),
            ("live", {}, changed_settings, {}, commit_them),
            ("live", {"account": "999999999999"}, committed, {}, "says account 999999999999"),
            ("live", {}, committed, {"refused": ("get_caller_identity",)}, "credentials do not work"),
            ("live", {"AlarmTopicArn": ""}, committed, {}, "Nobody is notified of alarms"),
            ("sandbox", {}, changed_settings, {}, ""),
        ]:
            with self.subTest(environment=environment, message=message), patched(deploy.commit, **state):
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    chosen = settings_of(environment, MailIdentity="credicorp.co.uk", **values)
                    is_ready = deploy.is_ready_to_build(chosen, Fake(**fake))
                self.assertEqual((is_ready, "error" in printed.getvalue()), (not message, bool(message)))
                self.assertIn(message, printed.getvalue())


class Fake:
    """A fake AWS account. It gives these responses through the SDK's own clients."""

    def __init__(self, account=HEALTHY, identities=None, role=None, stack=None, state="UPDATE_COMPLETE", own=None, refused=(), role_is_gone=False):
        self._answers = {
            "get_account": account,
            "identities": {"credicorp.co.uk": VERIFIED} if identities is None else identities,
            "role": role,
            "stack": stack,
            "state": state,
            "own": own or {},
            "role_is_gone": role_is_gone,
        }
        self._refused = refused

    def client(self, service: str):
        client = boto3.client(service, region_name="eu-west-2", aws_access_key_id="test", aws_secret_access_key="test")
        answers = self._answers

        # Each call has its own stub, so that their order does not matter. Stubber checks the format of each response.
        def make(operation, **given):
            stubber = Stubber(client)
            if operation in self._refused:
                stubber.add_client_error(operation, "AccessDeniedException")
            elif operation == "get_caller_identity":
                caller = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/ada", "UserId": "A"}
                stubber.add_response(operation, caller)
            elif operation == "describe_stacks" and answers["stack"] is None:
                stubber.add_client_error(operation, "ValidationError", "Stack with id x does not exist")
            elif operation == "describe_stacks":
                parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in answers["stack"].items()]
                stack = {"StackName": "x", "CreationTime": 0, "StackStatus": answers["state"], "Parameters": parameters}
                stubber.add_response(operation, {"Stacks": [stack]})
            elif operation == "describe_stack_resource" and given["LogicalResourceId"] in answers["own"]:
                detail = {
                    "LogicalResourceId": given["LogicalResourceId"],
                    "PhysicalResourceId": answers["own"][given["LogicalResourceId"]],
                    "ResourceType": "x",
                    "LastUpdatedTimestamp": 0,
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                stubber.add_response(operation, {"StackResourceDetail": detail})
            elif operation == "describe_stack_resource":
                stubber.add_client_error(operation, "ValidationError", "Resource x does not exist in stack x")
            elif operation == "get_account" and service == "apigateway":
                stubber.add_response(operation, {"cloudwatchRoleArn": answers["role"]} if answers["role"] else {})
            elif operation == "get_role" and answers["role_is_gone"]:
                stubber.add_client_error(operation, "NoSuchEntity")
            elif operation == "get_role":
                role = {"Path": "/", "RoleName": "x", "RoleId": "x" * 16, "Arn": answers["role"], "CreateDate": 0}
                stubber.add_response(operation, {"Role": role})
            elif operation == "get_account":
                stubber.add_response(operation, answers["get_account"])
            elif given["EmailIdentity"] in answers["identities"]:
                stubber.add_response(operation, answers["identities"][given["EmailIdentity"]])
            else:
                stubber.add_client_error(operation, "NotFoundException")
            with stubber:
                return getattr(client, operation)(**given)

        class Calls:
            exceptions = client.exceptions

            def __getattr__(self, operation):
                return lambda **given: make(operation, **given)

        return Calls()


class TheAccount(unittest.TestCase):
    def found(self, chosen: Settings, **fake) -> list[str]:
        with contextlib.redirect_stdout(io.StringIO()):
            return [str(finding) for finding in preflight.Account(chosen, Fake(**fake).client).check()]

    def assert_found(self, found: list[str], *expected: tuple[str, ...]) -> None:
        """There are as many findings as expected, and each contains its parts."""
        self.assertEqual(len(found), len(expected), found)
        for finding, parts in zip(found, expected):
            for part in parts:
                self.assertIn(part, finding)

    ready = {"MailIdentity": "credicorp.co.uk", "ApiGatewayLogRole": "existing", "account": "123456789012"}

    def test_nothing_is_reported_if_there_is_no_problem(self):
        for environment in settings.ENVIRONMENTS:
            self.assert_found(self.found(settings_of(environment, **self.ready), role=ROLE))

    def test_a_first_deploy_into_a_fresh_account(self):
        fresh = {**HEALTHY, "ProductionAccessEnabled": False}
        self.assert_found(
            self.found(settings_of("sandbox", InboxOnCall="pager@elsewhere.uk"), account=fresh, identities={}),
            ("warning", "SES sandbox", "Request production access"),
            ("warning", "credicorp.co.uk is new to SES", "DNS records"),
            ("warning", "pager@elsewhere.uk (InboxOnCall) is not verified"),
        )
        self.assert_found(
            self.found(settings_of("live", account="123456789012"), account=fresh, identities={}),
            ("error", "SES sandbox"),
            ("warning", "credicorp.co.uk is new to SES"),
        )

    def test_credentials_for_the_wrong_account_are_the_only_finding(self):
        chosen = settings_of("live", account="999999999999")
        found = self.found(chosen, identities={})
        self.assert_found(found, ("error", "live.toml says account 999999999999", "are for account 123456789012"))
        found = self.found(settings_of("live", **{**self.ready, "account": ""}), role=ROLE)
        self.assert_found(found, ("warning", "wrong account", 'account = "123456789012"'))

    def test_a_stack_that_cannot_be_updated_is_an_error(self):
        for state, part in {
            "ROLLBACK_COMPLETE": "delete-stack --stack-name credicorp-public-live",
            "DELETE_FAILED": "delete-stack",
            "UPDATE_IN_PROGRESS": "Wait",
            "UPDATE_ROLLBACK_FAILED": "continue-update-rollback",
            "UPDATE_FAILED": "rollback-stack",
        }.items():
            with self.subTest(state):
                found = self.found(settings_of("live", **self.ready), role=ROLE, stack={}, state=state)
                self.assert_found(found, ("error", state, part))
        for state in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"):
            with self.subTest(state):
                self.assert_found(self.found(settings_of("live", **self.ready), role=ROLE, stack={}, state=state))

    def test_a_stack_keeps_its_environment(self):
        found = self.found(settings_of("live", **self.ready), role=ROLE, stack={"Environment": "sandbox"})
        self.assert_found(found, ("error", "was created for sandbox", "stack in infra/environments/live.toml"))

    def test_a_deploy_does_not_replace_a_restored_table(self):
        for present, in_file, expected in [
            ("restored", "restored", []),
            ("", "restored", [("warning", "RestoredEnquiriesTable (from '' to 'restored')")]),
            ("restored", "", [("error", "uses the restored table restored", 'RestoredEnquiriesTable = "restored" in infra/')]),
            ("restored", "another", [("error", "uses the restored table restored")]),
        ]:
            with self.subTest(present=present, in_file=in_file):
                chosen = settings_of("live", **self.ready, RestoredEnquiriesTable=in_file)
                stack = {**chosen.parameters, "RestoredEnquiriesTable": present}
                self.assert_found(self.found(chosen, role=ROLE, stack=stack), *expected)

    def test_changes_by_hand_that_a_deploy_would_undo_are_reported(self):
        chosen = settings_of("live", **self.ready)
        stack = {**chosen.parameters, "RateLimit": "30", "MailConcurrency": "9", "Version": "ba9876543210", "Gone": "1"}
        del stack["RetentionDays"]  # as if the template did not have it yet
        found = self.found(chosen, role=ROLE, stack=stack)
        self.assert_found(found, ("warning", "RateLimit (from '30' to '60')", "MailConcurrency (from '9' to '2')", "by hand"))
        for key in ("Version", "Gone", "RetentionDays"):
            self.assertNotIn(key, found[0])

    def test_live_must_have_a_topic_for_alarms(self):
        arn = "arn:aws:sns:eu-west-2:123456789012:credicorp-public-live-alarms"
        parts = ("Nobody is notified", "sns create-topic --name credicorp-public-live-alarms", f"sns subscribe --topic-arn {arn}", f'"{arn}"')
        nobody = settings_of("live", **self.ready, AlarmTopicArn="")
        self.assert_found(self.found(nobody, role=ROLE), ("error", *parts))
        self.assert_found(self.found(nobody, role=ROLE, stack={}), ("warning", *parts))
        self.assert_found(self.found(settings_of("sandbox", **self.ready, AlarmTopicArn=""), role=ROLE))
        for environment in settings.ENVIRONMENTS:
            elsewhere = settings_of(environment, **self.ready, AlarmTopicArn="arn:aws:sns:eu-west-1:123456789012:alarms")
            self.assert_found(self.found(elsewhere, role=ROLE, stack={}), ("error", "their own region, eu-west-2"))

    def test_the_role_for_access_logs(self):
        existing = settings_of("live", **self.ready)
        create = settings_of("live", **{**self.ready, "ApiGatewayLogRole": "create"})
        self.assert_found(self.found(existing), ("error", "no role", 'ApiGatewayLogRole = "create" in infra/environments/live.toml'))
        self.assert_found(self.found(create))
        self.assert_found(self.found(create, role=ROLE), ("error", ROLE, 'ApiGatewayLogRole = "existing"'))
        self.assert_found(self.found(create, role=ROLE, stack={}, own={"ApiGatewayAccountRole": "somebody-elses"}))

    def test_a_role_that_a_failed_first_deploy_deleted_does_not_count(self):
        create = settings_of("live", **{**self.ready, "ApiGatewayLogRole": "create"})
        self.assert_found(self.found(create, role=ROLE), ("error", "already"))
        self.assert_found(self.found(create, role=ROLE, role_is_gone=True))
        existing = settings_of("live", **self.ready)
        self.assert_found(self.found(existing, role=ROLE, role_is_gone=True), ("error", "no role for access logs"))

    def test_problems_that_delay_emails_stop_only_the_first_deploy_of_live(self):
        for account, part in [
            ({**HEALTHY, "SendingEnabled": False}, "put-account-sending-attributes --sending-enabled"),
            ({**HEALTHY, "EnforcementStatus": "SHUTDOWN"}, "Account dashboard"),
            ({**HEALTHY, "ProductionAccessEnabled": False}, "Request production access"),
        ]:
            for environment, stack, severity in [("live", None, "error"), ("live", {}, "warning"), ("sandbox", None, "warning")]:
                with self.subTest(part, environment=environment, stack=stack):
                    found = self.found(settings_of(environment, **self.ready), role=ROLE, account=account, stack=stack)
                    self.assert_found(found, (severity, part))
        found = self.found(settings_of("live", **self.ready), role=ROLE, account={**HEALTHY, "EnforcementStatus": "PROBATION"})
        self.assert_found(found, ("warning", "PROBATION"))

    def test_the_senders_identity(self):
        chosen = settings_of("live", **self.ready)
        self.assert_found(self.found(chosen, role=ROLE, identities={}), ("error", "has no identity credicorp.co.uk", '"create"'))
        records = ("t1._domainkey.credicorp.co.uk CNAME t1.dkim.amazonses.com", "t2._domainkey")
        found = self.found(chosen, role=ROLE, identities={"credicorp.co.uk": PENDING})
        self.assert_found(found, ("error", "has not verified credicorp.co.uk", *records))
        found = self.found(chosen, role=ROLE, identities={"credicorp.co.uk": UNSIGNED})
        self.assert_found(found, ("error", "DKIM status is FAILED"))
        # This stack already uses the identity, so that a fix must still be possible.
        found = self.found(chosen, role=ROLE, identities={"credicorp.co.uk": PENDING}, stack=chosen.parameters)
        self.assert_found(found, ("warning", "has not verified credicorp.co.uk", *records))

        other = settings_of("live", **{**self.ready, "MailIdentity": "credicorp.com"})
        self.assert_found(self.found(other, role=ROLE, identities={"credicorp.com": VERIFIED}), ("error", "does not cover MailSender"))
        above = settings_of("live", **{**self.ready, "MailSender": "a@mail.credicorp.co.uk"})
        self.assert_found(self.found(above, role=ROLE))
        address = settings_of("live", **{**self.ready, "MailIdentity": "a@credicorp.co.uk"})
        self.assert_found(self.found(address, role=ROLE, identities={"a@credicorp.co.uk": UNSIGNED}), ("warning", "not signed"))

    def test_a_sender_address_that_is_an_identity_of_its_own_is_reported(self):
        both = {"credicorp.co.uk": VERIFIED, "a@credicorp.co.uk": PENDING}
        parts = ("address a@credicorp.co.uk is an identity", "no emails would be sent", "delete-email-identity --email-identity a@credicorp.co.uk")
        domain = settings_of("live", **self.ready)
        self.assert_found(self.found(domain, role=ROLE, identities=both), ("error", *parts, 'MailIdentity = "a@credicorp.co.uk"'))
        self.assert_found(self.found(domain, role=ROLE, identities=both, stack=domain.parameters), ("warning", *parts))
        above = settings_of("live", **{**self.ready, "MailSender": "a@mail.credicorp.co.uk"})
        identities = {"credicorp.co.uk": VERIFIED, "a@mail.credicorp.co.uk": VERIFIED}
        self.assert_found(self.found(above, role=ROLE, identities=identities), ("error", "a@mail.credicorp.co.uk"))
        create = settings_of("sandbox", **{**self.ready, "MailIdentity": "create"})
        found = self.found(create, role=ROLE, identities={"a@credicorp.co.uk": VERIFIED})
        self.assert_found(found, ("warning", "is new to SES"), ("error", *parts))
        # It is right to use the address itself as the identity. Identities of other addresses do not matter.
        address = settings_of("live", **{**self.ready, "MailIdentity": "a@credicorp.co.uk"})
        self.assert_found(self.found(address, role=ROLE, identities={"a@credicorp.co.uk": VERIFIED}))
        self.assert_found(self.found(domain, role=ROLE, identities={"credicorp.co.uk": VERIFIED, "b@credicorp.co.uk": VERIFIED}))

    def test_an_identity_that_the_stack_creates(self):
        create = settings_of("live", **{**self.ready, "MailIdentity": "create"})
        found = self.found(create, role=ROLE)
        self.assert_found(found, ("error", "identity credicorp.co.uk already exists", 'MailIdentity = "credicorp.co.uk"'))
        own = {"stack": create.parameters, "own": {"SenderIdentity": "credicorp.co.uk"}}
        self.assert_found(self.found(create, role=ROLE, **own))
        found = self.found(create, role=ROLE, identities={"credicorp.co.uk": PENDING}, **own)
        self.assert_found(found, ("warning", "has not verified"))
        found = self.found(create, role=ROLE, identities={}, **own)
        self.assert_found(found, ("error", "created the identity credicorp.co.uk", "has deleted it", "create-email-identity"))

    def test_inboxes_in_the_ses_sandbox(self):
        in_sandbox = {**HEALTHY, "ProductionAccessEnabled": False}
        chosen = settings_of("sandbox", **self.ready, InboxSupport="b@mail.elsewhere.uk", InboxPayments="c@credicorp.co.uk")
        for known, parts in [
            ({}, ("warning", "b@mail.elsewhere.uk (InboxSupport) is not verified")),
            ({"b@mail.elsewhere.uk": PENDING, "elsewhere.uk": VERIFIED}, ("warning", "is not verified")),
            ({"elsewhere.uk": VERIFIED}, ("warning", "is verified as elsewhere.uk", "permission")),
        ]:
            with self.subTest(known=known):
                found = self.found(chosen, role=ROLE, account=in_sandbox, identities={"credicorp.co.uk": VERIFIED, **known})
                self.assert_found(found, ("warning", "SES sandbox"), parts)

    def test_a_check_that_the_credentials_do_not_allow_is_reported(self):
        found = self.found(settings_of("live", **self.ready), role=ROLE, refused=("get_email_identity",))
        self.assert_found(found, ("warning", "may not call GetEmailIdentity", "whether SES can send from MailSender"))
        self.assert_found(self.found(settings_of("live"), refused=("get_caller_identity",)), ("error", "credentials do not work"))


class TheProtection(unittest.TestCase):
    def protected(self, environment: str, tables: dict[str, bool], restored: str = "") -> list[str]:
        """Which of a stack's tables a deploy protects. `tables` says for each whether it is already protected."""
        calls = []

        class CloudFormation:
            def get_paginator(self, operation):
                assert operation == "list_stack_resources"
                return self

            def paginate(self, StackName):
                parts = [{"ResourceType": "AWS::DynamoDB::Table", "PhysicalResourceId": table} for table in tables if table != restored]
                return [{"StackResourceSummaries": [{"ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "q"}]},
                        {"StackResourceSummaries": parts}]

        class DynamoDb:
            def describe_table(self, TableName):
                return {"Table": {"DeletionProtectionEnabled": tables[TableName]}}

            def update_table(self, TableName, DeletionProtectionEnabled):
                assert DeletionProtectionEnabled is True
                calls.append(TableName)

        class Session:
            def client(self, service):
                return {"cloudformation": CloudFormation, "dynamodb": DynamoDb}[service]()

        with contextlib.redirect_stdout(io.StringIO()):
            deploy.protect(settings_of(environment, RestoredEnquiriesTable=restored), Session())
        return calls

    def test_the_tables_of_live_are_protected_and_those_of_sandbox_are_not(self):
        self.assertEqual(self.protected("live", {"e": False, "i": False, "r": False}), ["e", "i", "r"])
        self.assertEqual(self.protected("live", {"e": True, "i": False, "r": True}), ["i"])
        self.assertEqual(self.protected("live", {"e": True, "restored": False}, restored="restored"), ["restored"])
        self.assertEqual(self.protected("sandbox", {"e": False}), [])


class TheSmokeTest(unittest.TestCase):
    def test_the_response_to_5_mb_is_only_described(self):
        for response, part in [
            (Response(413, {}, {"message": "Request Too Long"}), "refused by AWS itself, 413 Request Too Long"),
            (Response(413, {}, {"error": {"code": "payload_too_large"}}), "413 payload_too_large in our format"),
            (Response(403, {}, {"error": {"code": "request_blocked"}}), "blocked by the firewall"),
            (Response(0, {}, {"error": "Connection reset by peer"}), "no response, Connection reset by peer"),
            (Response(502, {}, {"message": None}), "unexpected response, 502"),
            (Response(200, {}, {"not JSON": "<html>"}), "unexpected response, 200"),
        ]:
            with self.subTest(part):
                self.assertIn(part, smoke_test.describe_response_to_large_body(response))

    stack = Stack("https://api/live", "table", "0123456789ab", "live", "https://a.uk, https://b.uk")
    submission = {"form": "smoke-test", "fields": {"deployment": "0123456789ab", "consent": "yes"}}
    meta = {"request_id": "req_1", "environment": "live"}
    created = Response(201, {"x-credicorp-request-id": "req_1"}, {"id": "enq_9F3K2P", "status": "new", "meta": meta})

    def test_the_enquiry_that_is_posted_matches_the_form(self):
        self.assertEqual(smoke_test.submission_of(self.stack), self.submission)
        self.assertEqual(self.stack.origin, "https://a.uk")

    def test_the_response_to_the_enquiry(self):
        self.assertEqual(smoke_test.check_created(self.stack, self.created), "enq_9F3K2P")
        body = self.created.body
        for wrong, message in [
            (Response(500, self.created.headers, body), "not accepted: 500"),
            (Response(201, {}, body), "no x-credicorp-request-id"),
            (Response(201, {"x-credicorp-request-id": "req_2"}, body), "req_2"),
            (Response(201, self.created.headers, {**body, "meta": {**self.meta, "environment": "sandbox"}}), "is not live"),
            (Response(201, self.created.headers, {**body, "id": "9F3K2P"}), "has no id"),
        ]:
            with self.subTest(message), self.assertRaisesRegex(SmokeTestError, message):
                smoke_test.check_created(self.stack, wrong)

    def test_the_record(self):
        fields = '{"deployment":"0123456789ab","consent":"yes"}'
        texts = {"form": "smoke-test", "fields": fields, "environment": "live", "request_id": "req_1"}
        item = {name: {"S": text} for name, text in texts.items()}
        smoke_test.check_record(self.stack, item, self.submission, self.created)
        for name in texts:
            with self.subTest(name), self.assertRaisesRegex(SmokeTestError, f"record's {name} is"):
                smoke_test.check_record(self.stack, {**item, name: {"S": "x"}}, self.submission, self.created)
        with self.assertRaisesRegex(SmokeTestError, "not in the table"):
            smoke_test.check_record(self.stack, None, self.submission, self.created)

    def test_a_delayed_email_is_a_warning_only_if_the_record_shows_the_cause(self):
        def item(state: str, *entries: dict) -> dict:
            timeline = [{"M": {name: {"S": text} for name, text in entry.items()}} for entry in entries]
            return {"mail_state": {"S": state}, "timeline": {"L": timeline}}

        recorded, postponed = {"event": "recorded"}, {"event": "refused", "cause": "MessageRejected"}
        self.assertEqual(smoke_test.check_email(item("sent", recorded), do_nothing), [])
        [warning] = smoke_test.check_email(item("pending", recorded, postponed), do_nothing)
        self.assertIn("MessageRejected", warning)
        self.assertIn("not verified the sender", warning)
        with self.assertRaisesRegex(SmokeTestError, "shows no cause"):
            smoke_test.check_email(item("pending", recorded), do_nothing)

    @contextlib.contextmanager
    def without_a_replay(self):
        """A table, and an API that does not replay its first response."""
        dynamodb = boto3.client("dynamodb", region_name="eu-west-2", aws_access_key_id="test", aws_secret_access_key="test")
        responses, large = [Response(201, {**self.created.headers}, self.created.body)] * 2, Response(0, {}, {})
        without_http = {
            "check_preflight": do_nothing,
            "check_wrong_path": do_nothing,
            "post_large_body": lambda _: large,
            "call": lambda *_: responses.pop(),
        }
        with Stubber(dynamodb) as stubber, patched(smoke_test, **without_http):
            yield dynamodb, stubber

    def test_the_enquiry_is_deleted_even_if_the_test_fails_and_no_other_can_be(self):
        with self.without_a_replay() as (dynamodb, stubber):
            expected = {
                "TableName": "table",
                "Key": {"id": {"S": "enq_9F3K2P"}},
                "ConditionExpression": "attribute_not_exists(id) OR form = :form",
                "ExpressionAttributeValues": {":form": {"S": "smoke-test"}},
            }
            stubber.add_response("delete_item", {}, expected)
            with self.assertRaisesRegex(SmokeTestError, "not replayed"):
                smoke_test.run(self.stack, dynamodb, do_nothing)
            stubber.assert_no_pending_responses()

    def test_a_failed_deletion_does_not_hide_the_error_of_the_test(self):
        with self.without_a_replay() as (dynamodb, stubber):
            stubber.add_client_error("delete_item", "AccessDeniedException")
            with self.assertRaisesRegex(SmokeTestError, r"(?s)not replayed.*enq_9F3K2P could not be deleted.*AccessDenied"):
                smoke_test.run(self.stack, dynamodb, do_nothing)


def do_nothing(*_) -> None:
    pass


@contextlib.contextmanager
def patched(module, **replacements):
    before = {name: getattr(module, name) for name in replacements}
    vars(module).update(replacements)
    try:
        yield
    finally:
        vars(module).update(before)


if __name__ == "__main__":
    unittest.main()
