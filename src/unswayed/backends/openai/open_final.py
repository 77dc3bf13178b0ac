"""Makes any chat template end in the prefill: the remedy for servers whose template alters one.

::

    python -m unswayed.backends.openai.open_final MODEL_FOLDER > open.jinja
    vllm serve MODEL_FOLDER --chat-template open.jinja

The last assistant message is taken out, the original template renders the rest with its generation prompt,
and the message's text follows unchanged; a thought that the generation prompt opens or closes is cut off
before it, since the prefill is the whole beginning of the turn. Without a last assistant message the original
template renders as before.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from unswayed.errors import BadInput
from unswayed.formats.registry import known_thoughts

_TAGS = tuple(dict.fromkeys(opened for opened, _ in known_thoughts()))


def open_final(template: str) -> str:
    """`template` (Jinja, as transformers and vLLM use it) with an open last assistant turn.

    >>> "last_turn" in open_final("{{ messages[0].content }}")
    True
    """
    cuts = "".join(
        f"{{%- if '{tag}' in ns_open.head[-60:] %}}"
        f"{{%- set ns_open.head = ns_open.head[:ns_open.head.rfind('{tag}')] %}}{{%- endif %}}"
        for tag in _TAGS
    )
    return (
        "{%- set last_turn = messages[-1] if messages and messages[-1].role == 'assistant' else none %}"
        "{%- if last_turn is not none %}"
        "{%- set messages = messages[:-1] %}{%- set add_generation_prompt = true %}"
        "{%- set continue_final_message = false %}{%- endif %}"
        "{%- set rendered_head %}" + template.removesuffix("\n") + "{% endset %}"
        "{%- if last_turn is none %}{{- rendered_head }}{%- else %}"
        "{%- set ns_open = namespace(head=rendered_head, text='') %}" + cuts + "{{- ns_open.head }}"
        "{%- if last_turn.content is string %}{{- last_turn.content }}{%- else %}"
        "{%- for part in last_turn.content %}{{- part.text }}{%- endfor %}{%- endif %}{%- endif %}"
    )


def template_of(folder: Path) -> str:
    """The chat template beside a model's weights. Raises `BadInput` where there is none."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            value = json.loads((folder / name).read_text("utf-8")).get("chat_template")
            if isinstance(value, str):
                return value
    raise BadInput(
        f"{folder}: no chat template there; give the folder of a model, or save its template first"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print(open_final(template_of(Path(sys.argv[1]))), end="")
    except BadInput as problem:
        sys.exit(str(problem))
