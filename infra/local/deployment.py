"""Deploys infra/template.yaml, byte for byte the one for AWS, to the local AWS, by the AWS CLI's own commands."""

import hashlib
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import boto3

from emulator import Emulator, Trouble

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "template.yaml"
STACK_NAME = "credicorp-public"
BUCKET = "packages"
ENDPOINT_PATH = "/public/v1/enquiries"
MAILBOX_PATH = "/_ministack/ses/messages"
ANSWER_SECONDS = 20


def binaries(folder: Path) -> dict[str, Path]:
    """The functions that the template names, each with this machine's build of it."""
    names = sorted(set(re.findall(r"target/lambda/([\w-]+)/bootstrap\.zip", TEMPLATE.read_text())))
    found = {name: folder / name for name in names}
    for path in found.values():
        if not path.is_file():
            raise Trouble(f"{path} is not built. Use the make targets, or: cargo build --release")
    return found


def emulator_fingerprint() -> str:
    """A hash of the files whose change needs a new emulator."""
    return _digest([Path(__file__).with_name("emulator.py"), Path(__file__).with_name("requirements.txt")])


def fingerprint(functions: dict[str, Path], parameters: dict[str, str]) -> str:
    """A hash of everything whose change needs a new deployment to the same emulator."""
    return _digest([TEMPLATE, Path(__file__), *functions.values()], repr(sorted(parameters.items())))


def prepare(emulator: Emulator, functions: dict[str, Path]) -> None:
    """Put the functions where `deploy` will find them. Needed again only when they have changed."""
    # A template names the functions' arm64 zips relative to itself. A copy of the two folders, with zips for this machine in
    # their place, leaves it as it is.
    if not _tree(emulator).exists():
        _aws(emulator, f"s3 mb s3://{BUCKET}")
    for name, binary in functions.items():
        _zip(binary, _tree(emulator) / "target" / "lambda" / name / "bootstrap.zip")


def deploy(
    emulator: Emulator, parameters: dict[str, str], template: Path = TEMPLATE, api_id: str | None = None
) -> dict[str, str]:
    """Package and deploy, and return the stack's outputs. An existing stack is updated.

    The CLI passes on only those parameters that the template declares. Without an `api_id`, each new stack gets another one.
    """
    tree = _tree(emulator)
    copy = tree / "infra" / "template.yaml"
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(template, copy)

    packaged = tree / "packaged.yaml"
    _aws(emulator, f"cloudformation package --s3-bucket {BUCKET}", template_file=copy, output_template_file=packaged)
    overrides = "".join(f" {name}={value}" for name, value in parameters.items())
    _aws(
        emulator,
        f"cloudformation deploy --s3-bucket {BUCKET} --stack-name {STACK_NAME} --no-fail-on-empty-changeset"
        " --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND"
        # ministack reads the API's id from this tag, which the resources inherit from the stack.
        + (f" --tags ms-custom-id={api_id}" if api_id else "")
        + (f" --parameter-overrides{overrides}" if overrides else ""),
        template_file=packaged,
    )

    stack = client(emulator, "cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def stack_env(emulator: Emulator, outputs: dict[str, str]) -> dict[str, str]:
    """The stack as environment variables: its addresses, how to reach it, and its outputs (EnquiriesTable is
    ENQUIRIES_TABLE)."""
    api, stage = re.match(r"https://([\w-]+)\.execute-api\.[^/]+/(\w+)$", outputs.pop("ApiUrl")).groups()
    return {
        "API_URL": f"{emulator.url}/_aws/execute-api/{api}/{stage}",
        "AWS_ENDPOINT_URL": emulator.url,
        "MAILBOX_URL": emulator.url + MAILBOX_PATH,
        "CREDICORP_STACK": STACK_NAME,
        **{key: value for key, value in emulator.client_env().items() if key.startswith("AWS_")},
        **{re.sub(r"(?<!^)(?=[A-Z])", "_", key).upper(): value for key, value in sorted(outputs.items())},
    }


def wait_until_it_answers(api_url: str) -> None:
    """Wait until the function itself responds to a preflight, through the gateway."""
    request = urllib.request.Request(
        api_url + ENDPOINT_PATH,
        method="OPTIONS",
        headers={"origin": "http://localhost", "access-control-request-method": "POST"},
    )
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):
                return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read().decode(errors='replace')}"
        except OSError as error:
            answer = str(error)
        if time.monotonic() > deadline:
            raise Trouble(
                f"The endpoint is deployed but does not respond as expected. Its response: {answer}\n"
                "The function's log is in functions.log, or in ministack.log if the function did not start."
            )
        time.sleep(0.2)


def client(emulator: Emulator, service: str):
    """An SDK client for the emulator, whatever the developer's own AWS settings are."""
    env = emulator.client_env()
    return boto3.client(
        service,
        endpoint_url=emulator.url,
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )


def _digest(files: list[Path], text: str = "") -> str:
    digest = hashlib.sha256(text.encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _tree(emulator: Emulator) -> Path:
    return emulator.home / "package"


def _zip(binary: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(target, "w", compresslevel=1) as archive:
        archive.writestr(entry, binary.read_bytes())


def _aws(emulator: Emulator, command: str, **files: Path) -> None:
    paths = [text for name, path in files.items() for text in (f"--{name.replace('_', '-')}", str(path))]
    done = subprocess.run(
        [sys.executable, "-m", "awscli", *command.split(), *paths],
        env=emulator.client_env(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Trouble(f"aws {command} failed:\n{done.stderr}{_failures(emulator)}")


def _failures(emulator: Emulator) -> str:
    """Why a stack failed. The CLI says only that it failed."""
    cloudformation = client(emulator, "cloudformation")
    try:
        events = cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"]
    except cloudformation.exceptions.ClientError:
        return ""
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    return "\n".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed)
