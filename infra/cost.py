"""Computes what this API costs, from a table of prices and a table of quantities.

docs/cost.md contains the latest result between two markers. Alarms, metrics, secrets and memory are read from the template. Items
and log lines are measured on samples. All other quantities are marked as assumptions.

  cost.py            print the tables
  cost.py --write    write the tables into docs/cost.md
"""

import argparse
import json
import math
import re
import sys
from pathlib import Path

TEMPLATE = Path(__file__).with_name("template.yaml")
PERIMETER = Path(__file__).with_name("perimeter.yaml")
DOCUMENT = Path(__file__).parent.parent / "docs" / "cost.md"
BEGIN, END = "<!-- begin: infra/cost.py -->\n", "<!-- end: infra/cost.py -->\n"

# ---- Prices ----------------------------------------------------------------------------------------------------------

PRICES_OF = "21 November 2026"
# US dollars in eu-west-2, for the first paid tier: the price, the unit, and AWS's page.
PRICES = {
    "gateway": (3.50, "million requests to a REST API", "https://aws.amazon.com/api-gateway/pricing/"),
    "invocation": (0.20, "million invocations", "https://aws.amazon.com/lambda/pricing/"),
    "gb_second": (0.0000133334, "GB-second on arm64", "https://aws.amazon.com/lambda/pricing/"),
    "write": (0.7423, "million write request units, on demand", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "read": (0.1485, "million read request units, on demand", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "stored": (0.29715, "GB-month of a table", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "recoverable": (0.23772, "GB-month of point-in-time recovery", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "queue": (0.40, "million requests to a standard queue", "https://aws.amazon.com/sqs/pricing/"),
    "email": (0.10, "thousand recipients", "https://aws.amazon.com/ses/pricing/"),
    "event": (0.00, "event of an AWS service on the default bus", "https://aws.amazon.com/eventbridge/pricing/"),
    "log_gb": (0.5985, "GB of logs ingested", "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarm": (0.10, "month of a metric that an alarm watches", "https://aws.amazon.com/cloudwatch/pricing/"),
    "metric": (0.30, "month of a metric, charged by the hour", "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboard": (3.00, "month of a dashboard", "https://aws.amazon.com/cloudwatch/pricing/"),
    "secret": (0.40, "month of a secret", "https://aws.amazon.com/secrets-manager/pricing/"),
    "key_use": (0.03, "ten thousand uses of a KMS key", "https://aws.amazon.com/kms/pricing/"),
    "firewall": (0.60, "million requests that a firewall inspects", "https://aws.amazon.com/waf/pricing/"),
    "firewall_acl": (5.00, "month of a firewall (web ACL)", "https://aws.amazon.com/waf/pricing/"),
    "firewall_rule": (1.00, "month of a firewall rule", "https://aws.amazon.com/waf/pricing/"),
    "out_gb": (0.09, "GB to the internet", "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer"),
}

# ---- Quantities ------------------------------------------------------------------------------------------------------

# Milliseconds that Lambda charges for. Assumed until we can measure a deployment: three calls to AWS of about 10 ms, one, or
# none. Emails are sent at 7 a second, as in the description of MailConcurrency.
MILLISECONDS = {"accepted": 30, "one call": 10, "no call": 2, "email": 140, "email event": 15, "sweep": 60}
# Assumed: one invocation in a hundred starts an environment, which takes 100 ms.
START_MILLISECONDS = 0.01 * 100
# The bytes of a response with its headers. Assumed.
RESPONSE_BYTES = 1_000
# The longest body of a response (contract, Every response). Before there was a limit, 64 KiB of invalid fields got a body of 3 MB.
LONGEST_RESPONSE_BYTES, UNBOUNDED_RESPONSE_BYTES = 16 * 1024, 3_000_000
# What CloudWatch Logs adds to each line (PutLogEvents, batch size).
LOG_LINE_OVERHEAD = 26
# The length of a typical enquiry's fields as JSON. Assumed: a form with four answers and 80 words.
TYPICAL_FIELDS_BYTES = 600
LARGEST_FIELDS_BYTES = 16_384
# Lambda reads an idle queue with five pollers that wait 20 seconds each time. Assumed, because AWS does not guarantee it.
IDLE_POLLS_A_MINUTE = 5 * 3
# DynamoDB gets a table's key from KMS once in five minutes for each function. Assumed, because AWS does not guarantee it.
KEY_USES_AN_HOUR = 12
SWEEP_QUERIES = 16  # a query that finds nothing costs half a read unit
MINUTES = 730 * 60  # in a month
STAGE_RATE, EMAILS_A_SECOND = 1_000, 14  # StageRateLimit; MailConcurrency of 2
# Each value of a dimension is a metric (docs/decisions/0005-metrics-from-logs.md).
DIMENSION_VALUES = {"Calls": 5, "ErrorAnswers": 28, "Notifications": 14, "Deliveries": 6}
# API Gateway's detailed metrics of one method: Count, Latency, IntegrationLatency, 4XXError, 5XXError.
GATEWAY_METRICS = 5
# SES's metrics of a configuration set: Reputation.BounceRate and Reputation.ComplaintRate. The metrics of the account are free.
SES_METRICS = 2

ID, REQUEST, TIME = "enq_9F3K2P", "req_8Hn2Lp0Wd4Xc", "2026-06-29T13:42:07.123Z"
LAMBDA_ID = "0b9f3c1e-6f0a-4c39-9a51-6d1f6a2f4c77"
SES_ID = "010b01907e3b4a5c-0a1b2c3d-4e5f-6789-abcd-ef0123456789-000000"


def _line(target: str, **fields: object) -> int:
    line = {"version": "831b4f0aabcd", "timestamp": "2026-06-29T13:42:07.123456Z", "level": "INFO", **fields, "target": target}
    return len(json.dumps(line, separators=(",", ":"))) + LOG_LINE_OVERHEAD


_CALL = {"request_id": REQUEST, "gateway_request_id": LAMBDA_ID, "gateway_extended_request_id": "Q1w2E3r4T5y6U7i="}
_SYSTEM = [
    '{"time":"%s","type":"platform.start","record":{"requestId":"%s","version":"$LATEST"}}' % (TIME, LAMBDA_ID),
    '{"time":"%s","type":"platform.report","record":{"requestId":"%s","metrics":{"durationMs":29.123,"billedDurationMs":30,'
    '"memorySizeMB":256,"maxMemoryUsedMB":31},"status":"success"}}' % (TIME, LAMBDA_ID),
]
# Bytes of each log line, computed from a sample with ids of the same length as AWS's. The lines of the local test run are as long,
# except that the extended request id is 20 bytes longer there.
LOG_BYTES = {
    "create-enquiry, accepted": _line(
        "edge::edge", **_CALL, enquiry_id=ID, form="contact-us", dept="support", outcome="created", duration_ms=29,
        cold=False,
    ),
    "create-enquiry, refused": _line(
        "edge::edge", **_CALL, outcome="refused", code="rate_limited", duration_ms=9, cold=False
    ),
    "send-notification": _line(
        "send_notification::report", request_id=REQUEST, message_id=LAMBDA_ID, enquiry_id=ID, outcome="sent", attempt=1,
        ses_message_id=SES_ID, duration_ms=139,
    ),
    "record-mail-event": _line(
        "record_mail_event", enquiry_id=ID, ses_message_id=SES_ID, delivery="delivered", outcome="moved"
    ),
    "requeue-notifications": _line(
        "requeue_notifications::sweep", event="sweep", outcome="swept", requeued=0, refused=0, given_up=0, left=0,
        oldest_due_seconds=0,
    ),
    # AWS may change the format of this line.
    "Lambda itself, for each invocation": sum(len(line) + LOG_LINE_OVERHEAD for line in _SYSTEM),
    "the gateway, in the access log": len(
        '{"gateway_request_id":"%s","gateway_extended_request_id":"Q1w2E3r4T5y6U7i=","time":"29/Jun/2026:13:42:07 +0000",'
        '"route":"/public/v1/enquiries","method":"POST","status":"201","latency_ms":"38","integration_latency_ms":"35",'
        '"response_bytes":"98","gateway_response":"-"}' % LAMBDA_ID
    )
    + LOG_LINE_OVERHEAD,
}

# ---- Items -----------------------------------------------------------------------------------------------------------


def size(value: object) -> int:
    """The size of a value in bytes by DynamoDB's rules (developer guide, item sizes and formats)."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, int):
        return math.ceil(len(str(value)) / 2) + 1
    elements = value if isinstance(value, list) else [*value, *value.values()]
    return 3 + len(value) + sum(size(element) for element in elements)


def item_size(item: dict) -> int:
    """The size of an item in bytes: its names and values."""
    return sum(size(name) + size(value) for name, value in item.items())


def units(item_bytes: int) -> int:
    """The write units of an item."""
    return math.ceil(item_bytes / 1024)


def sizes_after_writes(fields_bytes: int) -> dict[str, int]:
    """The size of an enquiry's item after each write."""
    item = {
        "id": ID, "form": "contact-us", "dept": "support", "fields": "x" * fields_bytes, "status": "new", "created_at": TIME,
        "request_id": REQUEST, "environment": "live", "mail_state": "pending", "mail_attempts": 0, "mail_due_shard": "13",
        "mail_due_at": TIME, "timeline": [{"event": "recorded", "at": TIME, "request_id": REQUEST}],
    }
    sizes = {"recorded": item_size(item)}
    item["timeline"] += [{"event": "queued", "at": TIME}, {"event": "claimed", "at": TIME}]
    item |= {"mail_state": "sending", "mail_attempts": 1, "mail_lease_id": "0123456789abcdef", "mail_lease_until": TIME}
    sizes["claimed"] = item_size(item)
    for gone in ("mail_due_shard", "mail_due_at", "mail_lease_id", "mail_lease_until"):
        del item[gone]
    item["timeline"] += [{"event": "sent", "at": TIME, "ses_message_id": SES_ID}]
    item |= {"mail_state": "sent", "ses_message_id": SES_ID, "sent_at": TIME}
    sizes["sent"] = item_size(item)
    for delivery in ("accepted", "delivered"):
        item["timeline"] += [{"event": delivery, "at": TIME, "ses_message_id": SES_ID}]
        item["delivery"] = delivery
        sizes[delivery] = item_size(item)
    return sizes


def email_units(fields_bytes: int) -> tuple[int, int]:
    """The write units of table and index from the claim to the delivery. An update costs the larger size of before and after."""
    sizes = list(sizes_after_writes(fields_bytes).values())
    # The claim moves the entry in mail-due, which is a delete and a put. Marking the enquiry as sent deletes the entry.
    return sum(units(max(pair)) for pair in zip(sizes, sizes[1:])), 2 + 1


# ---- Bills -----------------------------------------------------------------------------------------------------------


def resources() -> dict[str, str]:
    """The text of each resource in the template, by name. Simple text matching is enough here."""
    text = TEMPLATE.read_text().split("\nResources:\n")[1].split("\nOutputs:\n")[0]
    parts = re.split(r"^  (\w+):.*\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def count(kind: str) -> int:
    """The number of resources of this type."""
    return sum(f"Type: {kind}\n" in text for text in resources().values())


def watched_by_alarms() -> int:
    """The number of metrics that alarms watch: one for each alarm, or all that it adds up."""
    alarms = [text for text in resources().values() if "Type: AWS::CloudWatch::Alarm\n" in text]
    return sum(text.count(" MetricStat:\n") or 1 for text in alarms)


def metrics(having: str = "") -> set[str]:
    """The metrics from log lines whose filter contains `having`."""
    filters = [text for text in resources().values() if "Type: AWS::Logs::MetricFilter\n" in text]
    found = {name for text in filters if having in text for name in re.findall(r"MetricName: (\w+)", text)}
    return found or sys.exit(f"{TEMPLATE}: no metric filter contains {having!r}")


def firewall_rules() -> int:
    """The number of rules in infra/perimeter.yaml. A rule set of AWS costs the same as one rule."""
    found = len(re.findall(r"^ +Priority: \d+$", PERIMETER.read_text(), re.M))
    return found or sys.exit(f"{PERIMETER}: no firewall rule was found")


def memory_gb(function: str) -> float:
    """The memory of a function: its own setting, or the one from Globals."""
    text = next(text for text in resources().values() if f"-{function}\n" in text and "Serverless::Function" in text)
    globally = TEMPLATE.read_text().split("\nGlobals:\n")[1].split("\nConditions:\n")[0]
    size = re.search(r"MemorySize: (\d+)", text) or re.search(r"MemorySize: (\d+)", globally)
    return int(size[1]) / 1024


def invocation(function: str, milliseconds: float, log_bytes: int) -> dict[str, float]:
    """The cost of one invocation of a function, with its log lines."""
    seconds = (milliseconds + START_MILLISECONDS) / 1e3
    return {
        "Lambda": PRICES["invocation"][0] / 1e6 + seconds * memory_gb(function) * PRICES["gb_second"][0],
        "logs": (log_bytes + LOG_BYTES["Lambda itself, for each invocation"]) / 1e9 * PRICES["log_gb"][0],
    }


def response() -> dict[str, float]:
    """The cost of every response of the gateway: data transfer out, and a line in the access log."""
    line = LOG_BYTES["the gateway, in the access log"]
    return {"out": RESPONSE_BYTES / 1e9 * PRICES["out_gb"][0], "logs": line / 1e9 * PRICES["log_gb"][0]}


def total(*bills: dict[str, float]) -> dict[str, float]:
    """The sum of several bills."""
    together: dict[str, float] = {}
    for bill in bills:
        for name, dollars in bill.items():
            together[name] = together.get(name, 0) + dollars
    return together


def request(milliseconds: float, log_bytes: int, written: int = 0, queued: int = 0) -> dict[str, float]:
    """The cost of a request that reaches create-enquiry."""
    return total(
        {"gateway": PRICES["gateway"][0] / 1e6},
        response(),
        invocation("create-enquiry", milliseconds, log_bytes),
        {"DynamoDB": written * PRICES["write"][0] / 1e6, "SQS": queued * PRICES["queue"][0] / 1e6},
    )


def accepted(fields_bytes: int, with_key: bool) -> dict[str, float]:
    """An accepted enquiry: counted, recorded, indexed, queued. A transaction costs double. The index is written afterwards, at the
    normal price."""
    recorded = units(sizes_after_writes(fields_bytes)["recorded"])
    written = 1 + (2 * (recorded + 1) if with_key else recorded) + 1
    return request(MILLISECONDS["accepted"], LOG_BYTES["create-enquiry, accepted"], written, queued=1)


def replayed(fields_bytes: int) -> dict[str, float]:
    """A replayed request. A cancelled transaction costs the same as a successful one."""
    written = 1 + 2 * (units(sizes_after_writes(fields_bytes)["recorded"]) + 1)
    return request(MILLISECONDS["accepted"] * 2 / 3, LOG_BYTES["create-enquiry, accepted"], written)


def emailed(fields_bytes: int) -> dict[str, float]:
    """An email, from the queue to the delivery, with one message in each batch."""
    table, index = email_units(fields_bytes)
    event = invocation("record-mail-event", MILLISECONDS["email event"], LOG_BYTES["record-mail-event"])
    return total(
        invocation("send-notification", MILLISECONDS["email"], LOG_BYTES["send-notification"]),
        event,
        event,
        {
            "DynamoDB": (table + index) * PRICES["write"][0] / 1e6,
            "SQS": 2 * PRICES["queue"][0] / 1e6,  # received, deleted
            "SES": PRICES["email"][0] / 1e3,
            "out": 2 * PRICES["event"][0],
        },
    )


REFUSED = request(MILLISECONDS["one call"], LOG_BYTES["create-enquiry, refused"], written=1)
REMEMBERED = request(MILLISECONDS["no call"], LOG_BYTES["create-enquiry, refused"])
THROTTLED = response()  # the gateway does not charge for throttled requests


def idle() -> list[tuple[str, str, float]]:
    """The monthly cost of a stack without requests: item, amount, dollars."""
    watched = watched_by_alarms()
    secrets, dashboards = (count(kind) for kind in ("AWS::SecretsManager::Secret", "AWS::CloudWatch::Dashboard"))
    always = len(metrics('"sweep"'))
    sweep = invocation("requeue-notifications", MILLISECONDS["sweep"], LOG_BYTES["requeue-notifications"])
    polls = IDLE_POLLS_A_MINUTE * MINUTES
    reads = SWEEP_QUERIES * MINUTES / 2
    uses = KEY_USES_AN_HOUR * MINUTES / 60
    rows = [
        ("metrics that alarms watch", f"{watched}", watched * PRICES["alarm"][0]),
        ("metrics of the sweep, which have a value each minute", f"{always}", always * PRICES["metric"][0]),
        ("dashboards", f"{dashboards}", dashboards * PRICES["dashboard"][0]),
        ("secrets", f"{secrets}", secrets * PRICES["secret"][0]),
        ("sweeps, with their logs", f"{MINUTES:,}", MINUTES * sum(sweep.values())),
        ("read units of the sweeps' queries", f"{reads:,.0f}", reads * PRICES["read"][0] / 1e6),
        ("polls of the empty queue", f"{polls:,}", polls * PRICES["queue"][0] / 1e6),
        ("uses of the tables' KMS key", f"{uses:,.0f}", uses * PRICES["key_use"][0] / 1e4),
    ]
    return [row for row in rows if row[2] > 0]


def outage(days: int) -> tuple[int, int, float]:
    """SES is down for days, and each notification is tried as often as possible. Returns the attempts for one record, its final
    size, and the dollars for all. The sweeper handles at most 1,024 notifications a minute. Timelines grow with every attempt."""
    # The delay is 15 minutes, minus a quarter of it on average, plus half a minute until the sweep.
    attempts = round(days * 24 * 60 / (15 * 0.75 + 0.5))
    entries = [{"event": event, "at": TIME} for event in ("queued", "claimed", "postponed")]
    entries[-1]["cause"] = "ThrottlingException"
    largest = sizes_after_writes(TYPICAL_FIELDS_BYTES)["recorded"] + attempts * sum(size(entry) + 1 for entry in entries)
    # Each attempt has three updates: the sweeper's, the claim and the postponement. Each of them moves the entry in the index.
    written = 3 * (units(largest) / 2 + 2)
    attempt = total(
        invocation("send-notification", MILLISECONDS["email"], LOG_BYTES["send-notification"]),
        {"DynamoDB": written * PRICES["write"][0] / 1e6, "SQS": 3 * PRICES["queue"][0] / 1e6},
    )
    return attempts, largest, 1_024 * days * 24 * 60 * sum(attempt.values())


# ---- Tables ----------------------------------------------------------------------------------------------------------


def table(head: list[str], rows: list[list[str]], right: int) -> str:
    """A Markdown table. The columns from number `right` on are aligned right."""
    rule = ["---"] * right + ["---:"] * (len(head) - right)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def dollars(amount: float) -> str:
    """Dollars and cents. Less than half a cent is <0.01."""
    return "–" if amount == 0 else f"{amount:,.2f}" if amount >= 0.005 else "<0.01"


def per_million(bill: dict[str, float]) -> str:
    """The cost of a million."""
    return dollars(sum(bill.values()) * 1e6)


def headline() -> str:
    """The cost of a million requests of each kind, by service."""
    columns = ["gateway", "Lambda", "DynamoDB", "SQS", "SES", "logs", "out"]
    typical = TYPICAL_FIELDS_BYTES
    bills = [
        ("accepted, with an `Idempotency-Key`", accepted(typical, with_key=True)),
        ("accepted, without a key", accepted(typical, with_key=False)),
        ("replayed", replayed(typical)),
        ("refused by our rules (4xx, counted)", REFUSED),
        ("refused by the limiter, one call", REFUSED),
        ("refused by the limiter from memory, or a preflight", REMEMBERED),
        ("throttled by the gateway", THROTTLED),
        ("emailed, in addition to accepted", emailed(typical)),
        ("**accepted with a key, and emailed**", total(accepted(typical, with_key=True), emailed(typical))),
    ]
    cells = {name: [dollars(bill.get(column, 0) * 1e6) for column in columns] for name, bill in bills}
    rows = [[name, f"**{per_million(bill)}**", *cells[name]] for name, bill in bills]
    return table(["a million requests that are", "dollars", *columns[:-1], "data transfer out"], rows, right=1)


def sizes() -> str:
    """The write units of an enquiry, by its size."""
    rows = []
    for name, fields in (("typical", TYPICAL_FIELDS_BYTES), ("long", 2_048), ("the largest possible", LARGEST_FIELDS_BYTES)):
        stages = sizes_after_writes(fields)
        recorded = units(stages["recorded"])
        on_table, on_index = email_units(fields)
        both = total(accepted(fields, with_key=True), emailed(fields))
        rows.append([
            name, f"{fields:,}", f"{stages['recorded']:,}", f"{stages['delivered']:,}", str(1 + 2 * (recorded + 1) + 1),
            str(1 + recorded + 1), str(on_table + on_index), per_million(both),
        ])
    head = [
        "enquiry", "fields, bytes", "item when recorded, bytes", "item when delivered, bytes",
        "write units to accept it with a key", "write units to accept it without one", "write units to email it",
        "dollars a million, with a key and emailed",
    ]
    return table(head, rows, right=1)


def fixed() -> str:
    """The monthly costs."""
    rows = [[name, amount, dollars(cost)] for name, amount, cost in idle()]
    rows.append(["**total for a stack that nobody calls**", "", f"**{dollars(sum(cost for _, _, cost in idle()))}**"])
    once = "with requests: API Gateway's metrics of the method"
    rows.append([once, str(GATEWAY_METRICS), dollars(GATEWAY_METRICS * PRICES["metric"][0])])
    reputation = "with emails: SES's reputation metrics of the configuration set"
    rows.append([reputation, str(SES_METRICS), dollars(SES_METRICS * PRICES["metric"][0])])
    others = sum(DIMENSION_VALUES.get(name, 1) for name in metrics() - metrics('"sweep"'))
    every_event = "at most, if every event that we count happened in every hour: their metrics"
    rows.append([every_event, str(others), dollars(others * PRICES["metric"][0])])
    rules = firewall_rules()
    firewall = PRICES["firewall_acl"][0] + rules * PRICES["firewall_rule"][0]
    rows.append(["with the firewall of `infra/perimeter.yaml` and its rules", str(rules), dollars(firewall)])
    delivered = sizes_after_writes(TYPICAL_FIELDS_BYTES)["delivered"] + 100  # what DynamoDB adds to each item
    kept = delivered / 1e3 * (PRICES["stored"][0] + PRICES["recoverable"][0])
    per_million_kept = "for each million enquiries that are kept: storage and point-in-time recovery"
    rows.append([per_million_kept, f"{delivered / 1e3:.2f} GB", dollars(kept)])
    return table(["a month", "amount", "dollars"], rows, right=1)


def flood() -> str:
    """The cost of an hour and a day at the stage's limit."""
    hour = STAGE_RATE * 3_600
    emails = EMAILS_A_SECOND * 3_600
    one = sum(REMEMBERED.values())
    longest, unbounded = (
        sum(REFUSED.values()) + length / 1e9 * PRICES["out_gb"][0] for length in (LONGEST_RESPONSE_BYTES, UNBOUNDED_RESPONSE_BYTES)
    )
    many, largest = (
        sum(accepted(fields, with_key=True).values()) for fields in (TYPICAL_FIELDS_BYTES, LARGEST_FIELDS_BYTES)
    )
    rows = []
    for name, an_hour in (
        ("one client, refused from memory", hour * one),
        ("many clients over their limits, each refused with one call to AWS", hour * sum(REFUSED.values())),
        ("a thousand clients within their limits, all refused with the longest response", hour * longest),
        ("the same, if the length of responses was not limited (3 MB)", hour * unbounded),
        ("a thousand clients within their limits, all accepted", hour * many),
        ("the same, with enquiries of the largest size", hour * largest),
        ("in addition, the emails that are sent meanwhile, 14 a second", emails * sum(emailed(TYPICAL_FIELDS_BYTES).values())),
        ("in addition, each 1,000 a second that the gateway throttles", hour * sum(THROTTLED.values())),
        ("in addition, with a firewall, each 1,000 a second that it inspects", hour * PRICES["firewall"][0] / 1e6),
    ):
        rows.append([name, f"{an_hour:,.0f}", f"{an_hour * 24:,.0f}"])
    return table(["a flood of 1,000 requests a second", "dollars an hour", "dollars a day"], rows, right=1)


def prices() -> str:
    """The prices."""
    rows = [[f"{price:.10f}".rstrip("0").rstrip(".") or "0", unit, page] for price, unit, page in PRICES.values()]
    return table(["dollars", "for each", "AWS's page"], rows, right=3)


def quantities() -> str:
    """The quantities, and how we know each."""
    rows = [[f"log bytes: {name}", f"{length}", "computed from a sample"] for name, length in LOG_BYTES.items()]
    rows += [[f"an invocation: {name}", f"{milliseconds} ms", "assumed"] for name, milliseconds in MILLISECONDS.items()]
    rows += [
        ["start-up, averaged over all invocations", f"{START_MILLISECONDS:.0f} ms", "assumed"],
        ["memory: create-enquiry", f"{memory_gb('create-enquiry') * 1024:.0f} MB", "read from the template"],
        ["a response with its headers", f"{RESPONSE_BYTES:,} bytes", "assumed"],
        ["a typical enquiry's fields", f"{TYPICAL_FIELDS_BYTES} bytes", "assumed"],
        ["the size of an item in the tables", "", "computed from a sample by DynamoDB's rules"],
        ["calls to AWS", "", "counted, see ARCHITECTURE.md"],
        ["polls of an idle queue", f"{IDLE_POLLS_A_MINUTE} a minute", "assumed"],
    ]
    return table(["quantity", "value", "how we know"], rows, right=3)


def tables() -> str:
    """Everything between the markers."""
    attempts, largest, cost = outage(3)
    parts = [
        ("Cost of a million requests", headline()),
        ("Cost by size of the enquiry", sizes()),
        ("Cost of a month", fixed()),
        ("A flood", flood()),
        (
            "An outage of SES",
            f"If SES is down for three days, a typical email is tried about {attempts} times, and its record grows to "
            f"{largest / 1024:.0f} KB, most of it timeline.\nThe sweeper handles at most 1,024 notifications a minute. This limits "
            f"the cost to about {cost:,.0f} dollars.",
        ),
        (f"Prices, eu-west-2, {PRICES_OF}", prices()),
        ("Quantities", quantities()),
    ]
    return "\n" + "\n\n".join(f"### {title}\n\n{text}" for title, text in parts) + "\n\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/cost.md")
    if not parser.parse_args().write:
        print(tables(), end="")
        return 0
    document = DOCUMENT.read_text()
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        print(f"{DOCUMENT}: each marker must be there exactly once: {BEGIN.strip()}, {END.strip()}.", file=sys.stderr)
        return 1
    before, rest = document.split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text(before + BEGIN + tables() + END + after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
