"""Checks the ring's template against our own rules, and tests that each rule detects a violation.

These are rules that cfn-lint and checkov do not have, or that replace a rule of theirs that the template waives.
"""

import json
import re
import unittest
from collections.abc import Iterator

import botocore.session

import error_reference
import templates
from templates import Template

TEXT = templates.CORE.read_text()
ERRORS = error_reference.entries(error_reference.DOCUMENT.read_text())
CONTRACT = error_reference.DOCUMENT.with_name("contract.md").read_text()
HEADERS = {
    "gatewayresponse.header.x-credicorp-request-id": "context.requestId",
    "gatewayresponse.header.cache-control": "'no-store'",
    "gatewayresponse.header.x-content-type-options": "'nosniff'",
    "gatewayresponse.header.access-control-allow-origin": "'*'",
}
# The types of the gateway's response to an unknown path, with and without an Authorization header.
ROUTE_NOT_FOUND_TYPES = {
    "MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND", "INVALID_SIGNATURE", "ACCESS_DENIED", "EXPIRED_TOKEN", "UNAUTHORIZED",
    "INVALID_API_KEY",
}
# API Gateway's own list. cfn-lint accepts any text.
SECURITY_POLICIES = (
    botocore.session.get_session().get_service_model("apigateway").shape_for("SecurityPolicy").enum
)
# The alarms over all functions, each with the Lambda metric that it adds up.
OVER_ALL_FUNCTIONS = {"FunctionErrorsAlarm": "Errors", "FunctionThrottlesAlarm": "Throttles"}
SUM_OF_ALL = {"Id": "all_functions", "Expression": "SUM(FILL(METRICS(), 0))", "ReturnData": True}
# CloudWatch's limit for one alarm, without the sum.
MAX_METRICS_OF_AN_ALARM = 10
# The longest time that a REST API waits for a function.
GATEWAY_TIMEOUT_SECONDS = 29


def nothing_is_allowed_to_everybody(template: Template) -> Iterator[str]:
    """In all policies and permissions. test_grants.py checks exactly what the functions' roles allow."""
    for name, part in template.resources.items():
        for inner in _mappings(part):
            if inner.get("Effect") == "Deny":
                continue
            # A Lambda permission has no Effect. A star in its SourceArn stands only for a part of our own gateway.
            if "*" in json.dumps(inner if "Effect" in inner else inner.get("Principal")):
                yield f"{name} has a star in what it allows: {inner}."
            if inner.keys() & {"NotPrincipal", "NotAction", "NotResource"}:
                yield f"{name} allows everything except what it lists: {inner}."
            if any(isinstance(document, str) for key, document in inner.items() if key.endswith("PolicyDocument")):
                yield f"{name} has a policy that is a string, which this check cannot read."


def every_log_group_has_a_retention(template: Template) -> Iterator[str]:
    for name, group in template.of_type("AWS::Logs::LogGroup").items():
        if "RetentionInDays" not in group:
            yield f"{name} keeps its lines forever."


def every_function_has_a_log_group_of_its_own(template: Template) -> Iterator[str]:
    groups = template.of_type("AWS::Logs::LogGroup")
    for name, function in template.functions().items():
        config = function.get("LoggingConfig", {})
        group = groups.get(_target(config.get("LogGroup")), {})
        if group.get("LogGroupName") != {"!Sub": "/aws/lambda/" + function["FunctionName"]["!Sub"]}:
            yield f"{name} does not have its own log group."
        if config.get("LogFormat") != "JSON":
            yield f"{name} does not log JSON."


def every_function_has_its_limits(template: Template) -> Iterator[str]:
    for name, function in template.functions().items():
        for limit in ("Timeout", "MemorySize"):
            if not isinstance(function.get(limit), int):
                yield f"{name} has no {limit}."
    called_by_the_gateway = _permitted(template, "apigateway.amazonaws.com")
    for name in called_by_the_gateway:
        if template.functions()[name].get("Timeout", 0) >= GATEWAY_TIMEOUT_SECONDS:
            yield f"{name} may run longer than the gateway waits."


def every_route_has_its_filters(template: Template) -> Iterator[str]:
    """Each function that the gateway calls has the metric filters for what the edge logs."""
    filters = [(_target(part["LogGroupName"]), part["FilterPattern"]) for part in template.of_type("AWS::Logs::MetricFilter").values()]
    for name in _permitted(template, "apigateway.amazonaws.com"):
        group = _target(template.functions()[name].get("LoggingConfig", {}).get("LogGroup"))
        for pattern in FILTERS_OF_A_ROUTE:
            if (group, pattern) not in filters:
                yield f"{name} has no filter for {pattern}."


def every_function_is_in_the_alarms_over_all_functions(template: Template) -> Iterator[str]:
    """An alarm cannot use a search, so these two list the functions by name."""
    for alarm, metric in OVER_ALL_FUNCTIONS.items():
        queries = template.resources.get(alarm, {}).get("Properties", {}).get("Metrics", [])
        wanted = [SUM_OF_ALL]
        for name, function in template.functions().items():
            wanted.append(_sum_of_a_function(name, function["FunctionName"]["!Sub"], metric))
            if wanted[-1] not in queries:
                yield f"{alarm} does not count the {metric.lower()} of {name}."
        if SUM_OF_ALL not in queries:
            yield f"{alarm} does not compare the sum over all functions."
        for query in queries:
            if query not in wanted:
                yield f"{alarm} counts a metric that does not belong to a function: {query}."
        if len(queries) > 1 + MAX_METRICS_OF_AN_ALARM:
            yield f"{alarm} has more than {MAX_METRICS_OF_AN_ALARM} metrics, which CloudWatch refuses: split it in two."


def no_failed_event_or_message_is_lost(template: Template) -> Iterator[str]:
    """An asynchronous call has a failure destination, or the next call does its work. A queue has a dead-letter queue."""
    rules = template.of_type("AWS::Events::Rule")
    configs = template.of_type("AWS::Lambda::EventInvokeConfig")
    for name in _permitted(template, "events.amazonaws.com"):
        config = next((config for config in configs.values() if _target(config["FunctionName"]) == name), {})
        targets = [
            (rule, target) for rule in rules.values() for target in rule["Targets"] if _target(target["Arn"]) == name
        ]
        runs_every_minute = all(rule.get("ScheduleExpression") == "rate(1 minute)" for rule, _ in targets)
        if runs_every_minute and config.get("MaximumRetryAttempts") == 0:
            continue
        if not config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
            yield f"{name} is called asynchronously, and events that it fails on are lost."
        if not all(target.get("DeadLetterConfig") for _, target in targets):
            yield f"{name} is called by a rule, and events that do not reach it are lost."
    queues = template.of_type("AWS::SQS::Queue")
    for name, mapping in template.of_type("AWS::Lambda::EventSourceMapping").items():
        queue = queues[_target(mapping["EventSourceArn"])]
        function = template.functions()[_target(mapping["FunctionName"])]
        if _target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")) not in queues:
            yield f"{name} reads a queue without a dead-letter queue."
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} retries a whole batch when one message fails."
        if queue.get("VisibilityTimeout", 30) < 6 * function.get("Timeout", 0):
            yield f"{name} reads a queue that delivers messages again too soon."


def functions_that_send_email_have_a_concurrency_limit(template: Template) -> Iterator[str]:
    """SES limits the sending rate. So a function that sends has a reserved concurrency, or its queue limits the concurrency."""
    mappings = template.of_type("AWS::Lambda::EventSourceMapping").values()
    for name, function in template.functions().items():
        role = template.resources.get(_target(function.get("Role")), {})
        if not any("ses:SendEmail" in _texts(statement.get("Action")) for statement in _mappings(role)):
            continue
        limits = [
            mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
            for mapping in mappings
            if _target(mapping["FunctionName"]) == name
        ]
        called_otherwise = any(
            _target(permission["FunctionName"]) == name for permission in template.of_type("AWS::Lambda::Permission").values()
        )
        if "ReservedConcurrentExecutions" not in function and (called_otherwise or not limits or not all(limits)):
            yield f"{name} sends email, but has no concurrency limit."


def every_table_is_safe_and_expires_records(template: Template) -> Iterator[str]:
    for name, table in template.of_type("AWS::DynamoDB::Table").items():
        if table.get("SSESpecification") != {"SSEEnabled": True}:
            yield f"{name} is not encrypted with a key of the account."
        if table.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield f"{name} cannot be restored."
        if "DeletionProtectionEnabled" in table:
            yield f"{name} would not be deleted if a first deploy fails."
        if table.get("TimeToLiveSpecification") != {"AttributeName": "expires_at", "Enabled": True}:
            yield f"{name} does not delete expired records."
    if template.resources["EnquiriesTable"].get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
        yield "EnquiriesTable is deleted with its stack."


def a_first_deploy_that_fails_leaves_no_resources_behind(template: Template) -> Iterator[str]:
    for name, part in template.resources.items():
        policy = part.get("DeletionPolicy", "Delete")
        if policy == "Retain":
            yield f"{name} would not be deleted if a first deploy fails."
        if (policy == "RetainExceptOnCreate") != (part.get("UpdateReplacePolicy") == "Retain"):
            yield f"{name} is kept when it is deleted but not when it is replaced, or the reverse."


def every_queue_is_encrypted(template: Template) -> Iterator[str]:
    policies = template.of_type("AWS::SQS::QueuePolicy").values()
    over_tls = {
        _target(queue)
        for policy in policies
        for queue in policy["Queues"]
        if any(
            statement["Effect"] == "Deny" and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in policy["PolicyDocument"]["Statement"]
        )
    }
    for name, queue in template.of_type("AWS::SQS::Queue").items():
        if queue.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in queue:
            yield f"{name} is not encrypted."
        if name not in over_tls:
            yield f"{name} can be read without TLS."


def every_gateway_response_has_our_format(template: Template) -> Iterator[str]:
    responses = template.of_type("AWS::ApiGateway::GatewayResponse")
    for name, response in responses.items():
        body = _body(response)
        code = body.get("error", {}).get("code", "")
        if list(body) != ["error", "meta"] or list(body["error"]) != ["type", "code", "message", "doc_url"]:
            yield f"{name} does not have the format of our responses."
            continue
        if body["meta"] != {"request_id": "$context.requestId", "environment": "$context.stage"}:
            yield f"{name} does not have the request id and the environment in its meta."
        entry = ERRORS.get(code)
        if body["error"]["doc_url"] != "${DocUrlBase}#" + code or not entry:
            yield f"{name} has a doc_url that is not in docs/errors.md."
        elif (response["StatusCode"], body["error"]["type"]) != entry:
            yield f"{name} has another status or type for {code} than docs/errors.md: {entry.status}, {entry.type}."
        headers = response.get("ResponseParameters", {})
        if not HEADERS.items() <= headers.items():
            yield f"{name} lacks a header that every response has."
        if response["StatusCode"] in ("429", "503") and "gatewayresponse.header.retry-after" not in headers:
            yield f"{name} has no retry-after header."
        if response["ResponseType"] in ROUTE_NOT_FOUND_TYPES and (response["StatusCode"], code) != ("404", "route_not_found"):
            yield f"{name} is not a 404 route_not_found."
    types = {response["ResponseType"] for response in responses.values()}
    for kind in {"DEFAULT_4XX", "DEFAULT_5XX", "WAF_FILTERED", *ROUTE_NOT_FOUND_TYPES} - types:
        yield f"{kind} has no gateway response, so its format is the gateway's own."


def the_contract_lists_every_gateway_response(template: Template) -> Iterator[str]:
    """The rule above compares the template with docs/errors.md. This one compares the contract with the template."""
    in_template = {
        response["ResponseType"]: (response["StatusCode"], _body(response).get("error", {}).get("code"))
        for response in template.of_type("AWS::ApiGateway::GatewayResponse").values()
    }
    in_contract = {
        kind: (status, code)
        for kinds, status, code in re.findall(r"^\| (`[A-Z0-9_`, ]+`) \| (\d{3}) \| `(\w+)`", CONTRACT, re.M)
        for kind in re.findall(r"\w+", kinds)
    }
    for kind in sorted(in_template.keys() | in_contract.keys()):
        if in_template.get(kind) != in_contract.get(kind):
            yield f"{kind} is {in_contract.get(kind)} in docs/contract.md, but {in_template.get(kind)} in the template."


def every_gateway_requires_tls_1_2_or_newer(template: Template) -> Iterator[str]:
    for name, api in template.of_type("AWS::ApiGateway::RestApi", "AWS::ApiGateway::DomainName").items():
        policy = api.get("SecurityPolicy", "TLS_1_0")
        if policy not in SECURITY_POLICIES:
            yield f"{name} has a security policy that API Gateway does not know: {policy}."
        elif not re.match(r"TLS_1_2$|SecurityPolicy_TLS13_1_[23]_", policy):
            yield f"{name} accepts TLS below 1.2."
        if policy.startswith("SecurityPolicy_") != (api.get("EndpointAccessMode") in ("BASIC", "STRICT")):
            yield f"{name} has a security policy that does not fit its endpoint access mode."


def every_waiver_has_a_reason(template: Template) -> Iterator[str]:
    for name, part in template.resources.items():
        for waived in part.get("Metadata", {}).get("checkov", {}).get("skip", []):
            if len(waived.get("comment", "").split()) < 4:
                yield f"{name} waives {waived['id']} without a reason."
    lines = template.source.splitlines()
    explained = set()
    for waived, line in templates.listed_under("ignore_checks", template.source):
        # Each waiver needs its own reason. Several on one line would share the comment above it.
        if line in explained or not lines[line - 1].strip().startswith("# "):
            yield f"{waived} is waived without a reason."
        explained.add(line)


RULES = [
    nothing_is_allowed_to_everybody,
    every_log_group_has_a_retention,
    every_function_has_a_log_group_of_its_own,
    every_function_has_its_limits,
    every_route_has_its_filters,
    every_function_is_in_the_alarms_over_all_functions,
    no_failed_event_or_message_is_lost,
    functions_that_send_email_have_a_concurrency_limit,
    every_table_is_safe_and_expires_records,
    a_first_deploy_that_fails_leaves_no_resources_behind,
    every_queue_is_encrypted,
    every_gateway_response_has_our_format,
    the_contract_lists_every_gateway_response,
    every_gateway_requires_tls_1_2_or_newer,
    every_waiver_has_a_reason,
]


def problems(text: str) -> list[str]:
    """A message for each problem in a template."""
    template = Template(text)
    return [problem for rule in RULES for problem in rule(template)]


def _target(value: object) -> str | None:
    """The name of the resource in a !Ref or !GetAtt."""
    if isinstance(value, dict):
        return next((text.split(".")[0] for tag, text in value.items() if tag in ("!Ref", "!GetAtt")), None)
    return None


def _mappings(value: object) -> Iterator[dict]:
    """All mappings in a value, at any depth."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _mappings(part)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _sum_of_a_function(name: str, full_name: str, metric: str) -> dict:
    """The entry for one function in an alarm over all functions. The runbook's `by_function` shows the Id."""
    dimensions = [{"Name": "FunctionName", "Value": {"!Ref": name}}]
    return {
        "Id": full_name.removeprefix("${AWS::StackName}-").replace("-", "_"),
        "ReturnData": False,
        "MetricStat": {
            "Stat": "Sum",
            "Period": 300,
            "Metric": {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions},
        },
    }


def _permitted(template: Template, principal: str) -> list[str]:
    """The functions that a service may invoke."""
    permissions = template.of_type("AWS::Lambda::Permission").values()
    return [_target(permission["FunctionName"]) for permission in permissions if permission["Principal"] == principal]


def _body(response: dict) -> dict:
    template = response.get("ResponseTemplates", {}).get("application/json", {})
    try:
        return json.loads(template["!Sub"])
    except (KeyError, TypeError, ValueError):
        return {}


# The filters for what the edge logs for every route.
FILTERS_OF_A_ROUTE = (
    '{ $.event = "limiter_failed_open" }', '{ $.event = "panic" }', '{ $.event = "unreadable_event" }', '{ $.outcome = "*" }',
    '{ $.code = "*" }', "{ $.cold IS TRUE }",
)
TABLE_OPEN_TO_ALL = """
      ResourcePolicy:
        PolicyDocument: { Statement: [{ Effect: Allow, Principal: "*", Action: dynamodb:GetItem, Resource: any }] }
"""
FURTHER_FUNCTION = """
Resources:
  FurtherFunction:
    Type: AWS::Serverless::Function
    Properties: { FunctionName: !Sub "${AWS::StackName}-further" }
"""
# Text of the template, a replacement that breaks a rule, and a part of the expected message.
VIOLATIONS = [
    ("Principal: { Service: events.amazonaws.com }", 'Principal: "*"', "MailEventsFailedQueuePolicy has a star"),
    ("Principal: { Service: events.amazonaws.com }", 'NotPrincipal: { AWS: "123456789012" }', "allows everything except what it lists"),
    ("Principal: { Service: apigateway.amazonaws.com }", 'Principal: { AWS: "*" }', "ApiGatewayAccountRole has a star"),
    ("Principal: apigateway.amazonaws.com", 'Principal: "*"', "EnquiriesPermission has a star"),
    ("      BillingMode: PAY_PER_REQUEST\n", TABLE_OPEN_TO_ALL, "EnquiriesTable has a star"),
    ("      BillingMode: PAY_PER_REQUEST\n", "      ResourcePolicy: { PolicyDocument: '{}' }\n", "EnquiriesTable has a policy that is a string"),
    ("-record-mail-event\n      RetentionInDays: !Ref LogRetentionDays", "-record-mail-event", "RecordMailEventLogs keeps"),
    ("LogGroup: !Ref SendNotificationLogs", "LogGroup: !Ref CreateEnquiryLogs", "SendNotificationFunction does not have its own log group"),
    ("LogFormat: JSON", "LogFormat: Text", "CreateEnquiryFunction does not log JSON"),
    ("      Timeout: 10\n", "", "CreateEnquiryFunction has no Timeout"),
    ("      Timeout: 10\n", "      Timeout: 30\n", "longer than the gateway waits"),
    ("    MemorySize: 256\n", "", "RequeueNotificationsFunction has no MemorySize"),
    ("\nResources:\n", FURTHER_FUNCTION, "FunctionErrorsAlarm does not count the errors of FurtherFunction"),
    ("\nResources:\n", FURTHER_FUNCTION, "FunctionThrottlesAlarm does not count the throttles of FurtherFunction"),
    ("{ $.cold IS TRUE }", "{ $.cold IS FALSE }", "CreateEnquiryFunction has no filter for { $.cold IS TRUE }"),
    ('"limiter_failed_open"', '"limiter_open"', "CreateEnquiryFunction has no filter for"),
    ("Dimensions: *send_notification", "Dimensions: *create_enquiry", "does not count the throttles of SendNotificationFunction"),
    ("MetricName: Errors", "MetricName: Invocations", "FunctionErrorsAlarm counts a metric that does not belong to a function"),
    ("SUM(FILL(METRICS(), 0))", "MIN(METRICS())", "FunctionErrorsAlarm does not compare the sum"),
    ("OnFailure: { Destination: !GetAtt MailEventsFailedQueue.Arn }", "OnFailure: {}", "events that it fails on are lost"),
    ("DeadLetterConfig: { Arn: !GetAtt MailEventsFailedQueue.Arn }", "InputPath: $", "events that do not reach it are lost"),
    ("rate(1 minute)", "rate(1 day)", "RequeueNotificationsFunction is called asynchronously"),
    ("deadLetterTargetArn: !GetAtt NotificationsDeadLetterQueue.Arn", "deadLetterTargetArn: elsewhere", "without a dead-letter queue"),
    ("FunctionResponseTypes: [ReportBatchItemFailures]", "Enabled: true", "retries a whole batch"),
    ("VisibilityTimeout: 180", "VisibilityTimeout: 60", "delivers messages again too soon"),
    ("ScalingConfig: {", "Tags: {", "SendNotificationFunction sends email, but has no concurrency limit"),
    ("SSESpecification: { SSEEnabled: true }", "SSESpecification: { SSEEnabled: false }", "EnquiriesTable is not encrypted"),
    ("PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false", "EnquiriesTable cannot be restored"),
    ("      BillingMode: PAY_PER_REQUEST\n", "      BillingMode: PAY_PER_REQUEST\n      DeletionProtectionEnabled: true\n",
     "EnquiriesTable would not be deleted"),
    ("DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Retain", "ApiGatewayAccount would not be deleted"),
    ("DeletionPolicy: RetainExceptOnCreate\n    UpdateReplacePolicy: Retain", "DeletionPolicy: RetainExceptOnCreate",
     "ApiGatewayAccount is kept when it is deleted but not when it is replaced"),
    ("AttributeName: expires_at, Enabled: true", "AttributeName: expires_at, Enabled: false", "EnquiriesTable does not delete expired records"),
    ("SqsManagedSseEnabled: true", "SqsManagedSseEnabled: false", "NotificationsQueue is not encrypted"),
    ("Queues: [!Ref MailEventsFailedQueue]", "Queues: [!Ref NotificationsQueue]", "MailEventsFailedQueue can be read without TLS"),
    ('"meta":{"request_id":"$context.requestId",', '"meta":{', "does not have the request id and the environment in its meta"),
    ('{"error":{"type":"invalid_request_error","code":"request_blocked",', '{"code":"request_blocked",', "WafFilteredResponse does not have the format"),
    ("#request_blocked", "#blocked", "WafFilteredResponse has a doc_url that is not in docs/errors.md"),
    ('"code":"request_blocked"', '"code":"bad_request"', "WafFilteredResponse has a doc_url that is not in docs/errors.md"),
    ("${DocUrlBase}#request_blocked", "https://example.com/errors#request_blocked", "WafFilteredResponse has a doc_url that is not in docs/errors.md"),
    ('StatusCode: "403"', 'StatusCode: "400"', "WafFilteredResponse has another status or type for request_blocked"),
    ('"type":"api_error","code":"internal_error"', '"type":"invalid_request_error","code":"internal_error"',
     "Default5xxResponse has another status or type for internal_error"),
    ('StatusCode: "403"', 'StatusCode: "400"', "WAF_FILTERED is ('403', 'request_blocked') in docs/contract.md"),
    ("ResponseType: QUOTA_EXCEEDED", "ResponseType: BAD_REQUEST_BODY", "BAD_REQUEST_BODY is None in docs/contract.md"),
    ("ResponseType: QUOTA_EXCEEDED", "ResponseType: BAD_REQUEST_BODY", "but None in the template"),
    ("gatewayresponse.header.cache-control: \"'no-store'\"", "gatewayresponse.header.x-a: \"'a'\"", "lacks a header"),
    ("gatewayresponse.header.retry-after: \"'1'\"", "gatewayresponse.header.x-a: \"'a'\"", "ThrottledResponse has no retry-after header"),
    ("ResponseType: WAF_FILTERED", "ResponseType: BAD_REQUEST_BODY", "WAF_FILTERED has no gateway response"),
    ("ResponseType: EXPIRED_TOKEN", "ResponseType: BAD_REQUEST_BODY", "EXPIRED_TOKEN has no gateway response"),
    (
        "ResponseType: INVALID_SIGNATURE\n      StatusCode: \"404\"", "ResponseType: INVALID_SIGNATURE\n      StatusCode: \"403\"",
        "InvalidSignatureResponse is not a 404 route_not_found",
    ),
    ("SecurityPolicy: SecurityPolicy_TLS13_1_2_2021_06", "SecurityPolicy: TLS_1_0", "Api accepts TLS below 1.2"),
    ("      SecurityPolicy: SecurityPolicy_TLS13_1_2_2021_06\n", "", "Api accepts TLS below 1.2"),
    ("SecurityPolicy_TLS13_1_2_2021_06", "SecurityPolicy_TLS13_1_2_2021_07", "Api has a security policy that API Gateway does not know"),
    ("      EndpointAccessMode: BASIC\n", "", "Api has a security policy that does not fit its endpoint access mode"),
    ("            comment: There is nothing to cache, because the only route is a POST.\n", "", "Stage waives CKV_AWS_120 without a reason"),
    ("            # See CKV_AWS_73.\n            - WS2002", "            - WS2002", "WS2002 is waived without a reason"),
    ("ignore_checks:\n            # See CKV_AWS_73.\n            - WS2002", "ignore_checks: [WS2002]", "WS2002 is waived without a reason"),
    ("            - WS2002", "            [WS2002, E3002]", "E3002 is waived without a reason"),
]


class Rules(unittest.TestCase):
    def test_the_template_follows_them(self):
        self.assertEqual(problems(TEXT), [])

    def test_the_other_templates_follow_the_rules_that_apply_to_them(self):
        for path in (templates.PERIMETER, templates.INSIGHTS):
            template = Template(path.read_text())
            for rule in (every_waiver_has_a_reason, nothing_is_allowed_to_everybody, every_gateway_requires_tls_1_2_or_newer):
                self.assertEqual(list(rule(template)), [])

    def test_each_detects_a_violation(self):
        for old, new, message in VIOLATIONS:
            with self.subTest(old=old, new=new):
                self.assertIn(old, TEXT)
                found = problems(TEXT.replace(old, new, 1))
                self.assertTrue(any(message in problem for problem in found), found)

    def test_the_firewall_always_blocks_floods_and_the_gateway_makes_the_response(self):
        self.assertNotIn("CustomResponse", templates.PERIMETER.read_text())
        rules = templates.load(templates.PERIMETER.read_text())["Resources"]["WebAcl"]["Properties"]["Rules"]
        for rule in rules:
            action = rule.get("Action") or rule["OverrideAction"]
            if "RateBasedStatement" in rule["Statement"]:
                self.assertEqual(action, {"Block": {}})
            else:
                # The first action applies in block mode. In count mode, these rules only count.
                self.assertIn(
                    action, ({"!If": ["Blocks", {"Block": {}}, {"Count": {}}]}, {"!If": ["Blocks", {"None": {}}, {"Count": {}}]})
                )
        self.assertEqual(sum("RateBasedStatement" in rule["Statement"] for rule in rules), 1)

    def test_the_alarm_for_bank_holidays_rings_at_most_once_a_day(self):
        alarm = Template(TEXT).resources["BankHolidaysEndingAlarm"]["Properties"]
        self.assertGreaterEqual(alarm["Period"], 24 * 60 * 60)


if __name__ == "__main__":
    unittest.main()
