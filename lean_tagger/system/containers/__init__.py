"""How audio formats lay out their headers: parsed from bytes, and written.

Nothing here reads a file or judges one. The caller decides what to do about a header that makes
no sense: reading music skips it, writing tags refuses the file.
"""
