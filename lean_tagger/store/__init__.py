"""The journal of earlier runs, and everything that reads it."""
