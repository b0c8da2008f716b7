"""Where other programs keep models, on each system, with what the environment changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.models.adopt import gpt4all, huggingface, jan, koboldcpp, llama_cpp, lmstudio, ollama
from app.models.adopt.surroundings import Surroundings, System, here


def on(home: Path, system: System = "linux", **environment: str) -> Surroundings:
    return Surroundings(home, system, environment)


def test_this_computer_has_a_home_and_a_system() -> None:
    found = here()
    assert found.home.is_absolute()
    assert found.system in ("linux", "windows", "macos")


@pytest.mark.parametrize("text", ["", "relative/folder", " ", "nul\0byte"])
def test_a_variable_that_names_no_whole_path_names_nothing(tmp_path: Path, text: str) -> None:
    assert on(tmp_path, OLLAMA_MODELS=text).named("OLLAMA_MODELS") is None


def test_a_variable_may_be_quoted_and_begin_at_home(tmp_path: Path) -> None:
    assert on(tmp_path, A=f'"{tmp_path}/x"').named("A") == tmp_path / "x"
    assert on(tmp_path, A="~/x").named("A") == tmp_path / "x"


def test_the_hubs_cache_follows_its_variables_in_their_order(tmp_path: Path) -> None:
    def first(**environment: str) -> Path:
        return huggingface.places(on(tmp_path, **environment))[0]

    assert first() == tmp_path / ".cache/huggingface/hub"
    assert first(XDG_CACHE_HOME="/c") == Path("/c/huggingface/hub")
    assert first(HF_HOME="/hf") == Path("/hf/hub")
    assert first(HF_HOME="/hf", HUGGINGFACE_HUB_CACHE="/old") == Path("/old")
    assert first(HF_HOME="/hf", HUGGINGFACE_HUB_CACHE="/old", HF_HUB_CACHE="/n") == Path("/n")
    assert Path("/llama") in huggingface.places(on(tmp_path, LLAMA_CACHE="/llama"))
    for system in ("windows", "macos"):
        assert huggingface.places(on(tmp_path, system))[0] == tmp_path / ".cache/huggingface/hub"


def test_llama_cpps_cache_is_where_each_system_keeps_caches(tmp_path: Path) -> None:
    def first(system: System, **environment: str) -> Path:
        return llama_cpp.places(on(tmp_path, system, **environment))[0]

    assert first("linux") == tmp_path / ".cache/llama.cpp"
    assert first("macos") == tmp_path / "Library/Caches/llama.cpp"
    assert first("windows", LOCALAPPDATA="/local") == Path("/local/llama.cpp")
    assert first("windows", LLAMA_CACHE="/mine") == Path("/mine")
    assert tmp_path / ".llamabarn" in llama_cpp.places(on(tmp_path, "macos"))


def test_ollama_has_the_persons_folder_and_on_linux_the_services(tmp_path: Path) -> None:
    assert ollama.places(on(tmp_path, "windows")) == (tmp_path / ".ollama/models",)
    assert ollama.places(on(tmp_path, "macos", OLLAMA_MODELS="/big")) == (Path("/big"),)
    assert Path("/usr/share/ollama/.ollama/models") in ollama.places(on(tmp_path))


def test_lm_studio_is_followed_through_its_pointer_and_its_settings(tmp_path: Path) -> None:
    assert lmstudio.places(on(tmp_path))[-2] == tmp_path / ".lmstudio/models"
    assert tmp_path / ".cache/lm-studio/models" in lmstudio.places(on(tmp_path))
    home = tmp_path / "elsewhere"
    home.mkdir()
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{home}\n")
    (home / "settings.json").write_text(json.dumps({"downloadsFolder": "/big/models"}))
    assert lmstudio.places(on(tmp_path))[:2] == (Path("/big/models"), home / "models")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"downloadsFolder": 5}', "\xff\0", "[" * 9999])
def test_lm_studios_settings_may_be_anything(tmp_path: Path, content: str) -> None:
    (tmp_path / ".lmstudio").mkdir()
    (tmp_path / ".lmstudio/settings.json").write_text(content, "latin-1")
    (tmp_path / ".lmstudio-home-pointer").write_text(content, "latin-1")
    assert tmp_path / ".lmstudio/models" in lmstudio.places(on(tmp_path))


def test_jans_data_folder_is_the_chosen_one_then_the_usual_one(tmp_path: Path) -> None:
    config = tmp_path / ".local/share/Jan"
    config.mkdir(parents=True)
    (config / "settings.json").write_text(json.dumps({"data_folder": "/d/jan"}))
    found = jan.places(on(tmp_path, JAN_DATA_FOLDER="/first"))
    assert found[:3] == (Path("/first"), Path("/d/jan"), config / "data")
    mac = jan.places(on(tmp_path, "macos"))
    assert tmp_path / "Library/Application Support/Jan/data" in mac
    assert Path("/roaming/Jan/data") in jan.places(on(tmp_path, "windows", APPDATA="/roaming"))


def test_gpt4alls_folder_stands_in_its_ini_file(tmp_path: Path) -> None:
    ini = tmp_path / ".config/nomic.ai/GPT4All.ini"
    ini.parent.mkdir(parents=True)
    ini.write_text("[General]\nchat=1\nmodelPath=/models/here/\n[download]\nmodelPath=/no\n")
    assert gpt4all.places(on(tmp_path)) == (
        Path("/models/here"),
        tmp_path / ".local/share/nomic.ai/GPT4All",
        tmp_path / ".cache/gpt4all",
    )
    local = gpt4all.places(on(tmp_path / "x", "windows", LOCALAPPDATA="/local"))
    assert local[0] == Path("/local/nomic.ai/GPT4All")


def test_koboldcpp_is_looked_for_where_people_put_it(tmp_path: Path) -> None:
    assert tmp_path / "Downloads/koboldcpp" in koboldcpp.places(on(tmp_path))
