"""`hearth models quantize`: a smaller file of a model that is here."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from app.cli.here import model_path
from app.cli.output import DONE, INTERRUPTED, Output
from app.cli.services import CliServices
from app.cli.work import interruptible
from app.foundation.errors import InvalidInput
from app.foundation.units import bytes_text

if TYPE_CHECKING:
    from app.inference.quantizing import Making, Offer

_DOING = {"making": "Making it", "checking": "Checking it"}


def add_words(kinds: Any, common: argparse.ArgumentParser) -> None:
    """Add `quantize` to the words of `models`."""
    quantize = kinds.add_parser(
        "quantize", parents=[common], help="make a smaller file of a model that is here"
    )
    quantize.add_argument("model", metavar="MODEL", help="a .gguf file, or a model from the list")
    quantize.add_argument(
        "quant", metavar="QUANT", nargs="?", help="such as Q4_K_M; without it, what can be made"
    )
    quantize.add_argument(
        "--force", action="store_true", help="even where the result is worse than it need be"
    )
    quantize.set_defaults(carry_out=carry_out)


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """Sizes and tiers first; then, where a quant is named, the making."""
    from app.inference.quantizing import QuantizingStopped

    source = model_path(words.model, services)
    quantizing = services.quantizing()
    offer = quantizing.offer(source)
    if words.quant is None:
        _say_offer(offer, output)
        return DONE
    target = offer.target(words.quant)
    if offer.warning and not words.force:
        raise InvalidInput(
            "Making this smaller costs more than usual.",
            offer.warning,
            "Start from the original file, or say that it is meant: --force",
        )
    sizes = f"{bytes_text(offer.bytes)} becomes about {bytes_text(target.bytes)}"
    output.text(f"{offer.name}: {offer.quant} to {target.quant}, {sizes}, tier {target.tier}")

    def tell(making: Making) -> None:
        share = making.done_bytes / max(1, making.total_bytes)
        output.status(f"{_DOING[making.stage]}: {share:.0%}")

    try:
        made = interruptible(
            lambda cancellation: quantizing.make(
                source,
                target.quant,
                accept_warning=words.force,
                cancellation=cancellation,
                progress=tell,
            )
        )
    except QuantizingStopped:
        return INTERRUPTED
    output.status("")
    output.text(f"Done: {made.path} ({bytes_text(made.bytes)})")
    output.document(
        {
            "name": made.name,
            "quant": made.quant,
            "path": str(made.path),
            "file_bytes": made.bytes,
            "sha256": made.sha256,
            "source": str(made.source),
        }
    )
    return DONE


def _say_offer(offer: Offer, output: Output) -> None:
    output.document(
        {
            "name": offer.name,
            "quant": offer.quant,
            "source": str(offer.source),
            "file_bytes": offer.bytes,
            "warning": offer.warning,
            "targets": [
                {"quant": target.quant, "file_bytes": target.bytes, "tier": target.tier}
                for target in offer.targets
            ],
        }
    )
    output.text(f"{offer.name}, {offer.quant}, {bytes_text(offer.bytes)}. It can become:")
    output.pairs(
        [
            (target.quant, f"about {bytes_text(target.bytes)}, tier {target.tier}")
            for target in offer.targets
        ]
    )
    if not offer.targets:
        output.text("Nothing smaller: it is as small as it gets.")
    if offer.warning:
        output.text(f"\n{offer.warning}")
