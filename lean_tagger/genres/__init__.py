"""The user's own genres: learn them, check them, measure a model against tags.

::

    labels ─┐
            ├─ arithmetic.material ─ logistic ─ folds, measures ─ report ─ learnt_model
    journal ┘

`labels` says what classes a track has, by its tags or by files; all that needs arrays is in
`arithmetic/` and runs in a child; `learnt_model` puts what was learnt among the user's models.
"""
