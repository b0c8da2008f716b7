"""Where other programs keep their models, one small module a program. Changes nothing there."""
