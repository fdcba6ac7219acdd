"""Posts one real enquiry to a deployed stack, waits until its email is sent, and deletes the enquiry.

It needs credentials that may describe the stack, and read and delete items in its table of enquiries. To run it against what
`make up` started:

  set -a; . .local/stack.env; .local/venv/bin/python infra/smoke_test.py credicorp-public --api-url "$API_URL"

The test leaves behind an email in the general inbox, a rate counter that expires in minutes, and an idempotency record that
expires after a day. This record holds two hashes and the id of the deleted enquiry. The test cannot delete it: its key is a hash
that needs the pepper. If every response to the post is lost, the test does not learn the enquiry's id. The enquiry, of the form
smoke-test, and its email then stay too.
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
# The gateway and roles of a new stack take some time to work everywhere.
RESPONSE_SECONDS = 60
EMAIL_SECONDS = 60
REQUEST_SECONDS = 30
# More than Lambda's limit of 6 MB once it is base64, but less than the gateway's limit of 10 MB.
LARGE_BODY_BYTES = 5_000_000
# For each cause of a delayed email in the record's timeline: what it means, or what to do.
CAUSES = {
    "MessageRejected": "SES has paused the account or not verified the sender. In the SES sandbox, the inbox must be verified too",
    "MailFromDomainNotVerifiedException": "SES has not verified the sender's domain",
    "AccessDeniedException": "the mailer may not send from MailSender, or not to the inbox while the account is in the SES sandbox",
    "AccountSuspendedException": "SES has stopped this account from sending. The SES console shows why, under Account dashboard",
    "SendingPausedException": "sending is turned off. Turn it on: aws sesv2 put-account-sending-attributes --sending-enabled",
    "TooManyRequestsException": "SES throttles the account. Wait, or raise its sending rate",
    "LimitExceededException": "the account has reached its daily sending limit in SES",
    "no connection": "the mailer could not reach SES. Check whether SES is up",
    "timeout": "SES did not respond in time. Check whether SES is up",
}


class SmokeTestError(Exception):
    """The test failed. The message says what was wrong."""


@dataclass(frozen=True)
class Response:
    """An HTTP response with any status. Status 0 means that there was no response."""

    status: int
    headers: dict[str, str]
    body: dict

    def __str__(self) -> str:
        return f"{self.status or 'no response'} {json.dumps(self.body)}"

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
        """An origin whose pages may call the API."""
        first = self.allowed_origins.split(",")[0].strip()
        return "https://smoke-test.invalid" if first == "*" else first


# ---- The test --------------------------------------------------------------------------------------------------------


def run(stack: Stack, dynamodb, say: Callable[[str], None]) -> list[str]:
    """Tests the stack. Raises a SmokeTestError at the first failure. Returns warnings about problems with another cause."""
    check_preflight(stack)
    say("preflight request: OK")
    check_wrong_path(stack)
    say("request to a wrong path: OK, 404 in our format")
    say(describe_response_to_large_body(post_large_body(stack)))

    key, submission = str(uuid.uuid4()), submission_of(stack)
    response = until_responded(lambda: post(stack, submission, key))
    enquiry_id = check_created(stack, response)
    say(f"{enquiry_id} was accepted ({response.request_id})")
    try:
        check_replay(enquiry_id, post(stack, submission, key))
        say("retry with the same key: OK, recognised")
        check_record(stack, record_of(stack, dynamodb, enquiry_id), submission, response)
        say("record: OK, same as the enquiry that was sent")
        warnings = check_email(until_emailed(lambda: record_of(stack, dynamodb, enquiry_id)), say)
    finally:
        test_error = sys.exc_info()[1]
        try:
            delete(stack, dynamodb, enquiry_id)
        except (BotoCoreError, ClientError) as failure:
            not_deleted = f"{enquiry_id} could not be deleted from {stack.table}: {failure}"
            # A failed deletion must not hide the error of the test itself.
            raise SmokeTestError(f"{test_error}\nerror    {not_deleted}" if test_error else not_deleted) from test_error
    say(f"{enquiry_id} was deleted")
    return warnings


def submission_of(stack: Stack) -> dict:
    return {"form": "smoke-test", "fields": {"deployment": stack.version, "consent": "yes"}}


def check_preflight(stack: Stack) -> None:
    """Checks that pages of an allowed origin may post. Waits until the stack is up."""
    headers = {
        "origin": stack.origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,idempotency-key",
    }
    response = until_responded(lambda: call("OPTIONS", stack.api_url + ENDPOINT_PATH, headers))
    expected = "*" if stack.allowed_origins.strip() == "*" else stack.origin
    expect(response.status == 200, "the preflight did not get a 200", response)
    allowed = response.headers.get("access-control-allow-origin")
    expect(allowed == expected, f"the preflight did not allow the origin {expected}", response)
    expect("POST" in response.headers.get("access-control-allow-methods", ""), "the preflight did not allow POST", response)
    for name in ("content-type", "idempotency-key"):
        expect(name in response.headers.get("access-control-allow-headers", ""), f"the preflight did not allow {name}", response)


def check_wrong_path(stack: Stack) -> None:
    response = call("GET", f"{stack.api_url}/public/v1/smoke-test")
    expect(response.status == 404, "a request to a wrong path did not get a 404", response)
    code = response.body.get("error", {}).get("code")
    expect(code == "route_not_found", "a request to a wrong path did not get the code route_not_found", response)
    check_envelope(stack, response)


def describe_response_to_large_body(response: Response) -> str:
    """Only describes the response. AWS itself refuses a body of over about 4.5 MB, in words that it may change."""
    message, code = response.body.get("message"), (response.body.get("error") or {})
    code = code.get("code") if isinstance(code, dict) else None
    if response.status == 413 and message:
        result = f"refused by AWS itself, 413 {message}"
    elif response.status == 403 and code == "request_blocked":
        result = "blocked by the firewall, 403 request_blocked"
    elif response.status == 413 and code:
        result = f"refused with 413 {code} in our format"
    elif response.status == 0:
        result = f"no response, {response.body.get('error')}"
    else:
        result = f"an unexpected response, {response}"
    return f"post with a body of 5 MB: {result}"


def check_created(stack: Stack, response: Response) -> str:
    """Checks that an enquiry was accepted, and returns its id."""
    expect(response.status == 201, "the enquiry was not accepted", response)
    check_envelope(stack, response)
    expect(response.body.get("status") == "new", "the enquiry's status is not new", response)
    enquiry_id = str(response.body.get("id"))
    expect(re.fullmatch(r"enq_[0-9A-Z]{6}", enquiry_id), "the enquiry has no id", response)
    return enquiry_id


def check_envelope(stack: Stack, response: Response) -> None:
    meta = response.body.get("meta", {})
    expect(response.request_id, f"the response has no {REQUEST_ID}", response)
    same = meta.get("request_id") == response.request_id
    expect(same, f"meta.request_id is different from {REQUEST_ID}, {response.request_id}", response)
    expect(meta.get("environment") == stack.environment, f"meta.environment is not {stack.environment}", response)


def check_replay(enquiry_id: str, response: Response) -> None:
    same = response.status == 201 and response.body.get("id") == enquiry_id
    expect(same and response.headers.get(REPLAYED) == "true", "a retry with the same key was not replayed", response)


def check_record(stack: Stack, item: dict | None, submission: dict, response: Response) -> None:
    if item is None:
        raise SmokeTestError(f"{response.body['id']} was accepted but is not in the table {stack.table}")
    expected = {
        "form": submission["form"],
        "fields": json.dumps(submission["fields"], separators=(",", ":")),
        "environment": stack.environment,
    }
    if REPLAYED not in response.headers:  # otherwise an earlier attempt recorded it, and its response was lost
        expected["request_id"] = response.request_id
    for name, value in expected.items():
        found = item.get(name, {}).get("S")
        if found != value:
            raise SmokeTestError(f"the record's {name} is {found!r} instead of {value!r}")


def check_email(item: dict | None, say: Callable[[str], None]) -> list[str]:
    """Checks that the email was sent. A delay with a cause in the record is only a warning. Without a cause, the test fails."""
    if item is None:
        raise SmokeTestError("the record disappeared while the test waited for its email")
    state = item.get("mail_state", {}).get("S")
    if state == "sent":
        say("email: OK, sent")
        return []
    entries = [entry.get("M", {}) for entry in item.get("timeline", {}).get("L", [])]
    causes = [entry["cause"]["S"] for entry in entries if "cause" in entry]
    if not causes:
        raise SmokeTestError(
            f"the email is still {state} after {EMAIL_SECONDS} s, and the record shows no cause. See the logs of "
            "send-notification, and check that its event source mapping is enabled"
        )
    advice = CAUSES.get(causes[-1], "see the logs of send-notification, and the documentation of this error in SES")
    return [
        f"The email was not sent within {EMAIL_SECONDS} s ({causes[-1]}): {advice}.\n"
        "         Other emails are sent if you fix this within three days. This one is not, because its enquiry is deleted."
    ]


# ---- Requests and records --------------------------------------------------------------------------------------------


def post(stack: Stack, submission: dict, key: str) -> Response:
    headers = {"content-type": "application/json", "idempotency-key": key, "origin": stack.origin}
    return call("POST", stack.api_url + ENDPOINT_PATH, headers, json.dumps(submission).encode())


def post_large_body(stack: Stack) -> Response:
    return call("POST", stack.api_url + ENDPOINT_PATH, {"content-type": "application/json"}, b" " * LARGE_BODY_BYTES)


def call(method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Response:
    """Sends one request. Status 0 means that there was no response."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as response:
            return _response_of(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return _response_of(error.code, error.headers, error.read())
    except OSError as error:
        return Response(0, {}, {"error": str(error)})


def until_responded(send: Callable[[], Response]) -> Response:
    """Retries until the stack is up. Until then, the gateway responds with 403 for a new stage, and 5xx for a new function or role.
    A retried post is safe because it has a key."""
    return _until(send, lambda response: response.status not in (0, 403) and response.status < 500, RESPONSE_SECONDS)


def until_emailed(read: Callable[[], dict | None]) -> dict | None:
    return _until(read, lambda item: item is None or item.get("mail_state", {}).get("S") == "sent", EMAIL_SECONDS)


def record_of(stack: Stack, dynamodb, enquiry_id: str) -> dict | None:
    key = {"id": {"S": enquiry_id}}
    return dynamodb.get_item(TableName=stack.table, Key=key, ConsistentRead=True).get("Item")


def delete(stack: Stack, dynamodb, enquiry_id: str) -> None:
    """Deletes the test's enquiry. The condition makes sure that a mistake here cannot delete a real one. Later events of the mailer
    or SES find no record, and are dropped."""
    dynamodb.delete_item(
        TableName=stack.table,
        Key={"id": {"S": enquiry_id}},
        ConditionExpression="attribute_not_exists(id) OR form = :form",
        ExpressionAttributeValues={":form": {"S": "smoke-test"}},
    )


def expect(is_right, problem: str, response: Response) -> None:
    if not is_right:
        raise SmokeTestError(f"{problem}: {response}")


def _until(read: Callable, is_done: Callable[[object], bool], seconds: float):
    """Reads until the value is as wanted or the time is up, and returns the last value."""
    deadline = time.monotonic() + seconds
    while True:
        value = read()
        if is_done(value) or time.monotonic() > deadline:
            return value
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
    """Runs the test and prints each step. Returns false if the test failed."""

    def say(text: str) -> None:
        print(f"· {text}", flush=True)

    try:
        stack = Stack.described(session, name)
        if api_url:
            stack = Stack(**{**vars(stack), "api_url": api_url})
        print(f"Smoke test of {stack.api_url}, version {stack.version}", flush=True)
        warnings = run(stack, session.client("dynamodb"), say)
    except (SmokeTestError, BotoCoreError, ClientError) as failure:
        print(f"error    {failure}\nThe smoke test failed.", flush=True)
        return False
    for warning in warnings:
        print(f"warning  {warning}", flush=True)
    print("The smoke test passed" + (" with a warning." if warnings else "."), flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("--api-url", help="the API's base URL, if it is not the one in the stack's outputs")
    parser.add_argument("--region", help="the stack's region, if it is not the one in your AWS settings")
    arguments = parser.parse_args()
    return 0 if report(boto3.Session(region_name=arguments.region), arguments.stack, arguments.api_url) else 1


if __name__ == "__main__":
    sys.exit(main())
