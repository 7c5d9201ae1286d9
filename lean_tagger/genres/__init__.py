"""The user's own genres: learn them, check them, measure a model against tags."""
