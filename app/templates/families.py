"""Chat templates of the well-known families, written here, for files that have none that works.

Pure data and two look-ups: by a template's own marks, or by what else is known of the model.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """`stop` ends an answer when the model spells its end-of-turn token out as plain text;
    `marks` must all stand in a template of this family."""

    name: str
    template: str
    stop: tuple[str, ...]
    marks: tuple[str, ...]


def _turns(user: str, assistant: str, *, system: str = "", opening: str, bos: bool = True) -> str:
    """A template from the expressions of its turns; without `system` it refuses instructions."""
    refusal = "raise_exception('System role not supported')"
    return (
        ("{{ bos_token }}" if bos else "")
        + "{% for message in messages %}"
        + "{% set text = message['content'] %}"
        + "{% if message['role'] == 'system' %}{{ " + (system or refusal) + " }}"
        + "{% elif message['role'] == 'user' %}{{ " + user + " }}"
        + "{% else %}{{ " + assistant + " }}{% endif %}"
        + "{% endfor %}"
        + "{% if add_generation_prompt %}{{ " + opening + " }}{% endif %}"
    )  # fmt: skip


def _headed(head: str, tail: str, *, bos: bool = True) -> str:
    """A template whose turns are `head % role`, the text, and `tail`."""

    def turn(role: str) -> str:
        return f"'{head % role}' + text + '{tail}'"

    return _turns(
        turn("user"),
        turn("assistant"),
        system=turn("system"),
        opening=f"'{head % 'assistant'}'",
        bos=bos,
    )


FAMILIES: tuple[Family, ...] = (
    Family(
        "phi-4",
        _headed("<|im_start|>%s<|im_sep|>", "<|im_end|>", bos=False),
        ("<|im_end|>",),
        ("<|im_start|>", "<|im_sep|>"),
    ),
    Family(
        "chatml",
        _headed(r"<|im_start|>%s\n", r"<|im_end|>\n", bos=False),
        ("<|im_end|>",),
        ("<|im_start|>",),
    ),
    Family(
        "llama3",
        _headed(r"<|start_header_id|>%s<|end_header_id|>\n\n", "<|eot_id|>"),
        ("<|eot_id|>",),
        ("<|start_header_id|>",),
    ),
    Family(
        "llama4",
        _headed(r"<|header_start|>%s<|header_end|>\n\n", "<|eot|>"),
        ("<|eot|>",),
        ("<|header_start|>",),
    ),
    Family(
        "llama2",
        _turns(
            "('' if loop.previtem and loop.previtem['role'] == 'system' else '[INST] ')"
            " + text + ' [/INST]'",
            "' ' + text + ' ' + eos_token + bos_token",
            system=r"'[INST] <<SYS>>\n' + text + '\n<</SYS>>\n\n'",
            opening="''",
        ),
        ("[INST]",),
        ("[INST]", "<<SYS>>"),
    ),
    Family(
        "mistral",
        _turns("'[INST] ' + text + ' [/INST]'", "' ' + text + eos_token", opening="''"),
        ("[INST]",),
        ("[INST]",),
    ),
    Family(
        "gemma",
        _turns(
            r"'<start_of_turn>user\n' + text + '<end_of_turn>\n'",
            r"'<start_of_turn>model\n' + text + '<end_of_turn>\n'",
            opening=r"'<start_of_turn>model\n'",
        ),
        ("<end_of_turn>",),
        ("<start_of_turn>",),
    ),
    Family("phi", _headed(r"<|%s|>\n", r"<|end|>\n"), ("<|end|>",), ("<|assistant|>", "<|end|>")),
    Family(
        "glm",
        "[gMASK]<sop>" + _headed(r"<|%s|>\n", "", bos=False),
        ("<|user|>", "<|observation|>"),
        ("[gMASK]",),
    ),
    Family(
        "granite",
        _headed("<|start_of_role|>%s<|end_of_role|>", r"<|end_of_text|>\n", bos=False),
        ("<|end_of_text|>",),
        ("<|start_of_role|>",),
    ),
    Family(
        "command-r",
        _turns(
            "'<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + text + '<|END_OF_TURN_TOKEN|>'",
            "'<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' + text + '<|END_OF_TURN_TOKEN|>'",
            system="'<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + text + '<|END_OF_TURN_TOKEN|>'",
            opening="'<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>'",
        ),
        ("<|END_OF_TURN_TOKEN|>",),
        ("<|START_OF_TURN_TOKEN|>",),
    ),
    Family(
        "deepseek",
        _turns(
            "'<｜User｜>' + text",
            "'<｜Assistant｜>' + text + '<｜end▁of▁sentence｜>'",
            system="text",
            opening="'<｜Assistant｜>'",
        ),
        ("<｜end▁of▁sentence｜>", "<｜User｜>"),
        ("<｜User｜>",),
    ),
    Family(
        "exaone",
        _turns(
            r"'[|user|]' + text + '\n'",
            r"'[|assistant|]' + text + '[|endofturn|]\n'",
            system=r"'[|system|]' + text + '[|endofturn|]\n'",
            opening="'[|assistant|]'",
            bos=False,
        ),
        ("[|endofturn|]",),
        ("[|endofturn|]",),
    ),
    Family(
        "vicuna",
        _turns(
            r"'USER: ' + text + '\n'",
            r"'ASSISTANT: ' + text + eos_token + '\n'",
            system=r"text + '\n\n'",
            opening="'ASSISTANT:'",
        ),
        ("USER:",),
        ("USER: ", "ASSISTANT: "),
    ),
    Family(
        "alpaca",
        _turns(
            r"'### Instruction:\n' + text + '\n\n'",
            r"'### Response:\n' + text + '\n\n'",
            system=r"text + '\n\n'",
            opening=r"'### Response:\n'",
        ),
        ("### Instruction:",),
        ("### Instruction:",),
    ),
    Family(
        "zephyr",
        _turns(
            r"'<|user|>\n' + text + eos_token + '\n'",
            r"'<|assistant|>\n' + text + eos_token + '\n'",
            system=r"'<|system|>\n' + text + eos_token + '\n'",
            opening=r"'<|assistant|>\n'",
            bos=False,
        ),
        ("<|user|>",),
        ("<|user|>", "<|assistant|>"),
    ),
)
_BY_NAME = {family.name: family for family in FAMILIES}

_BY_TOKEN = (
    ("<|im_end|>", "chatml"),
    ("<|im_start|>", "chatml"),
    ("<|eot_id|>", "llama3"),
    ("<|begin_of_text|>", "llama3"),
    ("<|eot|>", "llama4"),
    ("<end_of_turn>", "gemma"),
    ("<|end|>", "phi"),
    ("<｜begin▁of▁sentence｜>", "deepseek"),
    ("<|END_OF_TURN_TOKEN|>", "command-r"),
    ("[|endofturn|]", "exaone"),
    ("[gMASK]", "glm"),
)
_BY_WORD = (
    ("zephyr", "zephyr"),
    ("tinyllama", "zephyr"),
    ("vicuna", "vicuna"),
    ("alpaca", "alpaca"),
    ("mixtral", "mistral"),
    ("mistral", "mistral"),
    ("llama-3", "llama3"),
    ("llama-2", "llama2"),
    ("deepseek", "deepseek"),
    ("hermes", "chatml"),
)
_BY_ARCHITECTURE = (
    ("gemma", "gemma"),
    ("phi", "phi"),
    ("deepseek", "deepseek"),
    ("command-r", "command-r"),
    ("cohere", "command-r"),
    ("granite", "granite"),
    ("glm", "glm"),
    ("chatglm", "glm"),
    ("exaone", "exaone"),
    ("mistral", "mistral"),
    ("llama4", "llama4"),
)


def family_of_template(template: str) -> Family | None:
    """The family whose marks the template carries, or None."""
    for family in FAMILIES:
        if all(mark in template for mark in family.marks):
            return family
    return None


def family_for(*, architecture: str, name: str = "", bos: str = "", eos: str = "") -> Family:
    """The family to assume for a model without a template; ChatML when nothing is known.

    Its special tokens tell the most, then words in its name, then its architecture.
    """
    for token, found in _BY_TOKEN:
        if token in (bos, eos):
            return _BY_NAME[found]
    plain_name = name.lower().replace("_", "-").replace(" ", "-")
    for word, found in _BY_WORD:
        if word in plain_name:
            return _BY_NAME[found]
    for start, found in _BY_ARCHITECTURE:
        if architecture.startswith(start):
            return _BY_NAME[found]
    if architecture == "llama" and (bos, eos) == ("<s>", "</s>"):
        return _BY_NAME["llama2"]
    return _BY_NAME["chatml"]
