"""Native objects are freed once, in order, on their own thread; last words are written down."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.engine.context import Context, Decoded
from app.engine.model import Model
from app.engine.native import AbortFlag, Batch, SamplerHandle, open_library
from app.engine.native.flag import flag_reader
from tests.fixtures.engine_runs import settings_for

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model(tiny: Callable[..., Path]) -> Iterator[Model]:
    loaded = Model(open_library(), settings_for(tiny()), lambda fraction: True)
    yield loaded
    loaded.close()


def test_closing_twice_is_harmless_and_using_after_it_is_an_error(model: Model) -> None:
    context = Context(model, settings_for(Path("unused")), AbortFlag())
    context.close()
    context.close()
    assert context.handle.is_closed
    with pytest.raises(RuntimeError, match="after it was closed"):
        context.decode(context.batch)


def test_a_model_is_not_freed_under_its_context(model: Model) -> None:
    context = Context(model, settings_for(Path("unused")), AbortFlag())
    with pytest.raises(RuntimeError, match="before its contexts"):
        model.close()
    context.close()
    assert not model.handle.is_closed


def test_closing_on_a_foreign_thread_is_refused(model: Model) -> None:
    caught: list[BaseException] = []

    def close() -> None:
        try:
            model.close()
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert not model.handle.is_closed


def test_a_forgotten_handle_is_warned_about() -> None:
    handle = SamplerHandle(open_library())
    pointer = handle.pointer
    with pytest.warns(ResourceWarning, match="never closed"):
        del handle
    open_library().api.llama_sampler_free(pointer)


def test_the_null_sampler_is_refused() -> None:
    chain = SamplerHandle(open_library())
    with pytest.raises(ValueError, match="no sampler"):
        chain.add(None)
    chain.close()


def test_the_flag_is_read_by_native_code_and_stops_a_decode(model: Model) -> None:
    flag = AbortFlag()
    context = Context(model, settings_for(Path("unused")), flag)
    try:
        batch = context.batch
        batch.add(0, [1, 2, 3], 0, wants_logits=True)
        flag.set()
        assert flag.is_raised
        assert context.decode(batch) is Decoded.STOPPED
        assert context.length(0) == 0
        flag.clear()
        assert context.decode(batch) is Decoded.DONE
        assert context.length(0) == 3
    finally:
        context.close()


def test_the_flag_reader_is_no_python_function() -> None:
    assert flag_reader().__name__ == "strlen"


def test_a_batch_refuses_more_than_it_holds() -> None:
    batch = Batch(open_library(), 4)
    assert batch.add(0, [1, 2, 3], 0, wants_logits=False) == 2
    with pytest.raises(ValueError, match="do not fit"):
        batch.add(1, [1, 2], 0, wants_logits=True)
    with pytest.raises(ValueError, match="do not fit"):
        batch.add(1, [], 0, wants_logits=True)
    assert batch.add(1, [7], 0, wants_logits=True) == 3
    assert batch.outputs == [3]
    batch.clear()
    assert (batch.n_tokens, batch.struct.n_tokens, batch.outputs) == (0, 0, [])


def test_truncating_cuts_forgets_or_keeps(model: Model) -> None:
    context = Context(model, settings_for(Path("unused")), AbortFlag())
    try:
        context.batch.add(2, list(range(10, 30)), 0, wants_logits=False)
        assert context.decode(context.batch) is Decoded.DONE
        assert context.truncate(2, 20) == 20
        assert context.truncate(2, 12) == 12
        assert context.length(2) == 12
        assert context.truncate(2, 15) == 0, "what is not there cannot be kept"
        assert context.length(2) == 0
        assert context.truncate(3, 0) == 0
    finally:
        context.close()


def test_the_message_of_a_failing_assertion_is_written_down(tmp_path: Path) -> None:
    path = tmp_path / "last-words.txt"
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from app.engine.native import open_library
        library = open_library(Path({str(path)!r}))
        library.ggml_base.ggml_abort(b"here.c", 42, b"it went wrong")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=120, check=False
    )
    assert done.returncode != 0
    assert path.read_text() == "here.c:42: it went wrong\n"
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    assert b"it went wrong" in done.stderr


def test_the_door_is_light_to_open() -> None:
    program = (
        "import sys; import app.engine.client; "
        "print([name for name in ('llama_cpp', 'numpy', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=120, check=True
    )
    assert done.stdout.strip() == b"[]"


def test_llama_cpp_is_brought_in_without_its_heavy_half() -> None:
    program = (
        "import sys; from app.engine.native import open_library; open_library(); "
        "print([name for name in ('llama_cpp.llama', 'numpy', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=120, check=True
    )
    assert done.stdout.strip() == b"[]"
