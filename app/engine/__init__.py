"""The inference engine: one thread that owns llama.cpp, and a thread-safe door to it."""
