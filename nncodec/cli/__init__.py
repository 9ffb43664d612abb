"""Command line (informative): nnenc, nndec, nninfo: arguments, files, progress and exit codes, nothing else.

| module | what it does |
|---|---|
| nnenc, nnenc_set | model files to a stream, or to that of a set |
| nndec | a stream to model files |
| nninfo | what a stream holds |
| common, references | what the commands share; reference models, given or found in a folder |
| plots, tds | the picture of a budget; the dump that conformance tests compare |
"""
