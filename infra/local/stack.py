"""The local stack: the whole ring on a local AWS, deployed from the template that production uses.

  up       start it in the background and print where it is; one that is already up, with the same build, is kept
  down     stop it
  dev      start it, follow its logs, stop it at Ctrl-C
  logs     follow the logs of one that is up
  mailbox  print the mails that one that is up has sent
  watch    run `cargo lambda watch` with the stack behind it
  run      start a stack, run a command with its addresses in the environment, stop it

Everything lives in one folder (STACK_DIR, by default .local), so any number of stacks can be up at once. PORT fixes the
port, which is otherwise a free one; RATE_LIMIT sets the requests that a client may make in a minute.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import deployment
import logs
from emulator import BUDGETS, Emulator, Trouble, in_use

sys.path.append(str(deployment.ROOT / "infra"))
import commit

FOLDER = Path(os.environ.get("STACK_DIR", deployment.ROOT / ".local")).resolve()
HOME = FOLDER / "stack"
ENV_FILE = FOLDER / "stack.env"
EMULATOR_LOG = FOLDER / "ministack.log"
FUNCTIONS_LOG = FOLDER / "functions.log"

# What the template does not know by itself. Five addresses, so that a mail in the wrong inbox shows.
MAIL = {
    "MailSender": "enquiries@credicorp.test",
    "InboxGeneral": "general@inbox.credicorp.test",
    "InboxSupport": "support@inbox.credicorp.test",
    "InboxPayments": "payments@inbox.credicorp.test",
    "InboxHardship": "hardship@inbox.credicorp.test",
    "InboxComplaints": "complaints@inbox.credicorp.test",
    "InboxOnCall": "on-call@inbox.credicorp.test",
}

WATCH_PORT = 9000
EXAMPLE = """curl -i {url}/public/v1/enquiries -H 'content-type: application/json' \\
  -d '{{"form":"contact","dept":"support","fields":{{"email":"ada@example.com","message":"Hello","consent":"yes"}}}}'"""


def up(folder: Path, port: str | None, rate_limit: str | None) -> bool:
    """Bring the stack up; false when it already was."""
    functions = deployment.binaries(folder)
    parameters = {**MAIL, **({"RateLimit": rate_limit} if rate_limit else {})}
    if port and not port.isdecimal():
        raise Trouble(f"PORT must be a number, not {port}.")
    fixed_port = int(port) if port else None
    fingerprint = deployment.fingerprint(functions, parameters, fixed_port)

    running = Emulator.running(HOME)
    if running and running.fingerprint == fingerprint and ENV_FILE.exists():
        say("already up, with this build")
        return False
    if running:
        say("up with another build or other settings: starting afresh, what was stored goes")
    down()

    FOLDER.mkdir(parents=True, exist_ok=True)
    step = Steps()
    try:
        emulator = Emulator.start(HOME, fixed_port, fingerprint, EMULATOR_LOG)
        step.done("started the local AWS")
        deployment.prepare(emulator, functions)
        # Not in the fingerprint: the same build under the next commit is no reason to lose what is stored.
        outputs = deployment.deploy(emulator, {**parameters, "Version": commit.version()})
        env = deployment.stack_env(emulator, outputs)
        step.done("deployed infra/template.yaml")
        deployment.wait_until_it_answers(env["API_URL"])
        step.done("the endpoint answers")
    except BaseException:
        down()
        raise
    ENV_FILE.write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    return True


def down() -> None:
    """Stop what is up here, if anything is, and keep its logs."""
    ENV_FILE.unlink(missing_ok=True)
    emulator = Emulator.running(HOME)
    if not emulator:
        return
    # A second Ctrl-C must not leave half of it running.
    before = {sign: signal.signal(sign, signal.SIG_IGN) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        logs.save(emulator, FUNCTIONS_LOG)
    except Exception as error:  # whatever is wrong with the logs, it must still stop
        say(f"could not keep the functions' logs: {error}")
    emulator.stop()
    for sign, handler in before.items():
        signal.signal(sign, handler)


def dev() -> None:
    """Follow the logs, under a few lines that say what to try."""
    env = stack_env()
    print(
        f"\nAPI      {env['API_URL']}\nMailbox  {env['MAILBOX_URL']}\n\nTry it:\n\n{EXAMPLE.format(url=env['API_URL'])}\n"
        "\nread the mail that it becomes:\n\nmake mailbox\n"
        f"\nand see what was stored:\n\n(set -a; . {ENV_FILE}; {Path(sys.executable).parent}/aws dynamodb scan"
        ' --table-name "$ENQUIRIES_TABLE")\n\nThe log follows. Ctrl-C stops.\n',
        flush=True,
    )
    try:
        logs.follow(the_emulator(), EMULATOR_LOG)
    except KeyboardInterrupt:
        print(flush=True)


def mailbox() -> None:
    """Print the mails, oldest first."""
    with urllib.request.urlopen(f"{the_emulator().url}{deployment.MAILBOX_PATH}") as answer:
        accounts = json.load(answer)["messages"]
    for mail in (mail for mails in accounts.values() for mail in mails):
        print(f"From: {mail['Source']}\nTo: {', '.join(mail['To'])}\nSubject: {mail['Subject']}\n\n{mail['BodyText']}\n{'-' * 72}")


def watch() -> int:
    """Run the function under `cargo lambda watch`, configured as the deployed one is."""
    if in_use(WATCH_PORT):
        raise Trouble(f"Port {WATCH_PORT}, where `make watch` serves, is in use. Stop what listens there.")
    emulator = the_emulator()
    name = stack_env()["CREATE_ENQUIRY_FUNCTION"]
    deployed = deployment.client(emulator, "lambda").get_function_configuration(FunctionName=name)
    configuration = deployed["Environment"]["Variables"]
    del configuration["SSL_CERT_FILE"]  # a file of Amazon Linux, which cargo would look for here
    aws = {key: value for key, value in emulator.client_env().items() if key.startswith("AWS_")}
    print(f"\nTry it:\n\n{EXAMPLE.format(url=f'http://localhost:{WATCH_PORT}')}\n", flush=True)
    # Its own CORS answers would hide ours.
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
        raise Trouble("Nothing is up. Start it with: make up")
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

    # Whoever ends us, by whatever means but the last, ends what we started too.
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
        started = up(arguments.binaries, port=None, rate_limit=None)
    elif arguments.command == "watch" and Emulator.running(HOME):
        started = False
    else:
        started = up(arguments.binaries, os.environ.get("PORT"), os.environ.get("RATE_LIMIT"))

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
