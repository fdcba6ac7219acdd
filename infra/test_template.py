"""Reads the template of the ring and says what in it breaks a rule of ours; and shows that each rule would be noticed broken.

cfn-lint and checkov know what is good for everybody. These are the rules that they do not know, or get wrong, and for which the
template waives theirs.
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
# What the gateway says of a path that does not exist, with and without an Authorization header.
NO_SUCH_ROUTE = {
    "MISSING_AUTHENTICATION_TOKEN", "RESOURCE_NOT_FOUND", "INVALID_SIGNATURE", "ACCESS_DENIED", "EXPIRED_TOKEN", "UNAUTHORIZED",
    "INVALID_API_KEY",
}
# API Gateway's own list. cfn-lint takes any text.
SECURITY_POLICIES = (
    botocore.session.get_session().get_service_model("apigateway").shape_for("SecurityPolicy").enum
)
# The alarms over all functions, each with Lambda's metric that it adds up.
OVER_ALL_FUNCTIONS = {"FunctionErrorsAlarm": "Errors", "FunctionThrottlesAlarm": "Throttles"}
SUM_OF_ALL = {"Id": "all_functions", "Expression": "SUM(FILL(METRICS(), 0))", "ReturnData": True}
# What CloudWatch takes in one alarm, beside the sum.
METRICS_OF_AN_ALARM = 10
# What a REST API waits for, at most.
GATEWAY_TIMEOUT_SECONDS = 29


def nothing_is_allowed_to_everybody(template: Template) -> Iterator[str]:
    """Wherever a policy or a permission may stand; what the functions' roles allow, test_grants.py knows to the letter."""
    for name, part in template.resources.items():
        for inner in _mappings(part):
            if inner.get("Effect") == "Deny":
                continue
            # A permission for Lambda has no effect; a star in its source only stands for a part of our own gateway.
            if "*" in json.dumps(inner if "Effect" in inner else inner.get("Principal")):
                yield f"{name} allows something with a star: {inner}."
            if inner.keys() & {"NotPrincipal", "NotAction", "NotResource"}:
                yield f"{name} allows all but something: {inner}."
            if any(isinstance(document, str) for key, document in inner.items() if key.endswith("PolicyDocument")):
                yield f"{name} has a policy that is but a text, which nobody reads here."


def every_log_group_ends(template: Template) -> Iterator[str]:
    for name, group in template.of_type("AWS::Logs::LogGroup").items():
        if "RetentionInDays" not in group:
            yield f"{name} keeps its lines for ever."


def every_function_has_a_log_group_of_its_own(template: Template) -> Iterator[str]:
    groups = template.of_type("AWS::Logs::LogGroup")
    for name, function in template.functions().items():
        config = function.get("LoggingConfig", {})
        group = groups.get(_target(config.get("LogGroup")), {})
        if group.get("LogGroupName") != {"!Sub": "/aws/lambda/" + function["FunctionName"]["!Sub"]}:
            yield f"{name} has no log group of its own."
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
            yield f"{name} may take longer than the gateway waits."


def every_route_has_its_filters(template: Template) -> Iterator[str]:
    """What the edge logs is counted for each function that the gateway calls."""
    filters = [(_target(part["LogGroupName"]), part["FilterPattern"]) for part in template.of_type("AWS::Logs::MetricFilter").values()]
    for name in _permitted(template, "apigateway.amazonaws.com"):
        group = _target(template.functions()[name].get("LoggingConfig", {}).get("LogGroup"))
        for pattern in FILTERS_OF_A_ROUTE:
            if (group, pattern) not in filters:
                yield f"{name} has no filter for {pattern}."


def every_function_is_in_the_alarms_over_all_functions(template: Template) -> Iterator[str]:
    """An alarm takes no search, so that these two name the functions one by one."""
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
                yield f"{alarm} counts something that is no function's: {query}."
        if len(queries) > 1 + METRICS_OF_AN_ALARM:
            yield f"{alarm} has more than {METRICS_OF_AN_ALARM} metrics, which CloudWatch refuses: make it two."


def what_fails_is_kept(template: Template) -> Iterator[str]:
    """An asynchronous call has a destination for its failure, or the next one makes up for it; a queue has a dead-letter queue."""
    rules = template.of_type("AWS::Events::Rule")
    configs = template.of_type("AWS::Lambda::EventInvokeConfig")
    for name in _permitted(template, "events.amazonaws.com"):
        config = next((config for config in configs.values() if _target(config["FunctionName"]) == name), {})
        targets = [
            (rule, target) for rule in rules.values() for target in rule["Targets"] if _target(target["Arn"]) == name
        ]
        comes_again = all(rule.get("ScheduleExpression") == "rate(1 minute)" for rule, _ in targets)
        if comes_again and config.get("MaximumRetryAttempts") == 0:
            continue
        if not config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
            yield f"{name} is called asynchronously, and what it fails on is lost."
        if not all(target.get("DeadLetterConfig") for _, target in targets):
            yield f"{name} is called by a rule, and what does not reach it is lost."
    queues = template.of_type("AWS::SQS::Queue")
    for name, mapping in template.of_type("AWS::Lambda::EventSourceMapping").items():
        queue = queues[_target(mapping["EventSourceArn"])]
        function = template.functions()[_target(mapping["FunctionName"])]
        if _target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")) not in queues:
            yield f"{name} reads a queue without a dead-letter queue."
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} has a whole batch come again for one message."
        if queue.get("VisibilityTimeout", 30) < 6 * function.get("Timeout", 0):
            yield f"{name} reads a queue whose messages come again too soon."


def who_sends_mail_is_held_back(template: Template) -> Iterator[str]:
    """SES has a rate. Whoever sends has a limit of its own: how many of it run at once, or how many its queue starts."""
    mappings = template.of_type("AWS::Lambda::EventSourceMapping").values()
    for name, function in template.functions().items():
        role = template.resources.get(_target(function.get("Role")), {})
        if not any("ses:SendEmail" in _texts(statement.get("Action")) for statement in _mappings(role)):
            continue
        bounded = [
            mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
            for mapping in mappings
            if _target(mapping["FunctionName"]) == name
        ]
        called_otherwise = any(
            _target(permission["FunctionName"]) == name for permission in template.of_type("AWS::Lambda::Permission").values()
        )
        if "ReservedConcurrentExecutions" not in function and (called_otherwise or not bounded or not all(bounded)):
            yield f"{name} sends mail, and nothing bounds how many of it run at once."


def every_table_is_kept_safe(template: Template) -> Iterator[str]:
    for name, table in template.of_type("AWS::DynamoDB::Table").items():
        if table.get("SSESpecification") != {"SSEEnabled": True}:
            yield f"{name} is not encrypted under a key of the account."
        if table.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield f"{name} cannot be restored."
        if "DeletionProtectionEnabled" in table:
            yield f"{name} would stay behind when a first deploy fails."
        if table.get("TimeToLiveSpecification") != {"AttributeName": "expires_at", "Enabled": True}:
            yield f"{name} does not forget what has expired."
    if template.resources["EnquiriesTable"].get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
        yield "EnquiriesTable goes with its stack."


def what_outlives_the_stack_goes_with_a_first_deploy_that_fails(template: Template) -> Iterator[str]:
    for name, part in template.resources.items():
        policy = part.get("DeletionPolicy", "Delete")
        if policy == "Retain":
            yield f"{name} would stay behind when a first deploy fails."
        if (policy == "RetainExceptOnCreate") != (part.get("UpdateReplacePolicy") == "Retain"):
            yield f"{name} is kept when it is removed and not when it is replaced, or the other way round."


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
            yield f"{name} may be read without TLS."


def every_gateway_response_wears_the_envelope(template: Template) -> Iterator[str]:
    responses = template.of_type("AWS::ApiGateway::GatewayResponse")
    for name, response in responses.items():
        body = _body(response)
        code = body.get("error", {}).get("code", "")
        if list(body) != ["error", "meta"] or list(body["error"]) != ["type", "code", "message", "doc_url"]:
            yield f"{name} does not wear the envelope."
            continue
        if body["meta"] != {"request_id": "$context.requestId", "environment": "$context.stage"}:
            yield f"{name} does not say which request it answers."
        entry = ERRORS.get(code)
        if body["error"]["doc_url"] != "${DocUrlBase}#" + code or not entry:
            yield f"{name} points to an explanation that is not there."
        elif (response["StatusCode"], body["error"]["type"]) != entry:
            yield f"{name} answers {code} with another status or type than docs/errors.md: {entry.status}, {entry.type}."
        headers = response.get("ResponseParameters", {})
        if not HEADERS.items() <= headers.items():
            yield f"{name} lacks a header that every answer bears."
        if response["StatusCode"] in ("429", "503") and "gatewayresponse.header.retry-after" not in headers:
            yield f"{name} does not say when to try again."
        if response["ResponseType"] in NO_SUCH_ROUTE and (response["StatusCode"], code) != ("404", "route_not_found"):
            yield f"{name} does not say that there is no such route."
    types = {response["ResponseType"] for response in responses.values()}
    for kind in {"DEFAULT_4XX", "DEFAULT_5XX", "WAF_FILTERED", *NO_SUCH_ROUTE} - types:
        yield f"{kind} is answered in the gateway's own words."


def the_contract_lists_every_gateway_response(template: Template) -> Iterator[str]:
    """The rule above compares the template's with docs/errors.md, and this one the contract's with the template's."""
    answered = {
        response["ResponseType"]: (response["StatusCode"], _body(response).get("error", {}).get("code"))
        for response in template.of_type("AWS::ApiGateway::GatewayResponse").values()
    }
    promised = {
        kind: (status, code)
        for kinds, status, code in re.findall(r"^\| (`[A-Z0-9_`, ]+`) \| (\d{3}) \| `(\w+)`", CONTRACT, re.M)
        for kind in re.findall(r"\w+", kinds)
    }
    for kind in sorted(answered.keys() | promised.keys()):
        if answered.get(kind) != promised.get(kind):
            yield f"{kind} is {promised.get(kind)} in docs/contract.md, and the gateway answers {answered.get(kind)}."


def every_gateway_takes_tls_1_2_at_least(template: Template) -> Iterator[str]:
    for name, api in template.of_type("AWS::ApiGateway::RestApi", "AWS::ApiGateway::DomainName").items():
        policy = api.get("SecurityPolicy", "TLS_1_0")
        if policy not in SECURITY_POLICIES:
            yield f"{name} has a security policy that API Gateway does not know: {policy}."
        elif not re.match(r"TLS_1_2$|SecurityPolicy_TLS13_1_[23]_", policy):
            yield f"{name} may be called with TLS below 1.2."
        if policy.startswith("SecurityPolicy_") != (api.get("EndpointAccessMode") in ("BASIC", "STRICT")):
            yield f"{name} has a security policy that does not go with its endpoint access mode."


def every_waiver_has_a_reason(template: Template) -> Iterator[str]:
    for name, part in template.resources.items():
        for waived in part.get("Metadata", {}).get("checkov", {}).get("skip", []):
            if len(waived.get("comment", "").split()) < 4:
                yield f"{name} waives {waived['id']} and does not say why."
    lines = template.source.splitlines()
    explained = set()
    for waived, line in templates.listed_under("ignore_checks", template.source):
        # One reason for each: several in one line would share the comment above it.
        if line in explained or not lines[line - 1].strip().startswith("# "):
            yield f"{waived} is waived and nothing says why."
        explained.add(line)


RULES = [
    nothing_is_allowed_to_everybody,
    every_log_group_ends,
    every_function_has_a_log_group_of_its_own,
    every_function_has_its_limits,
    every_route_has_its_filters,
    every_function_is_in_the_alarms_over_all_functions,
    what_fails_is_kept,
    who_sends_mail_is_held_back,
    every_table_is_kept_safe,
    what_outlives_the_stack_goes_with_a_first_deploy_that_fails,
    every_queue_is_encrypted,
    every_gateway_response_wears_the_envelope,
    the_contract_lists_every_gateway_response,
    every_gateway_takes_tls_1_2_at_least,
    every_waiver_has_a_reason,
]


def problems(text: str) -> list[str]:
    """What is wrong with a template, in words; nothing when all is well."""
    template = Template(text)
    return [problem for rule in RULES for problem in rule(template)]


def _target(value: object) -> str | None:
    """The resource that a !Ref or !GetAtt names."""
    if isinstance(value, dict):
        return next((text.split(".")[0] for tag, text in value.items() if tag in ("!Ref", "!GetAtt")), None)
    return None


def _mappings(value: object) -> Iterator[dict]:
    """All that is a mapping, at any depth."""
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
    """How an alarm counts a metric of one function. The runbook's `by_function` shows the Id."""
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


# What the edge logs for any route.
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
# What somebody could change, into what, and what must be said of it.
BROKEN = [
    ("Principal: { Service: events.amazonaws.com }", 'Principal: "*"', "MailEventsFailedQueuePolicy allows something"),
    ("Principal: { Service: events.amazonaws.com }", 'NotPrincipal: { AWS: "123456789012" }', "allows all but something"),
    ("Principal: { Service: apigateway.amazonaws.com }", 'Principal: { AWS: "*" }', "ApiGatewayAccountRole allows something"),
    ("Principal: apigateway.amazonaws.com", 'Principal: "*"', "EnquiriesPermission allows something"),
    ("      BillingMode: PAY_PER_REQUEST\n", TABLE_OPEN_TO_ALL, "EnquiriesTable allows something"),
    ("      BillingMode: PAY_PER_REQUEST\n", "      ResourcePolicy: { PolicyDocument: '{}' }\n", "EnquiriesTable has a policy that is but a text"),
    ("-record-mail-event\n      RetentionInDays: !Ref LogRetentionDays", "-record-mail-event", "RecordMailEventLogs keeps"),
    ("LogGroup: !Ref SendNotificationLogs", "LogGroup: !Ref CreateEnquiryLogs", "SendNotificationFunction has no log group"),
    ("LogFormat: JSON", "LogFormat: Text", "CreateEnquiryFunction does not log JSON"),
    ("      Timeout: 10\n", "", "CreateEnquiryFunction has no Timeout"),
    ("      Timeout: 10\n", "      Timeout: 30\n", "longer than the gateway waits"),
    ("    MemorySize: 256\n", "", "RequeueNotificationsFunction has no MemorySize"),
    ("\nResources:\n", FURTHER_FUNCTION, "FunctionErrorsAlarm does not count the errors of FurtherFunction"),
    ("\nResources:\n", FURTHER_FUNCTION, "FunctionThrottlesAlarm does not count the throttles of FurtherFunction"),
    ("{ $.cold IS TRUE }", "{ $.cold IS FALSE }", "CreateEnquiryFunction has no filter for { $.cold IS TRUE }"),
    ('"limiter_failed_open"', '"limiter_open"', "CreateEnquiryFunction has no filter for"),
    ("Dimensions: *send_notification", "Dimensions: *create_enquiry", "does not count the throttles of SendNotificationFunction"),
    ("MetricName: Errors", "MetricName: Invocations", "FunctionErrorsAlarm counts something that is no function's"),
    ("SUM(FILL(METRICS(), 0))", "MIN(METRICS())", "FunctionErrorsAlarm does not compare the sum"),
    ("OnFailure: { Destination: !GetAtt MailEventsFailedQueue.Arn }", "OnFailure: {}", "what it fails on is lost"),
    ("DeadLetterConfig: { Arn: !GetAtt MailEventsFailedQueue.Arn }", "InputPath: $", "what does not reach it is lost"),
    ("rate(1 minute)", "rate(1 day)", "RequeueNotificationsFunction is called asynchronously"),
    ("deadLetterTargetArn: !GetAtt NotificationsDeadLetterQueue.Arn", "deadLetterTargetArn: elsewhere", "without a dead-letter queue"),
    ("FunctionResponseTypes: [ReportBatchItemFailures]", "Enabled: true", "a whole batch"),
    ("VisibilityTimeout: 180", "VisibilityTimeout: 60", "come again too soon"),
    ("ScalingConfig: {", "Tags: {", "SendNotificationFunction sends mail, and nothing bounds"),
    ("SSESpecification: { SSEEnabled: true }", "SSESpecification: { SSEEnabled: false }", "EnquiriesTable is not encrypted"),
    ("PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false", "EnquiriesTable cannot be restored"),
    ("      BillingMode: PAY_PER_REQUEST\n", "      BillingMode: PAY_PER_REQUEST\n      DeletionProtectionEnabled: true\n",
     "EnquiriesTable would stay behind"),
    ("DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Retain", "ApiGatewayAccount would stay behind"),
    ("DeletionPolicy: RetainExceptOnCreate\n    UpdateReplacePolicy: Retain", "DeletionPolicy: RetainExceptOnCreate",
     "ApiGatewayAccount is kept when it is removed and not when it is replaced"),
    ("AttributeName: expires_at, Enabled: true", "AttributeName: expires_at, Enabled: false", "EnquiriesTable does not forget"),
    ("SqsManagedSseEnabled: true", "SqsManagedSseEnabled: false", "NotificationsQueue is not encrypted"),
    ("Queues: [!Ref MailEventsFailedQueue]", "Queues: [!Ref NotificationsQueue]", "MailEventsFailedQueue may be read without TLS"),
    ('"meta":{"request_id":"$context.requestId",', '"meta":{', "does not say which request it answers"),
    ('{"error":{"type":"invalid_request_error","code":"request_blocked",', '{"code":"request_blocked",', "WafFilteredResponse does not wear"),
    ("#request_blocked", "#blocked", "WafFilteredResponse points to an explanation"),
    ('"code":"request_blocked"', '"code":"bad_request"', "WafFilteredResponse points to an explanation"),
    ("${DocUrlBase}#request_blocked", "https://example.com/errors#request_blocked", "WafFilteredResponse points to an explanation"),
    ('StatusCode: "403"', 'StatusCode: "400"', "WafFilteredResponse answers request_blocked with another status or type"),
    ('"type":"api_error","code":"internal_error"', '"type":"invalid_request_error","code":"internal_error"',
     "Default5xxResponse answers internal_error with another status or type"),
    ('StatusCode: "403"', 'StatusCode: "400"', "WAF_FILTERED is ('403', 'request_blocked') in docs/contract.md"),
    ("ResponseType: QUOTA_EXCEEDED", "ResponseType: BAD_REQUEST_BODY", "BAD_REQUEST_BODY is None in docs/contract.md"),
    ("ResponseType: QUOTA_EXCEEDED", "ResponseType: BAD_REQUEST_BODY", "and the gateway answers None"),
    ("gatewayresponse.header.cache-control: \"'no-store'\"", "gatewayresponse.header.x-a: \"'a'\"", "lacks a header"),
    ("gatewayresponse.header.retry-after: \"'1'\"", "gatewayresponse.header.x-a: \"'a'\"", "ThrottledResponse does not say when"),
    ("ResponseType: WAF_FILTERED", "ResponseType: BAD_REQUEST_BODY", "WAF_FILTERED is answered in the gateway's own words"),
    ("ResponseType: EXPIRED_TOKEN", "ResponseType: BAD_REQUEST_BODY", "EXPIRED_TOKEN is answered in the gateway's own words"),
    (
        "ResponseType: INVALID_SIGNATURE\n      StatusCode: \"404\"", "ResponseType: INVALID_SIGNATURE\n      StatusCode: \"403\"",
        "InvalidSignatureResponse does not say that there is no such route",
    ),
    ("SecurityPolicy: SecurityPolicy_TLS13_1_2_2021_06", "SecurityPolicy: TLS_1_0", "Api may be called with TLS below 1.2"),
    ("      SecurityPolicy: SecurityPolicy_TLS13_1_2_2021_06\n", "", "Api may be called with TLS below 1.2"),
    ("SecurityPolicy_TLS13_1_2_2021_06", "SecurityPolicy_TLS13_1_2_2021_07", "Api has a security policy that API Gateway does not know"),
    ("      EndpointAccessMode: BASIC\n", "", "Api has a security policy that does not go with its endpoint access mode"),
    ("            comment: There is nothing to cache, for every call posts something.\n", "", "Stage waives CKV_AWS_120"),
    ("            # See CKV_AWS_73.\n            - WS2002", "            - WS2002", "WS2002 is waived"),
    ("ignore_checks:\n            # See CKV_AWS_73.\n            - WS2002", "ignore_checks: [WS2002]", "WS2002 is waived"),
    ("            - WS2002", "            [WS2002, E3002]", "E3002 is waived"),
]


class Rules(unittest.TestCase):
    def test_the_template_keeps_them(self):
        self.assertEqual(problems(TEXT), [])

    def test_the_other_templates_keep_those_that_they_could_break(self):
        for path in (templates.PERIMETER, templates.INSIGHTS):
            template = Template(path.read_text())
            for rule in (every_waiver_has_a_reason, nothing_is_allowed_to_everybody, every_gateway_takes_tls_1_2_at_least):
                self.assertEqual(list(rule(template)), [])

    def test_each_would_be_noticed_broken(self):
        for old, new, says in BROKEN:
            with self.subTest(old=old, new=new):
                self.assertIn(old, TEXT)
                found = problems(TEXT.replace(old, new, 1))
                self.assertTrue(any(says in problem for problem in found), found)

    def test_the_firewall_blocks_floods_from_the_first_day_and_the_gateway_answers_what_is_blocked(self):
        self.assertNotIn("CustomResponse", templates.PERIMETER.read_text())
        rules = templates.load(templates.PERIMETER.read_text())["Resources"]["WebAcl"]["Properties"]["Rules"]
        for rule in rules:
            action = rule.get("Action") or rule["OverrideAction"]
            if "RateBasedStatement" in rule["Statement"]:
                self.assertEqual(action, {"Block": {}})
            else:
                # In count mode these do not block: the first is what block mode does.
                self.assertIn(
                    action, ({"!If": ["Blocks", {"Block": {}}, {"Count": {}}]}, {"!If": ["Blocks", {"None": {}}, {"Count": {}}]})
                )
        self.assertEqual(sum("RateBasedStatement" in rule["Statement"] for rule in rules), 1)

    def test_the_alarm_for_bank_holidays_rings_once_a_day_at_most(self):
        alarm = Template(TEXT).resources["BankHolidaysEndingAlarm"]["Properties"]
        self.assertGreaterEqual(alarm["Period"], 24 * 60 * 60)


if __name__ == "__main__":
    unittest.main()
