"""Command line (informative): nnenc, nndec, nninfo: arguments, files, progress and exit codes, nothing else."""
