"""Reads the government's JSON from standard input and writes shared/domain/bank-holidays.toml. Used by `make bank-holidays`."""

import datetime
import json
import pathlib
import sys

TARGET = pathlib.Path(__file__).parent.parent / "shared/domain/bank-holidays.toml"
HEAD = """\
# The bank holidays of England and Wales, as published by the government. Contains public sector information licensed
# under the Open Government Licence v3.0. `make bank-holidays` writes this file. Do not edit it by hand.

source = "https://www.gov.uk/bank-holidays.json"
retrieved = {retrieved}

days = [
"""


def main() -> None:
    retrieved = sys.argv[1] if len(sys.argv) > 1 else datetime.date.today().isoformat()
    events = json.load(sys.stdin)["england-and-wales"]["events"]
    if not events:
        sys.exit("The download contains no bank holidays of England and Wales. Nothing was written.")
    events.sort(key=lambda event: event["date"])
    lines = [f"  {event['date']}, # {', '.join(filter(None, (event['title'], event['notes'])))}\n" for event in events]
    TARGET.write_text(HEAD.format(retrieved=retrieved) + "".join(lines) + "]\n")
    print(f"Wrote {len(events)} bank holidays to {TARGET.name}. The last one is on {events[-1]['date']}.")


main()
