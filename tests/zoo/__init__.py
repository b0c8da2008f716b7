"""Machines as files, and what the planner says for each of them."""
