"""SPEC.md clause 9.6: the rANS coder: words as tokens under static tables, in interleaved lanes, and raw bits.

| module | clause |
|---|---|
| coder | 9.6.1 the payload of a slice |
| bits | 9.6.2 bits and Golomb codes |
| head | 9.6.3 what the payload says of itself before its lanes |
| tables | 9.6.4 frequency tables |
| binarisation, raw | 9.6.5 words as tokens and raw bits |
| contexts | 9.6.6 which table a token stands under |
| lanes, eightfold | 9.6.7 the rANS states |
"""
