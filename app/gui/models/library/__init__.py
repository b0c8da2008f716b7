"""The place “On this computer”: what is here, whoever put it there."""
