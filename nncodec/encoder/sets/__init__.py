"""SPEC.md clause E.15 (informative): sets of models: which is predicted from which, and how the set is written."""
