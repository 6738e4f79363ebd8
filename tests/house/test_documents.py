import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from streams.cli.commands import COMMANDS
from tests.house.pages import PAGES, commands, help_texts

ROOT = Path(__file__).parents[2]
SKIPPED = {"__pycache__", "node_modules", "results", "build", "dist"}
SHOWN = {".ci", ".dockerignore", ".pre-commit-config.yaml"}
TEXTS = sorted(
    path
    for path in ROOT.rglob("*")
    if path.is_file()
    and not SKIPPED & set(path.relative_to(ROOT).parts)
    and not any(part.startswith(".") and part not in SHOWN for part in path.relative_to(ROOT).parts)
    and path.suffix in {".py", ".md", ".yml", ".yaml", ".toml", ".lua", ".env", ".sh", ".lock", ".json", ""}
)
DOCUMENTS = [path for path in TEXTS if path.suffix == ".md"]
# Written in halves, so that this file does not contain them. Machines, registries' hosts, ways of working.
FORBIDDEN = re.compile(
    r"/wo" r"rk/|/ro" r"ot/|/ho" r"me/[a-z]|fresh-" r"machine|pythonh" r"osted|registry\.np" r"mjs|maven\.or" r"g"
    r"|proxy\.gol" r"ang|deb\.deb" r"ian|pypi\.or" r"g|anthr" r"opic|\bcla" r"ude\b|\bchatg" r"pt\b|language mod" r"el",
    re.IGNORECASE,
)  # fmt: skip
PATH = re.compile(r"`((?:schemas|tracker|streams|deploy|tests|docs|examples|bench)/[\w./{},*-]+)`")


def expanded(path: str) -> list[str]:
    """`a/{b,c}.py` as `a/b.py` and `a/c.py`."""
    found = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", path)
    return [found[1] + each.strip() + found[3] for each in found[2].split(",")] if found else [path]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_paths_exist(document) -> None:
    """Every path of the project that a document names exists."""
    named = {each for path in PATH.findall(document.read_text(encoding="utf-8")) for each in expanded(path)}
    assert sorted(path for path in named if not any(ROOT.glob(path.rstrip("/")))) == []


def test_paths_in_code_exist() -> None:
    """Every file of the project that a docstring or comment names exists."""
    named = re.compile(
        r"(?<![\w/.-])((?:schemas|tracker|streams|deploy|tests|docs|bench)/[\w/-]+\.(?:py|md|lua|yaml))\b"
    )
    sources = [path for path in TEXTS if path.suffix == ".py" and path.parts[len(ROOT.parts)] not in {"tests", "build"}]
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources
        for name in named.findall(path.read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document) -> None:
    """Every relative link of a document leads to a file."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_project_speaks_of_itself_alone() -> None:
    """No file names a machine, a registry's host or how it was written."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if FORBIDDEN.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("page", PAGES)
def test_page_is_in_step(page) -> None:
    """What is made from the code is what the code makes (`make docs` writes it)."""
    assert (ROOT / page).read_text(encoding="utf-8") == PAGES[page]()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_command_exists(command) -> None:
    """Each command of the table has its file."""
    assert find_spec(command.target.partition(":")[0]) is not None


@pytest.mark.parametrize(("path", "said"), [pytest.param(*each, id=each[0]) for each in help_texts()])
def test_command_has_an_example(path, said) -> None:
    """The help of each command shows how it is called; that of a group lists its commands."""
    assert "Commands:" in said or re.search(rf"Examples?:\n(.*\n)*?.*{path}", said)


@pytest.mark.parametrize(("path", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_options_are_explained(path, command) -> None:
    """Each option and argument says what it is for."""
    silent = [each.name for each in command.params if not each.help and not getattr(each, "hidden", False)]
    assert silent == []


def test_readme_names_the_two_commands() -> None:
    """The README shows `./run demo` and `./run test`, and CI runs the latter."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "./run demo" in readme and "./run test" in readme
    assert "./run test" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_readme_lists_the_commands() -> None:
    """The README's table is the table of commands."""
    told = re.findall(r"^\| `tracker (\S+)` \| (.*) \|$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert told == [(command.name, command.summary) for command in COMMANDS]


CALLS = re.compile(r"^(?:\./run|tracker) ([a-z]+)((?: [^`#\n]+)?)", re.MULTILINE)


def shown(document: Path) -> str:
    """What a document shows as code: blocks for a shell, and words between backticks, a line each."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_shown_calls_work(document) -> None:
    """Each call of the tracker that a document shows is of a command, with options that it has."""
    known = dict(commands())
    for name, rest in CALLS.findall(shown(document)):
        words = rest.split()
        if name == "test":
            continue
        longest = f"tracker {name} {words[0]}" if words and f"tracker {name} {words[0]}" in known else f"tracker {name}"
        assert longest in known or name in {each.name for each in COMMANDS}, f"{name}{rest}"
        if longest in known:
            params = known[longest].params
            options = {option for each in params for option in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
            asked = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            assert asked <= options, f"{name}{rest}"
