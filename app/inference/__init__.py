"""What is loaded, where it is placed, and the one generate() behind all faces."""
