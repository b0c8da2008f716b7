"""The table that `dev.py package` prints: what was made, how big it is, what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from installer.package.checks import Facts

if TYPE_CHECKING:
    from installer.package.made import Made

_MEGABYTE = 1_000_000


def of(made: list[Made], facts: Facts) -> str:
    """One line each."""
    rows = [(each.name, f"{size_of(each.path) / _MEGABYTE:.1f} MB", each.note) for each in made]
    rows.append(("  files", f"{facts.n_files:,}", f"{facts.parts} parts with their licences"))
    if facts.packed_bytes is not None:
        rows.append(("  packed with xz", f"{facts.packed_bytes / _MEGABYTE:.1f} MB", "≤ 120 MB"))
    for family, (version, place) in sorted(facts.newest.items()):
        rows.append((f"  needs {family}", ".".join(map(str, version)), f"for {Path(place).name}"))
    if facts.packages:
        rows.append(("  libraries of the system", str(len(facts.packages)), ""))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {note}".rstrip() for name, value, note in rows
    ]
    if facts.packages:
        lines.append(f"    {', '.join(facts.packages)}")
    return "\n".join(lines)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
    return path.stat().st_size
