"""The settings: one frozen value, read from the environment once, and the table of every setting.

`SETTINGS` is the only place of a default. Reading, the redacted list of `tracker doctor --settings` and
`deploy/env/reference.env` all follow from it. What is done with a setting is decided elsewhere.
"""

import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from schemas.topics import Topic, topics
from schemas.touchpoint import ALIAS_KINDS
from streams.errors import ConfigurationError
from streams.settings import parsing
from streams.settings.parsing import Setting
from tracker.identity.kinds import MAX_ALIASES, SUSPECT_AFTER, Kinds, kinds_of
from tracker.identity.pseudonym import nobodies

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
LEVELS: Final = ("debug", "info", "warning", "error")
MIN_HASH_KEY: Final = 16
OUTSIDE: Final = ("TRACKER_VENV", "TRACKER_COMPILE", "TRACKER_FAILPOINT", "TRACKER_RESTARTS")
"""Variables that are no settings: those of the `run` script, of the wheel's build, of the tests that kill a worker
after a step, and of the supervisor, which tells a process of its restarts."""

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("KAFKA_BOOTSTRAP", "kafka_bootstrap", parsing.servers(), "",
         "The addresses of Kafka, as host:port[,host:port]. Unset: the demo and the tests start their own."),
    Setting("KAFKA_SECURITY_PROTOCOL", "kafka_security_protocol", parsing.choice(*PROTOCOLS), "PLAINTEXT",
         "The protocol to Kafka: SSL encrypts the connection, SASL authenticates the client."),
    Setting("KAFKA_SASL_MECHANISM", "kafka_sasl_mechanism", parsing.choice(*MECHANISMS), "PLAIN",
         "The mechanism of authentication. Used with the SASL protocols."),
    Setting("KAFKA_SASL_USERNAME", "kafka_sasl_username", parsing.text(), "",
         "The user name. Required with the SASL protocols."),
    Setting("KAFKA_SASL_PASSWORD", "kafka_sasl_password", parsing.text(), "",
         "The password. Required with the SASL protocols.", "whole"),
    Setting("KAFKA_SSL_CAFILE", "kafka_ssl_cafile", parsing.file(), "",
         "Certificates (PEM) of the authority that signed Kafka's. Unset: those that the system trusts."),
    Setting("KAFKA_SSL_CERTFILE", "kafka_ssl_certfile", parsing.file(), "",
         "The client's certificate (PEM), where Kafka requires one."),
    Setting("KAFKA_SSL_KEYFILE", "kafka_ssl_keyfile", parsing.file(), "", "The key (PEM) of the client's certificate."),
    Setting("KAFKA_SSL_KEY_PASSWORD", "kafka_ssl_key_password", parsing.text(), "",
         "The password of that key, if it has one.", "whole"),
    Setting("KAFKA_SSL_CHECK_HOSTNAME", "kafka_ssl_check_hostname", parsing.flag(), "true",
         "Whether Kafka's certificate must name the host. Switch it off only to find a fault."),
    Setting("REDIS_URL", "redis_url", parsing.url("redis", "rediss", "unix"), "",
         "The address of Redis: redis://[name:password@]host:port[/db]; rediss:// encrypts. Unset: as for Kafka.",
         "password"),
    Setting("REDIS_PASSWORD", "redis_password", parsing.text(), "",
         "The password, if it is not in the URL. It takes precedence over one in the URL.", "whole"),
    Setting("REDIS_SSL_CAFILE", "redis_ssl_cafile", parsing.file(), "",
         "Certificates (PEM) of the authority that signed Redis'. Unset: those that the system trusts."),
    Setting("REDIS_SSL_CERTFILE", "redis_ssl_certfile", parsing.file(), "",
         "The client's certificate (PEM), where Redis requires one."),
    Setting("REDIS_SSL_KEYFILE", "redis_ssl_keyfile", parsing.file(), "", "The key (PEM) of the client's certificate."),
    Setting("REDIS_CLUSTER", "redis_cluster", parsing.flag(), "false",
         "Whether REDIS_URL is a node of a Redis Cluster."),
    Setting("TRACKER_REDIS_TIMEOUT_S", "redis_timeout_s", parsing.seconds(0.1, 30), "2",
         "How long Redis may take to answer before the worker drops the connection and tries again."),
    Setting("TRACKER_GROUP", "group", parsing.text(), "journey-tracker",
         "The consumer group. Workers of one group share the partitions."),
    Setting("TRACKER_CHANNELS", "channels", parsing.names(), "web,shop,support",
         "The channels; each is one topic, touchpoints.<channel>."),
    Setting("TRACKER_PARTITIONS", "partitions", parsing.whole("partitions", 1, 4096), "8",
         "Partitions of each topic, and so the most workers that can share the load. It cannot be lowered later."),
    Setting("TRACKER_REPLICATION", "replication", parsing.whole("copies", 1, 10), "1",
         "Copies that Kafka keeps of each partition. Use 3 with three or more brokers."),
    Setting("TRACKER_RETENTION_DAYS", "retention_days", parsing.whole("days", 1, 3650), "",
         "How long Kafka keeps each topic, from which Redis can be rebuilt. Unset: 30, and 7 for journey.actions."),
    Setting("TRACKER_ALIAS_KINDS", "alias_kinds", parsing.alias_kinds(), ",".join(ALIAS_KINDS),
         "The kinds of alias, the strongest first; device_id:10 lets a customer have 10 of one kind. Use the same "
         "value for all processes. Kinds may be added later, but not removed."),
    Setting("TRACKER_NO_IDS", "no_ids", parsing.texts(), "",
         "Texts that are no ids here, such as the number of the till's own customer: 99999,walk-in. Blanks around, "
         "upper and lower case do not matter. Use the same value for all processes."),
    Setting("TRACKER_SUSPECT_AFTER", "suspect_after", parsing.whole("names", 0, MAX_ALIASES), str(SUSPECT_AFTER),
         "A name that is seen with so many customer ids, or addresses, within a day is suspect and links no further. "
         "Use the same value for all processes. 0: never."),
    Setting("TRACKER_JOURNEYS", "journeys", parsing.files(os.pathsep), "",
         "Journey files, or folders of them; all journeys run side by side. Unset: the seven stages of the demo."),
    Setting("TRACKER_LATENESS_HORIZON_S", "lateness_horizon_s", parsing.whole("seconds", 0, 400 * 86_400), "604800",
         "How late a touchpoint may come and still be sorted into its place; 604800 is 7 days. 0: no limit."),
    Setting("TRACKER_COHORT_DAYS", "cohort_days", parsing.whole("days", 60, 36_500), "400",
         "Who began so many days before they were first received counts in the cohort `before`, which all such days "
         "share. It holds for customers who are new from then on."),
    Setting("TRACKER_BATCH_RECORDS", "batch_records", parsing.whole("records", 1, 100_000), "40000",
         "The most records of a partition that one write applies. More is faster, but results are visible later."),
    Setting("TRACKER_CACHE_BYTES", "cache_bytes", parsing.whole("bytes", 0, 64 * 2**30), "268435456",
         "Memory of each worker process for its cache of states. 268435456 is 256 MiB."),
    Setting("TRACKER_COMMIT_INTERVAL_S", "commit_interval_s", parsing.seconds(0.1, 60), "1",
         "How often offsets are committed to Kafka. They are advisory; the offsets in Redis are authoritative."),
    Setting("TRACKER_SESSION_TIMEOUT_S", "session_timeout_s", parsing.seconds(6, 300), "10",
         "How long a worker without heartbeats keeps its partitions before other workers get them."),
    Setting("TRACKER_STALL_AFTER_S", "stall_after_s", parsing.seconds(5, 3600), "60",
         "A worker that applies nothing for so long, while records wait, ends itself and is started again."),
    Setting("TRACKER_HTTP_HOST", "http_host", parsing.text("an address of this machine"), "127.0.0.1",
         "The address where health, metrics and the exporter listen. 0.0.0.0 opens them to the network without login."),
    Setting("TRACKER_HTTP_PORT", "http_port", parsing.port(65_000), "0",
         "First port of the workers' health and metrics pages; each further process takes the next. 0: any free one."),
    Setting("EXPORTER_PORT", "exporter_port", parsing.port(), "9464",
         "The port of the funnel's /metrics. 0: any free one."),
    Setting("CANARY_PORT", "canary_port", parsing.port(), "9463", "The port of the canary's /metrics. 0: any free."),
    Setting("COLLECTOR_HOST", "collector_host", parsing.text("an address of this machine"), "127.0.0.1",
         "The address where the collector listens. 0.0.0.0 opens it to the network; put a proxy with TLS before it."),
    Setting("COLLECTOR_PORT", "collector_port", parsing.port(), "8080", "The collector's port. 0: any free one."),
    Setting("COLLECTOR_METRICS_PORT", "collector_metrics_port", parsing.port(65_000), "9465",
         "First port of the collectors' own health and metrics pages, at TRACKER_HTTP_HOST. 0: any free one."),
    Setting("COLLECTOR_KEYS", "collector_keys", parsing.path(), "collector-keys.json",
         "The file of sources and their hashed write keys. `tracker keys` writes it; changes are read at run time."),
    Setting("COLLECTOR_TABLES", "collector_tables", parsing.file(), "",
         "A YAML file that adds to the shipped tables of events and webhooks. Unset: the shipped tables alone."),
    Setting("COLLECTOR_PLANS", "collector_plans", parsing.file(), "",
         "A YAML file of tracking plans: the types and properties that each source may send. It is read again when it "
         "changes. Unset: no checks."),
    Setting("COLLECTOR_ORIGINS", "collector_origins", parsing.origins(), "",
         "Origins whose pages may send from browsers (CORS). Unset: no origins."),
    Setting("COLLECTOR_PROXIES", "collector_proxies", parsing.addresses(), "",
         "Proxies whose X-Forwarded-For header is trusted. Unset: no proxies."),
    Setting("COLLECTOR_CONFIRM_S", "collector_confirm_s", parsing.seconds(0.2, 60), "5",
         "How long Kafka may take to confirm events before the answer is 503."),
    Setting("COLLECTOR_QUEUE_EVENTS", "collector_queue_events", parsing.whole("events", 2_500, 10_000_000), "20000",
         "Events of one process that may wait for Kafka. The answer to more is 503."),
    Setting("COLLECTOR_QUEUE_BYTES", "collector_queue_bytes", parsing.whole("bytes", 2**20, 64 * 2**30), "67108864",
         "Bytes that those events may have, and as many for request bodies being read. 67108864 is 64 MiB."),
    Setting("COLLECTOR_KEY_EVENTS_PER_S", "collector_key_events_per_s", parsing.whole("events", 1, 10_000_000), "5000",
         "Events a second that one source may send to one process, in bursts of up to ten seconds' worth. The answer "
         "to more is 429."),
    Setting("COLLECTOR_ADDRESS_REQUESTS_PER_S", "collector_address_requests_per_s", parsing.whole("requests", 1, 10**6),
         "500", "Requests a second that one address may send to one process, in bursts of up to ten seconds' worth."),
    Setting("COLLECTOR_ADDRESS_CONNECTIONS", "collector_address_connections", parsing.whole("connections", 1, 100_000),
         "256", "Connections that one address may have to one process; at the limit the one that has rested longest "
         "makes room. Proxies in COLLECTOR_PROXIES have no limit; raise it for one that cannot be named."),
    Setting("COLLECTOR_KEEP_ALIVE_S", "collector_keep_alive_s", parsing.whole("seconds", 1, 3_600), "15",
         "How long a connection may rest. For proxies in COLLECTOR_PROXIES it is at least 65; set it longer than the "
         "idle time-out of a balancer that cannot be named."),
    Setting("TRACKER_LOG_LEVEL", "log_level", parsing.choice(*LEVELS), "info",
         "The least level that is logged. debug also shows the traces of errors."),
    Setting("TRACKER_LOG_FORMAT", "log_format", parsing.choice("auto", "json", "text"), "auto",
         "json is one object a line; auto is text on a terminal and json elsewhere."),
    Setting("TRACKER_HASH_KEY", "hash_key", parsing.text("at least 16 characters"), "",
         "Key of the hashes that replace e-mail addresses and phone numbers, the same for collectors, imports and "
         "producers. Set one and keep it: under another key, the same address is another customer.", "whole"),
    Setting("TRACKER_ID_SALT", "id_salt", parsing.text(), "",
         "Salt of the hashes that replace customers in logs and after an erasure. Set one and keep it.", "whole"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of an installation. `dataclasses.replace` makes one with another value."""

    kafka_bootstrap: str | None
    kafka_security_protocol: str
    kafka_sasl_mechanism: str
    kafka_sasl_username: str | None
    kafka_sasl_password: str | None
    kafka_ssl_cafile: Path | None
    kafka_ssl_certfile: Path | None
    kafka_ssl_keyfile: Path | None
    kafka_ssl_key_password: str | None
    kafka_ssl_check_hostname: bool
    redis_url: str | None
    redis_password: str | None
    redis_ssl_cafile: Path | None
    redis_ssl_certfile: Path | None
    redis_ssl_keyfile: Path | None
    redis_cluster: bool
    redis_timeout_s: float
    group: str
    channels: tuple[str, ...]
    partitions: int
    replication: int
    retention_days: int | None
    alias_kinds: tuple[str, ...]
    no_ids: tuple[str, ...] | None
    suspect_after: int
    journeys: tuple[Path, ...] | None
    lateness_horizon_s: int
    cohort_days: int
    batch_records: int
    cache_bytes: int
    commit_interval_s: float
    session_timeout_s: float
    stall_after_s: float
    http_host: str
    http_port: int
    exporter_port: int
    canary_port: int
    collector_host: str
    collector_port: int
    collector_metrics_port: int
    collector_keys: Path
    collector_tables: Path | None
    collector_plans: Path | None
    collector_origins: tuple[str, ...] | None
    collector_proxies: tuple[str, ...] | None
    collector_confirm_s: float
    collector_queue_events: int
    collector_queue_bytes: int
    collector_key_events_per_s: int
    collector_address_requests_per_s: int
    collector_address_connections: int
    collector_keep_alive_s: int
    log_level: str
    log_format: str
    hash_key: str | None
    id_salt: str | None

    def __repr__(self) -> str:
        return "Settings(" + ", ".join(f"{setting.field}={shown!r}" for setting, shown in self.shown()) + ")"

    def shown(self) -> Iterator[tuple[Setting, str]]:
        """Every setting with its value as text, without secrets."""
        return ((setting, setting.show(getattr(self, setting.field))) for setting in SETTINGS)

    @property
    def lateness_horizon_ms(self) -> int | None:
        """The lateness horizon in milliseconds, as the engine needs it; None: no limit."""
        return self.lateness_horizon_s * 1000 or None

    @property
    def kinds(self) -> Kinds:
        """The kinds of alias, as `tracker/identity` needs them."""
        return _kinds(self.alias_kinds, self.no_ids, self.hash_key, self.suspect_after)

    def topics(self) -> tuple[Topic, ...]:
        """The topics of this installation."""
        return topics(self.channels)

    def journey_files(self) -> tuple[Path, ...]:
        """The journey files to run, those of folders included, in a stable order."""
        paths = self.journeys or (packaged_journeys() / "seven-stages.yaml",)
        return tuple(file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path]))


def packaged_journeys() -> Path:
    """The folder of the shipped journeys: inside the wheel, or in a checkout."""
    inside = Path(__file__).parents[1] / "journeys"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "examples" / "journeys"


_REMEDY: Final = "deploy/env/reference.env explains every variable."


def kinds(environ: Mapping[str, str]) -> Kinds:
    """The kinds of alias of an environment, for commands that need no other setting.

    Raises ConfigurationError.
    """
    settings = {one.field: one for one in SETTINGS}
    needed = ("alias_kinds", "no_ids", "hash_key", "suspect_after")
    try:
        return _kinds(*(_value(settings[field], environ) for field in needed))
    except ValueError as problem:
        raise ConfigurationError(str(problem), _REMEDY) from problem


def _kinds(words: Sequence[str], no_ids: Sequence[str] | None, hash_key: str | None, suspect_after: int) -> Kinds:
    return kinds_of(words, no_ids or (), nobodies(hash_key) if hash_key else (), suspect_after)


def read(environ: Mapping[str, str]) -> Settings:
    """The settings of an environment. An empty variable counts as unset.

    Raises ConfigurationError that lists every wrong variable at once.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for setting in SETTINGS:
        try:
            values[setting.field] = _value(setting, environ)
        except ValueError as problem:
            problems.append(str(problem))
    if not problems:
        settings = Settings(**values)
        problems = list(_contradictions(settings))
    if problems:
        raise ConfigurationError("\n       ".join(problems), _REMEDY)
    return settings


def _value(setting: Setting, environ: Mapping[str, str]) -> Any:
    raw = environ.get(setting.variable, "").strip()
    source = environ.get(setting.variable + "_FILE", "").strip() if setting.secret else ""
    if raw and source:
        raise ValueError(f"{setting.variable} and {setting.variable}_FILE are both set: leave one of them unset.")
    if source:
        raw = _secret_of(setting, source)
    raw = raw or setting.default
    if not raw:
        return None
    try:
        return setting.kind.read(raw)
    except ValueError:
        raise ValueError(f"{setting.variable} is {_quoted(setting, raw)}: it must be {setting.kind.allowed}.") from None


def _secret_of(setting: Setting, source: str) -> str:
    try:
        return Path(source).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"{setting.variable}_FILE names {source!r}, which cannot be read: {why}.") from None


def _quoted(setting: Setting, raw: str) -> str:
    # A wrong URL may hold its password anywhere, so the value of a secret is not quoted at all.
    return "set to something else" if setting.secret else repr(raw)


def _contradictions(settings: Settings) -> Iterator[str]:
    if settings.hash_key is not None and len(settings.hash_key) < MIN_HASH_KEY:
        yield f"TRACKER_HASH_KEY is shorter than {MIN_HASH_KEY} characters: `openssl rand -hex 32` makes a good one."
    if "SASL" in settings.kafka_security_protocol:
        for field, variable in (("kafka_sasl_username", "USERNAME"), ("kafka_sasl_password", "PASSWORD")):
            if getattr(settings, field) is None:
                needs = f"KAFKA_SECURITY_PROTOCOL is {settings.kafka_security_protocol}"
                yield f"KAFKA_SASL_{variable} is missing: {needs}, which needs it."
    elif settings.kafka_sasl_password is not None:
        yield "KAFKA_SASL_PASSWORD is set, but KAFKA_SECURITY_PROTOCOL is neither SASL_SSL nor SASL_PLAINTEXT."
    for prefix, server in (("kafka", "KAFKA"), ("redis", "REDIS")):
        if (getattr(settings, f"{prefix}_ssl_certfile") is None) != (
            getattr(settings, f"{prefix}_ssl_keyfile") is None
        ):
            yield f"{server}_SSL_CERTFILE and {server}_SSL_KEYFILE belong together: set both or neither."
    if settings.redis_cluster and settings.redis_url is None:
        yield "REDIS_CLUSTER is true, but REDIS_URL does not say where the cluster is."
    if settings.commit_interval_s >= settings.session_timeout_s:
        yield "TRACKER_COMMIT_INTERVAL_S must be shorter than TRACKER_SESSION_TIMEOUT_S."


def unknown(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Variables that begin with TRACKER_ and are no settings, each with the nearest setting."""
    known = {setting.variable for setting in SETTINGS} | {
        setting.variable + "_FILE" for setting in SETTINGS if setting.secret
    }
    strangers = [name for name in environ if name.startswith("TRACKER_") and name not in known | {*OUTSIDE}]
    return {name: next(iter(get_close_matches(name, known, 1)), None) for name in sorted(strangers)}


def reference() -> str:
    """The content of `deploy/env/reference.env`: every setting with its explanation and default."""
    head = "# Every setting, with its default. Copy the lines that you change.\n"
    head += "# `tracker doctor --settings` prints those in use.\n"
    note = "# A variable marked (secret) can also be set as NAME_FILE, the path of a file that holds it.\n"
    return head + note + "".join(_entry(setting) for setting in SETTINGS)


def _entry(setting: Setting) -> str:
    facts = ([] if setting.kind.allowed == "any text" else [setting.kind.allowed]) + (
        ["secret"] if setting.secret else []
    )
    lines = textwrap.wrap(setting.explanation, 96) + ([f"({'; '.join(facts)})"] if facts else [])
    return "\n" + "".join(f"# {line}\n" for line in lines) + f"{setting.variable}={setting.default}\n"
