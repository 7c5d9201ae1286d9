"""How audio formats lay out their headers: parsed from bytes, and written.

Nothing here reads a file or judges one. What a header that makes no sense means is the caller's
to say: reading music passes over it, writing tags refuses the file.
"""
