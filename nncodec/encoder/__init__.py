"""SPEC.md Annex E (informative): the encoder. Every choice that a bitstream leaves open is made in this room.

| module | what it decides |
|---|---|
| config | E.1 what the caller may ask for |
| choice | E.2, E.3 exact or levels, and which prediction, tensor by tensor |
| matching, predictors, channel_maps | E.3 to E.5 what may predict a tensor |
| estimate, entropies | E.3 what each way would cost |
| sums | E.6 reconstruction offset and gain |
| groups | E.7 slice groups, quantisers, tensor records |
| tables | E.8 the shorter form of the tensor table |
| runs, trellis | E.9 the levels of a part of a tensor |
| slices, rans_model, merging, frequencies | E.10 how a slice is coded |
| report | E.11 what was chosen, what it cost |
| values, kept | E.12 the elements of tensors block by block; levels that one pass keeps for the next |
| passes, spool, writer | E.12 the passes over all slices; coded slices until they are written; units |
| encode | E.12 the way through all of them |
| steps | E.13 the step of each tensor |
| rate_control | E.14 the step or quality that meets a target |
| sets | E.15 to E.17 several models in one stream |
"""
