"""What the functions log, read where it is on AWS too: in CloudWatch Logs."""

import time
from collections.abc import Iterator
from pathlib import Path

from deployment import client
from emulator import Emulator

# Lines of Lambda itself. They say nothing that the functions' own lines do not.
PLATFORM = ("START RequestId", "END RequestId", "REPORT RequestId")


def follow(emulator: Emulator, emulator_log: Path) -> None:
    """Print the functions' lines and the emulator's errors as they come, until interrupted."""
    reader = _Reader(emulator)
    with emulator_log.open(errors="replace") as log:
        while True:
            for line in reader.new_lines():
                print(line, flush=True)
            for line in log:
                if " ERROR " in line:
                    print(line, end="", flush=True)
            time.sleep(0.3)


def save(emulator: Emulator, target: Path) -> None:
    """Keep the functions' lines: they end with the emulator."""
    target.write_text("".join(f"{line}\n" for line in _Reader(emulator).new_lines()))


class _Reader:
    def __init__(self, emulator: Emulator) -> None:
        self._logs = client(emulator, "logs")
        self._since: dict[str, int] = {}
        self._seen: set[tuple] = set()

    def new_lines(self) -> Iterator[str]:
        groups = self._logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]
        for group in (group["logGroupName"] for group in groups):
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=self._since.get(group, 0)
            )
            for event in (event for page in pages for event in page["events"]):
                key = (event["logStreamName"], event["timestamp"], event["message"])
                # A read starts at the last one's last millisecond, so that what came later in it is not missed.
                if key not in self._seen:
                    self._seen.add(key)
                    self._since[group] = max(self._since.get(group, 0), event["timestamp"])
                    if not event["message"].startswith(PLATFORM):
                        yield event["message"].rstrip()
