"""One SQLite file on one thread, opened whatever has happened to it. Knows no tables."""
