"""`tracker torture`: kill and freeze workers and servers, then compare with the expected result."""

import random
from typing import Annotated

import typer

from streams.errors import ExitCode
from streams.torture.rig import NotAtRest
from streams.torture.torture import Round
from streams.torture.torture import torture as run


def torture(
    minutes: Annotated[
        float, typer.Option("--minutes", "-m", min=0, help="How long to run; the last round is finished.")
    ] = 5,
    seed: Annotated[int | None, typer.Option("--seed", help="Repeat the faults of an earlier run.")] = None,
) -> int:
    """Kill and freeze workers, Kafka and Redis at random, then compare every state with the expected one.

    Starts servers of its own and touches no others. Each round feeds a known stream with duplicates, disorder and
    poison, and must end with nothing lost and nothing counted twice.

    Exit codes: 8 when a round is not exact.

    Examples:
      tracker torture
      tracker torture --minutes 60
      tracker torture --seed 4711           # what an earlier run did
    """
    seed = random.SystemRandom().randrange(1, 100_000) if seed is None else seed
    print(f"seed {seed}", flush=True)
    try:
        exact = run(minutes, seed, _print_round, lambda line: print(line, flush=True))
    except NotAtRest as error:
        print(f"not at rest: {error}\nseed {seed}")
        return ExitCode.MISMATCH
    print(f"{'exact' if exact else 'NOT exact'}; seed {seed}")
    return ExitCode.OK if exact else ExitCode.MISMATCH


def _print_round(found: Round) -> None:
    verdict = found.verdict
    outcome = "exact" if verdict.holds else f"LOST {verdict.lost}, WRONG {len(verdict.wrong)}: {verdict.wrong[:3]}"
    print(
        f"round {found.number}: {outcome}; {found.messages} messages of {verdict.customers} customers, "
        f"{len(found.faults)} faults, {found.resent} chunks sent again by the producer, "
        f"{found.redelivered} messages delivered again, at rest after {found.recovery_s:.0f} s",
        flush=True,
    )
