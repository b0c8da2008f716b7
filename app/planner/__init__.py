"""Machine + model + wish → plan. Pure arithmetic: no llama.cpp, no files, no network."""
