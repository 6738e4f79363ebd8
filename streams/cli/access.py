"""`tracker access`: list, grant and secrets."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import AsJson
from streams.errors import ExitCode, UsageError
from streams.settings import settings

app = typer.Typer(help="Show and grant the rights of the users of Kafka and Redis, and make their passwords.")


@app.command("list")
def list_(*, as_json: AsJson = False) -> int:
    """List the roles: who uses each, and what its user may do in Kafka and Redis.

    Examples:
      tracker access list
      tracker access list --json
    """
    from streams.access.roles import ROLES, kafka_rights

    asked = settings.read(os.environ)
    rights = {role.name: [str(right) for right in kafka_rights(role, asked)] for role in ROLES}
    if as_json:
        shown = [
            {"role": role.name, "uses": role.uses, "kafka": rights[role.name], "redis": role.redis or None}
            for role in ROLES
        ]
        print(json.dumps({"roles": shown}))
        return ExitCode.OK
    for role in ROLES:
        print(f"{role.name}: {role.uses}")
        for right in rights[role.name]:
            print(f"    Kafka  {right}")
        if role.redis:
            print(f"    Redis  {role.redis}")
    return ExitCode.OK


@app.command()
def grant(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is missing, and grant nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Grant the rights of all roles in Kafka, each to the user of the role's name.

    It can be run at any time: what exists is kept, and no right is taken away. It needs a user who may alter the
    cluster, such as the broker's super user or `operator`. Redis' rights are in the file that `tracker access secrets`
    writes.

    Examples:
      tracker access grant --dry-run
      tracker access grant
    """
    from streams.access import grants

    asked = settings.read(os.environ)
    found = grants.missing(asked) if dry_run else grants.grant(asked)
    lines = [
        (user, operation, f"{right.resource} {right.name}{'*' * right.is_prefix}") for user, right, operation in found
    ]
    if as_json:
        print(json.dumps({"missing" if dry_run else "granted": [f"{u}: {op} on {what}" for u, op, what in lines]}))
        return ExitCode.OK
    for user, operation, what in lines:
        print(f"{'missing' if dry_run else 'granted'}  {user}: {operation} on {what}")
    if not lines:
        print("All rights are there.")
    return ExitCode.OK


@app.command()
def secrets(
    directory: Annotated[Path, typer.Argument(help="Where the folders of the roles and servers are made.")],
    *,
    owner: Annotated[
        list[str] | None,
        typer.Option(help="Who owns the files, as UID:GID, or FOLDER=UID:GID for one folder. Repeat it for more."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make the passwords and keys of all roles as files that their owners alone may read.

    What exists is kept. A deleted file is made anew, with the files that follow from it; servers and processes read
    them when they start. TRACKER_HASH_KEY and TRACKER_ID_SALT are taken from the environment where they are set and no
    file exists. The values are never printed.

    Examples:
      tracker access secrets ./secrets
      tracker access secrets /secrets --owner 10001:10001 --owner redis=999:1000
    """
    from streams.access.secret_files import SecretFiles

    asked = settings.read(os.environ)
    given = {"TRACKER_HASH_KEY": asked.hash_key or "", "TRACKER_ID_SALT": asked.id_salt or ""}
    made = SecretFiles(directory, dict(map(_owner, owner or ()))).make(given)
    if as_json:
        print(json.dumps({"made": made}))
        return ExitCode.OK
    for path in made:
        print(f"made  {path}")
    if not made:
        print("All files exist.")
    return ExitCode.OK


def _owner(word: str) -> tuple[str, tuple[int, int]]:
    folder, _, ids = word.rpartition("=")
    user, _, group = ids.partition(":")
    if not (user.isdecimal() and group.isdecimal()):
        raise UsageError(f"--owner {word!r} names no owner.", "Write UID:GID or FOLDER=UID:GID, both as numbers.")
    return folder, (int(user), int(group))
