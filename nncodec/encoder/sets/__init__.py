"""SPEC.md clauses E.15 to E.17 (informative): sets of models: which is predicted from which, and at what quality.

| module | what it decides |
|---|---|
| config | E.15 what the caller may ask for |
| encode, writer, report | E.15 the way through all of them; the bytes of a set; what became of it |
| samples, survey | E.16 what each model would cost, alone or predicted from others |
| structure | E.16 which is predicted from which |
| budget, allocation | E.17 the quality of each model within a budget |
"""
