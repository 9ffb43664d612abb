"""SPEC.md clause 9: entropy coding of headers and slices. Integers and bytes only.

| module | clause |
|---|---|
| lzma2 | 9.1 coding of header bodies, 9.3 LZMA2 |
| binarisation | 9.2 symbols to bytes |
| payload | 9.4 the seam: symbols to payload and back |
| mixing | 9.5 the mixing coder |
| rans | 9.6 the rANS coder |
"""
