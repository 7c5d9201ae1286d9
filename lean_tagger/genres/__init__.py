"""The user's own genres: learn them, check them, measure a model against tags.

::

    labels ─┐
            ├─ arithmetic.material ─ logistic ─ folds, measures ─ report ─ learnt_model
    journal ┘

`labels` gives the classes of a track, by its tags or by files. Code that needs arrays is in
`arithmetic/` and runs in a child process. `learnt_model` saves the result as a model.
"""
