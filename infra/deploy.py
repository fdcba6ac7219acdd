"""Deploys an environment to AWS with SAM: `make deploy ENVIRONMENT=sandbox`, or live.

Its settings are infra/environments/<name>.toml. What has no default is asked for once. Then it looks for what would go wrong
(preflight.py; once before the build, which takes minutes, and once after it), deploys, and tests what it deployed
(smoke_test.py). Until the deploy itself, nothing is changed.
"""

import argparse
import json
import os
import subprocess
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import commit
import preflight
import settings
import smoke_test
from settings import Settings, Trouble

ROOT = settings.TEMPLATE.parents[1]
SAM = ROOT / ".local" / "sam" / "bin" / "sam"
SAM_HOME = ROOT / ".local" / "sam-home"
FOLDER = ROOT / "target" / "deploy"


def deploy(chosen: Settings, session: boto3.Session) -> bool:
    """Look, deploy, test; false when something is not as it should be, all of which is printed."""
    version = commit.version()
    print(f"Deploying {version} as {chosen.stack} in {chosen.region}", flush=True)
    account = preflight.Account(chosen, session.client)
    found = [*preflight.check_build(chosen, version), *account.check()]
    for finding in sorted(found, key=lambda finding: not finding.is_error):
        print(finding, flush=True)
    if any(finding.is_error for finding in found):
        print("Nothing was changed.", flush=True)
        return False

    status = subprocess.run(sam_command(chosen, version), env=sam_env(), cwd=ROOT, stdin=subprocess.DEVNULL).returncode
    if status:
        print(f"SAM failed ({status}). What it says of the stack's events, above, names the cause.", flush=True)
        return False
    is_protected = True
    try:
        protect(chosen, session)
    except (BotoCoreError, ClientError) as failure:
        print(f"error    The stack is deployed, and not all of its tables are protected from being deleted: {failure}", flush=True)
        is_protected = False
    say_dns_records(chosen, session)
    return smoke_test.report(session, chosen.stack) and is_protected


def is_worth_building(chosen: Settings, session: boto3.Session) -> bool:
    """Whether a deploy would get past all that no build mends, such as settings that were only just written, and that live wants
    committed. What would stop it is printed; the warnings come with the deploy."""
    found = [
        *preflight.check_tree(chosen.environment, commit.version(), commit.changes()),
        *preflight.Account(chosen, session.client).check(),
    ]
    errors = [finding for finding in found if finding.is_error]
    for finding in errors:
        print(finding, flush=True)
    if errors:
        print("Nothing was built or changed.", flush=True)
    return not errors


def sam_command(chosen: Settings, version: str) -> list[str]:
    """Packages, uploads and deploys in one: SAM also expands the template's YAML anchors, which CloudFormation does not take."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    # In a file, where no shell and no parser of SAM's can take a comma or a star for something else. JSON is YAML.
    parameters = FOLDER / f"{chosen.environment}-parameters.yaml"
    parameters.write_text(json.dumps({**chosen.parameters, "Version": version}, indent=2))
    return [
        *(str(SAM), "deploy", "--template-file", str(settings.TEMPLATE)),
        *("--stack-name", chosen.stack, "--region", chosen.region),
        *(("--s3-bucket", chosen.bucket) if chosen.bucket else ("--resolve-s3",)),
        *("--s3-prefix", chosen.stack),
        *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
        *("--parameter-overrides", f"file://{parameters}"),
        # Nothing to change is no failure: the smoke test still tells.
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
    ]


def sam_env() -> dict[str, str]:
    """Nothing outside of this folder, and nothing sent to anybody but AWS."""
    return {**os.environ, "SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(SAM_HOME)}


def protect(chosen: Settings, session: boto3.Session) -> None:
    """From now on, nobody deletes a table of live by mistake. Not in the template, where it would keep what a first deploy has
    made that fails; and each deploy sees to it again, for a table may be new."""
    if chosen.environment != "live":
        return
    pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=chosen.stack)
    parts = [part for page in pages for part in page["StackResourceSummaries"]]
    tables = [part["PhysicalResourceId"] for part in parts if part["ResourceType"] == "AWS::DynamoDB::Table"]
    restored = chosen.parameters["RestoredEnquiriesTable"]
    dynamodb = session.client("dynamodb")
    for table in [*tables, *([restored] if restored else [])]:
        if not dynamodb.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
            print(f"· {table} is protected from being deleted", flush=True)


def say_dns_records(chosen: Settings, session: boto3.Session) -> None:
    """What is left to do by hand, when the sender's domain is new to SES."""
    identity = preflight.identity_of(chosen.parameters)
    try:
        known = session.client("sesv2").get_email_identity(EmailIdentity=identity)
    except (BotoCoreError, ClientError) as failure:
        print(f"warning  Nobody knows whether {identity} is verified: {failure}", flush=True)
        return
    if not known.get("VerifiedForSendingStatus"):
        advice = preflight.dns_advice(identity, known)
        print(f"warning  {identity} is not verified yet, so no mail leaves.\n         {advice}", flush=True)


def ask(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        raise Trouble("\nNo answer. Nothing was changed.") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment", nargs="?", default="")
    parser.add_argument("--settings", action="store_true", help="only ask for settings, and see what would stop a deploy anyhow")
    arguments = parser.parse_args()
    if arguments.environment not in settings.ENVIRONMENTS:
        raise Trouble(f"Say where to: make deploy ENVIRONMENT={' or ENVIRONMENT='.join(settings.ENVIRONMENTS)}")
    chosen = settings.load(arguments.environment, ask if sys.stdin.isatty() else None)
    step = is_worth_building if arguments.settings else deploy
    return 0 if step(chosen, boto3.Session(region_name=chosen.region)) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except Trouble as trouble:
        sys.exit(str(trouble))
