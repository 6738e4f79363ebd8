import ast
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from streams.access.roles import ROLES
from streams.access.secret_files import BROKER, LISTENERS
from streams.cli.commands import COMMANDS, load
from streams.settings import settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("journey-tracker")}
ONE_SHOT = {"secrets", "grant", "topics"}
BY_HAND = {"operator"}
OTHERS = {"kafka": "1000:1000", "redis": "999:1000", "grafana": "472:0"}
"""The user of each image that is not ours, where it reads secrets."""
PROMETHEUS = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))


def environment(service: dict) -> dict[str, str]:
    """What the container gets, with the default of each `${NAME:-default}`."""
    return {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for name, value in service.get("environment", {}).items()}


def test_compose_is_valid() -> None:
    """docker-compose.yml is what the published schema of the Compose Specification describes."""
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.validate(COMPOSE, schema)


def test_everything_is_there() -> None:
    """Kafka, Redis, two workers, collector, exporter, canary, Prometheus, Alertmanager and Grafana are started."""
    watching = {"prometheus", "alertmanager", "grafana"}
    ours = {"worker-1", "worker-2", "collector", "exporter", "canary"}
    assert set(SERVICES) == watching | ours | ONE_SHOT | BY_HAND | {"kafka", "redis"}


@pytest.mark.parametrize("name", SERVICES)
def test_image_is_pinned(name) -> None:
    """Each image has a full version, and all but ours a digest: the same file starts the same programs next year."""
    digest = "" if name in OURS else "@sha256:[0-9a-f]{64}"
    assert re.fullmatch(rf"[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z]+)?{digest}", SERVICES[name]["image"])


def test_the_base_of_our_image_is_pinned() -> None:
    """Both stages of the Dockerfile begin with one image, which has a full version and a digest."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    bases = {line.split()[1] for line in text.splitlines() if line.startswith("FROM ")}
    assert len(bases) == 1 and re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases.pop())


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONE_SHOT - BY_HAND))
def test_service_is_looked_after(name) -> None:
    """Each long-running service has a health check and is started again."""
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD" and service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_dependencies_are_waited_for(name) -> None:
    """What a service needs exists and is healthy (or has done its work) before it starts."""
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        condition = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
        assert needed in SERVICES and how == {"condition": condition}


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"kafka"}))
def test_service_can_do_little(name) -> None:
    """All but Kafka (whose start script writes its configuration) run with a read-only root and no capabilities."""
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name) -> None:
    """No port is open to the network."""
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", OURS)
def test_command_exists(name) -> None:
    """What a container of ours is told to do is a command of the tracker, sub-command included."""
    word, *more = OURS[name]["command"]
    command = load(next(each for each in COMMANDS if each.name == word))
    assert not more or more[0].startswith("-") or more[0] in command.commands


@pytest.mark.parametrize("name", OURS)
def test_variables_are_settings(name) -> None:
    """Every variable of our containers is a setting, with a value that is allowed."""
    given = environment(OURS[name])
    secrets = {f"{setting.variable}_FILE" for setting in settings.SETTINGS if setting.secret}
    assert given.keys() <= {setting.variable for setting in settings.SETTINGS} | secrets
    settings.read({word.removesuffix("_FILE"): "x" * 16 if word in secrets else given[word] for word in given})


def test_no_secret_is_in_the_file() -> None:
    """Every password is a file of a volume: the text has no value for one, and no default that all would share."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    words = r"PASSWORD|SECRET|SALT|HASH_KEY|TOKEN"
    values = re.findall(rf"^ +(\w*(?:{words})\w*): *(\S+)$", text, re.MULTILINE)
    assert values
    for name, value in values:
        assert value.startswith("/run/") if name.endswith("_FILE") else value == f"${{{name}:-}}", name
    assert "requirepass" not in text and not re.search(r"://[^/@\s]*:[^/@\s]*@", text)


def test_each_service_sees_its_own_secrets_alone() -> None:
    """A volume of secrets goes to the services of one role, to be read, and to the one that makes them."""
    readers: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            if source.startswith("secrets-") and name != "secrets":
                readers.setdefault(source.removeprefix("secrets-"), set()).add(name)
                assert mode == ["ro"]
                assert all(value.startswith(f"{target}/") for value in _secret_files(service))
    assert readers.pop("operator") == {"grant", "topics", "operator"}
    assert readers.pop("worker") == {"worker-1", "worker-2"}
    assert all(services == {role} for role, services in readers.items())
    made = {volume.split(":")[1] for volume in SERVICES["secrets"]["volumes"]}
    folders = {role.name for role in ROLES} | OTHERS.keys()
    assert made == {f"/secrets/{name}" for name in folders}


def _secret_files(service: dict) -> list[str]:
    return [value for name, value in service.get("environment", {}).items() if name.endswith("_FILE")]


def test_secrets_belong_to_who_reads_them() -> None:
    """The files are made for the users that the containers run as; ours is the image's."""
    owners = dict(word.removeprefix("--owner=").rpartition("=")[::2] for word in SERVICES["secrets"]["command"][3:])
    image = re.search(r"^USER (\S+)$", (ROOT / "deploy/Dockerfile").read_text("utf-8"), re.MULTILINE)[1]
    assert owners == {"": image} | OTHERS
    assert {name: SERVICES[name]["user"] for name in OTHERS} == OTHERS


def test_services_are_the_users_of_their_roles() -> None:
    """Each service names the role of its volume as its user in Kafka and in Redis, where the role has one."""
    known = {role.name: role for role in ROLES}
    for name, service in OURS.items():
        volumes = [word.split(":")[0] for word in service.get("volumes", ()) if word.startswith("secrets-")]
        if name == "secrets":
            continue
        (role,) = [known[volume.removeprefix("secrets-")] for volume in volumes]
        given = service["environment"]
        assert given.get("KAFKA_SASL_USERNAME") == (role.name if role.has_kafka else None)
        assert given.get("REDIS_URL") == (f"redis://{role.name}@redis:6379/0" if role.redis else None)


def test_whoever_makes_secrets_can_do_nothing_else() -> None:
    """The service that runs as root has no network, and only the rights to hand files over."""
    service = SERVICES["secrets"]
    assert {name for name, each in SERVICES.items() if each.get("user", "1").startswith("0")} == {"secrets"}
    assert service["network_mode"] == "none" and service["cap_add"] == ["CHOWN", "DAC_OVERRIDE", "FOWNER"]


def test_kafka_wants_a_name_at_every_door() -> None:
    """Each listener has SASL, rights are looked up, and only the broker and the operator stand above them."""
    kafka = SERVICES["kafka"]["environment"]
    doors = dict(word.split(":") for word in kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert {name.lower() for name in doors} == set(LISTENERS) and set(doors.values()) == {"SASL_PLAINTEXT"}
    assert kafka["KAFKA_AUTHORIZER_CLASS_NAME"].endswith(".StandardAuthorizer")
    assert kafka["KAFKA_SUPER_USERS"] == f"User:{BROKER};User:operator"


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_exist(name) -> None:
    """What is mounted from the project exists, and each named volume is declared."""
    for volume in SERVICES[name].get("volumes", ()):
        source = volume.partition(":")[0]
        assert (ROOT / source).is_dir() if source.startswith(".") else source in COMPOSE["volumes"]


def test_no_volume_is_left_over() -> None:
    """Each declared volume is used."""
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert set(COMPOSE["volumes"]) == {source for source in used if not source.startswith(".")}


def test_our_pages_are_looked_at_where_they_are() -> None:
    """Health checks and Prometheus ask the ports that the settings name."""
    port = {"worker-1": "TRACKER_HTTP_PORT", "worker-2": "TRACKER_HTTP_PORT", "exporter": "EXPORTER_PORT"}
    port["canary"] = "CANARY_PORT"
    for name, variable in port.items():
        service = OURS[name]
        asked = urlsplit(re.search(r"http://[^']+", service["healthcheck"]["test"][3])[0])
        assert str(asked.port) == service["environment"][variable] == service["expose"][0]
        assert asked.path in pages()


def test_the_collector_is_asked_at_its_front_door() -> None:
    """Its health check goes where producers go; its metrics are on another port, which is not published."""
    service = OURS["collector"]
    asked = urlsplit(re.search(r"http://[^']+", service["healthcheck"]["test"][3])[0])
    environ = service["environment"]
    assert (str(asked.port), asked.path) == (environ["COLLECTOR_PORT"], "/health/live")
    assert service["expose"] == [environ["COLLECTOR_METRICS_PORT"]]
    assert [port.rpartition(":")[2] for port in service["ports"]] == [environ["COLLECTOR_PORT"]]
    assert Path(environ["COLLECTOR_KEYS"]).parent.as_posix() == service["volumes"][0].partition(":")[2]


def pages() -> set[str]:
    """The paths in the source of our HTTP server."""
    tree = ast.parse((ROOT / "streams/process/health.py").read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"/[a-z/]+", text)}


def test_prometheus_scrapes_what_runs() -> None:
    """Each target is a service of ours at its port, and none of ours is forgotten."""
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in PROMETHEUS["scrape_configs"]}
    targets = set(jobs["exporter"] + jobs["worker"] + jobs["collector"] + jobs["canary"])
    assert targets == {f"{name}:{service['expose'][0]}" for name, service in OURS.items() if "expose" in service}


def test_prometheus_tells_alertmanager() -> None:
    """Alerts go to the service and port where Alertmanager listens."""
    (target,) = PROMETHEUS["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    name, _, port = target.partition(":")
    assert f"--web.listen-address=:{port}" in SERVICES[name]["command"]


def test_configuration_files_exist() -> None:
    """Each --config.file is a file that is mounted there."""
    for name in ("prometheus", "alertmanager"):
        inside = next(word.partition("=")[2] for word in SERVICES[name]["command"] if "--config.file" in word)
        source, _, target = next(each for each in SERVICES[name]["volumes"] if each.startswith("."))[:-3].partition(":")
        assert (ROOT / source / Path(inside).relative_to(target)).is_file()


def test_alertmanager_has_its_receivers() -> None:
    """The receiver of the route is declared."""
    told = yaml.safe_load((ROOT / "deploy/alertmanager/alertmanager.yml").read_text(encoding="utf-8"))
    assert told["route"]["receiver"] in {receiver["name"] for receiver in told["receivers"]}


def test_grafana_finds_prometheus() -> None:
    """The provisioned data source has a fixed uid and names Prometheus' service and port."""
    path = ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml"
    (source,) = yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]
    assert source["uid"] == "journey-prometheus"
    assert urlsplit(source["url"]).netloc == "prometheus:9090"
    assert "--web.listen-address=:9090" in SERVICES["prometheus"]["command"]


def test_grafana_finds_the_dashboards() -> None:
    """The folder that Grafana is told to read is where the dashboards are mounted."""
    path = ROOT / "deploy/grafana/provisioning/dashboards/journeys.yaml"
    (provider,) = yaml.safe_load(path.read_text(encoding="utf-8"))["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]


def test_dashboards_use_the_fixed_source() -> None:
    """Every dashboard asks the provisioned data source."""
    for path in (ROOT / "deploy/grafana/dashboards").glob("*.json"):
        assert set(re.findall(r'"uid": "([\w-]+prometheus[\w-]*)"', path.read_text("utf-8"))) <= {"journey-prometheus"}


def test_kafka_listens_where_it_is_looked_for() -> None:
    """KAFKA_BOOTSTRAP is an address that Kafka advertises inside; the published port is the one outside."""
    kafka = SERVICES["kafka"]["environment"]
    advertised = dict(each.split("://") for each in kafka["KAFKA_ADVERTISED_LISTENERS"].split(","))
    listening = {each.split("://:")[0]: each.split("://:")[1] for each in kafka["KAFKA_LISTENERS"].split(",")}
    assert OURS["worker-1"]["environment"]["KAFKA_BOOTSTRAP"] == advertised["INSIDE"] == f"kafka:{listening['INSIDE']}"
    assert SERVICES["kafka"]["ports"] == [f"127.0.0.1:{listening['OUTSIDE']}:{listening['OUTSIDE']}"]


def test_kafka_is_the_version_that_is_tested() -> None:
    """Compose starts the Kafka that the embedded servers start."""
    locked = (ROOT / "streams/servers/jars.lock").read_text(encoding="utf-8")
    version = SERVICES["kafka"]["image"].partition("@")[0].partition(":")[2]
    assert version in locked


def test_image_is_built_from_what_is_there() -> None:
    """Each path that the Dockerfile copies exists, and is let through by .dockerignore."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        word
        for line in (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert copied and all((ROOT / word).exists() and f"!{word}" in ignored for word in copied)


def test_image_runs_as_nobody_in_particular() -> None:
    """The image ends with a user other than root, and its variables are settings."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    users = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert users and users[-1].split(":")[0] not in {"0", "root"}
    known = {setting.variable for setting in settings.SETTINGS} | {*settings.OUTSIDE}
    assert {name for name in re.findall(r"(\w+)=", text) if name.startswith(("TRACKER_", "KAFKA_"))} <= known


def test_image_has_the_version_of_the_project() -> None:
    """The tag of our image is the version in pyproject.toml."""
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert {service["image"] for service in OURS.values()} == {f"journey-tracker:{version}"}
