"""Deploys an environment to AWS with SAM: `make deploy ENVIRONMENT=sandbox`, or live.

The settings are in infra/environments/<name>.toml. The first run asks for each setting that has no default. Then preflight.py
checks for problems, once before the build, which takes minutes, and once after it. After the deploy, smoke_test.py tests the
deployed stack. Nothing is changed in AWS before the deploy itself.
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
from settings import DeployError, Settings

ROOT = settings.TEMPLATE.parents[1]
SAM = ROOT / ".local" / "sam" / "bin" / "sam"
SAM_HOME = ROOT / ".local" / "sam-home"
FOLDER = ROOT / "target" / "deploy"


def deploy(chosen: Settings, session: boto3.Session) -> bool:
    """Checks, deploys and tests. Prints every problem, and returns false if there is one."""
    version = commit.version()
    print(f"Deploying {version} as {chosen.stack} in {chosen.region}", flush=True)
    account = preflight.Account(chosen, session.client)
    found = [*preflight.check_build(chosen, version), *account.check()]
    for finding in sorted(found, key=lambda finding: not finding.is_error):
        print(finding, flush=True)
    if any(finding.is_error for finding in found):
        print("Stopped. Nothing was changed.", flush=True)
        return False

    status = subprocess.run(sam_command(chosen, version), env=sam_env(), cwd=ROOT, stdin=subprocess.DEVNULL).returncode
    if status:
        print(f"SAM failed (exit code {status}). The stack's events above show the cause.", flush=True)
        return False
    is_protected = True
    try:
        protect(chosen, session)
    except (BotoCoreError, ClientError) as failure:
        print(f"error    The stack is deployed, but some of its tables are not protected against deletion: {failure}", flush=True)
        is_protected = False
    print_dns_records(chosen, session)
    return smoke_test.report(session, chosen.stack) and is_protected


def is_ready_to_build(chosen: Settings, session: boto3.Session) -> bool:
    """Checks for errors that a build cannot fix, such as new settings that must be committed before live is deployed. Prints them.
    The warnings are printed later, by the deploy."""
    found = [
        *preflight.check_tree(chosen.environment, commit.version(), commit.changes()),
        *preflight.Account(chosen, session.client).check(),
    ]
    errors = [finding for finding in found if finding.is_error]
    for finding in errors:
        print(finding, flush=True)
    if errors:
        print("Stopped. Nothing was built or changed.", flush=True)
    return not errors


def sam_command(chosen: Settings, version: str) -> list[str]:
    """Packages, uploads and deploys. SAM also expands the template's YAML anchors, which CloudFormation rejects."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    # In a file, so that no shell and no parser of SAM misreads a comma or a star. JSON is valid YAML.
    parameters = FOLDER / f"{chosen.environment}-parameters.yaml"
    parameters.write_text(json.dumps({**chosen.parameters, "Version": version}, indent=2))
    return [
        *(str(SAM), "deploy", "--template-file", str(settings.TEMPLATE)),
        *("--stack-name", chosen.stack, "--region", chosen.region),
        *(("--s3-bucket", chosen.bucket) if chosen.bucket else ("--resolve-s3",)),
        *("--s3-prefix", chosen.stack),
        *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
        *("--parameter-overrides", f"file://{parameters}"),
        # A deploy without changes is not a failure. The smoke test still runs.
        *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
    ]


def sam_env() -> dict[str, str]:
    """Makes SAM write only to this folder, and send nothing to anybody but AWS."""
    return {**os.environ, "SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(SAM_HOME)}


def protect(chosen: Settings, session: boto3.Session) -> None:
    """Protects live's tables against deletion by mistake. If the template did this, a first deploy that fails would leave its
    tables behind. Every deploy does it again, because a table may be new."""
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
            print(f"· {table} is now protected against deletion", flush=True)


def print_dns_records(chosen: Settings, session: boto3.Session) -> None:
    """Prints the DNS records to add by hand, if SES has not verified the sender's domain yet."""
    identity = preflight.identity_of(chosen.parameters)
    try:
        known = session.client("sesv2").get_email_identity(EmailIdentity=identity)
    except (BotoCoreError, ClientError) as failure:
        print(f"warning  Could not check whether SES has verified {identity}: {failure}", flush=True)
        return
    if not known.get("VerifiedForSendingStatus"):
        advice = preflight.dns_advice(identity, known)
        print(f"warning  SES has not verified {identity} yet, so no emails are sent.\n         {advice}", flush=True)


def ask(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        raise DeployError("\nNo answer was given. Nothing was changed.") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment", nargs="?", default="")
    settings_help = "only ask for missing settings, and check for errors that a build cannot fix"
    parser.add_argument("--settings", action="store_true", help=settings_help)
    arguments = parser.parse_args()
    if arguments.environment not in settings.ENVIRONMENTS:
        raise DeployError(f"Choose an environment: make deploy ENVIRONMENT={' or ENVIRONMENT='.join(settings.ENVIRONMENTS)}")
    chosen = settings.load(arguments.environment, ask if sys.stdin.isatty() else None)
    step = is_ready_to_build if arguments.settings else deploy
    return 0 if step(chosen, boto3.Session(region_name=chosen.region)) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except DeployError as error:
        sys.exit(str(error))
