"""The only way out: one HTTP client, what it may ask, and a record of all that it asked."""
