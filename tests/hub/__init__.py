"""A hub on loopback: a real HTTP server that speaks the Hugging Face hub's API, well or badly."""
