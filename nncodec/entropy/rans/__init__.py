"""SPEC.md clause 9.6: the rANS coder: words as tokens under static tables, in interleaved lanes, and raw bits.

| module | clause |
|---|---|
| coder | 9.6.1 the payload of a slice |
| bits | 9.6.2 bits and Golomb codes |
| head, head_kernels | 9.6.3 what the payload says of itself before its lanes |
| tables | 9.6.4 frequency tables |
| binarisation, narrow | 9.6.5 words as tokens |
| raw, raw_kernels | 9.6.5 raw bits |
| lanes, kernels, eightfold | 9.6.6 which table a token stands under, and 9.6.7 the rANS states |
"""
