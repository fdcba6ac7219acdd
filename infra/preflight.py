"""What would go wrong, found before anything is changed: in the account, in SES, in the stack and in the build.

An error stops a deploy. A warning is what a deploy may go on with: above all what only keeps mails waiting, since each
enquiry is recorded all the same, and its mail is sent when the cause is put right, for three days.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

import commit
from settings import GIVEN, TEMPLATE, Settings

ROOT = TEMPLATE.parents[1]
# What the zips are built from.
SOURCES = ("functions", "shared", "Cargo.toml", "Cargo.lock")
INBOXES = ("InboxGeneral", "InboxSupport", "InboxPayments", "InboxHardship", "InboxComplaints", "InboxOnCall")
AWS_CLI = ".local/venv/bin/aws"
NOT_ALLOWED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
ELF_ARM64 = 183  # e_machine of an ELF file, EM_AARCH64


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, and how to mend it."""

    is_error: bool
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{'error  ' if self.is_error else 'warning'}  {self.what}\n         {self.mend}"


def error(what: str, mend: str) -> Finding:
    return Finding(True, what, mend)


def warning(what: str, mend: str) -> Finding:
    return Finding(False, what, mend)


# ---- The build -------------------------------------------------------------------------------------------------------


def check_zips(template: str, root: Path, sources_committed_at: int) -> Iterator[Finding]:
    """The functions' zips: there, for arm64, and not older than what they are built from."""
    for path in sorted(set(re.findall(r"target/lambda/[\w-]+/bootstrap\.zip", template))):
        zipped = root / path
        if not zipped.is_file():
            yield error(f"{path} is not there.", "Build it: make build")
            continue
        try:
            with zipfile.ZipFile(zipped) as archive, archive.open("bootstrap") as binary:
                head = binary.read(20)
        except (KeyError, zipfile.BadZipFile):
            head = b""
        if head[:4] != b"\x7fELF" or int.from_bytes(head[18:20], "little") != ELF_ARM64:
            yield error(f"{path} holds no function for arm64, which the template asks for.", "Build it again: make build")
        elif zipped.stat().st_mtime < sources_committed_at:
            yield error(f"{path} is older than the last commit of its sources.", "Build it again: make build")


def check_tree(environment: str, version: str, changes: list[str]) -> Iterator[Finding]:
    """That the commit is what is deployed."""
    if version == "unknown":
        what, mend = "This is no git repository, so nobody will know which version runs.", "Deploy from a clone."
    elif changes:
        files = ", ".join(changes[:5]) + (f" and {len(changes) - 5} more" if len(changes) > 5 else "")
        what, mend = f"There is more here than the commit {version.removesuffix('-dirty')}: {files}.", "Commit it."
        if environment == "live":
            mend = "Commit it, then run again: make deploy ENVIRONMENT=live"
    else:
        return
    yield error(what, mend) if environment == "live" else warning(what, mend)


# ---- The account -----------------------------------------------------------------------------------------------------


class Account:
    """An AWS account as it is before a deploy. `client` gives an SDK client for a service, in the settings' region."""

    def __init__(self, settings: Settings, client: Callable[[str], object]) -> None:
        self._settings = settings
        self._parameters = settings.parameters
        self._client = client
        self._cli = f"{AWS_CLI} --region {settings.region}"
        self._identities: dict[str, dict | None] = {}
        # The stack's present parameters, if there is a stack.
        self._stack: dict | None = None
        self._caller: dict = {}
        self._in_ses_sandbox = False

    def check(self) -> Iterator[Finding]:
        """Everything; without credentials that work, and for this account, that alone."""
        try:
            self._caller = self._client("sts").get_caller_identity()
        except NoCredentialsError:
            yield error("There are no AWS credentials.", "Log in, or set AWS_PROFILE, so that the AWS CLI works.")
            return
        except (BotoCoreError, ClientError) as failure:
            yield error(f"The AWS credentials do not work: {failure}", "Log in again, or choose others with AWS_PROFILE.")
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
                refused = isinstance(failure, ClientError) and failure.response["Error"]["Code"] in NOT_ALLOWED
                if refused:
                    what = f"These credentials may not call {failure.operation_name}, so nobody knows {check.__doc__}."
                    yield warning(what, "Allow them to, or see for yourself.")
                else:
                    yield error(f"AWS does not say {check.__doc__}: {failure}", "See whether the region is right, and try again.")

    def _check_number(self, number: str) -> Iterator[Finding]:
        wanted, file = self._settings.account, self._settings.file
        if wanted and wanted != number:
            yield error(f"{file} says account {wanted}, and the credentials are for {number}.", "Use those of the other account.")
        elif not wanted and self._settings.environment == "live":
            yield warning(
                "Nothing keeps live from going to a wrong account.", f'If {number} is right: account = "{number}" in {file}'
            )

    def _check_stack(self) -> Iterator[Finding]:
        """the state that the stack is in"""
        name = self._settings.stack
        try:
            stack = self._client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as failure:
            if "does not exist" not in str(failure):
                raise
            return
        state = stack["StackStatus"]
        events = f"Why, is in: {self._cli} cloudformation describe-stack-events --stack-name {name}"
        if state == "REVIEW_IN_PROGRESS":  # a change set that was never executed, and no stack yet
            return
        if state in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
            yield error(
                f"The stack {name} could not be made or removed, and takes no deploy any more ({state}).",
                f"{events}\n"
                f"         Remove what is left of it: {self._cli} cloudformation delete-stack --stack-name {name}",
            )
            return
        if state.endswith("_IN_PROGRESS"):
            yield error(f"Somebody is changing the stack {name} ({state}).", "Wait until that is over.")
        elif state in ("UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"):
            command = "continue-update-rollback" if state == "UPDATE_ROLLBACK_FAILED" else "rollback-stack"
            yield error(
                f"An update of the stack {name} stopped half-way ({state}).",
                f"{events}\n         Have it undone: {self._cli} cloudformation {command} --stack-name {name}",
            )
        self._stack = {parameter["ParameterKey"]: parameter.get("ParameterValue") for parameter in stack.get("Parameters", [])}
        made_for = self._stack.get("Environment", self._settings.environment)
        if made_for != self._settings.environment:
            yield error(
                f"The stack {name} is {made_for}, and a stack keeps the environment that it was made with.",
                f"Another name for this one: stack in {self._settings.file}",
            )
        yield from self._check_present_parameters()

    def _check_present_parameters(self) -> Iterator[Finding]:
        """What the deploy would change back that was changed in the stack alone, as docs/runbook.md has one do."""
        file, present = self._settings.file, self._stack or {}
        differ = [
            key for key, value in self._parameters.items() if key not in GIVEN and key in present and present[key] != value
        ]
        restored = present.get("RestoredEnquiriesTable")
        if restored and "RestoredEnquiriesTable" in differ:
            differ.remove("RestoredEnquiriesTable")
            yield error(
                f"The stack uses the restored table {restored}, and a deploy would have it use another again.",
                f'Keep it: RestoredEnquiriesTable = "{restored}" in {file}. Another table is chosen as docs/runbook.md says.',
            )
        if differ:
            changes = ", ".join(f"{key} (now {present[key]!r}, then {self._parameters[key]!r})" for key in differ)
            yield warning(
                f"The deploy changes what the stack was given: {changes}.",
                f"What {file} did not mean to change was changed by hand, and the deploy undoes it: write it there to keep it.",
            )

    def _check_alarm_topic(self) -> Iterator[Finding]:
        """whether alarms reach anybody"""
        topic, region, file = self._parameters["AlarmTopicArn"], self._settings.region, self._settings.file
        if topic and topic.split(":")[3] != region:
            yield error(
                f"AlarmTopicArn is {topic}, and alarms reach topics of their own region only, {region}.",
                f"AlarmTopicArn in {file} must be a topic in {region}, or empty.",
            )
        elif not topic and self._settings.environment == "live":
            name = f"{self._settings.stack}-alarms"
            partition = self._caller["Arn"].split(":")[1]
            arn = f"arn:{partition}:sns:{region}:{self._caller['Account']}:{name}"
            yield self._not_at_first(
                "Alarms reach nobody, for there is no AlarmTopicArn.",
                f"Make a topic: {self._cli} sns create-topic --name {name}\n"
                f"         Have it mail to somebody, who has to follow the link in that mail: {self._cli} sns subscribe "
                f"--topic-arn {arn} --protocol email --notification-endpoint ADDRESS\n"
                f'         And in {file}: AlarmTopicArn = "{arn}"',
            )

    def _check_log_role(self) -> Iterator[Finding]:
        """whether API Gateway has a role to write access logs with"""
        role = self._client("apigateway").get_account().get("cloudwatchRoleArn")
        # A first deploy that failed took its role along, and API Gateway still names it.
        if role and not self._role_exists(role):
            role = None
        choice, file = self._parameters["ApiGatewayLogRole"], self._settings.file
        if choice == "existing" and not role:
            yield error(
                "API Gateway has no role to write access logs with, in this account and region.",
                f'Have the stack make one: ApiGatewayLogRole = "create" in {file}',
            )
        elif choice == "create" and role and role.split("/")[-1] != self._own("ApiGatewayAccountRole"):
            yield error(
                f"API Gateway writes access logs with a role already, {role}, which other stacks may rely on.",
                f'Keep it: ApiGatewayLogRole = "existing" in {file}',
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
        """whether SES lets the account send"""
        account = self._client("sesv2").get_account()
        review = "SES says why, and how to answer, in its console under Account dashboard."
        if account.get("EnforcementStatus") == "SHUTDOWN":
            yield self._not_at_first("SES has shut the account's sending down.", review)
        elif not account.get("SendingEnabled", False):
            yield self._not_at_first(
                "Sending is switched off for the account in this region.",
                f"Switch it on: {self._cli} sesv2 put-account-sending-attributes --sending-enabled",
            )
        elif account.get("EnforcementStatus", "HEALTHY") != "HEALTHY":
            yield warning(f"SES has the account's sending under review ({account['EnforcementStatus']}).", review)
        self._in_ses_sandbox = not account.get("ProductionAccessEnabled", False)
        if self._in_ses_sandbox:
            yield self._not_at_first(
                "The account is in SES's own sandbox: SES sends to verified addresses only, 200 mails a day.",
                'Ask for more, which takes a day: "Request production access" in the SES console, in this region.',
            )

    def _check_identity(self) -> Iterator[Finding]:
        """whether SES may send as MailSender"""
        sender, choice, file = self._parameters["MailSender"], self._parameters["MailIdentity"], self._settings.file
        identity = identity_of(self._parameters)
        known = self._identity(identity)
        if choice == "create" and known and self._own("SenderIdentity") != identity:
            yield error(f"SES knows {identity} already, so this stack cannot create it.", f'MailIdentity = "{identity}" in {file}')
        elif choice == "create" and not known and self._own("SenderIdentity") == identity:
            yield error(
                f"Somebody removed {identity} from SES behind the stack's back.",
                f"Put it back: {self._cli} sesv2 create-email-identity --email-identity {identity}",
            )
        elif choice == "create" and not known:
            yield warning(
                f"{identity} is new to SES, and no mail leaves before it is verified.",
                "The DNS records for that are printed when the stack is up.",
            )
        elif not covers(identity, sender):
            yield error(
                f"MailSender is {sender}, which MailIdentity {identity} does not speak for.",
                f"MailIdentity in {file} must be the sender's domain, one above it, or the very address.",
            )
        elif not known:
            yield error(
                f"SES does not know {identity} in {self._settings.region}.",
                f'Have the stack create it, MailIdentity = "create" in {file}, or say which one it knows: '
                f"{self._cli} sesv2 list-email-identities",
            )
        elif not known.get("VerifiedForSendingStatus"):
            yield self._unverified(f"SES has not verified {identity}.", dns_advice(identity, known))
        elif (state := known.get("DkimAttributes", {}).get("Status")) != "SUCCESS":
            report = warning if "@" in identity else self._unverified
            what = f"Mails from {identity} are not signed, and inboxes may take them for spam: its DKIM is {state}."
            yield report(what, dns_advice(identity, known))
        if identity.lower() != sender.lower() and self._identity(sender):
            yield self._unverified(
                f"SES knows the address {sender} as an identity of its own. It would send as that and not as {identity}, and the "
                "mailer may not: no mail would leave.",
                f"Remove it: {self._cli} sesv2 delete-email-identity --email-identity {sender}\n"
                f'         Or have the mailer use it: MailIdentity = "{sender}" in {file}',
            )

    def _check_inboxes(self) -> Iterator[Finding]:
        """whether the inboxes are verified, which SES's own sandbox asks for"""
        if not self._in_ses_sandbox:
            return
        own = identity_of(self._parameters)
        for inbox in sorted({self._parameters[key] for key in INBOXES}):
            keys = ", ".join(key for key in INBOXES if self._parameters[key] == inbox)
            domain = inbox.rpartition("@")[2].lower()
            labels = domain.split(".")
            names = [inbox, *(".".join(labels[start:]) for start in range(len(labels) - 1))]
            # The closest that SES knows is the one that counts.
            found = next((name for name in names if self._identity(name)), None)
            if found is None and covers(own, inbox):
                continue  # it will be, with the sender
            if found is None or not self._identity(found).get("VerifiedForSendingStatus"):
                yield self._not_at_first(
                    f"{inbox} ({keys}) is not verified, and gets no mail while the account is in SES's own sandbox.",
                    f"For trying, take an inbox at {own}; or leave SES's sandbox, as above.",
                )
            elif found.lower() != own.lower():
                yield self._not_at_first(
                    f"{inbox} ({keys}) is verified as {found}. SES's own sandbox also wants a permission to mail to that, which "
                    "the mailer does not have.",
                    f"For trying, take an inbox at {own}; or leave SES's sandbox, as above.",
                )

    def _not_at_first(self, what: str, mend: str) -> Finding:
        """No reason not to try the sandbox, nor to keep a fix from a stack that stands."""
        return (error if self._settings.environment == "live" and self._stack is None else warning)(what, mend)

    def _unverified(self, what: str, mend: str) -> Finding:
        """An error where this deploy would begin to use the identity."""
        same = self._stack is not None and all(
            self._stack.get(key) == self._parameters[key] for key in ("MailSender", "MailIdentity")
        )
        return (warning if same else error)(what, mend)

    def _identity(self, name: str) -> dict | None:
        if name not in self._identities:
            ses = self._client("sesv2")
            try:
                self._identities[name] = ses.get_email_identity(EmailIdentity=name)
            except ses.exceptions.NotFoundException:
                self._identities[name] = None
        return self._identities[name]

    def _own(self, logical_id: str) -> str | None:
        """What the stack calls one of its resources, if it has it."""
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
    """What SES is to know: the template's own rule."""
    choice = parameters["MailIdentity"]
    return parameters["MailSender"].partition("@")[2] if choice == "create" else choice


def covers(identity: str, address: str) -> bool:
    """Whether an identity speaks for an address: its own, or that of a domain at or below it."""
    identity, address = identity.lower(), address.lower()
    domain = address.rpartition("@")[2]
    return identity in (address, domain) or domain.endswith(f".{identity}")


def dns_advice(identity: str, known: dict) -> str:
    """The records by which a domain is verified; for an address, what its owner has to do."""
    if "@" in identity:
        return f"Whoever reads {identity} has to follow the link in SES's mail; sign by verifying the domain instead."
    tokens = known.get("DkimAttributes", {}).get("Tokens", [])
    if not tokens:
        return f"The SES console shows under Identities what {identity} lacks."
    records = "".join(f"\n         {token}._domainkey.{identity} CNAME {token}.dkim.amazonses.com" for token in tokens)
    return f"Its DNS needs these records. SES looks for them for up to three days.{records}"


def check_build(settings: Settings, version: str) -> Iterator[Finding]:
    """The working tree and what was built from it."""
    yield from check_tree(settings.environment, version, commit.changes())
    yield from check_zips(TEMPLATE.read_text(), ROOT, commit.committed_at(*SOURCES))
