"""`caviar serve`: studies as JSON and as pages that update while they run, behind a token.

`tokens` and `guard` decide who is answered, `source` is where studies come from (`folders`:
directories of this machine, `cluster`: a Ray dashboard), `feed` tells whoever listens, `routes`
and `pages` are what is answered, `app` puts them together.
"""
