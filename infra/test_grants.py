"""Checks that each function's role allows exactly the calls that the function makes, and tests that the check finds differences.

recorded-calls.json lists the functions' calls to AWS. The end-to-end tests record them and compare them with the file. A call that
no end-to-end test makes is not in the file, and no check finds it. The Lambda service also uses a function's role, to read its
queue, write its logs and store failed events. The template shows these calls. A role must allow both kinds of calls, and no other
action or resource.
"""

import json
import re
import unittest
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import templates

RECORDED = Path(__file__).with_name("recorded-calls.json")

# The action that an operation needs, if it has another name.
ACTIONS = {
    # A transaction needs the actions of its items (DynamoDB Developer Guide, "Using IAM with DynamoDB transactions").
    "dynamodb:TransactWriteItems.Put": "dynamodb:PutItem",
    # A batch needs the action of one message (SQS Developer Guide, "Amazon SQS API permissions").
    "sqs:SendMessageBatch": "sqs:SendMessage",
    # The action depends on the kind of content. For raw content, it is ses:SendRawEmail (nodemailer/nodemailer#1734 on GitHub).
    "ses:SendEmail.Simple": "ses:SendEmail",
}

# All actions of AWS (Service Authorization Reference), from cfn-lint's data. cfn-lint itself does not check SAM templates.
KNOWN_ACTIONS = json.loads((files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text())

# How a policy refers to a resource, by type. A log group's Arn ends in ":*", so it includes the log streams.
ARNS = {
    "AWS::DynamoDB::Table": "${%s.Arn}",
    "AWS::SQS::Queue": "${%s.Arn}",
    "AWS::Logs::LogGroup": "${%s.Arn}",
    "AWS::SES::EmailIdentity": "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/${%s}",
    "AWS::SES::ConfigurationSet": "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/${%s}",
}
# How a policy refers to a resource whose name is a parameter.
ARNS_BY_NAME = {
    "AWS::DynamoDB::Table": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${%s}",
}

# Properties with which the Lambda service or SAM would use or extend a role in ways that this check does not know.
UNKNOWN_OF_FUNCTIONS = (
    "DeadLetterConfig", "DeadLetterQueue", "EventInvokeConfig", "Events", "FileSystemConfigs", "KmsKeyArn", "Policies",
    "PermissionsBoundary", "Tracing", "TracingConfig", "VpcConfig",
)
KNOWN_OF_ROLES = {"AssumeRolePolicyDocument", "Description", "Path", "Policies", "RoleName", "Tags"}

Grant = tuple[str, str, str]  # action, resource, condition


class Template(templates.Template):
    """A template, and how policies refer to its resources."""

    def arn(self, resource: str) -> str:
        """How a policy refers to a resource, such as "EnquiriesTable" or "EnquiriesTable/index/mail-due"."""
        name, slash, part = resource.partition("/")
        kind = self.resources.get(name, {}).get("Type")
        return ARNS[kind] % name + slash + part if kind in ARNS else resource

    def replacements(self, function: str, resource: str) -> Iterator[str]:
        """How a policy refers to a resource that replaces another one by a parameter, according to the function's variables."""
        name, slash, part = resource.partition("/")
        for value in self.functions()[function].get("Environment", {}).get("Variables", {}).values():
            match value:
                case {"!If": [condition, {"!Ref": parameter}, {"!Ref": own}]} if own == name:
                    arn = ARNS_BY_NAME.get(self.resources[name]["Type"])
                    if not arn:
                        raise ValueError(f"{function} may use {parameter} instead of {name}, and this check does not know its ARN.")
                    yield f"{arn % parameter}{slash}{part} when {condition}"

    def referenced_by(self, value: object, *kinds: str) -> str | None:
        """The resource of one of these types that a value refers to."""
        names = [name for name in self.of_type(*kinds) if self.text(value) in (f"${{{name}}}", f"${{{name}.Arn}}")]
        return names[0] if names else None

    def text(self, value: object) -> str:
        """A value as text, such as "${Table.Arn}/index/x". A value that is not text becomes JSON, which matches nothing."""
        match value:
            case str():
                return value
            case {"!Ref": name} | {"!GetAtt": name}:
                return f"${{{name}}}"
            case {"!Sub": str(text)}:
                return text
            case {"!Sub": [text, dict(variables)]}:
                return re.sub(r"\$\{(\w+)\}", lambda match: self.text(variables.get(match[1], match[0])), text)
            case {"!If": [condition, {"!Ref": made}, {"!Ref": parameter}]} if self._replaces(condition, made, parameter):
                return f"${{{made}}}"
            case {"!If": [condition, there, {"!Ref": "AWS::NoValue"}]}:
                return f"{self.text(there)} when {condition}"
        return json.dumps(value, sort_keys=True)

    def _replaces(self, condition: str, made: str, parameter: str) -> bool:
        """Whether a parameter names an existing resource, which is used if the stack does not create its own."""
        depends_on = self.parsed.get("Conditions", {}).get(condition, {}).get("!Equals", [None])[0]
        return self.resources.get(made, {}).get("Condition") == condition and depends_on == {"!Ref": parameter}


def problems(template: Template, recorded: dict[str, list[str]]) -> list[str]:
    """A message for each problem."""
    functions = template.functions()
    unknown = sorted(recorded.keys() - functions.keys())
    found = [f"{name} is in the recorded calls but is not a function of the template." for name in unknown]
    for other in template.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy"):
        found.append(f"{other} may give a role grants that are not visible in the role: move them into the role.")
    for name, part in template.resources.items():
        if part["Type"] == "AWS::Serverless::Connector" or "Connectors" in part:
            found.append(f"{name} makes SAM give a role grants that are not visible in the role: move them into the role.")
    roles: dict[str, str] = {}
    for function, properties in functions.items():
        role = template.referenced_by(properties.get("Role"), "AWS::IAM::Role")
        if not role:
            found.append(f"{function} does not have a role of this template.")
        elif role in roles:
            found.append(f"{function} shares {role} with {roles[role]}.")
        elif function not in recorded:
            found.append(f"{function} has no recorded calls: add it to the end-to-end tests.")
        else:
            roles[role] = function
            try:
                found += _of_function(template, function, role, recorded[function])
            except ValueError as error:
                found.append(str(error))
    for role, properties in template.of_type("AWS::IAM::Role").items():
        # The gateway's only role belongs to the account, and uses AWS's managed policy.
        if role not in roles and _trusted(properties) != "apigateway.amazonaws.com":
            found.append(f"{role} does not belong to a function.")
    return found


def _of_function(template: Template, function: str, role: str, recorded: list[str]) -> Iterator[str]:
    properties = template.of_type("AWS::IAM::Role")[role]
    if _trusted(properties) != "lambda.amazonaws.com":
        yield f"{role} can be assumed by a service other than Lambda."
    granted = set(_granted(template, role, properties))
    needed = {grant for call in recorded for grant in _needed_for(template, function, call)}
    needed |= set(_needed_by_lambda(template, function))
    for action, resource, condition in sorted(granted - needed):
        yield f"{role} allows {action} on {resource}{condition}, which {function} does not use: remove it."
    for action, resource, condition in sorted(needed - granted):
        yield f"{role} does not allow {action} on {resource}{condition}, which {function} needs: add it."


def _granted(template: Template, role: str, properties: dict) -> Iterator[Grant]:
    if unknown := properties.keys() - KNOWN_OF_ROLES:
        raise ValueError(f"{role} has {', '.join(sorted(unknown))}, whose effect this check does not know.")
    for policy in properties.get("Policies", []):
        for statement in _list(policy["PolicyDocument"]["Statement"]):
            if statement["Effect"] != "Allow" or statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
                raise ValueError(f"{role} has a statement whose effect this check does not know: {json.dumps(statement)}")
            for action in _list(statement["Action"]):
                for resource in _list(statement["Resource"]):
                    yield action, template.text(resource), _condition(statement.get("Condition"))


def _needed_for(template: Template, function: str, call: str) -> Iterator[Grant]:
    """The grants for a recorded call: "operation resource", or for an email "operation resource from parameter"."""
    operation, resource, *sender = call.split(" ")
    condition = {"StringEquals": {"ses:FromAddress": {"!Ref": sender[1]}}} if sender else None
    action = ACTIONS.get(operation, operation)
    service, name = action.split(":")
    if name.lower() not in KNOWN_ACTIONS.get(service, {}).get("Actions", {}):
        raise ValueError(f"There is no action {action}: add the action that {operation} needs to ACTIONS, with a reason.")
    for arn in (template.arn(resource), *template.replacements(function, resource)):
        yield action, arn, _condition(condition)


def _needed_by_lambda(template: Template, function: str) -> Iterator[Grant]:
    """The grants that the Lambda service needs in a function's role (Lambda Developer Guide, "Execution role")."""
    properties = template.functions()[function]
    if unknown := properties.keys() & set(UNKNOWN_OF_FUNCTIONS):
        raise ValueError(f"{function} has {', '.join(sorted(unknown))}, and this check does not know which grants that needs.")

    def grants(actions: list[str], where: object, kind: str, what: str) -> Iterator[Grant]:
        resource = template.referenced_by(where, kind)
        if not resource:
            raise ValueError(f"{function}'s {what} is not an {kind} of this template, and this check supports no other.")
        yield from ((action, template.arn(resource), "") for action in actions)

    logs = properties.get("LoggingConfig", {}).get("LogGroup")
    yield from grants(["logs:CreateLogStream", "logs:PutLogEvents"], logs, "AWS::Logs::LogGroup", "log group")
    for mapping in template.of_type("AWS::Lambda::EventSourceMapping").values():
        if template.referenced_by(mapping["FunctionName"], *templates.FUNCTIONS) == function:
            actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
            yield from grants(actions, mapping.get("EventSourceArn"), "AWS::SQS::Queue", "event source")
    for config in template.of_type("AWS::Lambda::EventInvokeConfig").values():
        if template.referenced_by(config["FunctionName"], *templates.FUNCTIONS) == function:
            for what, destination in config.get("DestinationConfig", {}).items():
                yield from grants(["sqs:SendMessage"], destination["Destination"], "AWS::SQS::Queue", what)


def _trusted(role: dict) -> str | None:
    """The service that may assume a role, if it is the only one."""
    match role["AssumeRolePolicyDocument"]["Statement"]:
        case [{"Effect": "Allow", "Principal": {"Service": str(service), **more}, "Action": "sts:AssumeRole"}] if not more:
            return service
    return None


def _condition(condition: dict | None) -> str:
    return f" if {json.dumps(condition, sort_keys=True)}" if condition else ""


def _list(one_or_more: object) -> list:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


class Grants(unittest.TestCase):
    """The grants of the real template."""

    def test_every_role_allows_exactly_what_its_function_does(self):
        found = problems(Template(templates.CORE.read_text()), json.loads(RECORDED.read_text()))
        if found:
            self.fail("\n" + "\n".join(found))


# A small template with one example of everything in the real one.
SMALL = """
Conditions:
  MakesIdentity: !Equals [!Ref Identity, create]
  UsesRestored: !Not [!Equals [!Ref Restored, ""]]
Globals:
  Function: { Runtime: provided.al2023 }
Restored: &restored !If
  - UsesRestored
  - !Sub arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${Restored}/index/due
  - !Ref AWS::NoValue
Resources:
  Table: { Type: AWS::DynamoDB::Table }
  Kept: { Type: AWS::DynamoDB::Table }
  Queue: { Type: AWS::SQS::Queue }
  Failed: { Type: AWS::SQS::Queue }
  Logs: { Type: AWS::Logs::LogGroup }
  Domain: { Type: AWS::SES::EmailIdentity, Condition: MakesIdentity }
  Mailer:
    Type: AWS::Serverless::Function
    Properties:
      Role: !GetAtt Role.Arn
      LoggingConfig: { LogGroup: !Ref Logs }
      Environment: { Variables: { TABLE: !If [UsesRestored, !Ref Restored, !Ref Kept] } }
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: { FunctionName: !Ref Mailer, EventSourceArn: !GetAtt Queue.Arn }
  Retries:
    Type: AWS::Lambda::EventInvokeConfig
    Properties: { FunctionName: !Ref Mailer, DestinationConfig: { OnFailure: { Destination: !GetAtt Failed.Arn } } }
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: &assume
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: sts:AssumeRole }]
      Policies:
        - PolicyDocument:
            Statement:
              - { Effect: Allow, Action: dynamodb:PutItem, Resource: !GetAtt Table.Arn }
              - { Effect: Allow, Action: [dynamodb:Query], Resource: [!Sub "${Kept.Arn}/index/due", *restored] }
              - Effect: Allow
                Action: [sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes]
                Resource: !GetAtt Queue.Arn
              - { Effect: Allow, Action: sqs:SendMessage, Resource: [!GetAtt Queue.Arn, !GetAtt Failed.Arn] }
              - { Effect: Allow, Action: [logs:CreateLogStream, logs:PutLogEvents], Resource: !GetAtt Logs.Arn }
              - Effect: Allow
                Action: ses:SendEmail
                Resource: !Sub
                  - arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/${Name}
                  - Name: !If [MakesIdentity, !Ref Domain, !Ref Identity]
                Condition: { StringEquals: { "ses:FromAddress": !Ref Sender } }
"""
SMALL_CALLS = {
    "Mailer": [
        "dynamodb:Query Kept/index/due",
        "dynamodb:TransactWriteItems.Put Table",
        "ses:SendEmail.Simple Domain from Sender",
        "sqs:SendMessageBatch Queue",
    ]
}


class Checker(unittest.TestCase):
    """The check itself, with a small template and mistakes in it."""

    def test_a_correct_template_has_no_problems(self):
        self.assertEqual(problems(Template(SMALL), SMALL_CALLS), [])

    def test_an_unused_grant_is_found(self):
        unused = "Role allows {} on {}, which Mailer does not use: remove it."
        for old, new, action, resource in [
            ("Action: dynamodb:PutItem", "Action: [dynamodb:PutItem, dynamodb:GetItem]", "dynamodb:GetItem", "${Table.Arn}"),
            ("Action: dynamodb:PutItem", 'Action: [dynamodb:PutItem, "dynamodb:*"]', "dynamodb:*", "${Table.Arn}"),
            ("Resource: !GetAtt Table.Arn", 'Resource: [!GetAtt Table.Arn, "*"]', "dynamodb:PutItem", "*"),
            ('[!Sub "${Kept.Arn}/', '[!GetAtt Kept.Arn, !Sub "${Kept.Arn}/', "dynamodb:Query", "${Kept.Arn}"),
            ('/index/due", *', '/index/due", !Sub "${Kept.Arn}/index/*", *', "dynamodb:Query", "${Kept.Arn}/index/*"),
            ("[!GetAtt Queue.Arn, ", "[!Sub '${Queue.Arn}*', !GetAtt Queue.Arn, ", "sqs:SendMessage", "${Queue.Arn}*"),
        ]:
            with self.subTest(new):
                self.assert_problems(old, new, [unused.format(action, resource)])

    def test_a_missing_grant_is_found(self):
        missing = "Role does not allow {} on {}, which Mailer needs: add it."
        for old, new, action, resource in [
            ("sqs:DeleteMessage, ", "", "sqs:DeleteMessage", "${Queue.Arn}"),
            (", logs:PutLogEvents", "", "logs:PutLogEvents", "${Logs.Arn}"),
            (", !GetAtt Failed.Arn]", "]", "sqs:SendMessage", "${Failed.Arn}"),
            ("[!GetAtt Queue.Arn, !GetAtt Failed", "[!GetAtt Failed", "sqs:SendMessage", "${Queue.Arn}"),
        ]:
            with self.subTest(old):
                self.assert_problems(old, new, [missing.format(action, resource)])

    def test_an_added_and_a_removed_call_are_found(self):
        for calls, message in [
            ([*SMALL_CALLS["Mailer"], "dynamodb:GetItem Table"], "does not allow dynamodb:GetItem on ${Table.Arn}"),
            ([*SMALL_CALLS["Mailer"], "sns:Publish ?"], "does not allow sns:Publish on ?"),
            ([*SMALL_CALLS["Mailer"], "dynamodb:TransactGetItems.Get Table"], "There is no action dynamodb:TransactGetItems.Get"),
            (SMALL_CALLS["Mailer"][:-1], "allows sqs:SendMessage on ${Queue.Arn}"),
        ]:
            with self.subTest(message):
                (found,) = problems(Template(SMALL), {"Mailer": calls})
                self.assertIn(message, found)

    def test_the_grant_to_send_email_needs_its_condition(self):
        condition = 'Condition: { StringEquals: { "ses:FromAddress": !Ref Sender } }'
        other = 'Condition: { StringLike: { "ses:FromAddress": "*" } }'
        for new in ["", other]:
            with self.subTest(new):
                self.assert_problems(condition, new, ["allows ses:SendEmail on arn:", "does not allow ses:SendEmail on arn:"])

    def test_an_identity_from_a_parameter_must_replace_the_stacks_own(self):
        for old, new in {"!Ref Identity, create": "!Ref Other, create", ", Condition: MakesIdentity": ""}.items():
            with self.subTest(old):
                self.assertEqual(len(problems(Template(SMALL.replace(old, new)), SMALL_CALLS)), 2)

    def test_a_table_that_replaces_the_stacks_own_needs_the_same_grants(self):
        unused, missing = "Role allows dynamodb:Query", "Role does not allow dynamodb:Query"
        for old, new, messages in [
            (", *restored]", "]", [missing]),
            ("!Ref Restored, !Ref Kept]", "!Ref Restored, any]", [unused]),
            ("!Ref Restored, !Ref Kept]", "!Ref Other, !Ref Kept]", [unused, missing]),
            ("table/${Restored}/index/due", "table/${Restored}", [unused, missing]),
        ]:
            with self.subTest(new):
                self.assert_problems(old, new, messages)

    def test_anything_that_the_check_does_not_know_is_an_error(self):
        for old, new, message in [
            ("      Policies:\n", "      ManagedPolicyArns: [any]\n      Policies:\n", "Role has ManagedPolicyArns"),
            ("      Policies:\n", "      PermissionsBoundary: any\n      Policies:\n", "Role has PermissionsBoundary"),
            ("Effect: Allow, Action: dynamodb", "Effect: Deny, Action: dynamodb", "Role has a statement"),
            ("Action: dynamodb:PutItem", "NotAction: dynamodb:PutItem, Action: []", "Role has a statement"),
            ("      Role: !GetAtt", "      Tracing: Active\n      Role: !GetAtt", "Mailer has Tracing"),
            ("      Role: !GetAtt", "      Policies: [any]\n      Role: !GetAtt", "Mailer has Policies"),
            ("{ Runtime:", "{ VpcConfig: {}, Runtime:", "Mailer has VpcConfig"),
            ("!Ref Logs", "any", "Mailer's log group is not an AWS::Logs::LogGroup"),
            ("EventSourceArn: !GetAtt Queue.Arn", "EventSourceArn: any", "Mailer's event source is not an AWS::SQS::Queue"),
            ("Destination: !GetAtt Failed.Arn", "Destination: any", "Mailer's OnFailure is not an AWS::SQS::Queue"),
        ]:
            with self.subTest(new):
                self.assert_problems(old, new, [message])

    def test_every_function_has_its_own_role_and_every_role_a_function(self):
        twin = "\n  Twin: { Type: AWS::Serverless::Function, Properties: { Role: %s } }\n"
        spare = "\n  Spare: { Type: AWS::IAM::Role, Properties: { AssumeRolePolicyDocument: %s } }\n"
        gateway = "{ Statement: [{ Effect: Allow, Principal: { Service: apigateway.amazonaws.com }, Action: sts:AssumeRole }] }"
        for more, messages in [
            (twin % "!GetAtt Role.Arn", ["Twin shares Role with Mailer."]),
            (twin % "arn:aws:iam::1:role/any", ["Twin does not have a role of this template."]),
            (spare % "*assume", ["Spare does not belong to a function."]),
            (spare % "*assume" + twin % "!GetAtt Spare.Arn", ["Twin has no recorded calls", "Spare does not belong to a function."]),
            (spare % gateway, []),
            ("\n  More: { Type: AWS::IAM::Policy }\n", ["More may give a role grants that are not visible"]),
            ("\n  More: { Type: AWS::Serverless::Connector }\n", ["More makes SAM give a role grants that are not visible"]),
            ("\n  More: { Type: AWS::SQS::Queue, Connectors: { Any: {} } }\n", ["More makes SAM give a role grants that are not visible"]),
        ]:
            with self.subTest(more):
                self.assert_problems("\n  Role:\n", f"{more}  Role:\n", messages, last=True)
        self.assert_problems("lambda.amazonaws.com", "ec2.amazonaws.com", ["Role can be assumed by a service other than Lambda."])

    def assert_problems(self, old: str, new: str, messages: list[str], last: bool = False) -> None:
        self.assertEqual(SMALL.count(old), 1, old)
        # Text that refers to an anchor must come after the anchor.
        text = SMALL + new.removesuffix("  Role:\n") if last else SMALL.replace(old, new)
        found = problems(Template(text), SMALL_CALLS)
        self.assertEqual(len(found), len(messages), found)
        for problem, message in zip(found, messages):
            self.assertIn(message, problem)


if __name__ == "__main__":
    unittest.main()
