"""Every request that asking the hub makes, and every header of it; and those it must not make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.foundation.errors import Busy, HostRefused, Offline
from app.models.hub import Hub
from app.network.client import USER_AGENT
from app.network.library import library_client
from tests.fixtures.far_end import far_end
from tests.fixtures.hub_asking import ALLOWED, GATED, OPEN, PRIVATE, Asking, asked
from tests.hub.samples import TOKEN
from tests.hub.server import LoopbackHub


def test_every_request_is_one_that_was_asked_for_and_tells_nothing_of_this_computer(
    far: LoopbackHub, asking: Asking
) -> None:
    asking.token = TOKEN
    asking.hub.search("tiny")
    asking.hub.repository(OPEN)
    asking.hub.repository(PRIVATE)
    asking.hub.locate(GATED, "", "Gated-Llama-F16.gguf")
    asking.hub.whoami()
    assert asked(far) == [
        ("GET", "/api/models", ""),
        ("GET", f"/api/models/{OPEN}", ""),
        ("GET", f"/api/models/{PRIVATE}", ""),
        ("GET", f"/api/models/{PRIVATE}", TOKEN),
        ("HEAD", f"/{GATED}/resolve/main/Gated-Llama-F16.gguf", ""),
        ("HEAD", f"/{GATED}/resolve/main/Gated-Llama-F16.gguf", TOKEN),
        ("GET", "/api/whoami-v2", TOKEN),
    ]
    for one in far.record.asked:
        assert set(one.headers) <= ALLOWED
        assert one.headers["user-agent"] == USER_AGENT
        assert one.headers["accept-encoding"] == "identity"
    recorded = [one.purpose for one in asking.connections.all()]
    assert len(recorded) == len(far.record.asked)
    assert all(recorded)
    assert TOKEN not in (asking.connections._path).read_text("utf-8")


CHILD = """
import json, os, sys
from pathlib import Path
written = []
def note(event, args):
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        written.append(str(args[0]))
    if event == "socket.getaddrinfo" and args[0] != "127.0.0.1":
        written.append(f"looked up {args[0]}")
sys.addaudithook(note)
from app.models.hub import Hub
from app.network.client import Client
from app.network.connections import Connections
from app.network.policy import Policy
folder, url = Path(sys.argv[1]), sys.argv[2]
client = Client(Policy(lambda: False, ("127.0.0.1",)), Connections(folder / "log.jsonl"))
hub = Hub(lambda: client, lambda: url)
early = [name for name in ("huggingface_hub", "httpx2") if name in sys.modules]
found = hub.search("tiny")
repo = found.repositories[0].id
hub.repository(repo)
hub.locate(repo, "", repo.split("/")[1].replace("GGUF", "F16.gguf"))
client.close()
print(json.dumps({"early": early, "written": written, "n": len(found.repositories)}))
"""


def test_the_library_does_nothing_by_itself_whatever_the_environment_says(
    far: LoopbackHub, tmp_path: Path
) -> None:
    """As a process of its own: with a token of another program, an agent's marks, and switches
    that would make the library talk; it must send three requests and write no file."""
    far.record.clear()
    home = tmp_path / "home"
    (home / "hf").mkdir(parents=True)
    (home / "hf" / "token").write_text("hf_tokenOfAnotherProgram")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "HOME": str(home),
        "HF_HOME": str(home / "hf"),
        "HF_TOKEN": "hf_tokenOfTheEnvironment",
        "HF_DEBUG": "1",
        "HF_HUB_DISABLE_TELEMETRY": "0",
        "HF_HUB_USER_AGENT_ORIGIN": "somewhere/1.0",
        "AI_AGENT": "some-agent",
        "AGENT": "some-agent",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), far.url],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["early"] == []
    assert answer["n"] >= 1
    assert answer["written"] == []
    assert done.stderr == ""
    assert [(one.method, one.token) for one in far.record.asked] == [
        ("GET", ""),
        ("GET", ""),
        ("HEAD", ""),
    ]
    for one in far.record.asked:
        assert set(one.headers) <= ALLOWED
        assert one.headers["user-agent"] == USER_AGENT
    assert sorted(path.name for path in home.rglob("*") if path.is_file()) == ["token"]


def test_the_library_cannot_ask_on_its_own(far: LoopbackHub, asking: Asking) -> None:
    """What nobody asked for is refused before anything is sent, from any thread."""
    asking.hub.search("tiny")
    far.record.clear()
    from huggingface_hub.utils import get_session

    refused: list[BaseException] = []

    def ask() -> None:
        try:
            get_session().get(f"{far.url}/api/agent-harnesses")
        except HostRefused as error:
            refused.append(error)

    ask()
    other = threading.Thread(target=ask)
    other.start()
    other.join()
    with library_client() as client, pytest.raises(HostRefused):
        client.post(far.url)
    assert len(refused) == 2
    assert far.record.asked == []


def test_offline_asks_nobody(far: LoopbackHub, tmp_path: Path) -> None:
    asking = Asking(far, tmp_path, offline=True)
    far.record.clear()
    attempts: list[Callable[[], object]] = [
        lambda: asking.hub.search("tiny"),
        lambda: asking.hub.repository(OPEN),
        lambda: asking.hub.locate(OPEN, "", "x.gguf"),
        lambda: asking.hub.whoami(TOKEN),
    ]
    for attempt in attempts:
        with pytest.raises(Offline):
            attempt()
    assert asking.connections.all() == ()


def test_several_threads_may_ask_at_once(far: LoopbackHub, asking: Asking) -> None:
    found: list[str] = []

    def ask(repo: str) -> None:
        for _ in range(5):
            found.append(asking.hub.repository(repo).id)

    repos = [OPEN, "example-labs/Tiny-Qwen-VL-GGUF", "example-labs/Empty-GGUF"]
    threads = [threading.Thread(target=ask, args=(repo,)) for repo in repos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(repos * 5)
    assert len(far.record.asked) == 15


def test_busy_is_not_tried_again_behind_the_back(far: LoopbackHub, asking: Asking) -> None:
    with far_end() as other:
        path = "/api/models/some/repo?blobs=true"
        other.answers[path] = lambda reply: reply.say(429, b"{}", {"Retry-After": "120"})
        hub = Hub(lambda: asking.client, lambda: other.url)
        with pytest.raises(Busy) as caught:
            hub.repository("some/repo")
        assert caught.value.after_s == 120
        assert "2 minutes" in caught.value.remedy
        asking.client.close()
        assert len(other.asked) == 1


CONTROL = """
import sys
from huggingface_hub import HfApi
list(HfApi(endpoint=sys.argv[1]).list_models(filter="gguf", search="tiny"))
"""


def test_left_to_itself_the_library_does_all_that(far: LoopbackHub, tmp_path: Path) -> None:
    """The control: without our client and switches it asks for more than it was asked, sends the
    token it finds, and tells of this computer. Should this fail, the guards may be out of date."""
    far.record.clear()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment = {
        **kept,
        "HF_HOME": str(tmp_path),
        "HF_ENDPOINT": far.url,
        "HF_TOKEN": TOKEN,
        "AI_AGENT": "some-agent",
    }
    subprocess.run(
        [sys.executable, "-c", CONTROL, far.url],
        env=environment,
        capture_output=True,
        timeout=120,
        check=True,
    )
    paths = [one.path for one in far.record.asked]
    assert len(paths) > 1
    assert any("agent" in path for path in paths)
    assert TOKEN in {one.token for one in far.record.asked}
    assert any("python/" in one.headers["user-agent"] for one in far.record.asked)
