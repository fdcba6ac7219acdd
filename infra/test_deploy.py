"""Shows that a deploy stops at what would fail later and says how to mend it, without an account and without a network."""

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
from settings import FOLDER, PLACEHOLDER, TEMPLATE, Settings, Trouble
from smoke_test import Response, Failed, Stack

RULES = settings.template_parameters(TEMPLATE.read_text())
NO_DEFAULT = ("MailSender", *preflight.INBOXES)
# What somebody who fills in a file may change, and these tests rely on.
FIRST = {
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
    """An environment's file as it is committed, with these values in it."""
    text = (FOLDER / f"{environment}.toml").read_text()
    values = {"AllowedOrigins": "https://www.credicorp.co.uk", **dict.fromkeys(NO_DEFAULT, "a@credicorp.co.uk"), **FIRST, **values}
    for key, value in values.items():
        line = f"{key} = {json.dumps(value)}"
        text = re.sub(rf"^{key} = .*$", lambda _: line, text, flags=re.M)
    return text


def settings_of(environment: str, **values: str) -> Settings:
    chosen, blanks, wrong = settings.read(file_of(environment, **values), environment, RULES)
    assert not blanks and not wrong, (blanks, wrong)
    return chosen


class TheSettings(unittest.TestCase):
    def test_what_is_committed_lacks_only_what_has_no_default(self):
        # Of a file that somebody has filled in, the placeholders are gone, and the rest must be right all the same.
        for environment, more in {"sandbox": [], "live": ["AllowedOrigins"]}.items():
            with self.subTest(environment):
                _, blanks, wrong = settings.read((FOLDER / f"{environment}.toml").read_text(), environment, RULES)
                self.assertEqual(wrong, [])
                self.assertLessEqual(set(blanks), {*NO_DEFAULT, *more})

    def test_each_parameter_of_the_template_is_in_each_file(self):
        for environment in settings.ENVIRONMENTS:
            given = tomllib.loads((FOLDER / f"{environment}.toml").read_text())["parameters"]
            self.assertEqual(set(given), RULES.keys() - set(settings.GIVEN))

    def test_placeholders_are_refused_by_file_and_key(self):
        for key in (*NO_DEFAULT, "AllowedOrigins"):
            for value in (PLACEHOLDER, "https://www.example.com" if key == "AllowedOrigins" else "a@example.com"):
                with self.subTest(key, value=value):
                    _, blanks, wrong = settings.read(file_of("live", **{key: value}), "live", RULES)
                    self.assertEqual((blanks, wrong), ([key], []))
        with self.assertRaises(Trouble) as trouble, folder({"live": file_of("live", InboxOnCall=PLACEHOLDER)}):
            settings.load("live", None)
        self.assertRegex(str(trouble.exception), r"^infra/environments/live.toml: InboxOnCall is still to be set\. Where tickets")

    def test_addresses_that_only_look_like_placeholders_pass(self):
        for address in ("a@myexample.com", "example.com@credicorp.co.uk", "a@example.co.uk", "test@contest.uk", "a@latest.io"):
            self.assertEqual(settings_of("live", InboxGeneral=address).parameters["InboxGeneral"], address)

    def test_all_that_is_wrong_is_said_at_once(self):
        text = file_of("live", InboxSupport="nobody", ApiGatewayLogRole="maybe", AllowedOrigins="https://credicorp.co.uk/")
        text = re.sub("MailConcurrency = .*", "MailConcurrency = 1\nVersion = 1\nColour = 2", text)
        text = re.sub("region = .*", 'regino = ""', text)
        _, _, wrong = settings.read(text, "live", RULES)
        parts = [
            'AllowedOrigins = "https://credicorp.co.uk/": must be * or origins',
            'ApiGatewayLogRole = "maybe": must be one of create, existing',
            'InboxSupport = "nobody": must be one address',
            'MailConcurrency = "1": must be a number from 2 to 1000',
            "Version is not for a file to say",
            "infra/template.yaml has no parameter Colour",
            "region is missing",
            "there is no setting regino",
        ]
        self.assertEqual(len(wrong), len(parts), wrong)
        for part, problem in zip(parts, wrong):
            self.assertIn(f"infra/environments/live.toml: {part}", problem)

    def test_what_a_file_leaves_out_is_the_templates_default_and_not_what_the_stack_had(self):
        text = file_of("sandbox").replace("RateLimit = 60\n", "")
        chosen, _, _ = settings.read(text, "sandbox", RULES)
        self.assertEqual(chosen.parameters["RateLimit"], "60")
        self.assertEqual(chosen.parameters["Environment"], "sandbox")

    def test_what_is_missing_is_asked_for_until_it_is_right_and_written_down(self):
        before = file_of("sandbox", MailSender=PLACEHOLDER, InboxSupport="help@example.com")
        answers = iter(["", "x@Credicorp.co.uk", "x@credicorp.co.uk", PLACEHOLDER, " help@credicorp.co.uk "])
        with folder({"sandbox": before}) as where, contextlib.redirect_stdout(io.StringIO()):
            chosen = settings.load("sandbox", lambda prompt: next(answers))
            after = (where / "sandbox.toml").read_text()
        self.assertEqual(chosen.parameters["MailSender"], "x@credicorp.co.uk")
        self.assertEqual(after, file_of("sandbox", MailSender="x@credicorp.co.uk", InboxSupport="help@credicorp.co.uk"))

    def test_the_command_line_carries_commas_and_stars_in_a_file(self):
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
    """A folder of environments with these alone."""
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
    def test_zips_must_be_there_for_arm64_and_fresh(self):
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
        self.assertTrue(all(finding.is_error and "make build" in finding.mend for finding in found))
        said = {finding.what.split("/")[2]: finding.what for finding in found}
        self.assertEqual(said.keys(), {"missing", "x86", "text", "empty", "stale"})
        self.assertIn("older than the last commit", said["stale"])
        self.assertIn("no function for arm64", said["x86"])

    def test_live_is_a_commit_and_sandbox_need_not_be(self):
        for environment, version, changes, expected in [
            ("live", "0123456789ab", [], []),
            ("live", "0123456789ab-dirty", ["README.md"], [True]),
            ("sandbox", "0123456789ab-dirty", ["README.md"], [False]),
            ("live", "unknown", [], [True]),
        ]:
            with self.subTest(environment, version=version):
                found = list(check_tree(environment, version, changes))
                self.assertEqual([finding.is_error for finding in found], expected)
                self.assertTrue(all("0123456789ab: README.md." in finding.what for finding in found if changes))

    def test_what_no_build_would_mend_is_said_before_the_build(self):
        settings_alone = {"version": lambda: "0123456789ab-dirty", "changes": lambda: ["infra/environments/live.toml"]}
        committed = {"version": lambda: "0123456789ab", "changes": lambda: []}
        commit_it = "environments/live.toml.\n         Commit it, then run again: make deploy ENVIRONMENT=live"
        for environment, values, state, fake, says in [
            ("live", {}, committed, {}, ""),
            ("live", {}, settings_alone, {}, commit_it),
            ("live", {"account": "999999999999"}, committed, {}, "says account 999999999999"),
            ("live", {}, committed, {"refused": ("get_caller_identity",)}, "credentials do not work"),
            ("live", {"AlarmTopicArn": ""}, committed, {}, "Alarms reach nobody"),
            ("sandbox", {}, settings_alone, {}, ""),
        ]:
            with self.subTest(environment=environment, says=says), patched(deploy.commit, **state):
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    chosen = settings_of(environment, MailIdentity="credicorp.co.uk", **values)
                    is_right = deploy.is_worth_building(chosen, Fake(**fake))
                self.assertEqual((is_right, "error" in printed.getvalue()), (not says, bool(says)))
                self.assertIn(says, printed.getvalue())


class Fake:
    """An account as its answers describe it, through the SDK's own clients."""

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

        # A stub for each call, since their order is not the point. Stubber checks each answer's shape.
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
        """As many findings as expected, each with these parts."""
        self.assertEqual(len(found), len(expected), found)
        for finding, parts in zip(found, expected):
            for part in parts:
                self.assertIn(part, finding)

    ready = {"MailIdentity": "credicorp.co.uk", "ApiGatewayLogRole": "existing", "account": "123456789012"}

    def test_nothing_is_said_where_all_is_well(self):
        for environment in settings.ENVIRONMENTS:
            self.assert_found(self.found(settings_of(environment, **self.ready), role=ROLE))

    def test_a_first_deploy_into_a_fresh_account(self):
        fresh = {**HEALTHY, "ProductionAccessEnabled": False}
        self.assert_found(
            self.found(settings_of("sandbox", InboxOnCall="pager@elsewhere.uk"), account=fresh, identities={}),
            ("warning", "SES's own sandbox", "Request production access"),
            ("warning", "credicorp.co.uk is new to SES", "DNS records"),
            ("warning", "pager@elsewhere.uk (InboxOnCall) is not verified"),
        )
        self.assert_found(
            self.found(settings_of("live", account="123456789012"), account=fresh, identities={}),
            ("error", "SES's own sandbox"),
            ("warning", "credicorp.co.uk is new to SES"),
        )

    def test_the_wrong_account_is_all_that_is_said(self):
        chosen = settings_of("live", account="999999999999")
        found = self.found(chosen, identities={})
        self.assert_found(found, ("error", "live.toml says account 999999999999", "are for 123456789012"))
        found = self.found(settings_of("live", **{**self.ready, "account": ""}), role=ROLE)
        self.assert_found(found, ("warning", "wrong account", 'account = "123456789012"'))

    def test_a_stack_that_takes_no_deploy(self):
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
        self.assert_found(found, ("error", "is sandbox", "stack in infra/environments/live.toml"))

    def test_a_deploy_does_not_leave_a_restored_table_unasked(self):
        for present, in_file, expected in [
            ("restored", "restored", []),
            ("", "restored", [("warning", "RestoredEnquiriesTable (now '', then 'restored')")]),
            ("restored", "", [("error", "uses the restored table restored", 'RestoredEnquiriesTable = "restored" in infra/')]),
            ("restored", "another", [("error", "uses the restored table restored")]),
        ]:
            with self.subTest(present=present, in_file=in_file):
                chosen = settings_of("live", **self.ready, RestoredEnquiriesTable=in_file)
                stack = {**chosen.parameters, "RestoredEnquiriesTable": present}
                self.assert_found(self.found(chosen, role=ROLE, stack=stack), *expected)

    def test_what_a_deploy_would_undo_is_named(self):
        chosen = settings_of("live", **self.ready)
        stack = {**chosen.parameters, "RateLimit": "30", "MailConcurrency": "9", "Version": "ba9876543210", "Gone": "1"}
        del stack["RetentionDays"]  # as before the template knew of it
        found = self.found(chosen, role=ROLE, stack=stack)
        self.assert_found(found, ("warning", "RateLimit (now '30', then '60')", "MailConcurrency (now '9', then '2')", "by hand"))
        for key in ("Version", "Gone", "RetentionDays"):
            self.assertNotIn(key, found[0])

    def test_alarms_of_live_reach_somebody(self):
        arn = "arn:aws:sns:eu-west-2:123456789012:credicorp-public-live-alarms"
        parts = ("reach nobody", "sns create-topic --name credicorp-public-live-alarms", f"sns subscribe --topic-arn {arn}", f'"{arn}"')
        nobody = settings_of("live", **self.ready, AlarmTopicArn="")
        self.assert_found(self.found(nobody, role=ROLE), ("error", *parts))
        self.assert_found(self.found(nobody, role=ROLE, stack={}), ("warning", *parts))
        self.assert_found(self.found(settings_of("sandbox", **self.ready, AlarmTopicArn=""), role=ROLE))
        for environment in settings.ENVIRONMENTS:
            elsewhere = settings_of(environment, **self.ready, AlarmTopicArn="arn:aws:sns:eu-west-1:123456789012:alarms")
            self.assert_found(self.found(elsewhere, role=ROLE, stack={}), ("error", "their own region only, eu-west-2"))

    def test_the_role_for_access_logs(self):
        existing = settings_of("live", **self.ready)
        create = settings_of("live", **{**self.ready, "ApiGatewayLogRole": "create"})
        self.assert_found(self.found(existing), ("error", "no role", 'ApiGatewayLogRole = "create" in infra/environments/live.toml'))
        self.assert_found(self.found(create))
        self.assert_found(self.found(create, role=ROLE), ("error", ROLE, 'ApiGatewayLogRole = "existing"'))
        self.assert_found(self.found(create, role=ROLE, stack={}, own={"ApiGatewayAccountRole": "somebody-elses"}))

    def test_a_role_that_a_failed_first_deploy_took_along_is_none(self):
        create = settings_of("live", **{**self.ready, "ApiGatewayLogRole": "create"})
        self.assert_found(self.found(create, role=ROLE), ("error", "already"))
        self.assert_found(self.found(create, role=ROLE, role_is_gone=True))
        existing = settings_of("live", **self.ready)
        self.assert_found(self.found(existing, role=ROLE, role_is_gone=True), ("error", "no role to write access logs with"))

    def test_what_keeps_mails_waiting_stops_a_first_deploy_to_live_and_no_fix(self):
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
        self.assert_found(self.found(chosen, role=ROLE, identities={}), ("error", "does not know credicorp.co.uk", '"create"'))
        records = ("t1._domainkey.credicorp.co.uk CNAME t1.dkim.amazonses.com", "t2._domainkey")
        found = self.found(chosen, role=ROLE, identities={"credicorp.co.uk": PENDING})
        self.assert_found(found, ("error", "not verified", *records))
        found = self.found(chosen, role=ROLE, identities={"credicorp.co.uk": UNSIGNED})
        self.assert_found(found, ("error", "DKIM is FAILED"))
        # That stack uses it already: a fix must get through.
        found = self.found(chosen, role=ROLE, identities={"credicorp.co.uk": PENDING}, stack=chosen.parameters)
        self.assert_found(found, ("warning", "not verified", *records))

        other = settings_of("live", **{**self.ready, "MailIdentity": "credicorp.com"})
        self.assert_found(self.found(other, role=ROLE, identities={"credicorp.com": VERIFIED}), ("error", "does not speak for"))
        above = settings_of("live", **{**self.ready, "MailSender": "a@mail.credicorp.co.uk"})
        self.assert_found(self.found(above, role=ROLE))
        address = settings_of("live", **{**self.ready, "MailIdentity": "a@credicorp.co.uk"})
        self.assert_found(self.found(address, role=ROLE, identities={"a@credicorp.co.uk": UNSIGNED}), ("warning", "not signed"))

    def test_an_address_that_is_an_identity_of_its_own_would_win_over_its_domain(self):
        both = {"credicorp.co.uk": VERIFIED, "a@credicorp.co.uk": PENDING}
        parts = ("knows the address a@credicorp.co.uk", "no mail would leave", "delete-email-identity --email-identity a@credicorp.co.uk")
        domain = settings_of("live", **self.ready)
        self.assert_found(self.found(domain, role=ROLE, identities=both), ("error", *parts, 'MailIdentity = "a@credicorp.co.uk"'))
        self.assert_found(self.found(domain, role=ROLE, identities=both, stack=domain.parameters), ("warning", *parts))
        above = settings_of("live", **{**self.ready, "MailSender": "a@mail.credicorp.co.uk"})
        identities = {"credicorp.co.uk": VERIFIED, "a@mail.credicorp.co.uk": VERIFIED}
        self.assert_found(self.found(above, role=ROLE, identities=identities), ("error", "a@mail.credicorp.co.uk"))
        create = settings_of("sandbox", **{**self.ready, "MailIdentity": "create"})
        found = self.found(create, role=ROLE, identities={"a@credicorp.co.uk": VERIFIED})
        self.assert_found(found, ("warning", "is new to SES"), ("error", *parts))
        # The address itself, and other people's, are no trouble.
        address = settings_of("live", **{**self.ready, "MailIdentity": "a@credicorp.co.uk"})
        self.assert_found(self.found(address, role=ROLE, identities={"a@credicorp.co.uk": VERIFIED}))
        self.assert_found(self.found(domain, role=ROLE, identities={"credicorp.co.uk": VERIFIED, "b@credicorp.co.uk": VERIFIED}))

    def test_an_identity_that_the_stack_is_to_create(self):
        create = settings_of("live", **{**self.ready, "MailIdentity": "create"})
        found = self.found(create, role=ROLE)
        self.assert_found(found, ("error", "knows credicorp.co.uk already", 'MailIdentity = "credicorp.co.uk"'))
        own = {"stack": create.parameters, "own": {"SenderIdentity": "credicorp.co.uk"}}
        self.assert_found(self.found(create, role=ROLE, **own))
        found = self.found(create, role=ROLE, identities={"credicorp.co.uk": PENDING}, **own)
        self.assert_found(found, ("warning", "not verified"))
        found = self.found(create, role=ROLE, identities={}, **own)
        self.assert_found(found, ("error", "removed credicorp.co.uk", "create-email-identity"))

    def test_inboxes_in_sess_own_sandbox(self):
        in_sandbox = {**HEALTHY, "ProductionAccessEnabled": False}
        chosen = settings_of("sandbox", **self.ready, InboxSupport="b@mail.elsewhere.uk", InboxPayments="c@credicorp.co.uk")
        for known, parts in [
            ({}, ("warning", "b@mail.elsewhere.uk (InboxSupport) is not verified")),
            ({"b@mail.elsewhere.uk": PENDING, "elsewhere.uk": VERIFIED}, ("warning", "is not verified")),
            ({"elsewhere.uk": VERIFIED}, ("warning", "is verified as elsewhere.uk", "permission")),
        ]:
            with self.subTest(known=known):
                found = self.found(chosen, role=ROLE, account=in_sandbox, identities={"credicorp.co.uk": VERIFIED, **known})
                self.assert_found(found, ("warning", "SES's own sandbox"), parts)

    def test_what_the_credentials_may_not_look_at_is_said(self):
        found = self.found(settings_of("live", **self.ready), role=ROLE, refused=("get_email_identity",))
        self.assert_found(found, ("warning", "may not call GetEmailIdentity", "whether SES may send as MailSender"))
        self.assert_found(self.found(settings_of("live"), refused=("get_caller_identity",)), ("error", "credentials do not work"))


class TheProtection(unittest.TestCase):
    def protected(self, environment: str, tables: dict[str, bool], restored: str = "") -> list[str]:
        """The tables whose protection is switched on, of a stack that has these."""
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

    def test_lives_tables_are_protected_once_they_stand_and_the_sandboxs_are_not(self):
        self.assertEqual(self.protected("live", {"e": False, "i": False, "r": False}), ["e", "i", "r"])
        self.assertEqual(self.protected("live", {"e": True, "i": False, "r": True}), ["i"])
        self.assertEqual(self.protected("live", {"e": True, "restored": False}, restored="restored"), ["restored"])
        self.assertEqual(self.protected("sandbox", {"e": False}), [])


class TheSmokeTest(unittest.TestCase):
    def test_what_becomes_of_5_mb_is_reported_and_fails_nothing(self):
        for answer, part in [
            (Response(413, {}, {"message": "Request Too Long"}), "AWS itself refused it: 413 Request Too Long"),
            (Response(413, {}, {"error": {"code": "payload_too_large"}}), "payload_too_large, in our envelope"),
            (Response(403, {}, {"error": {"code": "request_blocked"}}), "the firewall blocked it"),
            (Response(0, {}, {"error": "Connection reset by peer"}), "no answer: Connection reset by peer"),
            (Response(502, {}, {"message": None}), "something else came: 502"),
            (Response(200, {}, {"not JSON": "<html>"}), "something else came: 200"),
        ]:
            with self.subTest(part):
                self.assertIn(part, smoke_test.what_became_of_a_large_body(answer))

    stack = Stack("https://api/live", "table", "0123456789ab", "live", "https://a.uk, https://b.uk")
    submission = {"form": "smoke-test", "fields": {"deployment": "0123456789ab", "consent": "yes"}}
    meta = {"request_id": "req_1", "environment": "live"}
    created = Response(201, {"x-credicorp-request-id": "req_1"}, {"id": "enq_9F3K2P", "status": "new", "meta": meta})

    def test_what_is_posted_is_what_the_form_takes(self):
        self.assertEqual(smoke_test.submission_of(self.stack), self.submission)
        self.assertEqual(self.stack.origin, "https://a.uk")

    def test_the_answer(self):
        self.assertEqual(smoke_test.check_created(self.stack, self.created), "enq_9F3K2P")
        body = self.created.body
        for wrong, says in [
            (Response(500, self.created.headers, body), "not accepted: 500"),
            (Response(201, {}, body), "no x-credicorp-request-id"),
            (Response(201, {"x-credicorp-request-id": "req_2"}, body), "req_2"),
            (Response(201, self.created.headers, {**body, "meta": {**self.meta, "environment": "sandbox"}}), "is not live"),
            (Response(201, self.created.headers, {**body, "id": "9F3K2P"}), "has no id"),
        ]:
            with self.subTest(says), self.assertRaisesRegex(Failed, says):
                smoke_test.check_created(self.stack, wrong)

    def test_the_record(self):
        fields = '{"deployment":"0123456789ab","consent":"yes"}'
        texts = {"form": "smoke-test", "fields": fields, "environment": "live", "request_id": "req_1"}
        item = {name: {"S": text} for name, text in texts.items()}
        smoke_test.check_record(self.stack, item, self.submission, self.created)
        for name in texts:
            with self.subTest(name), self.assertRaisesRegex(Failed, f"record's {name} is"):
                smoke_test.check_record(self.stack, {**item, name: {"S": "x"}}, self.submission, self.created)
        with self.assertRaisesRegex(Failed, "not in the table"):
            smoke_test.check_record(self.stack, None, self.submission, self.created)

    def test_a_mail_that_waits_for_a_reason_is_a_warning_and_one_that_nobody_took_up_is_not(self):
        def item(state: str, *entries: dict) -> dict:
            timeline = [{"M": {name: {"S": text} for name, text in entry.items()}} for entry in entries]
            return {"mail_state": {"S": state}, "timeline": {"L": timeline}}

        recorded, postponed = {"event": "recorded"}, {"event": "refused", "cause": "MessageRejected"}
        self.assertEqual(smoke_test.judge_mail(item("sent", recorded), print_nothing), [])
        [warning] = smoke_test.judge_mail(item("pending", recorded, postponed), print_nothing)
        self.assertIn("MessageRejected", warning)
        self.assertIn("not verified the sender", warning)
        with self.assertRaisesRegex(Failed, "nothing says why"):
            smoke_test.judge_mail(item("pending", recorded), print_nothing)

    @contextlib.contextmanager
    def without_a_replay(self):
        """A table, and an API whose second answer is no replay."""
        dynamodb = boto3.client("dynamodb", region_name="eu-west-2", aws_access_key_id="test", aws_secret_access_key="test")
        answers, large = [Response(201, {**self.created.headers}, self.created.body)] * 2, Response(0, {}, {})
        without_http = {"check_preflight": print_nothing, "check_wrong_path": print_nothing, "post_large_body": lambda _: large, "call": lambda *_: answers.pop()}
        with Stubber(dynamodb) as stubber, patched(smoke_test, **without_http):
            yield dynamodb, stubber

    def test_the_enquiry_is_removed_whatever_came_of_the_test_and_no_other_can_be(self):
        with self.without_a_replay() as (dynamodb, stubber):
            expected = {
                "TableName": "table",
                "Key": {"id": {"S": "enq_9F3K2P"}},
                "ConditionExpression": "attribute_not_exists(id) OR form = :form",
                "ExpressionAttributeValues": {":form": {"S": "smoke-test"}},
            }
            stubber.add_response("delete_item", {}, expected)
            with self.assertRaisesRegex(Failed, "not replayed"):
                smoke_test.run(self.stack, dynamodb, print_nothing)
            stubber.assert_no_pending_responses()

    def test_a_removal_that_fails_hides_nothing(self):
        with self.without_a_replay() as (dynamodb, stubber):
            stubber.add_client_error("delete_item", "AccessDeniedException")
            with self.assertRaisesRegex(Failed, r"(?s)not replayed.*enq_9F3K2P could not be removed.*AccessDenied"):
                smoke_test.run(self.stack, dynamodb, print_nothing)


def print_nothing(*_) -> None:
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
