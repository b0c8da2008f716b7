"""One module a command: it adds its words to the parser and carries them out."""
