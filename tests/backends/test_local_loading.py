"""Which models can be loaded, and how their chat templates render a prompt."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import tiny_models  # noqa: E402
from tiny_asks import KINDS, ask, prompt  # noqa: E402
from unswayed.backends.rendering import Renderer  # noqa: E402
from unswayed.backends.transformers import loading  # noqa: E402
from unswayed.backends.transformers.backend import TransformersBackend  # noqa: E402
from unswayed.backends.transformers.checksum import _hashed, folder_revision  # noqa: E402
from unswayed.backends.transformers.loading import load_processor  # noqa: E402
from unswayed.conditions import Prompt  # noqa: E402
from unswayed.errors import BadInput, MissingExtra  # noqa: E402
from unswayed.model_io import Request, Sampling  # noqa: E402

pytest_plugins = ["tiny_fixtures"]


class TestRendering:
    def rendered(self, template: str, asked: Prompt) -> tuple[Renderer, Any]:
        renderer = Renderer(_Processor(template), "model")
        return renderer, renderer.render(asked)

    @pytest.mark.parametrize("template", ["TEMPLATE", "THINKING", "NO_SYSTEM"])
    @pytest.mark.parametrize("prefill", ["<think>I look ", "<think>Okay.</think>", "<answer>", " x\n"])
    def test_ends_in_exactly_the_prefill(self, template: str, prefill: str) -> None:
        renderer, result = self.rendered(getattr(tiny_models, template), prompt(0, prefill))
        assert result.text.endswith("<|assistant|>" + prefill)
        assert result.template_opening == ""
        assert renderer.continues()

    def test_a_thought_that_the_template_opens_is_returned(self) -> None:
        renderer, result = self.rendered(tiny_models.THINKING, prompt(0))
        assert result.text.endswith("<|assistant|><think>\n")
        assert result.template_opening == "<think>\n"
        assert "begins the assistant's turn" in renderer.notes[0]

    @pytest.mark.parametrize("prefill", ["", "<think>It is", "<think>Okay.</think>"])
    @pytest.mark.parametrize(
        "opening",
        ["<think>", "<think>\\n", "<thinking>\\n", "<THINK>", "◁think▷", "< think >",
         "<think>\\n\\n</think>\\n\\n", "<Thinking></Thinking>", "◁think▷◁/think▷"],
    )  # fmt: skip
    def test_every_spelling_of_an_opened_thought_is_recognised(self, opening: str, prefill: str) -> None:
        template = tiny_models.TEMPLATE.replace("'<|assistant|>'", f"'<|assistant|>{opening}'")
        renderer, rendered = self.rendered(template, prompt(0, prefill))
        written = opening.replace("\\n", "\n")
        assert rendered.template_opening == ("" if prefill else written)
        assert rendered.text.endswith("<|assistant|>" + (prefill or written))
        assert renderer.continues()

    def test_text_and_letters_agree_about_an_opened_thought(self, tmp_path: Path) -> None:
        backend = TransformersBackend(str(tiny_models.llava(tmp_path, template=tiny_models.THINKING)))
        asked = prompt(0)
        (result,) = ask(backend, [Request(asked, Sampling(max_tokens=4))])
        assert result.text.startswith("<think>\n")
        again = backend._renderer.render(replace(asked, prefill=result.text))
        assert again.text.count("<think>") == 1
        assert again.text == backend._renderer.render(asked).text + result.text.removeprefix("<think>\n")

    def test_without_a_system_role_the_system_text_precedes_the_users(self) -> None:
        renderer, result = self.rendered(tiny_models.NO_SYSTEM, prompt(0))
        assert result.text.startswith("<|user|><image>look.\n\nhow many")
        assert "no system role" in renderer.notes[0]

    def test_system_role(self) -> None:
        renderer, result = self.rendered(tiny_models.TEMPLATE, prompt(0, pictures=2))
        assert result.text.startswith("<|system|>look.<|end|><|user|><image><image>how many")
        assert renderer.notes == ()

    def test_no_template(self) -> None:
        with pytest.raises(BadInput, match=r"no chat template; put a chat_template\.jinja"):
            Renderer(_Processor(""), "model")

    @pytest.mark.parametrize(
        ("template", "words"),
        [
            ("{{ raise_exception('never') }}", "cannot render a plain question .*never"),
            ("fixed", "cannot render a plain question"),
            (tiny_models.TEMPLATE.replace("'IMAGE'", "''"), "shows 0 of 1 pictures"),
        ],
    )
    def test_templates_of_no_use(self, template: str, words: str) -> None:
        with pytest.raises(BadInput, match=words):
            self.rendered(template, prompt(0))

    def test_the_image_token_in_a_text_is_no_picture(self) -> None:
        with pytest.raises(BadInput, match="contains '<image>'"):
            self.rendered(tiny_models.TEMPLATE, replace(prompt(0), text="what is <image> here?"))


class _Processor:
    """Just the rendering half of a processor."""

    image_token = "<image>"

    def __init__(self, template: str) -> None:
        self.tokenizer = tiny_models.tokenizer(template=template)
        self.chat_template = self.tokenizer.chat_template

    def apply_chat_template(self, messages: Any, **settings: Any) -> Any:
        return self.tokenizer.apply_chat_template(messages, **settings)


class TestLoading:
    def test_names(self, loaded: dict[str, TransformersBackend], folders: dict[str, Path]) -> None:
        assert {name: backend.name for name, backend in loaded.items()} == {name: name for name in KINDS}
        assert TransformersBackend(str(folders["llava"]), name="other").name == "other"
        assert loaded["llava"].revision.startswith("sha256:")

    def test_revision_follows_the_files(self, folders: dict[str, Path], tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(folders["llava"], copy)
        assert folder_revision(copy) == folder_revision(folders["llava"])
        (copy / "README.md").write_text("words")
        assert folder_revision(copy) == folder_revision(folders["llava"])
        weights = copy / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        assert folder_revision(copy) != folder_revision(folders["llava"])

    def test_large_folders_are_sampled(self, tmp_path: Path) -> None:
        file = tmp_path / "model.safetensors"
        file.write_bytes(bytes(3 * 2**20))
        name = ((str(file), 3 * 2**20, 0),)
        result = _hashed(str(tmp_path), name, 2**20)
        assert result.startswith("sha256-sampled:")
        file.write_bytes(bytes(3 * 2**20 - 1) + b"x")
        _hashed.cache_clear()
        assert _hashed(str(tmp_path), name, 2**20) != result

    def test_qwen_without_video(self, folders: dict[str, Path]) -> None:
        processor = load_processor(str(folders["qwen"]))
        assert processor.image_processor is not None
        assert getattr(processor, "video_processor", None) is None or _has_torchvision()

    def test_qwen_as_on_the_hub(self, folders: dict[str, Path], tmp_path: Path) -> None:
        """Published folders name the torchvision class, and keep the template in a file of its own."""
        copy = tmp_path / "copy"
        shutil.copytree(folders["qwen"], copy)
        whole = json.loads((copy / "processor_config.json").read_text())
        pictures = {**whole["image_processor"], "processor_class": "Qwen2_5_VLProcessor"}
        for kind in ("Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast"):
            pictures["image_processor_type"] = kind
            (copy / "preprocessor_config.json").write_text(json.dumps(pictures))
            (copy / "processor_config.json").unlink(missing_ok=True)
            backend = TransformersBackend(str(copy))
            request = Request(prompt(3, "<think>red"), Sampling(max_tokens=8))
            (result,) = ask(backend, [request])
            (expected,) = ask(TransformersBackend(str(folders["qwen"])), [request])
            assert result.text == expected.text

    @pytest.mark.parametrize("missing", ["torch", "transformers"])
    def test_without_the_extra(self, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loading, "find_spec", lambda name: None if name == missing else object())
        with pytest.raises(MissingExtra, match=rf"needs {missing}: pip install 'unswayed\[local\]'"):
            TransformersBackend("any")

    @pytest.mark.parametrize("path", ["/no/such/folder", "./nowhere", "just-a-name", "a/b/c"])
    def test_no_folder(self, path: str) -> None:
        with pytest.raises(BadInput, match="there is no such folder"):
            TransformersBackend(path)

    def test_folder_without_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match=r"holds no config\.json"):
            TransformersBackend(str(tmp_path))

    def test_text_only_model(self, tmp_path: Path) -> None:
        from transformers import Qwen2Config

        Qwen2Config(hidden_size=8, num_hidden_layers=1, num_attention_heads=1).save_pretrained(tmp_path)
        with pytest.raises(BadInput, match="'qwen2' model does not take pictures"):
            TransformersBackend(str(tmp_path))

    def test_broken_config(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
        with pytest.raises(BadInput, match="configuration cannot be read"):
            TransformersBackend(str(tmp_path))

    @pytest.mark.parametrize("kind", KINDS)
    def test_without_image_processor(self, folders: dict[str, Path], tmp_path: Path, kind: str) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(folders[kind], copy)
        (copy / "processor_config.json").unlink()
        with pytest.raises(BadInput, match=r"processor"):
            load_processor(str(copy))

    def test_damaged_weights(self, folders: dict[str, Path], tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(folders["llava"], copy)
        (copy / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
        with pytest.raises(BadInput, match="the model cannot be loaded"):
            TransformersBackend(str(copy))

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"device": "toaster"}, "device is 'toaster'"),
            ({"dtype": "int8"}, "dtype is 'int8'"),
            ({"dtype": "softmax"}, "dtype is 'softmax'"),
            ({"batch_size": 0}, "batch size is 0"),
        ],
    )
    def test_options(self, folders: dict[str, Path], options: Any, words: str) -> None:
        with pytest.raises(BadInput, match=words):
            TransformersBackend(str(folders["llava"]), **options)


def _has_torchvision() -> bool:
    from importlib.util import find_spec

    return find_spec("torchvision") is not None
