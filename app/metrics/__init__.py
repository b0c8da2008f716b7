"""What was measured while Hearth ran. Knows neither charts nor llama.cpp."""
