"""All models: the package's and the user's own.

`user_models` manages the user's folder, `measure` runs a model in a worker, `propose_card` makes a
card from other people's files, with `families` (known front-ends), `label_kinds` and `licences`.
"""
