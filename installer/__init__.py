"""What is made for other people's computers: the inference runtime."""
