"""The command line: words to services to text, JSON and exit codes. Knows no Qt."""
