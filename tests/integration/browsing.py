"""Libraries for Node and browsers as their package manager gives them, and the pages that use them."""

import functools
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "sdks"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PLAIN = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
"""What a browser without a screen does not say of itself: some libraries pass over robots."""


def install(place: Path) -> Path:
    """The pages and programs with the libraries beside them."""
    shutil.copytree(HERE, place)
    words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return place


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files; modules under the type that browsers want."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def pages(place: Path) -> Iterator[str]:
    """Where the pages are served."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(place)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def sdks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages and programs with the libraries beside them."""
    return install(tmp_path_factory.mktemp("sdks") / "sdks")


@pytest.fixture(scope="module")
def origin(sdks: Path) -> Iterator[str]:
    """Where the pages are."""
    with pages(sdks) as address:
        yield address


@contextmanager
def browsing(address: str, profile: Path, *words: str) -> Iterator[None]:
    """A browser that has the page open."""
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    quiet = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    process = subprocess.Popen([browser, *quiet, *words, address], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)
