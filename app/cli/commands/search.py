"""`hearth models search`: repositories on the hub with these words, and what is known of their fit.

One request a page. How well one runs is told only where that costs nothing more.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.cli.output import DONE, Output
from app.cli.services import CliServices, Reach
from app.foundation.errors import InvalidInput, ModelError

if TYPE_CHECKING:
    from app.models.entries import Catalogue
    from app.models.offered import FoundRepo
    from app.planner.pools import Fit

_SORTS: Final = ("downloads", "recent", "likes")
_USUAL: Final = 20
_MOST: Final = 500
_MOST_PAGES: Final = 20


def add_words(kinds: Any, common: argparse.ArgumentParser) -> None:
    """Add `search` to the words of `models`."""
    search = kinds.add_parser("search", parents=[common], help="look for models on Hugging Face")
    search.add_argument("words", metavar="WORDS", nargs="+", help="words of the name")
    search.add_argument("--sort", choices=_SORTS, default=_SORTS[0], help="the first come first")
    search.add_argument("--limit", metavar="N", type=int, default=_USUAL, help="at most so many")
    search.add_argument(
        "--all", action="store_true", help="also those that are known not to run here"
    )
    search.set_defaults(carry_out=carry_out)


@dataclass(frozen=True, slots=True)
class _Fit:
    """`fits` is None where nobody knows without looking into the repository."""

    fits: Fit | None = None
    words: str = ""


def carry_out(words: argparse.Namespace, services: CliServices, output: Output) -> int:
    """The repositories, in the order that was asked for."""
    from app.models.catalog import catalogue

    if not 1 <= words.limit <= _MOST:
        raise InvalidInput(
            f"--limit {words.limit} makes no sense.", f"It takes 1 to {_MOST}.", "Leave it out."
        )
    text = " ".join(words.words)
    known = catalogue(services.profile())
    listed: list[tuple[FoundRepo, _Fit]] = []
    n_hidden, cursor = 0, None
    output.status("Asking the hub …")
    with services.reach() as reach:
        for _ in range(_MOST_PAGES):
            page = reach.hub.search(text, sort=words.sort, limit=words.limit, cursor=cursor)
            for repo in page.repositories:
                fit = _fit_of(repo, known, reach)
                if fit.fits == "no" and not words.all:
                    n_hidden += 1
                elif len(listed) < words.limit:
                    listed.append((repo, fit))
            cursor = page.next
            if cursor is None or len(listed) >= words.limit:
                break
    output.status("")
    _show(listed, n_hidden, text, output)
    rows = [_row_of(repo, fit) for repo, fit in listed]
    output.document({"repositories": rows, "n_hidden": n_hidden, "has_more": cursor is not None})
    return DONE


def _fit_of(repo: FoundRepo, known: Catalogue, reach: Reach) -> _Fit:
    """From what the runtime can load, and from the catalogue; nobody is asked for it."""
    from app.inference.catalogue_planning import subject_of
    from app.models.support import RUNTIME

    if repo.architecture and repo.architecture not in RUNTIME.architectures:
        return _Fit("no", f"cannot run: this Hearth does not know {repo.architecture[:40]}")
    for entry in known.entries:
        files = [file for file in entry.files if file.repo.lower() == repo.id.lower()]
        if not files or entry.header is None or not entry.can_chat:
            continue
        file = reach.planning.chosen_file(entry)
        try:
            plan = next(reach.planning.steps(subject_of(entry, file))).plan
        except ModelError:
            return _Fit("no", "cannot run")
        how = "too big" if plan.fits == "no" else f"{_RUNS[plan.fits]} as {file.quant}"
        return _Fit(plan.fits, f"{how}; in the catalogue as {entry.id}")
    return _Fit()


_RUNS: Final = {"well": "runs well", "tight": "runs, but it is tight"}


def _show(listed: list[tuple[FoundRepo, _Fit]], n_hidden: int, text: str, output: Output) -> None:
    for repo, fit in listed:
        marks = [f"{repo.downloads:,} downloads", f"{repo.likes:,} likes", repo.licence]
        marks += ["terms to agree to" if repo.gated else "", repo.modified[:10]]
        output.text(f"{repo.id}  ({', '.join(filter(None, marks))})")
        if fit.words:
            output.text(f"    {fit.words}")
    if not listed:
        output.text(f"The hub has no GGUF repository with “{text}” that could run here.")
    if n_hidden:
        output.text(f"{n_hidden} that cannot run here were left out; --all shows them.")
    if listed:
        output.text(
            "\nHow one would run: hearth plan OWNER/NAME. Get it: hearth models get OWNER/NAME"
        )


def _row_of(repo: FoundRepo, fit: _Fit) -> dict[str, Any]:
    return {
        "id": repo.id,
        "downloads": repo.downloads,
        "likes": repo.likes,
        "modified": repo.modified,
        "gated": repo.gated,
        "licence": repo.licence,
        "architecture": repo.architecture,
        "n_params": repo.n_parameters,
        "base_repo": repo.base_repo,
        "fits": fit.fits,
        "fit_words": fit.words,
    }
