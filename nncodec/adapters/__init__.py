"""SPEC.md Annex D (informative): model files on disk. `nncodec.adapters.files` is the door to this room."""
