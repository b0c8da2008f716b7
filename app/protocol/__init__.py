"""The frozen words in which faces, services and engine speak to one another."""
