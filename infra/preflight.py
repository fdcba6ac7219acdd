"""Checks the account, SES, the stack and the build for problems, before anything is changed.

An error stops the deploy. A warning does not. Most warnings are about problems that only delay emails: enquiries are still
recorded, and their emails are sent if the cause is fixed within three days.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

import commit
from settings import SET_BY_COMMAND, TEMPLATE, Settings

ROOT = TEMPLATE.parents[1]
# The files and folders that the zips are built from.
SOURCES = ("functions", "shared", "Cargo.toml", "Cargo.lock")
INBOXES = ("InboxGeneral", "InboxSupport", "InboxPayments", "InboxHardship", "InboxComplaints", "InboxOnCall")
AWS_CLI = ".local/venv/bin/aws"
ACCESS_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
ELF_ARM64 = 183  # e_machine of an ELF file, EM_AARCH64


@dataclass(frozen=True)
class Finding:
    """A problem, and how to fix it."""

    is_error: bool
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{'error  ' if self.is_error else 'warning'}  {self.problem}\n         {self.fix}"


def error(problem: str, fix: str) -> Finding:
    return Finding(True, problem, fix)


def warning(problem: str, fix: str) -> Finding:
    return Finding(False, problem, fix)


# ---- The build -------------------------------------------------------------------------------------------------------


def check_zips(template: str, root: Path, sources_committed_at: int) -> Iterator[Finding]:
    """Checks that each function's zip exists, is for arm64, and is not older than its sources."""
    for path in sorted(set(re.findall(r"target/lambda/[\w-]+/bootstrap\.zip", template))):
        zipped = root / path
        if not zipped.is_file():
            yield error(f"{path} does not exist.", "Build it: make build")
            continue
        try:
            with zipfile.ZipFile(zipped) as archive, archive.open("bootstrap") as binary:
                head = binary.read(20)
        except (KeyError, zipfile.BadZipFile):
            head = b""
        if head[:4] != b"\x7fELF" or int.from_bytes(head[18:20], "little") != ELF_ARM64:
            yield error(f"{path} does not contain a function for arm64, which the template requires.", "Build it again: make build")
        elif zipped.stat().st_mtime < sources_committed_at:
            yield error(f"{path} is older than the last commit that changed its sources.", "Build it again: make build")


def check_tree(environment: str, version: str, changes: list[str]) -> Iterator[Finding]:
    """Checks that the working tree is exactly a commit. Live requires this."""
    if version == "unknown":
        problem, fix = "This is not a git repository, so the deployed version would be unknown.", "Deploy from a git clone."
    elif changes:
        files = ", ".join(changes[:5]) + (f" and {len(changes) - 5} more" if len(changes) > 5 else "")
        problem = f"There are changes that are not in the commit {version.removesuffix('-dirty')}: {files}."
        fix = "Commit them."
        if environment == "live":
            fix = "Commit them, then run again: make deploy ENVIRONMENT=live"
    else:
        return
    yield error(problem, fix) if environment == "live" else warning(problem, fix)


# ---- The account -----------------------------------------------------------------------------------------------------


class Account:
    """The AWS account before a deploy. `client` returns an SDK client for a service, in the settings' region."""

    def __init__(self, settings: Settings, client: Callable[[str], object]) -> None:
        self._settings = settings
        self._parameters = settings.parameters
        self._client = client
        self._cli = f"{AWS_CLI} --region {settings.region}"
        self._identities: dict[str, dict | None] = {}
        # The stack's current parameters, or None if there is no stack.
        self._stack: dict | None = None
        self._caller: dict = {}
        self._in_ses_sandbox = False

    def check(self) -> Iterator[Finding]:
        """Runs all checks. If the credentials do not work or are for another account, reports only that."""
        try:
            self._caller = self._client("sts").get_caller_identity()
        except NoCredentialsError:
            yield error("No AWS credentials were found.", "Log in to AWS, or set AWS_PROFILE.")
            return
        except (BotoCoreError, ClientError) as failure:
            yield error(f"The AWS credentials do not work: {failure}", "Log in to AWS again, or set another AWS_PROFILE.")
            return
        print(f"· account {self._caller['Account']} as {self._caller['Arn']}", flush=True)
        yield from self._check_number(self._caller["Account"])
        if self._settings.account not in ("", self._caller["Account"]):
            return
        for check in (
            self._check_stack,
            self._check_alarm_topic,
            self._check_log_role,
            self._check_ses_account,
            self._check_identity,
            self._check_inboxes,
        ):
            try:
                yield from check()
            except (BotoCoreError, ClientError) as failure:
                is_denied = isinstance(failure, ClientError) and failure.response["Error"]["Code"] in ACCESS_DENIED
                if is_denied:
                    problem = f"Could not check {check.__doc__}: these credentials may not call {failure.operation_name}."
                    yield warning(problem, "Allow this call, or check in the AWS console.")
                else:
                    yield error(f"Could not check {check.__doc__}: {failure}", "Check that the region is right, and try again.")

    def _check_number(self, number: str) -> Iterator[Finding]:
        expected, file = self._settings.account, self._settings.file
        if expected and expected != number:
            yield error(
                f"The credentials are for account {number}, but {file} says account {expected}.",
                f"Use credentials for account {expected}.",
            )
        elif not expected and self._settings.environment == "live":
            yield warning(
                "Live could be deployed to the wrong account.", f'If {number} is the right one, set account = "{number}" in {file}'
            )

    def _check_stack(self) -> Iterator[Finding]:
        """the state of the stack"""
        name = self._settings.stack
        try:
            stack = self._client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as failure:
            if "does not exist" not in str(failure):
                raise
            return
        state = stack["StackStatus"]
        events = f"Find the cause: {self._cli} cloudformation describe-stack-events --stack-name {name}"
        if state == "REVIEW_IN_PROGRESS":  # only a change set that was never executed; there is no stack yet
            return
        if state in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
            yield error(
                f"The stack {name} cannot be updated, because creating or deleting it failed ({state}).",
                f"{events}\n"
                f"         Delete the stack: {self._cli} cloudformation delete-stack --stack-name {name}",
            )
            return
        if state.endswith("_IN_PROGRESS"):
            yield error(f"Another change of the stack {name} is in progress ({state}).", "Wait until it has finished.")
        elif state in ("UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"):
            command = "continue-update-rollback" if state == "UPDATE_ROLLBACK_FAILED" else "rollback-stack"
            yield error(
                f"An update of the stack {name} failed and was not rolled back ({state}).",
                f"{events}\n         Roll it back: {self._cli} cloudformation {command} --stack-name {name}",
            )
        self._stack = {parameter["ParameterKey"]: parameter.get("ParameterValue") for parameter in stack.get("Parameters", [])}
        created_for = self._stack.get("Environment", self._settings.environment)
        if created_for != self._settings.environment:
            yield error(
                f"The stack {name} was created for {created_for}. A stack cannot change its environment.",
                f"Choose another name for this stack: set stack in {self._settings.file}",
            )
        yield from self._check_current_parameters()

    def _check_current_parameters(self) -> Iterator[Finding]:
        """Reports parameters that somebody changed only in the stack (docs/runbook.md). The deploy would undo the change."""
        file, current = self._settings.file, self._stack or {}
        differ = [
            key
            for key, value in self._parameters.items()
            if key not in SET_BY_COMMAND and key in current and current[key] != value
        ]
        restored = current.get("RestoredEnquiriesTable")
        if restored and "RestoredEnquiriesTable" in differ:
            differ.remove("RestoredEnquiriesTable")
            yield error(
                f"The stack uses the restored table {restored}. This deploy would make it use another table.",
                f'Keep it: set RestoredEnquiriesTable = "{restored}" in {file}. To use another table, see docs/runbook.md.',
            )
        if differ:
            changes = ", ".join(f"{key} (from {current[key]!r} to {self._parameters[key]!r})" for key in differ)
            yield warning(
                f"The deploy changes these parameters of the stack: {changes}.",
                f"If somebody changed one by hand, the deploy undoes it. To keep the current value, write it into {file}.",
            )

    def _check_alarm_topic(self) -> Iterator[Finding]:
        """whether anybody is notified of alarms"""
        topic, region, file = self._parameters["AlarmTopicArn"], self._settings.region, self._settings.file
        if topic and topic.split(":")[3] != region:
            yield error(
                f"AlarmTopicArn is {topic}, but alarms can only use topics in their own region, {region}.",
                f"Set AlarmTopicArn in {file} to a topic in {region}, or leave it empty.",
            )
        elif not topic and self._settings.environment == "live":
            name = f"{self._settings.stack}-alarms"
            partition = self._caller["Arn"].split(":")[1]
            arn = f"arn:{partition}:sns:{region}:{self._caller['Account']}:{name}"
            yield self._error_at_first(
                "Nobody is notified of alarms, because AlarmTopicArn is empty.",
                f"Create a topic: {self._cli} sns create-topic --name {name}\n"
                f"         Subscribe an email address: {self._cli} sns subscribe --topic-arn {arn} --protocol email "
                "--notification-endpoint ADDRESS\n"
                "         Follow the link in the email that this address receives.\n"
                f'         Then set AlarmTopicArn = "{arn}" in {file}',
            )

    def _check_log_role(self) -> Iterator[Finding]:
        """whether API Gateway has a role for access logs"""
        role = self._client("apigateway").get_account().get("cloudwatchRoleArn")
        # When a first deploy fails, its role is deleted, but API Gateway still names it.
        if role and not self._role_exists(role):
            role = None
        choice, file = self._parameters["ApiGatewayLogRole"], self._settings.file
        if choice == "existing" and not role:
            yield error(
                "API Gateway has no role for access logs in this account and region.",
                f'Let the stack create one: set ApiGatewayLogRole = "create" in {file}',
            )
        elif choice == "create" and role and role.split("/")[-1] != self._own("ApiGatewayAccountRole"):
            yield error(
                f"API Gateway already has a role for access logs, {role}. Other stacks may rely on it.",
                f'Keep it: set ApiGatewayLogRole = "existing" in {file}',
            )

    def _role_exists(self, arn: str) -> bool:
        iam = self._client("iam")
        try:
            iam.get_role(RoleName=arn.split("/")[-1])
        except iam.exceptions.NoSuchEntityException:
            return False
        return True

    # ---- SES ---------------------------------------------------------------------------------------------------------

    def _check_ses_account(self) -> Iterator[Finding]:
        """whether SES lets the account send emails"""
        account = self._client("sesv2").get_account()
        review = "The SES console shows the reason, and how to reply, under Account dashboard."
        if account.get("EnforcementStatus") == "SHUTDOWN":
            yield self._error_at_first("SES has stopped this account from sending.", review)
        elif not account.get("SendingEnabled", False):
            yield self._error_at_first(
                "Sending is turned off for this account in this region.",
                f"Turn it on: {self._cli} sesv2 put-account-sending-attributes --sending-enabled",
            )
        elif account.get("EnforcementStatus", "HEALTHY") != "HEALTHY":
            yield warning(f"SES is reviewing this account's sending ({account['EnforcementStatus']}).", review)
        self._in_ses_sandbox = not account.get("ProductionAccessEnabled", False)
        if self._in_ses_sandbox:
            yield self._error_at_first(
                "This account is in the SES sandbox. SES sends only to verified addresses, at most 200 emails a day.",
                'Use "Request production access" in the SES console, in this region. This takes about a day.',
            )

    def _check_identity(self) -> Iterator[Finding]:
        """whether SES can send from MailSender"""
        sender, choice, file = self._parameters["MailSender"], self._parameters["MailIdentity"], self._settings.file
        identity = identity_of(self._parameters)
        known = self._identity(identity)
        if choice == "create" and known and self._own("SenderIdentity") != identity:
            yield error(
                f"The identity {identity} already exists in SES, so this stack cannot create it.",
                f'Set MailIdentity = "{identity}" in {file}',
            )
        elif choice == "create" and not known and self._own("SenderIdentity") == identity:
            yield error(
                f"The stack created the identity {identity}, but somebody has deleted it from SES.",
                f"Create it again: {self._cli} sesv2 create-email-identity --email-identity {identity}",
            )
        elif choice == "create" and not known:
            yield warning(
                f"{identity} is new to SES. No emails are sent until SES has verified it.",
                "The DNS records to add are printed after the deploy.",
            )
        elif not covers(identity, sender):
            yield error(
                f"MailIdentity {identity} does not cover MailSender {sender}.",
                f"Set MailIdentity in {file} to the sender's domain, a parent domain, or the sender's address.",
            )
        elif not known:
            yield error(
                f"SES has no identity {identity} in {self._settings.region}.",
                f'Let the stack create it: set MailIdentity = "create" in {file}. Or use an identity from this list: '
                f"{self._cli} sesv2 list-email-identities",
            )
        elif not known.get("VerifiedForSendingStatus"):
            yield self._unverified(f"SES has not verified {identity}.", dns_advice(identity, known))
        elif (state := known.get("DkimAttributes", {}).get("Status")) != "SUCCESS":
            report = warning if "@" in identity else self._unverified
            problem = f"Emails from {identity} are not signed, so they may be treated as spam: its DKIM status is {state}."
            yield report(problem, dns_advice(identity, known))
        if identity.lower() != sender.lower() and self._identity(sender):
            yield self._unverified(
                f"The address {sender} is an identity of its own in SES. SES would use it instead of {identity}, but the mailer "
                "has no permission for it, so no emails would be sent.",
                f"Delete it: {self._cli} sesv2 delete-email-identity --email-identity {sender}\n"
                f'         Or use it: set MailIdentity = "{sender}" in {file}',
            )

    def _check_inboxes(self) -> Iterator[Finding]:
        """whether the inboxes are verified, which the SES sandbox requires"""
        if not self._in_ses_sandbox:
            return
        own = identity_of(self._parameters)
        for inbox in sorted({self._parameters[key] for key in INBOXES}):
            keys = ", ".join(key for key in INBOXES if self._parameters[key] == inbox)
            domain = inbox.rpartition("@")[2].lower()
            labels = domain.split(".")
            names = [inbox, *(".".join(labels[start:]) for start in range(len(labels) - 1))]
            # SES uses the most specific identity that it knows.
            found = next((name for name in names if self._identity(name)), None)
            if found is None and covers(own, inbox):
                continue  # it is verified together with the sender
            if found is None or not self._identity(found).get("VerifiedForSendingStatus"):
                yield self._error_at_first(
                    f"{inbox} ({keys}) is not verified. It gets no emails while this account is in the SES sandbox.",
                    f"To try the service, use an inbox at {own}. Otherwise leave the SES sandbox, as described above.",
                )
            elif found.lower() != own.lower():
                yield self._error_at_first(
                    f"{inbox} ({keys}) is verified as {found}. In the SES sandbox, the mailer also needs a permission for that "
                    "identity, which it does not have.",
                    f"To try the service, use an inbox at {own}. Otherwise leave the SES sandbox, as described above.",
                )

    def _error_at_first(self, problem: str, fix: str) -> Finding:
        """An error only for the first deploy of live. It must not stop a trial in sandbox, or a fix of an existing stack."""
        return (error if self._settings.environment == "live" and self._stack is None else warning)(problem, fix)

    def _unverified(self, problem: str, fix: str) -> Finding:
        """An error only if this deploy would start to use the identity."""
        already_used = self._stack is not None and all(
            self._stack.get(key) == self._parameters[key] for key in ("MailSender", "MailIdentity")
        )
        return (warning if already_used else error)(problem, fix)

    def _identity(self, name: str) -> dict | None:
        if name not in self._identities:
            ses = self._client("sesv2")
            try:
                self._identities[name] = ses.get_email_identity(EmailIdentity=name)
            except ses.exceptions.NotFoundException:
                self._identities[name] = None
        return self._identities[name]

    def _own(self, logical_id: str) -> str | None:
        """The physical id of a resource of the stack, if the stack has it."""
        if self._stack is None:
            return None
        try:
            found = self._client("cloudformation").describe_stack_resource(
                StackName=self._settings.stack, LogicalResourceId=logical_id
            )
        except ClientError as failure:
            if "does not exist" not in str(failure):
                raise
            return None
        detail = found["StackResourceDetail"]
        return None if detail["ResourceStatus"] == "DELETE_COMPLETE" else detail.get("PhysicalResourceId")


def identity_of(parameters: dict[str, str]) -> str:
    """The identity that SES sends with, by the same rule as in the template."""
    choice = parameters["MailIdentity"]
    return parameters["MailSender"].partition("@")[2] if choice == "create" else choice


def covers(identity: str, address: str) -> bool:
    """Whether SES can send from an address with this identity: the address itself, its domain, or a parent domain."""
    identity, address = identity.lower(), address.lower()
    domain = address.rpartition("@")[2]
    return identity in (address, domain) or domain.endswith(f".{identity}")


def dns_advice(identity: str, known: dict) -> str:
    """How to verify an identity: the DNS records of a domain, or what the owner of an address has to do."""
    if "@" in identity:
        return f"The owner of {identity} must follow the link in the email from SES. To sign emails, verify the domain instead."
    tokens = known.get("DkimAttributes", {}).get("Tokens", [])
    if not tokens:
        return f"See what is missing for {identity} in the SES console, under Identities."
    records = "".join(f"\n         {token}._domainkey.{identity} CNAME {token}.dkim.amazonses.com" for token in tokens)
    return f"Add these DNS records. SES checks for them for up to three days.{records}"


def check_build(settings: Settings, version: str) -> Iterator[Finding]:
    """Checks the working tree and the zips that were built from it."""
    yield from check_tree(settings.environment, version, commit.changes())
    yield from check_zips(TEMPLATE.read_text(), ROOT, commit.committed_at(*SOURCES))
