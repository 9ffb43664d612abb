"""SPEC.md Annex E (informative): the encoder. Every choice that a bitstream leaves open is made in this room.

| module | what it decides |
|---|---|
| config | what the caller may ask for |
| choice | exact or levels, and which prediction, tensor by tensor |
| groups | slice groups, quantisers, tensor records |
| writer | slices, units, the bytes |
| report | what was chosen, what it cost |
| encode | the way through all of them |
| allocation | which operating point of each model of a set, within a budget |
"""
