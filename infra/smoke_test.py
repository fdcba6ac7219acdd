"""Posts one real enquiry to a deployed stack, follows it until its mail is sent, and removes it.

Needs credentials that may describe the stack, and read and delete in its table of enquiries. By hand, against what
`make up` started:

  set -a; . .local/stack.env; .local/venv/bin/python infra/smoke_test.py credicorp-public --api-url "$API_URL"

What stays behind: a mail in the general inbox, a count that expires in minutes, and for a day an idempotency record, which
holds two hashes and the id of an enquiry that is gone. Its key cannot be told without the pepper, which nobody needs to
hold for this. An enquiry whose answers were all lost may stay too, with the form smoke-test and a mail of its own, for nobody
was told its id.
"""

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ENDPOINT_PATH = "/public/v1/enquiries"
REQUEST_ID = "x-credicorp-request-id"
REPLAYED = "idempotent-replayed"
# A new stack's gateway and roles take a while to be known everywhere.
ANSWER_SECONDS = 60
MAIL_SECONDS = 60
CALL_SECONDS = 30
# In base64 more than the 6 MB that Lambda takes, and less than the gateway's own limit of 10 MB.
LARGE_BODY_BYTES = 5_000_000
# Why a mail waits, as the record's timeline names it, and what helps.
CAUSES = {
    "MessageRejected": "SES has paused the account, or not verified the sender; or an inbox, while the account is in its sandbox",
    "MailFromDomainNotVerifiedException": "SES has not verified the sender's domain",
    "AccessDeniedException": "the mailer may not send as MailSender; or not to an inbox, while the account is in SES's own sandbox",
    "AccountSuspendedException": "SES has shut the account's sending down: its console says why, under Account dashboard",
    "SendingPausedException": "sending is switched off: aws sesv2 put-account-sending-attributes --sending-enabled",
    "TooManyRequestsException": "SES throttles the account: wait, or raise its sending rate",
    "LimitExceededException": "the account has reached what SES lets it send a day",
    "no connection": "the mailer did not reach SES: see whether it is up",
    "timeout": "SES did not answer in time: see whether it is up",
}


class Failed(Exception):
    """What was not as it should be."""


@dataclass(frozen=True)
class Response:
    """What came back, whatever its status."""

    status: int
    headers: dict[str, str]
    body: dict

    def __str__(self) -> str:
        return f"{self.status or 'no answer'} {json.dumps(self.body)}"

    @property
    def request_id(self) -> str | None:
        return self.headers.get(REQUEST_ID)


@dataclass(frozen=True)
class Stack:
    """The stack under test, as CloudFormation describes it."""

    api_url: str
    table: str
    version: str
    environment: str
    allowed_origins: str

    @staticmethod
    def described(session: boto3.Session, name: str) -> "Stack":
        stack = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}
        return Stack(
            outputs["ApiUrl"],
            outputs["EnquiriesTable"],
            outputs.get("Version", "unknown"),
            parameters["Environment"],
            parameters["AllowedOrigins"],
        )

    @property
    def origin(self) -> str:
        """One whose pages may call."""
        first = self.allowed_origins.split(",")[0].strip()
        return "https://smoke-test.invalid" if first == "*" else first


# ---- The test --------------------------------------------------------------------------------------------------------


def run(stack: Stack, dynamodb, say: Callable[[str], None]) -> list[str]:
    """Tests the stack, and gives what is not well but no fault of the deploy's. Raises Failed at the first fault."""
    check_preflight(stack)
    say("a preflight is answered")
    check_wrong_path(stack)
    say("a wrong path is answered in the envelope")
    say(what_became_of_a_large_body(post_large_body(stack)))

    key, submission = str(uuid.uuid4()), submission_of(stack)
    response = until_responded(lambda: post(stack, submission, key))
    enquiry_id = check_created(stack, response)
    say(f"{enquiry_id} was accepted ({response.request_id})")
    try:
        check_replay(enquiry_id, post(stack, submission, key))
        say("a retry was recognised")
        check_record(stack, record_of(stack, dynamodb, enquiry_id), submission, response)
        say("it was recorded as it was sent")
        warnings = judge_mail(until_mailed(lambda: record_of(stack, dynamodb, enquiry_id)), say)
    finally:
        fault = sys.exc_info()[1]
        try:
            remove(stack, dynamodb, enquiry_id)
        except (BotoCoreError, ClientError) as failure:
            stays = f"{enquiry_id} could not be removed from {stack.table}, and stays: {failure}"
            # The fault is what the test is for, and must not go unsaid for what came after it.
            raise Failed(f"{fault}\nerror    {stays}" if fault else stays) from fault
    say("it was removed again")
    return warnings


def submission_of(stack: Stack) -> dict:
    return {"form": "smoke-test", "fields": {"deployment": stack.version, "consent": "yes"}}


def check_preflight(stack: Stack) -> None:
    """That pages of an allowed origin may post; also that the stack is up by now."""
    headers = {
        "origin": stack.origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,idempotency-key",
    }
    response = until_responded(lambda: call("OPTIONS", stack.api_url + ENDPOINT_PATH, headers))
    wanted = "*" if stack.allowed_origins.strip() == "*" else stack.origin
    expect(response.status == 200, "a preflight was not answered with 200", response)
    expect(response.headers.get("access-control-allow-origin") == wanted, f"a preflight did not allow the origin {wanted}", response)
    expect("POST" in response.headers.get("access-control-allow-methods", ""), "a preflight did not allow POST", response)
    for name in ("content-type", "idempotency-key"):
        expect(name in response.headers.get("access-control-allow-headers", ""), f"a preflight did not allow {name}", response)


def check_wrong_path(stack: Stack) -> None:
    response = call("GET", f"{stack.api_url}/public/v1/smoke-test")
    expect(response.status == 404, "a wrong path was not answered with 404", response)
    expect(response.body.get("error", {}).get("code") == "route_not_found", "a wrong path was not route_not_found", response)
    check_envelope(stack, response)


def what_became_of_a_large_body(response: Response) -> str:
    """For a report alone: from about 4.5 MB, AWS refuses a body before any of our code sees it, in words that it may change."""
    message, code = response.body.get("message"), (response.body.get("error") or {})
    code = code.get("code") if isinstance(code, dict) else None
    if response.status == 413 and message:
        came = f"AWS itself refused it: 413 {message}"
    elif response.status == 403 and code == "request_blocked":
        came = "the firewall blocked it: 403 request_blocked"
    elif response.status == 413 and code:
        came = f"it was refused as {code}, in our envelope"
    elif response.status == 0:
        came = f"there was no answer: {response.body.get('error')}"
    else:
        came = f"something else came: {response}"
    return f"a body of 5 MB was posted, and {came}"


def check_created(stack: Stack, response: Response) -> str:
    """That an enquiry was accepted; its id."""
    expect(response.status == 201, "the enquiry was not accepted", response)
    check_envelope(stack, response)
    expect(response.body.get("status") == "new", "the enquiry's status is not new", response)
    enquiry_id = str(response.body.get("id"))
    expect(re.fullmatch(r"enq_[0-9A-Z]{6}", enquiry_id), "the enquiry has no id", response)
    return enquiry_id


def check_envelope(stack: Stack, response: Response) -> None:
    meta = response.body.get("meta", {})
    expect(response.request_id, f"the answer has no {REQUEST_ID}", response)
    expect(meta.get("request_id") == response.request_id, f"meta.request_id is not {REQUEST_ID}, {response.request_id}", response)
    expect(meta.get("environment") == stack.environment, f"meta.environment is not {stack.environment}", response)


def check_replay(enquiry_id: str, response: Response) -> None:
    same = response.status == 201 and response.body.get("id") == enquiry_id
    expect(same and response.headers.get(REPLAYED) == "true", "a retry with the same key was not replayed", response)


def check_record(stack: Stack, item: dict | None, submission: dict, response: Response) -> None:
    if item is None:
        raise Failed(f"{response.body['id']} was answered and is not in the table {stack.table}")
    expected = {
        "form": submission["form"],
        "fields": json.dumps(submission["fields"], separators=(",", ":")),
        "environment": stack.environment,
    }
    if REPLAYED not in response.headers:  # or an earlier try recorded it, whose answer was lost
        expected["request_id"] = response.request_id
    for name, value in expected.items():
        found = item.get(name, {}).get("S")
        if found != value:
            raise Failed(f"the record's {name} is {found!r}, and not {value!r}")


def judge_mail(item: dict | None, say: Callable[[str], None]) -> list[str]:
    """What became of the mail. That it waits for a reason that the record names is a warning; that nobody took it up is not."""
    if item is None:
        raise Failed("the record went away while its mail was waited for")
    state = item.get("mail_state", {}).get("S")
    if state == "sent":
        say("its mail was sent")
        return []
    entries = [entry.get("M", {}) for entry in item.get("timeline", {}).get("L", [])]
    causes = [entry["cause"]["S"] for entry in entries if "cause" in entry]
    if not causes:
        raise Failed(
            f"its mail is {state} after {MAIL_SECONDS} s, and nothing says why: see the logs of send-notification, and whether its "
            "event source mapping is enabled"
        )
    advice = CAUSES.get(causes[-1], "see the logs of send-notification, and SES's own documentation of this error")
    return [
        f"The mail was not sent within {MAIL_SECONDS} s ({causes[-1]}): {advice}.\n"
        "         Mails wait three days for that to be mended, except this one, whose enquiry is removed."
    ]


# ---- What it does ----------------------------------------------------------------------------------------------------


def post(stack: Stack, submission: dict, key: str) -> Response:
    headers = {"content-type": "application/json", "idempotency-key": key, "origin": stack.origin}
    return call("POST", stack.api_url + ENDPOINT_PATH, headers, json.dumps(submission).encode())


def post_large_body(stack: Stack) -> Response:
    return call("POST", stack.api_url + ENDPOINT_PATH, {"content-type": "application/json"}, b" " * LARGE_BODY_BYTES)


def call(method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Response:
    """One request. Status 0 is none that came back."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as response:
            return _response_of(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return _response_of(error.code, error.headers, error.read())
    except OSError as error:
        return Response(0, {}, {"error": str(error)})


def until_responded(ask: Callable[[], Response]) -> Response:
    """The first answer that is not the gateway's "not yet": 403 for a stage, 5xx for a function or role, which are not known
    everywhere. A post may be repeated, since it has a key."""
    return _until(ask, lambda response: response.status not in (0, 403) and response.status < 500, ANSWER_SECONDS)


def until_mailed(read: Callable[[], dict | None]) -> dict | None:
    return _until(read, lambda item: item is None or item.get("mail_state", {}).get("S") == "sent", MAIL_SECONDS)


def record_of(stack: Stack, dynamodb, enquiry_id: str) -> dict | None:
    key = {"id": {"S": enquiry_id}}
    return dynamodb.get_item(TableName=stack.table, Key=key, ConsistentRead=True).get("Item")


def remove(stack: Stack, dynamodb, enquiry_id: str) -> None:
    """Whatever became of the test. The condition is there so that no mistake here can ever remove a real enquiry. What the
    mailer or SES still say of it finds no record, and is dropped."""
    dynamodb.delete_item(
        TableName=stack.table,
        Key={"id": {"S": enquiry_id}},
        ConditionExpression="attribute_not_exists(id) OR form = :form",
        ExpressionAttributeValues={":form": {"S": "smoke-test"}},
    )


def expect(right, what: str, response: Response) -> None:
    if not right:
        raise Failed(f"{what}: {response}")


def _until(look: Callable, is_enough: Callable[[object], bool], seconds: float):
    """What is seen when it is enough, or when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if is_enough(seen) or time.monotonic() > deadline:
            return seen
        time.sleep(0.5)


def _response_of(status: int, headers, body: bytes) -> Response:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    return Response(
        status,
        {name.lower(): value for name, value in headers.items()},
        parsed if isinstance(parsed, dict) else {"not JSON": body[:500].decode(errors="replace")},
    )


def report(session: boto3.Session, name: str, api_url: str | None = None) -> bool:
    """Runs the test and prints what it does; false when it failed."""

    def say(text: str) -> None:
        print(f"· {text}", flush=True)

    try:
        stack = Stack.described(session, name)
        if api_url:
            stack = Stack(**{**vars(stack), "api_url": api_url})
        print(f"Smoke test of {stack.api_url}, version {stack.version}", flush=True)
        warnings = run(stack, session.client("dynamodb"), say)
    except (Failed, BotoCoreError, ClientError) as failure:
        print(f"error    {failure}\nThe smoke test failed.", flush=True)
        return False
    for warning in warnings:
        print(f"warning  {warning}", flush=True)
    print("The smoke test passed" + (", but for the warning." if warnings else "."), flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack", help="its name")
    parser.add_argument("--api-url", help="where the API is, if not where the stack's outputs say")
    parser.add_argument("--region", help="the stack's region, if not the one of the environment")
    arguments = parser.parse_args()
    return 0 if report(boto3.Session(region_name=arguments.region), arguments.stack, arguments.api_url) else 1


if __name__ == "__main__":
    sys.exit(main())
