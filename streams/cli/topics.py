"""`tracker topics`: create and check the Kafka topics."""

import json
import os
from dataclasses import asdict

import typer

from streams.cli.options import AsJson
from streams.errors import ExitCode
from streams.settings import settings

app = typer.Typer(help="Create and check the Kafka topics.")


@app.command()
def create(*, as_json: AsJson = False) -> int:
    """Create the topics that are missing, and check the others.

    It can be run at any time: existing topics are never changed. TRACKER_PARTITIONS, TRACKER_REPLICATION and
    TRACKER_RETENTION_DAYS set the number of partitions, the number of copies and the retention.

    Exit codes: 8 when an existing topic differs from the settings.

    Examples:
      tracker topics create
      TRACKER_PARTITIONS=64 TRACKER_REPLICATION=3 tracker topics create
    """
    from streams.clients import topic_shapes

    made = topic_shapes.create(settings.read(os.environ))
    if as_json:
        print(json.dumps({"created": made}))
        return ExitCode.OK
    for name in made:
        print(f"created  {name}")
    print("All topics exist and match the settings." if not made else f"{len(made)} topics created.")
    return ExitCode.OK


@app.command()
def check(*, as_json: AsJson = False) -> int:
    """Compare the topics in Kafka with what the settings ask for.

    Each difference is printed with a remedy.

    Exit codes: 8 when a topic is missing or differs.

    Examples:
      tracker topics check
      tracker topics check --json
    """
    from streams.clients import topic_shapes

    asked = settings.read(os.environ)
    found = topic_shapes.check(asked)
    if as_json:
        print(json.dumps({"differences": [asdict(each) for each in found]}))
    else:
        if not found:
            for shape in topic_shapes.wanted(asked):
                print(f"ok  {shape.name}")
        for each in found:
            print(f"{each}\n    {each.remedy}")
    return ExitCode.MISMATCH if found else ExitCode.OK
