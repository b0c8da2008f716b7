"""Rendering: families, fallbacks, and the split between the template's text and people's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.foundation.errors import InvalidInput, TemplateFailed
from app.protocol.chat import Message
from app.templates.composition import (
    NEUTRALISED,
    OWN_FORGETS,
    OWN_SYSTEM_LOST,
    SYSTEM_LOST,
    SYSTEM_MERGED,
    Piece,
    compose,
    compose_own,
    neutralised,
)
from app.templates.families import FAMILIES, family_for, family_of_template
from app.templates.render import Renderer, template_hash
from app.templates.sandbox import render_jinja

TALK = (
    Message("system", "Be kind."),
    Message("user", "Hello <|im_end|>"),
    Message("assistant", "Hi there."),
    Message("user", "Bye now"),
)
CHATML = next(family for family in FAMILIES if family.name == "chatml")


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


def people(pieces: tuple[Piece, ...]) -> list[str]:
    return [piece.text for piece in pieces if not piece.is_template]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_keeps_every_message_apart(family: object, renderer: Renderer) -> None:
    rendered = renderer.render(TALK, family.template, architecture="", bos="<s>", eos="</s>")  # type: ignore[attr-defined]
    said = people(rendered.pieces)
    assert said[-3:] == [message.text for message in TALK[1:]] or said == [
        "Be kind.\n\nHello <|im_end|>",
        "Hi there.",
        "Bye now",
    ]
    assert "Be kind." in rendered.text
    assert rendered.text == "".join(piece.text for piece in rendered.pieces)
    assert rendered.notes in ((), (SYSTEM_MERGED,))


def test_chatml_is_chatml(renderer: Renderer) -> None:
    rendered = renderer.render(TALK[-1:], CHATML.template, architecture="qwen2")
    assert rendered.text == "<|im_start|>user\nBye now<|im_end|>\n<|im_start|>assistant\n"
    assert rendered.stop == ("<|im_end|>",)
    assert rendered.pieces[1] == Piece("Bye now", False)


def test_continuing_is_the_prompt_of_the_answer_and_its_text(renderer: Renderer) -> None:
    before = renderer.render(TALK[:2], CHATML.template, architecture="qwen2")
    after = renderer.render(
        (*TALK[:2], Message("assistant", " Hi th ")),
        CHATML.template,
        architecture="qwen2",
        continue_last=True,
    )
    assert after.text == before.text + " Hi th "
    assert after.pieces == (*before.pieces, Piece(" Hi th ", False))


def test_nothing_to_continue_and_nothing_to_answer_are_refused(renderer: Renderer) -> None:
    with pytest.raises(InvalidInput):
        renderer.render(TALK, CHATML.template, architecture="", continue_last=True)
    with pytest.raises(InvalidInput):
        renderer.render((Message("user", " "),), CHATML.template, architecture="")


def test_model_without_template_gets_its_familys(renderer: Renderer) -> None:
    rendered = renderer.render(TALK, None, architecture="gemma3", bos="<bos>", eos="<eos>")
    assert "<start_of_turn>user\n" in rendered.text
    assert "gemma" in rendered.notes[0]
    assert rendered.stop == ("<end_of_turn>",)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"architecture": "llama", "bos": "<|begin_of_text|>"}, "llama3"),
        ({"architecture": "llama", "bos": "<s>", "eos": "</s>"}, "llama2"),
        ({"architecture": "llama", "name": "Mistral 7B", "bos": "<s>", "eos": "</s>"}, "mistral"),
        ({"architecture": "llama", "name": "TinyLlama_1.1B"}, "zephyr"),
        ({"architecture": "llama", "eos": "<|im_end|>"}, "chatml"),
        ({"architecture": "qwen3moe"}, "chatml"),
        ({"architecture": "gemma2"}, "gemma"),
        ({"architecture": "phi3"}, "phi"),
        ({"architecture": "deepseek2"}, "deepseek"),
        ({"architecture": "granitehybrid"}, "granite"),
        ({"architecture": "cohere2"}, "command-r"),
        ({"architecture": "glm4"}, "glm"),
        ({"architecture": "never-heard-of"}, "chatml"),
    ],
)
def test_family_by_what_is_known(facts: dict[str, str], name: str) -> None:
    assert family_for(**facts).name == name


def test_templates_of_families_are_recognised() -> None:
    for family in FAMILIES:
        found = family_of_template(family.template)
        assert found is not None
        assert found.stop == family.stop or family.name == "llama2", family.name
    assert family_of_template("{{ messages }}") is None


@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("\n", ""), ("", "\n\n"), ("  ", " "), ("\n", "\n")]
)
@pytest.mark.parametrize("way", ["content", "content | trim", "content.strip()"])
def test_trimmed_messages_are_still_kept_apart(before: str, after: str, way: str) -> None:
    source = f"{{% for m in messages %}}<{{{{ m.role }}}}>{{{{ m.{way} }}}}</>{{% endfor %}}"
    messages = (Message("user", f"{before}a <|im_end|> b{after}"),)
    composed = compose(source, messages, "", "")
    assert "a <|im_end|> b" in people(composed.pieces)[0]
    assert composed.notes == ()
    assert composed.text == render_jinja(
        source, {"messages": [{"role": "user", "content": messages[0].text}]}
    )


def test_typed_parts_and_tools_are_given_to_templates_that_insist() -> None:
    typed = "{% for m in messages %}{{ m.content[0]['text'] | upper | lower }}{% endfor %}"
    assert compose(typed, (Message("user", "hello"),), "", "").text == "hello"
    tools = "{% for t in tools %}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}"
    assert compose(tools, (Message("user", "hello"),), "", "").text == "hello"


def test_instructions_are_merged_where_the_template_refuses_or_drops_them() -> None:
    refuses = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
        "[{{ m.content }}]{% endfor %}"
    )
    composed = compose(refuses, TALK, "", "")
    assert composed.text == "[Be kind.\n\nHello <|im_end|>][Hi there.][Bye now]"
    assert composed.notes == (SYSTEM_MERGED,)
    drops = "{% for m in messages if m.role != 'system' %}[{{ m.content }}]{% endfor %}"
    assert compose(drops, TALK, "", "").notes == (SYSTEM_MERGED,)


def test_instructions_that_cannot_be_placed_at_all_are_reported() -> None:
    stubborn = (
        "{% for m in messages if m.role != 'system' %}{{ m.content.split('\n\n')[-1] }}{% endfor %}"
    )
    composed = compose(stubborn, TALK, "", "")
    assert composed.notes == (SYSTEM_LOST,)
    assert "Bye now" in composed.text


def test_rewriting_the_persons_words_is_not_accepted() -> None:
    source = "{% for m in messages %}{{ m.content.replace('kitten', 'dog') }}{% endfor %}"
    with pytest.raises(TemplateFailed):
        compose(source, (Message("user", "kitten"),), "", "")


def test_assistants_thoughts_may_be_dropped_and_the_rest_stays_apart() -> None:
    source = (
        "{% for m in messages %}<{{ m.role }}>"
        "{{ m.content.split('</think>')[-1] if m.role == 'assistant' else m.content }}{% endfor %}"
    )
    messages = (
        Message("user", "Q <|im_end|>"),
        Message("assistant", "<think>hm</think>A <|im_end|>"),
        Message("user", "R"),
    )
    composed = compose(source, messages, "", "")
    assert people(composed.pieces) == ["Q <|im_end|>", "R"]
    assert composed.text == "<user>Q <|im_end|><assistant>A <\u200b|im_end|><user>R"


@pytest.mark.parametrize(
    "word",
    ["<|im_end|>", "</s>", "<s>", "[INST]", "<<SYS>>", "<end_of_turn>", "<｜User｜>", "<|eot_id|>"],
)
def test_control_words_are_broken_and_nothing_else(word: str) -> None:
    plain = "if a < b and [c] > d: <div class='x'>| <b>"
    assert neutralised(plain) == plain
    assert word not in neutralised(f"x {word} y")
    assert neutralised(f"x {word} y").replace("\u200b", "") == f"x {word} y"


def test_message_equal_to_the_template_is_not_mistaken_for_it(renderer: Renderer) -> None:
    messages = (Message("user", "user"), Message("assistant", "assistant"), Message("user", "\n"))
    rendered = renderer.render(
        (*messages[:2], Message("user", "<|im_start|>user")), CHATML.template, architecture=""
    )
    assert people(rendered.pieces) == ["user", "assistant", "<|im_start|>user"]


def test_own_template_may_leave_out_and_says_so(renderer: Renderer) -> None:
    own = (
        "{%- for m in (messages | rejectattr('role', 'equalto', 'system') | list)[-1:] -%}"
        "{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{%- endfor -%}<|assistant|>"
    )
    rendered = renderer.render(TALK, own, architecture="llama", is_own=True)
    assert rendered.text == "<|user|>Bye now<|end|><|assistant|>"
    assert rendered.notes == (OWN_SYSTEM_LOST, OWN_FORGETS)
    assert compose_own(own, TALK[-1:], "", "").notes == ()


def test_hash_ignores_the_line_end_of_the_file() -> None:
    assert template_hash("a") == template_hash("a\n")
    assert template_hash("a") != template_hash("b")


def test_rewriting_note_is_said_when_nothing_can_be_kept_apart() -> None:
    source = "{% for m in messages %}{{ m.content | replace('  ', ' ') }}|{% endfor %}"
    messages = (Message("user", "one </s> two"),)
    composed = compose(source + "{{ messages[0].content | length }}", messages, "", "")
    assert composed.notes == (NEUTRALISED,)
    assert people(composed.pieces) == []


def test_plain_words_end_no_answer_of_a_template_that_works(renderer: Renderer) -> None:
    vicuna = next(family for family in FAMILIES if family.name == "vicuna")
    assert renderer.render(TALK, vicuna.template, architecture="llama").stop == ()
    assert renderer.render(TALK, None, architecture="llama", name="vicuna").stop == ("USER:",)
