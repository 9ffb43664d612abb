"""SPEC.md clause 6: bitstream syntax. The only room that imports construct.

| module | clause |
|---|---|
| descriptors, runs, leb128s | 3.3 descriptors, of single elements and of runs of them |
| door | 6.1 canonical form: the only way in and out |
| shortcut | 6.1 the same without construct's detours |
| start | 6.2 start |
| units | 6.3 units |
| model_parameter_set | 6.4 model parameter set, slice groups, quantiser |
| topology | 6.5 topology unit |
| tensor_table | 6.6 tensor table unit and tensor records |
| slice | 6.7 slice unit |
| end | 6.8 end unit and footer |
| model_index | 6.9 model index unit of a set |
"""
