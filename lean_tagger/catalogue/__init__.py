"""The models that there are: those that came with the package, and the user's own.

`user_models` keeps the user's in their folder, `measure` runs one in a worker, `propose_card`
makes a card of what other people's files say, with `families` (front-ends that are known),
`label_kinds` and `licences`.
"""
