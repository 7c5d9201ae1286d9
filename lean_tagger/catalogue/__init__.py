"""The models that there are: those that came with the package, and the person's own.

`store` keeps the person's in their folder, `trial` runs one in a worker, `cards` makes a card
of what other people's files say, with `families` (front-ends that are known), `labels` and
`licences`; `page` lays it out.
"""
