"""SPEC.md Annex E (informative): the encoder. Every choice that a bitstream leaves open is made in this room.

| module | what it decides |
|---|---|
| config | what the caller may ask for |
| choice | exact or levels, and which prediction, tensor by tensor |
| groups | slice groups, quantisers, tensor records |
| values, runs | values and levels of tensors, part by part, and sums over them |
| slices, passes | what is done to a slice; the passes over all of them |
| spool, writer | coded slices until they are written; units |
| report | what was chosen, what it cost |
| encode | the way through all of them |
| allocation | which operating point of each model of a set, within a budget |
"""
