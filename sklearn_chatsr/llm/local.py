"""A language model of transformers in this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn_chatsr.llm.protocol import Completion, LanguageModelError

_MODES = ("completion", "chat")


class LocalLanguageModel:
    """A causal language model from a folder or a GGUF file; nothing is downloaded.

    The model is loaded when it is first asked, and is not part of a pickle.

    Parameters
    ----------
    path : str or Path
        Folder that `save_pretrained` wrote, or a ``.gguf`` file (which needs the
        package `gguf`, of the extra `llm`, and is expanded to full precision).
    mode : {"completion", "chat"}
        Continue the prompt, or answer it as the message of a user, in the chat template
        of the model.
    device : str
        ``"auto"`` takes a CUDA device or the CPU.
    temperature : float
        Sampling temperature; 0 takes the most likely token.
    top_p : float
        Probability mass that is sampled from.
    max_tokens : int
        Longest answer, in tokens.
    stop : sequence of str
        Strings that end an answer; they are cut off.
    model_params : mapping, optional
        Further arguments of ``AutoModelForCausalLM.from_pretrained``, for example a
        ``quantization_config`` or ``dtype``.

    Attributes
    ----------
    name : str
        Name of the folder or file.

    Raises
    ------
    ValueError
        If there is no such folder or file, or a parameter is not allowed.

    Notes
    -----
    On a CPU that other work shares, ``torch.set_num_threads(1)`` is often the fastest.
    """

    repeatable = True

    def __init__(
        self,
        path: str | Path,
        *,
        mode: str = "completion",
        device: str = "auto",
        temperature: float = 0.8,
        top_p: float = 1.0,
        max_tokens: int = 256,
        stop: Sequence[str] = (),
        model_params: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        is_file = self.path.suffix == ".gguf" and self.path.is_file()
        if not is_file and not (self.path / "config.json").is_file():
            raise ValueError(
                f"No language model at {str(path)!r}. Pass a .gguf file, or a folder "
                "with config.json as save_pretrained writes it."
            )
        if mode not in _MODES:
            raise ValueError(f"`mode` == {mode!r}, must be one of {list(_MODES)}.")
        if temperature < 0:
            raise ValueError(f"`temperature` == {temperature}, must be >= 0.")
        if max_tokens < 1:
            raise ValueError(f"`max_tokens` == {max_tokens}, must be >= 1.")
        self.name = self.path.name
        self.mode = mode
        self.device = device
        self.temperature = temperature
        self.top_p = top_p
        self.max_tokens = max_tokens
        self.stop = (stop,) if isinstance(stop, str) else tuple(stop)
        self.model_params = dict(model_params or {})
        self._loaded: tuple[Any, Any] | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_loaded", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _loaded=None, _lock=threading.Lock())

    def load(self) -> None:
        """Load the weights, as the first request else does.

        Raises
        ------
        LanguageModelError
            If the model cannot be loaded.
        """
        with self._lock:
            self._load()

    def complete(
        self, prompt: str, n: int, *, seed: int | None = None
    ) -> list[Completion]:
        """Draw texts that continue a prompt; see `LanguageModel.complete`.

        The global random state of torch is left as it was.

        Raises
        ------
        LanguageModelError
            If the model cannot be loaded.
        """
        import torch

        with self._lock:
            model, tokenizer = self._load()
            inputs = self._encode(tokenizer, prompt).to(model.device)
            devices = [model.device] if model.device.type == "cuda" else []
            with torch.random.fork_rng(devices), torch.inference_mode():
                torch.seed() if seed is None else torch.manual_seed(seed)
                written = model.generate(**inputs, **self._sampling(tokenizer, n))
        start = inputs["input_ids"].shape[1]
        completions = []
        for row in written[:, start:].tolist():
            end = (
                row.index(tokenizer.eos_token_id)
                if (tokenizer.eos_token_id in row)
                else len(row)
            )
            text = tokenizer.decode(row[:end], skip_special_tokens=True)
            completions.append(Completion(self._cut(text), end))
        return completions

    def _sampling(self, tokenizer: Any, n: int) -> dict[str, Any]:
        # Greedy answers are all the same: one is enough.
        options: dict[str, Any] = {"do_sample": False, "num_return_sequences": 1}
        if self.temperature > 0:
            options = {
                "do_sample": True,
                "temperature": self.temperature,
                "top_p": self.top_p,
                "top_k": 0,
                "num_return_sequences": n,
            }
        if self.stop:
            options |= {"stop_strings": list(self.stop), "tokenizer": tokenizer}
        pad = tokenizer.pad_token_id
        pad = tokenizer.eos_token_id if pad is None else pad
        return {**options, "max_new_tokens": self.max_tokens, "pad_token_id": pad}

    def _encode(self, tokenizer: Any, prompt: str) -> Any:
        if self.mode == "completion":
            return tokenizer(prompt, return_tensors="pt")
        if tokenizer.chat_template is None:
            raise LanguageModelError(
                f"{self.name!r} has no chat template. Use mode='completion'."
            )
        return tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )

    def _cut(self, text: str) -> str:
        for stop in self.stop:
            text = text.partition(stop)[0]
        return text

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer

            folder: Any = self.path
            options: dict[str, Any] = {"local_files_only": True}
            if self.path.suffix == ".gguf":
                folder = self.path.parent
                options["gguf_file"] = self.path.name
            device = self.device
            if device == "auto":
                device = "cuda" if torch.cuda.is_available() else "cpu"
            try:
                tokenizer = AutoTokenizer.from_pretrained(folder, **options)
                model: Any = AutoModelForCausalLM.from_pretrained(
                    folder, **options, **self.model_params
                )
            except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
                reason = f"{type(error).__name__}: {error}"
                raise LanguageModelError(
                    f"Cannot load {str(self.path)!r} ({reason}). "
                    "GGUF files need the package gguf (`pip install gguf`)."
                ) from None
            # Quantised models are already where they belong.
            if "quantization_config" not in self.model_params:
                model = model.to(device)
            self._loaded = model.eval(), tokenizer
        return self._loaded
