"""Train a ChatSR model from scratch, or from a checkpoint, on generated data.

Run ``python -m training.train --out runs/small --seconds 4200``. Stopped at any time,
the same command goes on from the last checkpoint; the learning rate falls to zero at
the end of the planned seconds. Sharded over processes (FSDP 2): ``accelerate launch
--config_file training/fsdp.yaml -m training.train --out ...``.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import NoReturn

import torch
from transformers import TrainingArguments
from transformers.utils import logging as transformers_logging

from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import (
    ChatSRConfig,
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
)
from sklearn_chatsr.models.chatsr.modeling_chatsr import (
    InducedSetAttention,
    PointEncoder,
    PoolingByAttention,
)
from sklearn_chatsr.models.chatsr.statistics_chatsr import statistics_size
from training.batches import INPUTS, BatchConfig, Batcher
from training.carry_over import carry_over
from training.evaluator import EvaluationConfig, Evaluator
from training.generator import GeneratorConfig
from training.half_precision import bfloat16_is_faster
from training.progress import Schedule
from training.stream import Share, TableStream, make_pool
from training.tokenizer import build_processor, special_ids
from training.trainer import ChatSRTrainer

_QUERY_SIZE = 0.1
_TYPICAL_COLUMNS = 3  # with the target


def build_model(
    processor: ChatSRProcessor, seed: int, hidden_size: int = 192, n_layers: int = 4
) -> ChatSRForExpressionGeneration:
    """Build a model with random weights, global random state untouched.

    Parameters
    ----------
    processor : ChatSRProcessor
        Its vocabulary and feature tokens are those of the model.
    seed : int
        Of the weights.
    hidden_size : int, default=192
        Width of the language model, a multiple of 64.
    n_layers : int, default=4
        Its layers. The defaults give 2.6 M weights, 256 and 6 give 6 M.

    Raises
    ------
    ValueError
        If `hidden_size` is no multiple of 64.
    """
    if hidden_size < 64 or hidden_size % 64:
        raise ValueError(
            f"`hidden_size` == {hidden_size}, must be a positive multiple of 64."
        )
    tokenizer = processor.tokenizer
    max_variables = processor.feature_extractor.max_variables
    config = ChatSRConfig(
        point_config={
            "max_variables": max_variables,
            "statistics_size": statistics_size(max_variables),
            "num_feature_tokens": processor.num_feature_tokens,
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": len(tokenizer),
            "hidden_size": hidden_size,
            "intermediate_size": -(-8 * hidden_size // 192) * 64,
            "num_hidden_layers": n_layers,
            "num_attention_heads": hidden_size // 64,
            "num_key_value_heads": hidden_size // 64,
            "max_position_embeddings": 512,
            "initializer_range": 0.05,
            "tie_word_embeddings": False,
            **special_ids(tokenizer),
        },
        point_token_id=tokenizer.convert_tokens_to_ids("<|point|>"),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ChatSRForExpressionGeneration(config)
    balance_encoder(model.model.point_encoder)
    # The backward pass of the fused kernel is slow in bfloat16 on a CPU.
    model.model.language_model.set_attn_implementation("eager")
    model.generation_config.update(**special_ids(tokenizer))
    return model


@torch.no_grad()
def balance_encoder(encoder: PointEncoder) -> None:
    """Scale the weights of a fresh encoder so that its features tell tables apart.

    With learned queries of size 1 beside small weights what a set adds to them drowns,
    features of different tables hardly differ, and the language model learns to ignore
    them. Queries are normalised before they are compared, so that small ones will do.

    Parameters
    ----------
    encoder : PointEncoder
        With random weights; changed in place.
    """
    first = encoder.embedding
    for module in encoder.modules():
        if isinstance(module, InducedSetAttention):
            module.inducing_points.mul_(_QUERY_SIZE)
        elif isinstance(module, PoolingByAttention):
            module.seeds.mul_(_QUERY_SIZE)
        elif isinstance(module, torch.nn.Linear):
            n_inputs = module.in_features
            if module is first.projection:
                n_inputs = _TYPICAL_COLUMNS * first.N_VIEWS
            module.weight.mul_(n_inputs**-0.5 / module.weight.std())


def build_trainer(args: argparse.Namespace) -> ChatSRTrainer:
    """Put a training together.

    Parameters
    ----------
    args : argparse.Namespace
        From `parse_arguments`.

    Raises
    ------
    ValueError
        If the batch cannot be shared out evenly.
    """
    schedule = Schedule(
        seconds=args.seconds,
        max_steps=args.max_steps,
        learning_rate=args.learning_rate,
        warmup_steps=args.warmup_steps,
    )
    on_cpu = not torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(args.out),
        use_cpu=on_cpu,
        # The end is decided by the schedule.
        max_steps=sys.maxsize if args.max_steps is None else args.max_steps,
        weight_decay=0.02,
        max_grad_norm=1.0,
        logging_steps=args.log_steps,
        save_strategy="no",
        save_total_limit=2,
        seed=args.seed,
        ignore_data_skip=True,
        disable_tqdm=True,
        report_to="none",
        remove_unused_columns=False,
    )
    world = arguments.world_size
    half = args.precision == "bfloat16"
    if args.precision == "auto":
        # Processes on CPUs would each find out for themselves, and may disagree.
        half = (world == 1 or not on_cpu) and bfloat16_is_faster()
    # Autocast is slow on a CPU, see HalfPrecision.
    half_copy = half and on_cpu and world == 1
    arguments.bf16 = half and not half_copy
    if args.batch_size % world:
        raise ValueError(
            f"`batch_size` == {args.batch_size} cannot be shared by {world} processes."
        )
    args.out.mkdir(parents=True, exist_ok=True)
    processor = build_processor()
    model = build_model(processor, args.seed, args.hidden_size, args.layers)
    if args.init_from is not None:
        source, known = load_model(args.init_from, "cpu")
        carry_over(model, processor.tokenizer, source, known.tokenizer)
    data = GeneratorConfig(
        pool_size=args.pool_size, tables_per_skeleton=4, skeletons_per_chunk=1024
    )
    share = Share(arguments.process_index, world, args.same_batches)
    cut = BatchConfig(
        batch_size=args.batch_size if share.of_same else args.batch_size // world,
        prompt_rates=args.prompt_rates,
        hidden_prompted_rate=args.hidden_prompted_rate,
        inputs=args.inputs,
    )
    pool = args.out / "pool.txt"
    with arguments.main_process_first(local=False, desc="pool of skeletons"):
        make_pool(pool, data, args.seed)
    evaluator = None
    if arguments.process_index == 0:
        evaluator = Evaluator(
            processor,
            EvaluationConfig(
                loss_tables=args.loss_tables,
                tables=args.eval_tables,
                candidates=args.eval_candidates,
                unseen=not args.eval_seen_shapes,
            ),
            data,
            BatchConfig(
                args.batch_size, hidden_rate=0.0, bare_rate=0.0, inputs=args.inputs
            ),
            args.seed,
        )
    return ChatSRTrainer(
        model,
        processor,
        arguments,
        TableStream(pool, Batcher(processor, cut), data, args.seed, share),
        evaluator,
        schedule,
        half_copy,
        args.checkpoint_seconds,
        args.eval_share,
        args.stop_after,
        args.language_rate,
    )


def parse_arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder of the run")
    add(
        "--seconds",
        type=float,
        default=Schedule().seconds,
        help="planned, over all runs",
    )
    add("--max-steps", type=int, help="end, at the latest, after so many steps")
    add("--stop-after", type=int, help="leave after so many steps, to go on later")
    add("--learning-rate", type=float, default=Schedule().learning_rate)
    add(
        "--language-rate",
        type=float,
        default=1.0,
        help="learning rate of what does not read points, in units of --learning-rate",
    )
    add("--warmup-steps", type=int, default=Schedule().warmup_steps)
    add(
        "--batch-size",
        type=int,
        default=BatchConfig().batch_size,
        help="of all processes",
    )
    add("--pool-size", type=int, default=GeneratorConfig().pool_size)
    add(
        "--prompt-rates",
        type=lambda text: tuple(float(rate) for rate in text.split(",")),
        default=BatchConfig().prompt_rates,
        help="shares of tables whose prompt tells 0, 1, 2, ... properties",
    )
    add(
        "--hidden-prompted-rate",
        type=float,
        default=BatchConfig().hidden_prompted_rate,
        help="share of tables with a prompt that are shown without their points",
    )
    add(
        "--inputs",
        choices=INPUTS,
        default="all",
        help="what of a table is shown, for ablations",
    )
    add("--seed", type=int, default=0)
    add("--init-from", help="checkpoint to start from, its vocabulary may differ")
    add("--hidden-size", type=int, default=192, help="of the language model")
    add("--layers", type=int, default=4, help="of the language model")
    add("--precision", choices=["auto", "bfloat16", "float32"], default="auto")
    add("--checkpoint-seconds", type=float, default=240.0)
    add("--log-steps", type=int, default=50)
    evaluation = EvaluationConfig()
    add("--loss-tables", type=int, default=evaluation.loss_tables)
    add(
        "--eval-tables",
        type=int,
        default=evaluation.tables,
        help="for recovery; 0: none",
    )
    add("--eval-candidates", type=int, default=evaluation.candidates)
    add("--eval-seen-shapes", action="store_true", help="recover shapes of training")
    add("--eval-share", type=float, default=0.05, help="of the time, at most")
    add(
        "--same-batches",
        action="store_true",
        help="processes share out the batches of one process, else each draws its own",
    )
    return parser.parse_args(given)


def main() -> None:
    """Read the arguments and train."""
    args = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    transformers_logging.disable_progress_bar()
    build_trainer(args).run()
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        _leave()


def _leave() -> NoReturn:
    """End a process of several without C++'s destructors.

    One run in several aborted there, after all was written and the interpreter gone
    ("terminate called without an active exception", PyTorch 2.13, gloo); the launcher
    takes that for a failed training and kills the others.
    """
    # Nobody leaves before all have written.
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
