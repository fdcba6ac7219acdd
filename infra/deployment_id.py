"""Keeps the logical id of the gateway's deployment up to date.

A deployment is a snapshot of the API. CloudFormation creates a new one only if the resource's logical id is new. Otherwise a
changed route or gateway response would be updated but never served. So the id ends in a hash of everything in the snapshot.
This checks that the hash is right, and that the deployment depends on every part.

  deployment_id.py            check the id, and print problems
  deployment_id.py --write    write the right id into the template
"""

import argparse
import hashlib
import json
import re
import sys

import templates

TEMPLATE = templates.CORE
DEPLOYMENT_ID = re.compile(r"\bDeployment[0-9a-f]{10}\b")
# Resource types of API Gateway that are not part of the snapshot.
NOT_IN_SNAPSHOT = ("Account", "Deployment", "Stage")


def deployment_id(template: str) -> str:
    """The id that the template's deployment should have."""
    content = json.dumps(_snapshot(templates.load(template)["Resources"]), sort_keys=True)
    return "Deployment" + hashlib.sha256(content.encode()).hexdigest()[:10]


def problems(template: str) -> list[str]:
    """A message for each problem."""
    resources = templates.load(template)["Resources"]
    deployments = [name for name, resource in resources.items() if resource["Type"] == "AWS::ApiGateway::Deployment"]
    if len(deployments) != 1:
        return [f"There must be exactly one AWS::ApiGateway::Deployment, but there are {len(deployments)}."]
    found = []
    right = deployment_id(template)
    if deployments != [right]:
        found.append(
            f"The gateway's resources have changed, but the deployment is still called {deployments[0]}, so the change would "
            f"never be served. To rename it to {right}, run `make deployment-id`."
        )
    # RestApi need not be in DependsOn, because the deployment refers to it.
    parts = {name for name, part in _snapshot(resources).items() if part["Type"] != "AWS::ApiGateway::RestApi"}
    for name in sorted(parts - set(resources[deployments[0]].get("DependsOn", []))):
        found.append(f"The deployment could be created before {name}: add {name} to its DependsOn.")
    return found


def with_right_id(template: str) -> str:
    """The template, with the right id in every place that names the deployment."""
    return DEPLOYMENT_ID.sub(deployment_id(template), template)


def _snapshot(resources: dict) -> dict:
    return {
        # Metadata is only for readers of the template. The gateway does not get it.
        name: {key: value for key, value in resource.items() if key != "Metadata"}
        for name, resource in resources.items()
        if resource["Type"].startswith("AWS::ApiGateway::") and not resource["Type"].endswith(NOT_IN_SNAPSHOT)
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the right id into the template")
    if parser.parse_args().write:
        TEMPLATE.write_text(with_right_id(TEMPLATE.read_text()))
    found = problems(TEMPLATE.read_text())
    for problem in found:
        print(f"{TEMPLATE}: {problem}", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
