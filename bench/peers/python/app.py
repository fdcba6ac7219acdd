"""POST /public/v1/enquiries in Python: boto3, and Powertools for idempotency."""

import base64
import hashlib
import hmac
import ipaddress
import json
import math
import os
import secrets
import string
import threading
import time
from datetime import datetime, timezone

import boto3
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contract import MAX_BODY_BYTES, Problem, Submission, idempotency_key, is_utf8_json

ENVIRONMENT = os.environ["ENVIRONMENT"]
ENQUIRIES_TABLE = os.environ["ENQUIRIES_TABLE"]
IDEMPOTENCY_TABLE = os.environ["IDEMPOTENCY_TABLE"]
RATE_COUNTERS_TABLE = os.environ["RATE_COUNTERS_TABLE"]
QUEUE_URL = os.environ["NOTIFICATIONS_QUEUE_URL"]
PEPPER = os.environ["PEPPER"].encode()
ALLOWED_ORIGINS = [origin.strip() for origin in os.environ["ALLOWED_ORIGINS"].split(",")]
RATE_LIMIT = int(os.environ["RATE_LIMIT"])
DOC_URL_BASE = os.environ["DOC_URL_BASE"]
WARM_UP_SECONDS = int(os.environ.get("WARM_UP_TIMEOUT_MS") or 1000) / 1000

ROUTE = "POST /public/v1/enquiries"
WINDOW_SECONDS = 60
COUNTER_KEPT_SECONDS = 300
KEY_KEPT_SECONDS = 24 * 60 * 60
MAIL_DUE_AFTER_SECONDS = 60
MAIL_DUE_SHARDS = 16
MAX_IDS = 8
MAX_REMEMBERED = 1024
THROTTLED = ("ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded")
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ALPHANUMERIC = string.digits + string.ascii_letters


def client(service, attempts, timeout):
    # What is sent is built here, so botocore need not check it against its model each time.
    config = Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        parameter_validation=False,
    )
    return boto3.client(service, region_name=os.environ["AWS_REGION"], config=config)


dynamodb = client("dynamodb", 3, 0.8)
# Retries belong to a client, and an ADD that is retried counts twice.
counters = client("dynamodb", 1, 0.8)
sqs = client("sqs", 2, 0.15)


class Over:
    """The clients known to be over their quota in this window: a flood of theirs costs no call."""

    window = 0
    clients = set()


def random_text(prefix, length, alphabet):
    return prefix + "".join(secrets.choice(alphabet) for _ in range(length))


def hmac_hex(key, text):
    return hmac.digest(key, text.encode(), hashlib.sha256).hex()


def timestamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_line(level, **fields):
    line = {"timestamp": timestamp(time.time()), "level": level, **fields}
    print(json.dumps({name: value for name, value in line.items() if value is not None}), flush=True)


class Call:
    """One request, as API Gateway's payload 1.0 tells of it."""

    def __init__(self, event):
        self.request_id = random_text("req_", 12, ALPHANUMERIC)
        self.event = event
        self.context = event.get("requestContext") or {}
        self.now = (self.context.get("requestTimeEpoch") or time.time() * 1000) / 1000
        self.headers = {}
        sent = event.get("multiValueHeaders") or {
            name: [value] for name, value in (event.get("headers") or {}).items()
        }
        for name, values in sent.items():
            self.headers.setdefault(name.lower(), []).extend(values or [])

    def network(self):
        """An IPv4 address, or the /64 of an IPv6 one."""
        try:
            address = ipaddress.ip_address((self.context.get("identity") or {}).get("sourceIp") or "")
        except ValueError:
            return "unknown"
        if address.version == 6:
            address = address.ipv4_mapped or ipaddress.IPv6Address(int(address) >> 64 << 64)
        return str(address)

    def json_body(self):
        body = self.event.get("body") or ""
        if self.event.get("isBase64Encoded"):
            try:
                body = base64.b64decode(body, validate=True)
            except ValueError:
                body = b""
        else:
            body = body.encode(errors="replace")
        if len(body) > MAX_BODY_BYTES:
            raise Problem("payload_too_large")
        media_types = self.headers.get("content-type")
        if not media_types or not all(map(is_utf8_json, media_types)) or self.headers.get("content-encoding"):
            raise Problem("unsupported_media_type")
        return body


def admit(call):
    """Counts one request. Gives the headers that say so, none if counting failed: then everyone is let through."""
    start = int(call.now // WINDOW_SECONDS) * WINDOW_SECONDS
    reset = math.ceil(start + WINDOW_SECONDS - call.now)
    day = datetime.fromtimestamp(call.now, timezone.utc).date().isoformat()
    client_key = hmac_hex(hmac.digest(PEPPER, day.encode(), hashlib.sha256), call.network())
    if Over.window != start:
        Over.window, Over.clients = start, set()

    def quota(left):
        return {
            "ratelimit-policy": f'"public";q={RATE_LIMIT};w={WINDOW_SECONDS}',
            "ratelimit": f'"public";r={left};t={reset}',
        }

    refusal = Problem("rate_limited", headers={**quota(0), "retry-after": str(reset)})
    if client_key in Over.clients:
        raise refusal
    try:
        counted = counters.update_item(
            TableName=RATE_COUNTERS_TABLE,
            Key={"client_window": {"S": f"{client_key}#{start}"}},
            ConditionExpression="attribute_not_exists(hits) OR hits < :limit",
            UpdateExpression="SET expires_at = if_not_exists(expires_at, :expires_at) ADD hits :one",
            ExpressionAttributeValues={
                ":limit": {"N": str(RATE_LIMIT)},
                ":expires_at": {"N": str(start + WINDOW_SECONDS + COUNTER_KEPT_SECONDS)},
                ":one": {"N": "1"},
            },
            ReturnValues="UPDATED_NEW",
        )
        return quota(max(0, RATE_LIMIT - int(counted["Attributes"]["hits"]["N"])))
    except counters.exceptions.ConditionalCheckFailedException:
        if len(Over.clients) < MAX_REMEMBERED:
            Over.clients.add(client_key)
        raise refusal from None
    except (BotoCoreError, ClientError) as error:
        write_line("WARN", event="limiter_failed_open", request_id=call.request_id, cause=type(error).__name__)
        return {}


def record(call, submission):
    """Records the submission under a new id."""
    for _ in range(MAX_IDS):
        enquiry_id = random_text("enq_", 6, CROCKFORD)
        now = {"S": timestamp(call.now)}
        item = {
            "id": {"S": enquiry_id},
            "form": {"S": submission.form},
            "fields": {"S": submission.fields_json},
            "status": {"S": "new"},
            "created_at": now,
            "request_id": {"S": call.request_id},
            "environment": {"S": ENVIRONMENT},
            "mail_state": {"S": "pending"},
            "mail_attempts": {"N": "0"},
            "mail_due_shard": {"S": str(sum(enquiry_id.encode()) % 256 % MAIL_DUE_SHARDS)},
            "mail_due_at": {"S": timestamp(call.now + MAIL_DUE_AFTER_SECONDS)},
            "timeline": {
                "L": [{"M": {"event": {"S": "recorded"}, "at": now, "request_id": {"S": call.request_id}}}]
            },
        }
        if submission.dept:
            item["dept"] = {"S": submission.dept}
        if submission.redactions:
            item["redactions"] = {
                "L": [
                    {"M": {"param": {"S": param}, "kind": {"S": kind}, "count": {"N": str(count)}}}
                    for param, kind, count in submission.redactions
                ]
            }
        try:
            dynamodb.put_item(
                TableName=ENQUIRIES_TABLE,
                Item=item,
                ConditionExpression="attribute_not_exists(id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            return {"id": enquiry_id}
        except dynamodb.exceptions.ConditionalCheckFailedException as taken:
            # By this very call, if the answer to its first attempt was lost.
            if taken.response.get("Item", {}).get("request_id", {}).get("S") == call.request_id:
                return {"id": enquiry_id}
    raise Problem("service_unavailable", headers={"retry-after": "1"})


idempotency = IdempotencyConfig(
    event_key_jmespath="key",
    payload_validation_jmespath="submission",
    raise_on_no_idempotency_key=True,
    expires_after_seconds=KEY_KEPT_SECONDS,
    hash_function="sha256",
    response_hook=lambda first, _record: {**first, "replayed": True},
)


@idempotent_function(
    data_keyword_argument="claim",
    persistence_store=DynamoDBPersistenceLayer(
        IDEMPOTENCY_TABLE, key_attr="key", expiry_attr="expires_at", boto3_client=dynamodb
    ),
    config=idempotency,
    key_prefix=ROUTE,
)
def record_once(call, submission, *, claim):
    return record(call, submission)


def announce(call, enquiry_id):
    """Best effort: the record knows that its mail is due."""
    try:
        sqs.send_message(QueueUrl=QUEUE_URL, MessageBody=json.dumps({"enquiry_id": enquiry_id}))
    except (BotoCoreError, ClientError) as error:
        write_line(
            "WARN",
            event="enqueue_failed",
            request_id=call.request_id,
            enquiry_id=enquiry_id,
            cause=type(error).__name__,
        )


def create_enquiry(call):
    """Records the submission that the call carries, once for each key, and announces it."""
    if call.event.get("httpMethod") != "POST":
        raise Problem("method_not_allowed", headers={"allow": "OPTIONS, POST"})
    body = call.json_body()
    key = idempotency_key(call.headers.get("idempotency-key"))
    call.submission = submission = Submission.parse(body)
    try:
        if key is None:
            created = record(call, submission)
        else:
            claim = {
                "key": hmac_hex(PEPPER, f"{ROUTE}\0{key}"),
                "submission": hmac_hex(PEPPER, submission.fingerprint()),
            }
            created = record_once(call, submission, claim=claim)
    except IdempotencyValidationError as error:
        raise Problem("idempotency_key_reused") from error
    except IdempotencyAlreadyInProgressError as error:
        raise Problem("idempotency_request_in_progress", headers={"retry-after": "1"}) from error
    if "replayed" not in created:
        announce(call, created["id"])
    return created


def problem_of(error):
    """What a failure of ours is answered with: 503 where another attempt may well succeed."""
    cause = error.__cause__ if isinstance(error, IdempotencyPersistenceLayerError) else error
    if isinstance(cause, ClientError):
        is_fleeting = (
            cause.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
            or cause.response["Error"]["Code"] in THROTTLED
        )
    else:
        is_fleeting = isinstance(cause, BotoCoreError)
    return Problem("service_unavailable", headers={"retry-after": "1"}) if is_fleeting else Problem("internal_error")


def cors_headers(call):
    headers = {
        "access-control-expose-headers": "x-credicorp-request-id, retry-after, ratelimit, ratelimit-policy,"
        " idempotent-replayed"
    }
    if ALLOWED_ORIGINS == ["*"]:
        return {**headers, "access-control-allow-origin": "*"}
    origin = (call.headers.get("origin") or [None])[0]
    allowed = {"access-control-allow-origin": origin} if origin in ALLOWED_ORIGINS else {}
    return {**headers, "vary": "origin", **allowed}


PREFLIGHT = {
    "access-control-allow-methods": "OPTIONS, POST",
    "access-control-allow-headers": "content-type, idempotency-key",
    "access-control-max-age": "86400",
}
is_cold = True


def handler(event, context):
    global is_cold
    started = time.monotonic()
    call = Call(event)
    call.submission = None
    headers = {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-credicorp-request-id": call.request_id,
        **cors_headers(call),
    }
    told = {}
    try:
        if event.get("httpMethod") == "OPTIONS":
            status, body, outcome = 200, {}, "preflight"
            headers |= PREFLIGHT
        else:
            idempotency.register_lambda_context(context)
            headers |= admit(call)
            created = create_enquiry(call)
            status, body, outcome = 201, {"id": created["id"], "status": "new"}, "created"
            if "replayed" in created:
                headers["idempotent-replayed"] = "true"
                outcome = "replayed"
            told["enquiry_id"] = created["id"]
    except Exception as error:
        problem = error if isinstance(error, Problem) else problem_of(error)
        status, headers = problem.status, headers | problem.headers
        body = {"error": {"type": problem.type, "code": problem.code, "message": problem.message}}
        if problem.violations:
            body["error"]["param"] = problem.violations[0]["param"]
        body["error"]["doc_url"] = f"{DOC_URL_BASE}#{problem.code}"
        if problem.violations:
            body["error"]["violations"] = problem.violations
        outcome, told["code"] = "failed" if status >= 500 else "refused", problem.code
        if status >= 500:
            told["cause"] = type(error).__name__
    body["meta"] = {"request_id": call.request_id, "environment": ENVIRONMENT}
    write_line(
        "INFO",
        request_id=call.request_id,
        gateway_request_id=call.context.get("requestId"),
        gateway_extended_request_id=call.context.get("extendedRequestId"),
        form=call.submission and call.submission.logged_form,
        dept=call.submission and call.submission.dept,
        outcome=outcome,
        duration_ms=int((time.monotonic() - started) * 1000),
        cold=is_cold,
        **told,
    )
    is_cold = False
    return {
        "statusCode": status,
        "headers": headers,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        "isBase64Encoded": False,
    }


def attempt(call, **parameters):
    try:
        call(**parameters)
    except (BotoCoreError, ClientError):
        pass


def warm_up():
    """Opens the connections that the handler will use, all at once, while Lambda still gives a full core."""
    nothing = {"TableName": RATE_COUNTERS_TABLE, "Key": {"client_window": {"S": "warm-up"}}}
    calls = [
        threading.Thread(target=attempt, args=[counters.get_item], kwargs=nothing, daemon=True),
        threading.Thread(target=attempt, args=[dynamodb.get_item], kwargs=nothing, daemon=True),
        threading.Thread(
            target=attempt,
            args=[sqs.get_queue_attributes],
            kwargs={"QueueUrl": QUEUE_URL, "AttributeNames": ["QueueArn"]},
            daemon=True,
        ),
    ]
    for call in calls:
        call.start()
    until = time.monotonic() + WARM_UP_SECONDS
    for call in calls:
        call.join(max(0, until - time.monotonic()))


if WARM_UP_SECONDS:
    warm_up()
