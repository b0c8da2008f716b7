"""Builds llama.cpp for other people's computers: `python3 dev.py runtime`. Standard library only.

Every processor variant and graphics backend is a module of its own, so that one build runs
everywhere and a missing driver is no fault. The program itself opens them (`engine.native`).
"""
