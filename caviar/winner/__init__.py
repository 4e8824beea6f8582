"""The honest winner: retrained over seeds, chosen by the mean, read once on the sealed test set.

The way through: `choice` compares the candidates, `evaluation` looks at the winner's runs on dev,
`sealed` opens the test set once and writes that down, `card` and `words` tell what came of it,
`export` makes models that run without caviar, and `finish` puts it all into `DIR/winner/`.
"""
