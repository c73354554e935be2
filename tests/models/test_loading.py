import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sklearn_chatsr.models import cache_folder, find_checkpoint, load_model
from sklearn_chatsr.models.loading import PACKAGED

TINY = Path(__file__).parent.parent / "checkpoints" / "tiny"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the tiny checkpoint that a test may damage, and an empty cache."""
    monkeypatch.setenv("CHATSR_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(TINY, tmp_path / "model"))


def test_the_packaged_checkpoint_is_the_default(copy):
    folder = find_checkpoint("default")
    assert folder == PACKAGED / "chatsr-small"
    size = sum(f.stat().st_size for f in folder.iterdir())
    assert size < 25e6
    assert not [f for f in folder.iterdir() if f.suffix in {".bin", ".pt", ".py"}]


def test_a_checkpoint_in_the_cache_goes_before_the_packaged_one(copy):
    cached = cache_folder() / "chatsr-small"
    shutil.copytree(copy, cached)
    assert find_checkpoint("default") == cached
    assert find_checkpoint("chatsr-small") == cached


def test_a_given_folder_goes_before_names(copy, monkeypatch):
    monkeypatch.chdir(copy.parent)
    shutil.copytree(copy, cache_folder() / "model")
    assert find_checkpoint("model").resolve() == copy.resolve()
    assert find_checkpoint(copy) == copy


def test_a_folder_of_that_name_is_no_checkpoint(copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default").mkdir()
    shutil.copytree(copy, tmp_path / "default", dirs_exist_ok=True)
    (tmp_path / "chatsr-small").mkdir()

    assert find_checkpoint("default") == PACKAGED / "chatsr-small"
    assert find_checkpoint("chatsr-small") == PACKAGED / "chatsr-small"
    assert find_checkpoint("./default").name == "default"


def test_a_missing_checkpoint_says_what_to_do(copy):
    with pytest.raises(
        ValueError, match=r"No checkpoint at 'x'. Pass model='default' for the one"
    ):
        load_model("x")
    with pytest.raises(ValueError, match="No checkpoint at ''"):
        load_model("")


def test_the_model_is_loaded_once_and_again_when_the_file_changes(copy):
    first = load_model(copy, "cpu")
    assert load_model(copy, "cpu") is first
    assert load_model(str(copy)) is first
    weights = copy / "model.safetensors"
    other = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(other)
    assert load_model(copy, "cpu") is not first
    assert not first[0].training


def test_a_folder_without_safetensors_is_refused_even_with_pickled_weights(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"has no model.safetensors"):
        load_model(copy)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"not a tensor file"),
        ("config.json", b"{"),
        ("config.json", b'{"model_type": "bert"}'),
        ("tokenizer.json", b"{}"),
        ("processor_config.json", b"["),
    ],
)
def test_damaged_files_are_a_clear_error(copy, name, content):
    (copy / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"(Cannot read the checkpoint|was written)"):
        load_model(copy)


def test_truncated_weights_are_a_clear_error(copy):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="Cannot read the checkpoint"):
        load_model(copy)


def test_missing_weights_are_not_filled_with_random_ones(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks weights, among them 'lm_head"):
        load_model(copy)


def test_a_checkpoint_for_other_inputs_is_refused(copy):
    path = copy / "processor_config.json"
    settings = json.loads(path.read_text())
    settings["num_feature_tokens"] = 3
    path.write_text(json.dumps(settings))
    with pytest.raises(ValueError, match="was written for other inputs"):
        load_model(copy)


def test_code_in_a_checkpoint_does_not_run(copy):
    (copy / "evil.py").write_text("raise SystemExit('code was run')")
    path = copy / "config.json"
    config = json.loads(path.read_text())
    config["auto_map"] = {
        "AutoConfig": "evil.C",
        "AutoModel": "evil.M",
        "AutoModelForCausalLM": "evil.M",
    }
    path.write_text(json.dumps(config))
    model, _ = load_model(copy)
    assert type(model).__name__ == "ChatSRForExpressionGeneration"


def test_unknown_device_is_an_error():
    with pytest.raises(ValueError, match="`device` == 'abacus'"):
        load_model(TINY, "abacus")


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="`device` == 'cuda:99' is not there"):
        load_model(TINY, "cuda:99")


def test_loading_shows_nothing(copy, capfd):
    load_model(copy)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_importing_the_package_does_not_import_torch():
    code = (
        "import sys, sklearn_chatsr, sklearn_chatsr.models, "
        "sklearn_chatsr.proposers.model\n"
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
