from pathlib import Path

import torch

from sklearn_chatsr.models import load_model
from training.export import export
from training.make_tiny import make_tiny

TINY = Path(__file__).parent.parent / "checkpoints" / "tiny"


def test_the_script_makes_the_committed_checkpoint(tmp_path):
    before = torch.get_rng_state()
    make_tiny(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    made = {f.name: f.stat().st_size for f in tmp_path.iterdir()}
    assert set(made) == {f.name for f in TINY.iterdir()}
    assert sum(made.values()) < 150_000
    model, processor = load_model(tmp_path)
    committed, known = load_model(TINY)
    for name, weight in committed.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], weight)
    assert processor.tokenizer.get_vocab() == known.tokenizer.get_vocab()


def test_export_writes_half_precision_and_leaves_the_model_as_it_was(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "MODEL_CARD.md").write_text("# Card")
    export(TINY, target)
    assert (target / "MODEL_CARD.md").read_text() == "# Card"
    model, _ = load_model(target)
    shared, _ = load_model(TINY)
    assert shared.dtype == torch.float32
    for name, weight in shared.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], weight, atol=1e-3, rtol=0)
