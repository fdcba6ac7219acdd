"""The local stack: the whole API on a local AWS, deployed from the template that production uses.

  up       start it in the background and print its addresses; if it is already running, keep or update it
  down     stop it
  dev      start it, post one enquiry and show its email, follow the logs, stop it at Ctrl-C
  logs     follow the logs of a running stack
  mailbox  print the emails that a running stack has sent
  watch    run `cargo lambda watch` with the stack behind it
  run      start a stack, run a command with the stack's addresses in the environment, stop it

Everything lives in one folder (STACK_DIR, by default .local), so any number of stacks can run at once. PORT fixes the
port, RATE_LIMIT sets the requests that a client may make in a minute, and ENVIRONMENT is sandbox (the default) or live.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path

import deployment
import logs
from emulator import ANY_PORT, BUDGETS, USUAL_PORTS, Emulator, Trouble, in_use

sys.path.append(str(deployment.ROOT / "infra"))
import commit
import templates

FOLDER = Path(os.environ.get("STACK_DIR", deployment.ROOT / ".local")).resolve()
HOME = FOLDER / "stack"
ENV_FILE = FOLDER / "stack.env"
DEPLOYED_FILE = HOME / "deployed.json"
EMULATOR_LOG = FOLDER / "ministack.log"
FUNCTIONS_LOG = FOLDER / "functions.log"

# What the template has no default for. Each inbox has its own address, so that an email in the wrong inbox shows.
MAIL = {
    "MailSender": "enquiries@credicorp.test",
    "InboxGeneral": "general@inbox.credicorp.test",
    "InboxSupport": "support@inbox.credicorp.test",
    "InboxPayments": "payments@inbox.credicorp.test",
    "InboxHardship": "hardship@inbox.credicorp.test",
    "InboxComplaints": "complaints@inbox.credicorp.test",
    "InboxOnCall": "on-call@inbox.credicorp.test",
}

ENVIRONMENTS = ("sandbox", "live")
# The id of the API, which is part of its URL: a fixed one, so that the URL is the same after each start.
API_ID = "credicorp"

WATCH_PORT = 9000
MAIL_SECONDS = 20
# Time to press Ctrl-C before stored data is deleted.
SECOND_THOUGHTS_SECONDS = 10

SAMPLE = {
    "form": "contact-us",
    "dept": "support",
    "fields": {"name": "Jordan Ellis", "email": "jordan@example.com", "message": "Please call me.", "consent": "yes"},
}
SAMPLE_JSON = json.dumps(SAMPLE, separators=(",", ":"))


@dataclass(frozen=True)
class Settings:
    """What a developer can set for a stack. None is the default."""

    port: int | None = None
    rate_limit: str | None = None
    environment: str | None = None

    @staticmethod
    def from_variables(variables: dict[str, str]) -> "Settings":
        port = variables.get("PORT") or None
        if port and not (port.isdecimal() and 0 < int(port) < 65536):
            raise Trouble(f"PORT must be a number from 1 to 65535, not {port}.")
        environment = variables.get("ENVIRONMENT") or None
        if environment and environment not in ENVIRONMENTS:
            raise Trouble(f"ENVIRONMENT must be {' or '.join(ENVIRONMENTS)}, not {environment}.")
        rate_limit = variables.get("RATE_LIMIT") or None
        if rate_limit and not (rate_limit.isdecimal() and int(rate_limit) > 0):
            raise Trouble(f"RATE_LIMIT must be a number from 1, not {rate_limit}.")
        return Settings(int(port) if port else None, rate_limit, environment)

    def parameters(self) -> dict[str, str]:
        """The template's parameters."""
        chosen = {"RateLimit": self.rate_limit, "Environment": self.environment}
        # The defaults are named as well: an update that does not name a parameter keeps its last value.
        known = templates.load(deployment.TEMPLATE.read_text())["Parameters"]
        return {**MAIL, **{name: value or str(known[name]["Default"]) for name, value in chosen.items()}}


@dataclass(frozen=True)
class Deployed:
    """What is deployed to the local AWS."""

    fingerprint: str
    environment: str

    @staticmethod
    def read() -> "Deployed | None":
        """What was deployed last; None if a start did not get that far."""
        try:
            return Deployed(**json.loads(DEPLOYED_FILE.read_text()))
        except FileNotFoundError:
            return None

    def write(self) -> None:
        DEPLOYED_FILE.write_text(json.dumps(asdict(self)))


def up(folder: Path, settings: Settings, ports: Iterable[int] = USUAL_PORTS) -> bool:
    """Bring the stack up, on the first of these ports that is free, or on the port of the settings.

    Return whether the local AWS was started. One that is already running is updated instead, if that is possible.
    """
    functions = deployment.binaries(folder)
    parameters = settings.parameters()
    wanted = Deployed(deployment.fingerprint(functions, parameters), parameters["Environment"])

    running, deployed = Emulator.running(HOME), Deployed.read()
    if running and deployed and ENV_FILE.exists():
        obstacle = why_not_updated(running, deployed, wanted, settings.port)
        if not obstacle:
            if deployed == wanted:
                say("already running, with this build and these settings")
            else:
                update(running, functions, parameters, wanted)
            return False
        port_must_be_free(settings.port, running)
        warn_of_loss(running, obstacle, deployed)
    else:
        port_must_be_free(settings.port, running)
    down()

    FOLDER.mkdir(parents=True, exist_ok=True)
    step = Steps()
    try:
        ports = [settings.port] if settings.port else ports
        emulator = Emulator.start(HOME, ports, deployment.emulator_fingerprint(), EMULATOR_LOG)
        if ports == USUAL_PORTS and emulator.port != USUAL_PORTS[0]:
            say(f"port {USUAL_PORTS[0]} is in use, so this stack is on port {emulator.port}")
        step.done("started the local AWS")
        bring_about(emulator, functions, parameters, wanted, step)
    except BaseException:
        down()
        raise
    return True


def why_not_updated(running: Emulator, deployed: Deployed, wanted: Deployed, port: int | None) -> str | None:
    """Why the local AWS has to be restarted; None if an update is enough."""
    if port and port != running.port:
        return f"You asked for port {port}, but the local AWS runs on port {running.port}."
    if deployed.environment != wanted.environment:
        return f"You asked for the environment {wanted.environment}, but {deployed.environment} is running."
    if running.fingerprint != deployment.emulator_fingerprint():
        return "The local AWS itself has changed since it was started."
    return None


def port_must_be_free(port: int | None, running: Emulator | None) -> None:
    """Refuse a port that something else uses, before anything is stopped."""
    if port and in_use(port) and not (running and running.port == port):
        raise Trouble(f"Port {port} is in use. Stop the program that uses it, choose another port, or leave PORT unset.")


def warn_of_loss(running: Emulator, obstacle: str, deployed: Deployed) -> None:
    """Say what a restart deletes, and how to keep it. In a terminal, leave time to press Ctrl-C."""
    enquiries = stored_enquiries(running)
    say(f"{obstacle} It must be restarted.")
    if not enquiries:
        say("no enquiries are stored, so the restart loses nothing")
        return
    is_setting = running.fingerprint == deployment.emulator_fingerprint()
    print(
        f"  This deletes everything that is stored: {enquiries} {'enquiry' if enquiries == 1 else 'enquiries'}, and the emails.\n"
        + (f"  To keep it, use the old settings: PORT={running.port} ENVIRONMENT={deployed.environment}\n" if is_setting else "")
        + "  To run a second stack beside it, add another folder to your command: STACK_DIR=.local/second",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.isatty():
        say(f"restarting in {SECOND_THOUGHTS_SECONDS} seconds; press Ctrl-C to keep the data")
        time.sleep(SECOND_THOUGHTS_SECONDS)


def stored_enquiries(emulator: Emulator) -> int:
    pages = deployment.client(emulator, "dynamodb").get_paginator("scan")
    return sum(page["Count"] for page in pages.paginate(TableName=stack_env()["ENQUIRIES_TABLE"], Select="COUNT"))


def update(emulator: Emulator, functions: dict[str, Path], parameters: dict[str, str], wanted: Deployed) -> None:
    """Update the running stack, as a deployment to AWS would. It keeps its port and its data."""
    say("already running, with another build or other settings: updating it; its data is kept")
    # If this is interrupted, the next `up` must run the update again.
    Deployed("", wanted.environment).write()
    try:
        bring_about(emulator, functions, parameters, wanted, Steps())
    except Trouble as trouble:
        raise Trouble(
            f"{trouble}\nThe update failed. The data is still there. To start again without it: make down, then make up"
        ) from None


def bring_about(
    emulator: Emulator, functions: dict[str, Path], parameters: dict[str, str], wanted: Deployed, step: "Steps"
) -> None:
    """Deploy, wait for the endpoint, and save its address."""
    deployment.prepare(emulator, functions)
    # The version is not part of the fingerprint: the same build under the next commit needs no update.
    outputs = deployment.deploy(emulator, {**parameters, "Version": commit.version()}, api_id=API_ID)
    env = deployment.stack_env(emulator, outputs)
    step.done("deployed infra/template.yaml")
    deployment.wait_until_it_answers(env["API_URL"])
    step.done("the endpoint responds")
    wanted.write()
    ENV_FILE.write_text("".join(f"{name}={value}\n" for name, value in env.items()))


def down() -> None:
    """Stop the stack in this folder, if one is running, and save its logs."""
    ENV_FILE.unlink(missing_ok=True)
    emulator = Emulator.running(HOME)
    if not emulator:
        return
    # A second Ctrl-C must not leave half of it running.
    before = {sign: signal.signal(sign, signal.SIG_IGN) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        logs.save(emulator, FUNCTIONS_LOG)
    except Exception as error:  # a problem with the logs must not keep the stack running
        say(f"could not save the functions' logs: {error}")
    emulator.stop()
    for sign, handler in before.items():
        signal.signal(sign, handler)


def dev() -> None:
    """Post one enquiry and show the results, say how to post another, and follow the logs."""
    env = stack_env()
    print(f"\nAPI      {env['API_URL']}\nMailbox  {env['MAILBOX_URL']}\n", flush=True)
    try:
        show_an_enquiry(env)
        folder = f"STACK_DIR={shown(FOLDER)} " if "STACK_DIR" in os.environ else ""
        print(
            f"Post another:\n\n{example(env['API_URL'])}\n\n"
            f"To see all emails: {folder}make mailbox\n"
            f"To see all records: (set -a; . {shown(ENV_FILE)}; {shown(Path(sys.executable).parent)}/aws dynamodb scan"
            ' --table-name "$ENQUIRIES_TABLE")\n\nThe logs follow. Press Ctrl-C to stop.\n',
            flush=True,
        )
        logs.follow(the_emulator(), EMULATOR_LOG)
    except KeyboardInterrupt:
        print(flush=True)


def show_an_enquiry(env: dict[str, str]) -> None:
    """Post one, and print the response, the record and the email."""
    status, headers, body = post(env["API_URL"], SAMPLE_JSON)
    print(f"An enquiry was posted. The response:\n\n  {status} {HTTPStatus(status).phrase}", flush=True)
    for name in ("x-credicorp-request-id", "ratelimit", "retry-after"):
        if name in headers:
            print(f"  {name}: {headers[name]}")
    print(f"\n  {body.strip()}\n", flush=True)
    if status != HTTPStatus.CREATED:
        print("It was not accepted, so there is no record and no email.\n", flush=True)
        return

    enquiry_id = json.loads(body)["id"]
    posted = time.monotonic()
    record, mail, seconds = {}, None, 0.0
    while time.monotonic() < posted + MAIL_SECONDS:
        if not mail:
            mail = next((mail for mail in mails(env) if enquiry_id in mail["Subject"]), None)
            seconds = time.monotonic() - posted
        record = read_record(env, enquiry_id)
        if mail and record.get("mail_state") == "sent":
            break
        time.sleep(0.2)

    print("The stored record:\n")
    for name in ("id", "created_at", "form", "dept", "fields", "mail_state"):
        print(f"  {name:<10}  {record.get(name, '')}")
    if not mail:
        print(f"\nNo email arrived within {MAIL_SECONDS} seconds. The logs below may show why.\n", flush=True)
        return
    print(f"\nThe email, {seconds:.1f} seconds after the response:\n")
    print(textwrap.indent(mail_text(mail).rstrip(), "  ") + "\n", flush=True)


def post(api_url: str, body: str) -> tuple[int, Message, str]:
    """Post an enquiry. Return the response's status, headers and body, whatever the status is."""
    request = urllib.request.Request(
        api_url + deployment.ENDPOINT_PATH, body.encode(), {"content-type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=deployment.ANSWER_SECONDS) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode(errors="replace")


def read_record(env: dict[str, str], enquiry_id: str) -> dict[str, str]:
    """The text attributes of an enquiry's record."""
    item = deployment.client(the_emulator(), "dynamodb").get_item(
        TableName=env["ENQUIRIES_TABLE"], Key={"id": {"S": enquiry_id}}, ConsistentRead=True
    )
    return {name: value["S"] for name, value in item.get("Item", {}).items() if "S" in value}


def mailbox() -> None:
    """Print the emails, oldest first."""
    the_emulator()
    for mail in mails(stack_env()):
        print(f"{mail_text(mail)}\n{'-' * 72}")


def mails(env: dict[str, str]) -> list[dict]:
    """The emails that the local AWS has received, oldest first."""
    with urllib.request.urlopen(env["MAILBOX_URL"]) as response:
        accounts = json.load(response)["messages"]
    return [mail for sent in accounts.values() for mail in sent]


def mail_text(mail: dict) -> str:
    return f"From: {mail['Source']}\nTo: {', '.join(mail['To'])}\nSubject: {mail['Subject']}\n\n{mail['BodyText']}"


def example(url: str) -> str:
    """The curl command that posts the sample."""
    return f"curl -i {url}{deployment.ENDPOINT_PATH} -H 'content-type: application/json' \\\n  -d '{SAMPLE_JSON}'"


def shown(path: Path) -> str:
    """A path as short as it works from the repository's root."""
    return str(path.relative_to(deployment.ROOT) if path.is_relative_to(deployment.ROOT) else path)


def watch() -> int:
    """Run the function under `cargo lambda watch`, configured as the deployed one is."""
    if in_use(WATCH_PORT):
        raise Trouble(f"Port {WATCH_PORT}, which `make watch` needs, is in use. Stop the program that uses it.")
    emulator = the_emulator()
    name = stack_env()["CREATE_ENQUIRY_FUNCTION"]
    deployed = deployment.client(emulator, "lambda").get_function_configuration(FunctionName=name)
    configuration = deployed["Environment"]["Variables"]
    del configuration["SSL_CERT_FILE"]  # a file of Amazon Linux, which cargo would look for here
    aws = {key: value for key, value in emulator.client_env().items() if key.startswith("AWS_")}
    print(f"\nTry it:\n\n{example(f'http://localhost:{WATCH_PORT}')}\n", flush=True)
    # Its own CORS headers would hide ours.
    command = f"cargo lambda watch --invoke-address 127.0.0.1 --invoke-port {WATCH_PORT} --disable-cors"
    return call(command.split(), {**configuration, **BUDGETS, **aws})


def call(command: list[str], env: dict[str, str]) -> int:
    """Run a command to its end. Ctrl-C reaches it as well, so it is waited for rather than cut off."""
    process = subprocess.Popen(command, env={**os.environ, **env}, cwd=deployment.ROOT)
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def stack_env() -> dict[str, str]:
    return dict(line.split("=", 1) for line in ENV_FILE.read_text().splitlines())


def the_emulator() -> Emulator:
    emulator = Emulator.running(HOME)
    if not emulator:
        raise Trouble("The local AWS is not running. Start it: make up")
    return emulator


class Steps:
    """Says what was done, and how long it took."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def done(self, what: str) -> None:
        now = time.monotonic()
        say(f"{what} ({now - self._start:.1f} s)")
        self._start = now


def say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["up", "down", "dev", "logs", "mailbox", "watch", "run"])
    parser.add_argument("--binaries", type=Path, default=deployment.ROOT / "target" / "release", help="folder of the builds")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="the command, for run")
    arguments = parser.parse_args()

    # If one of these signals ends us, the `finally` below must still stop what we started.
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(1))

    if arguments.command == "down":
        down()
        return 0
    if arguments.command == "logs":
        logs.follow(the_emulator(), EMULATOR_LOG)
        return 0
    if arguments.command == "mailbox":
        mailbox()
        return 0
    if arguments.command == "run":
        # Tests expect empty tables and the template's own settings, whatever the developer's are.
        down()
        started = up(arguments.binaries, Settings(), ANY_PORT)
    elif arguments.command == "watch" and Emulator.running(HOME):
        started = False
    else:
        started = up(arguments.binaries, Settings.from_variables(dict(os.environ)))

    if arguments.command == "up":
        env = stack_env()
        print("".join(f"{name}={env[name]}\n" for name in ("API_URL", "AWS_ENDPOINT_URL", "MAILBOX_URL")), end="")
        return 0
    try:
        if arguments.command == "run":
            return call(arguments.rest, stack_env())
        if arguments.command == "watch":
            return watch()
        dev()
    finally:
        if started:
            down()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except Trouble as trouble:
        sys.exit(f"{trouble}")
