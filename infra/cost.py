"""What this API costs, computed from one table of prices and one of quantities.

docs/cost.md holds what this wrote last, between two markers. What can be counted is counted: the alarms,
metrics, secrets and the memory from the template, items and log lines from samples of them. Each assumption is marked as one.

  cost.py            print the document's tables
  cost.py --write    put them into the document
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
# Dollars in eu-west-2, the first tier, without free tiers: what it is for, for how many, and where AWS says so.
PRICES = {
    "gateway": (3.50, "million requests to a REST API", "https://aws.amazon.com/api-gateway/pricing/"),
    "invocation": (0.20, "million invocations", "https://aws.amazon.com/lambda/pricing/"),
    "gb_second": (0.0000133334, "GB-second on arm64", "https://aws.amazon.com/lambda/pricing/"),
    "write": (0.7423, "million write request units, on demand", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "read": (0.1485, "million read request units, on demand", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "stored": (0.29715, "GB-month of a table", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "recoverable": (0.23772, "GB-month of point-in-time recovery", "https://aws.amazon.com/dynamodb/pricing/on-demand/"),
    "queue": (0.40, "million requests to a standard queue", "https://aws.amazon.com/sqs/pricing/"),
    "mail": (0.10, "thousand recipients", "https://aws.amazon.com/ses/pricing/"),
    "event": (0.00, "event of an AWS service on the default bus", "https://aws.amazon.com/eventbridge/pricing/"),
    "log_gb": (0.5985, "GB of logs taken in", "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarm": (0.10, "metric that an alarm watches and month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "metric": (0.30, "metric and month, by the hour", "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboard": (3.00, "dashboard and month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "secret": (0.40, "secret and month", "https://aws.amazon.com/secrets-manager/pricing/"),
    "key_use": (0.03, "ten thousand uses of a KMS key", "https://aws.amazon.com/kms/pricing/"),
    "firewall": (0.60, "million requests that a firewall looks at", "https://aws.amazon.com/waf/pricing/"),
    "firewall_acl": (5.00, "firewall (web ACL) and month", "https://aws.amazon.com/waf/pricing/"),
    "firewall_rule": (1.00, "rule of a firewall and month", "https://aws.amazon.com/waf/pricing/"),
    "out_gb": (0.09, "GB to the internet", "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer"),
}

# ---- Quantities ------------------------------------------------------------------------------------------------------

# Milliseconds that Lambda bills. Assumed, until there is a deployment to measure: three calls of about 10 ms, one of them,
# none; a mail as MailConcurrency's description has it, 7 a second.
MILLISECONDS = {"accepted": 30, "one call": 10, "no call": 2, "mail": 140, "mail event": 15, "sweep": 60}
# One start in a hundred invocations, of 100 ms. Assumed.
START_MILLISECONDS = 0.01 * 100
# A response with its headers on the wire, in bytes. Assumed.
RESPONSE_BYTES = 1_000
# The longest body of a response (contract, Every response); and what one was before it was bounded, to 64 KiB of wrong fields.
LONGEST_RESPONSE_BYTES, UNBOUNDED_RESPONSE_BYTES = 16 * 1024, 3_000_000
# What CloudWatch Logs adds to each line (PutLogEvents, batch size).
LOG_LINE_OVERHEAD = 26
# An enquiry is typical whose fields are this long as JSON. Assumed; a form of four answers and 80 words.
TYPICAL_FIELDS_BYTES = 600
LARGEST_FIELDS_BYTES = 16_384
# Lambda asks an idle queue with five pollers, for 20 seconds each time. Assumed, for AWS does not promise it.
IDLE_POLLS_A_MINUTE = 5 * 3
# DynamoDB asks KMS for a table's key once in five minutes and function. Assumed, likewise.
KEY_USES_AN_HOUR = 12
SWEEP_QUERIES = 16  # a query that finds nothing costs half a read unit
MINUTES = 730 * 60  # a month's
STAGE_RATE, MAILS_A_SECOND = 1_000, 14  # StageRateLimit; MailConcurrency of 2
# API Gateway's detailed metrics of one method: Count, Latency, IntegrationLatency, 4XXError, 5XXError.
# Each value of a dimension is a metric (docs/decisions/0005-metrics-from-logs.md).
DIMENSION_VALUES = {"Calls": 5, "ErrorAnswers": 28, "Notifications": 14, "Deliveries": 6}
GATEWAY_METRICS = 5
# SES's metrics of a configuration set: Reputation.BounceRate and Reputation.ComplaintRate. Those of the whole account are free.
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
# Bytes of each log line, computed from a sample of it with ids of AWS's lengths. The local test run's lines are as long, save
# for the extended request id, which is 20 bytes longer there.
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
    # Its form is AWS's and may change.
    "Lambda itself, of each invocation": sum(len(line) + LOG_LINE_OVERHEAD for line in _SYSTEM),
    "the gateway, in the access log": len(
        '{"gateway_request_id":"%s","gateway_extended_request_id":"Q1w2E3r4T5y6U7i=","time":"29/Jun/2026:13:42:07 +0000",'
        '"route":"/public/v1/enquiries","method":"POST","status":"201","latency_ms":"38","integration_latency_ms":"35",'
        '"response_bytes":"98","gateway_response":"-"}' % LAMBDA_ID
    )
    + LOG_LINE_OVERHEAD,
}

# ---- Items -----------------------------------------------------------------------------------------------------------


def size(value: object) -> int:
    """Bytes of a value as DynamoDB counts them (developer guide, item sizes and formats)."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, int):
        return math.ceil(len(str(value)) / 2) + 1
    elements = value if isinstance(value, list) else [*value, *value.values()]
    return 3 + len(value) + sum(size(element) for element in elements)


def item_size(item: dict) -> int:
    """Bytes of an item: its names and values."""
    return sum(size(name) + size(value) for name, value in item.items())


def units(item_bytes: int) -> int:
    """Write units of an item."""
    return math.ceil(item_bytes / 1024)


def life(fields_bytes: int) -> dict[str, int]:
    """How large an enquiry's item is after each write of its life."""
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


def mail_units(fields_bytes: int) -> tuple[int, int]:
    """Write units of table and index from the claim to the delivery. An update costs the larger of before and after."""
    sizes = list(life(fields_bytes).values())
    # The claim moves the entry in mail-due, which is a removal and a put; the mark removes it.
    return sum(units(max(pair)) for pair in zip(sizes, sizes[1:])), 2 + 1


# ---- Bills -----------------------------------------------------------------------------------------------------------


def resources() -> dict[str, str]:
    """The template's resources: each one's text by its name. Enough of YAML for what is asked here."""
    text = TEMPLATE.read_text().split("\nResources:\n")[1].split("\nOutputs:\n")[0]
    parts = re.split(r"^  (\w+):.*\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def count(kind: str) -> int:
    """How many resources are of this type."""
    return sum(f"Type: {kind}\n" in text for text in resources().values())


def watched_by_alarms() -> int:
    """How many metrics alarms watch: one each, or all that an alarm adds up."""
    alarms = [text for text in resources().values() if "Type: AWS::CloudWatch::Alarm\n" in text]
    return sum(text.count(" MetricStat:\n") or 1 for text in alarms)


def metrics(having: str = "") -> set[str]:
    """Metrics that are counted from log lines, those whose filter names `having`."""
    filters = [text for text in resources().values() if "Type: AWS::Logs::MetricFilter\n" in text]
    found = {name for text in filters if having in text for name in re.findall(r"MetricName: (\w+)", text)}
    return found or sys.exit(f"{TEMPLATE}: found no metric filter with {having!r}")


def firewall_rules() -> int:
    """How many rules infra/perimeter.yaml has. One that is a set of AWS's is paid for like any other."""
    found = len(re.findall(r"^ +Priority: \d+$", PERIMETER.read_text(), re.M))
    return found or sys.exit(f"{PERIMETER}: found no rule")


def memory_gb(function: str) -> float:
    """The memory of a function, its own or what Globals says."""
    text = next(text for text in resources().values() if f"-{function}\n" in text and "Serverless::Function" in text)
    globally = TEMPLATE.read_text().split("\nGlobals:\n")[1].split("\nConditions:\n")[0]
    size = re.search(r"MemorySize: (\d+)", text) or re.search(r"MemorySize: (\d+)", globally)
    return int(size[1]) / 1024


def invocation(function: str, milliseconds: float, log_bytes: int) -> dict[str, float]:
    """One invocation of a function, with its log lines."""
    seconds = (milliseconds + START_MILLISECONDS) / 1e3
    return {
        "Lambda": PRICES["invocation"][0] / 1e6 + seconds * memory_gb(function) * PRICES["gb_second"][0],
        "logs": (log_bytes + LOG_BYTES["Lambda itself, of each invocation"]) / 1e9 * PRICES["log_gb"][0],
    }


def answer() -> dict[str, float]:
    """What the gateway costs whatever it answers: the way out, and a line in the access log."""
    line = LOG_BYTES["the gateway, in the access log"]
    return {"out": RESPONSE_BYTES / 1e9 * PRICES["out_gb"][0], "logs": line / 1e9 * PRICES["log_gb"][0]}


def total(*bills: dict[str, float]) -> dict[str, float]:
    """All of them in one."""
    together: dict[str, float] = {}
    for bill in bills:
        for name, dollars in bill.items():
            together[name] = together.get(name, 0) + dollars
    return together


def request(milliseconds: float, log_bytes: int, written: int = 0, queued: int = 0) -> dict[str, float]:
    """A request that reaches create-enquiry."""
    return total(
        {"gateway": PRICES["gateway"][0] / 1e6},
        answer(),
        invocation("create-enquiry", milliseconds, log_bytes),
        {"DynamoDB": written * PRICES["write"][0] / 1e6, "SQS": queued * PRICES["queue"][0] / 1e6},
    )


def accepted(fields_bytes: int, with_key: bool) -> dict[str, float]:
    """Counted, recorded, indexed, announced. A transaction costs twice; the index is written after it, and once."""
    recorded = units(life(fields_bytes)["recorded"])
    written = 1 + (2 * (recorded + 1) if with_key else recorded) + 1
    return request(MILLISECONDS["accepted"], LOG_BYTES["create-enquiry, accepted"], written, queued=1)


def replayed(fields_bytes: int) -> dict[str, float]:
    """A transaction that is cancelled is charged like one that is not."""
    written = 1 + 2 * (units(life(fields_bytes)["recorded"]) + 1)
    return request(MILLISECONDS["accepted"] * 2 / 3, LOG_BYTES["create-enquiry, accepted"], written)


def mailed(fields_bytes: int) -> dict[str, float]:
    """From the queue to the delivery, a message in each batch, as it is when they come one by one."""
    table, index = mail_units(fields_bytes)
    event = invocation("record-mail-event", MILLISECONDS["mail event"], LOG_BYTES["record-mail-event"])
    return total(
        invocation("send-notification", MILLISECONDS["mail"], LOG_BYTES["send-notification"]),
        event,
        event,
        {
            "DynamoDB": (table + index) * PRICES["write"][0] / 1e6,
            "SQS": 2 * PRICES["queue"][0] / 1e6,  # received, deleted
            "SES": PRICES["mail"][0] / 1e3,
            "out": 2 * PRICES["event"][0],
        },
    )


REFUSED = request(MILLISECONDS["one call"], LOG_BYTES["create-enquiry, refused"], written=1)
REMEMBERED = request(MILLISECONDS["no call"], LOG_BYTES["create-enquiry, refused"])
THROTTLED = answer()  # the gateway does not charge for what it throttles


def idle() -> list[tuple[str, str, float]]:
    """A month of a stack that nobody calls: what, how much of it, dollars."""
    watched = watched_by_alarms()
    secrets, dashboards = (count(kind) for kind in ("AWS::SecretsManager::Secret", "AWS::CloudWatch::Dashboard"))
    always = len(metrics('"sweep"'))
    sweep = invocation("requeue-notifications", MILLISECONDS["sweep"], LOG_BYTES["requeue-notifications"])
    polls = IDLE_POLLS_A_MINUTE * MINUTES
    reads = SWEEP_QUERIES * MINUTES / 2
    uses = KEY_USES_AN_HOUR * MINUTES / 60
    rows = [
        ("metrics that alarms watch", f"{watched}", watched * PRICES["alarm"][0]),
        ("metrics that have a value each minute, the sweep's", f"{always}", always * PRICES["metric"][0]),
        ("dashboards", f"{dashboards}", dashboards * PRICES["dashboard"][0]),
        ("secrets", f"{secrets}", secrets * PRICES["secret"][0]),
        ("sweeps, with their logs", f"{MINUTES:,}", MINUTES * sum(sweep.values())),
        ("read units of their queries", f"{reads:,.0f}", reads * PRICES["read"][0] / 1e6),
        ("polls of the empty queue", f"{polls:,}", polls * PRICES["queue"][0] / 1e6),
        ("uses of the tables' key", f"{uses:,.0f}", uses * PRICES["key_use"][0] / 1e4),
    ]
    return [row for row in rows if row[2] > 0]


def outage(days: int) -> tuple[int, int, float]:
    """SES down for days, each notification tried as often as it may be: attempts at one record, its size in the end, dollars
    for all. The sweeper's 1,024 a minute bound the whole; timelines grow with every attempt."""
    # 15 minutes, less a quarter on average, and half a minute until the sweep.
    attempts = round(days * 24 * 60 / (15 * 0.75 + 0.5))
    entries = [{"event": event, "at": TIME} for event in ("queued", "claimed", "postponed")]
    entries[-1]["cause"] = "ThrottlingException"
    largest = life(TYPICAL_FIELDS_BYTES)["recorded"] + attempts * sum(size(entry) + 1 for entry in entries)
    # Each attempt is three updates, and each moves the entry in the index: the sweeper's, the claim, the postponement.
    written = 3 * (units(largest) / 2 + 2)
    attempt = total(
        invocation("send-notification", MILLISECONDS["mail"], LOG_BYTES["send-notification"]),
        {"DynamoDB": written * PRICES["write"][0] / 1e6, "SQS": 3 * PRICES["queue"][0] / 1e6},
    )
    return attempts, largest, 1_024 * days * 24 * 60 * sum(attempt.values())


# ---- Tables ----------------------------------------------------------------------------------------------------------


def table(head: list[str], rows: list[list[str]], right: int) -> str:
    """Markdown; the columns from `right` on are numbers."""
    rule = ["---"] * right + ["---:"] * (len(head) - right)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def dollars(amount: float) -> str:
    """To the cent, or as small as it is."""
    return "–" if amount == 0 else f"{amount:,.2f}" if amount >= 0.005 else "<0.01"


def per_million(bill: dict[str, float]) -> str:
    """A million of them."""
    return dollars(sum(bill.values()) * 1e6)


def headline() -> str:
    """What a million of each costs, by service."""
    columns = ["gateway", "Lambda", "DynamoDB", "SQS", "SES", "logs", "out"]
    typical = TYPICAL_FIELDS_BYTES
    bills = [
        ("accepted, with an `Idempotency-Key`", accepted(typical, with_key=True)),
        ("accepted, without one", accepted(typical, with_key=False)),
        ("replayed", replayed(typical)),
        ("refused by our rules (4xx, counted)", REFUSED),
        ("refused by the limiter, one call", REFUSED),
        ("refused by the limiter from memory, or a preflight", REMEMBERED),
        ("throttled by the gateway", THROTTLED),
        ("mailed, on top of accepted", mailed(typical)),
        ("**accepted with a key, and mailed**", total(accepted(typical, with_key=True), mailed(typical))),
    ]
    cells = {name: [dollars(bill.get(column, 0) * 1e6) for column in columns] for name, bill in bills}
    rows = [[name, f"**{per_million(bill)}**", *cells[name]] for name, bill in bills]
    return table(["a million requests that are", "dollars", *columns], rows, right=1)


def sizes() -> str:
    """Write units over an enquiry's life."""
    rows = []
    for name, fields in (("typical", TYPICAL_FIELDS_BYTES), ("long", 2_048), ("the largest there is", LARGEST_FIELDS_BYTES)):
        stages = life(fields)
        recorded = units(stages["recorded"])
        on_table, on_index = mail_units(fields)
        both = total(accepted(fields, with_key=True), mailed(fields))
        rows.append([
            name, f"{fields:,}", f"{stages['recorded']:,}", f"{stages['delivered']:,}", str(1 + 2 * (recorded + 1) + 1),
            str(1 + recorded + 1), str(on_table + on_index), per_million(both),
        ])
    head = [
        "enquiry", "fields, bytes", "item when recorded", "when delivered", "write units to accept it with a key",
        "without one", "to mail it", "dollars a million, with a key and mailed",
    ]
    return table(head, rows, right=1)


def fixed() -> str:
    """An idle month."""
    rows = [[name, amount, dollars(cost)] for name, amount, cost in idle()]
    rows.append(["**a stack that nobody calls**", "", f"**{dollars(sum(cost for _, _, cost in idle()))}**"])
    once = "and once it is called, API Gateway's metrics of the method"
    rows.append([once, str(GATEWAY_METRICS), dollars(GATEWAY_METRICS * PRICES["metric"][0])])
    reputation = "and once it mails, SES's reputation metrics of the configuration set"
    rows.append([reputation, str(SES_METRICS), dollars(SES_METRICS * PRICES["metric"][0])])
    others = sum(DIMENSION_VALUES.get(name, 1) for name in metrics() - metrics('"sweep"'))
    rows.append(["and at most, if every counted event came in every hour", str(others), dollars(others * PRICES["metric"][0])])
    rules = firewall_rules()
    firewall = PRICES["firewall_acl"][0] + rules * PRICES["firewall_rule"][0]
    rows.append(["and with the firewall of `infra/perimeter.yaml`, its rules", str(rules), dollars(firewall)])
    delivered = life(TYPICAL_FIELDS_BYTES)["delivered"] + 100  # what DynamoDB adds to each item
    kept = delivered / 1e3 * (PRICES["stored"][0] + PRICES["recoverable"][0])
    rows.append(["and for every million enquiries that are kept, with recovery", f"{delivered / 1e3:.2f} GB", dollars(kept)])
    return table(["a month", "", "dollars"], rows, right=1)


def flood() -> str:
    """An hour and a day at the stage's throttle."""
    hour = STAGE_RATE * 3_600
    mails = MAILS_A_SECOND * 3_600
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
        ("many clients over their quotas, each refused by one call", hour * sum(REFUSED.values())),
        ("a thousand clients within theirs, everything refused with the longest response", hour * longest),
        ("the same, if responses were not bounded (3 MB)", hour * unbounded),
        ("a thousand clients within theirs, everything accepted", hour * many),
        ("the same, each enquiry as large as it may be", hour * largest),
        ("and the mails that go out meanwhile, 14 a second", mails * sum(mailed(TYPICAL_FIELDS_BYTES).values())),
        ("each further 1,000 a second that the gateway throttles", hour * sum(THROTTLED.values())),
        ("and if there is a firewall, each 1,000 a second that it looks at", hour * PRICES["firewall"][0] / 1e6),
    ):
        rows.append([name, f"{an_hour:,.0f}", f"{an_hour * 24:,.0f}"])
    return table(["a flood of 1,000 requests a second from", "dollars an hour", "a day"], rows, right=1)


def prices() -> str:
    """What everything is computed from."""
    rows = [[f"{price:.10f}".rstrip("0").rstrip(".") or "0", unit, page] for price, unit, page in PRICES.values()]
    return table(["dollars", "for each", "AWS's page"], rows, right=3)


def quantities() -> str:
    """What is not a price."""
    rows = [[f"log bytes: {name}", f"{length}", "computed from a sample"] for name, length in LOG_BYTES.items()]
    rows += [[f"an invocation: {name}", f"{milliseconds} ms", "assumed"] for name, milliseconds in MILLISECONDS.items()]
    rows += [
        ["starting up, spread over all invocations", f"{START_MILLISECONDS:.0f} ms", "assumed"],
        ["memory: create-enquiry", f"{memory_gb('create-enquiry') * 1024:.0f} MB", "read from the template"],
        ["a response with its headers", f"{RESPONSE_BYTES:,} bytes", "assumed"],
        ["a typical enquiry's fields", f"{TYPICAL_FIELDS_BYTES} bytes", "assumed"],
        ["an item's size in the tables", "", "computed from a sample by DynamoDB's rules"],
        ["calls", "", "counted: ARCHITECTURE.md"],
        ["polls of an idle queue", f"{IDLE_POLLS_A_MINUTE} a minute", "assumed"],
    ]
    return table(["quantity", "", "how we know"], rows, right=3)


def tables() -> str:
    """All that stands between the markers."""
    attempts, largest, cost = outage(3)
    parts = [
        ("By the million", headline()),
        ("By size", sizes()),
        ("By the month", fixed()),
        ("A flood", flood()),
        (
            "An outage of SES",
            f"Three days without SES: a typical record is tried about {attempts} times and grows to {largest / 1024:.0f} KB, most "
            f"of it timeline.\nThe sweeper's 1,024 a minute bound it all: about {cost:,.0f} dollars.",
        ),
        (f"Prices, eu-west-2, {PRICES_OF}", prices()),
        ("Quantities", quantities()),
    ]
    return "\n" + "\n\n".join(f"### {title}\n\n{text}" for title, text in parts) + "\n\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into the document")
    if not parser.parse_args().write:
        print(tables(), end="")
        return 0
    document = DOCUMENT.read_text()
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        print(f"{DOCUMENT}: the markers are missing, or there are several.", file=sys.stderr)
        return 1
    before, rest = document.split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text(before + BEGIN + tables() + END + after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
