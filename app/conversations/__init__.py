"""Conversations, their turns and branches. Knows neither generation nor Qt."""
