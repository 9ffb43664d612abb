"""SPEC.md clause 9.5: the mixing coder: levels under adaptive models of their surroundings. Integers only.

| module | clause |
|---|---|
| coder | 9.5.1 the payload of a slice |
| engine | 9.5.2 the arithmetic coder |
| tables | 9.5.3 tables |
| mixer | 9.5.4 cells, and decisions by the sum of their log-odds |
| predictor | 9.5.5 prediction of a level |
| contexts | 9.5.6 which cells |
| residual | 9.5.7 binarisation |
| tensor | 9.5.8 order, neighbours, scales |
"""
