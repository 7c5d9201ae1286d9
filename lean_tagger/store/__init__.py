"""What was done before: the journal, and what is read from it."""
