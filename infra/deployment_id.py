"""Keeps the gateway's deployment in step with what it deploys.

A deployment is a snapshot of the API, and CloudFormation takes a new one only when the resource's logical id is new. A
changed route or gateway response would so be updated and never served. Hence the id ends in a hash of all that is in the
snapshot, and this checks it: that the hash is right, and that the deployment waits for every part.

  deployment_id.py            check, and say what is wrong
  deployment_id.py --write    put the right id into the template
"""

import argparse
import hashlib
import json
import re
import sys

import templates

TEMPLATE = templates.CORE
DEPLOYMENT_ID = re.compile(r"\bDeployment[0-9a-f]{10}\b")
# Of the gateway, but not part of the snapshot.
OUTSIDE = ("Account", "Deployment", "Stage")


def deployment_id(template: str) -> str:
    """The id that the template's deployment should have."""
    content = json.dumps(_snapshot(templates.load(template)["Resources"]), sort_keys=True)
    return "Deployment" + hashlib.sha256(content.encode()).hexdigest()[:10]


def problems(template: str) -> list[str]:
    """What is wrong, in words; nothing when all is well."""
    resources = templates.load(template)["Resources"]
    deployments = [name for name, resource in resources.items() if resource["Type"] == "AWS::ApiGateway::Deployment"]
    if len(deployments) != 1:
        return [f"There should be one AWS::ApiGateway::Deployment, and there are {len(deployments)}."]
    found = []
    right = deployment_id(template)
    if deployments != [right]:
        found.append(
            f"The gateway's resources have changed, and the deployment is still called {deployments[0]}, so the change would "
            f"never be served. It should be {right}: run `make deployment-id`."
        )
    # RestApi needs no mention: the deployment refers to it.
    parts = {name for name, part in _snapshot(resources).items() if part["Type"] != "AWS::ApiGateway::RestApi"}
    for name in sorted(parts - set(resources[deployments[0]].get("DependsOn", []))):
        found.append(f"The deployment could be made before {name} is: add {name} to its DependsOn.")
    return found


def with_right_id(template: str) -> str:
    """The template with the right id wherever the deployment is named."""
    return DEPLOYMENT_ID.sub(deployment_id(template), template)


def _snapshot(resources: dict) -> dict:
    return {
        # Metadata is for whoever reads the template; the gateway never sees it.
        name: {key: value for key, value in resource.items() if key != "Metadata"}
        for name, resource in resources.items()
        if resource["Type"].startswith("AWS::ApiGateway::") and not resource["Type"].endswith(OUTSIDE)
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the right id into the template")
    if parser.parse_args().write:
        TEMPLATE.write_text(with_right_id(TEMPLATE.read_text()))
    found = problems(TEMPLATE.read_text())
    for problem in found:
        print(f"{TEMPLATE}: {problem}", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
