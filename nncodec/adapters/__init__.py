"""SPEC.md Annex D (informative): model files on disk. `nncodec.adapters.files` is the door to this room.

| module | what it knows |
|---|---|
| files, reports | D.0 which format a file has; what is said of files that are wrong |
| atomic, mapping, placed, streams | D.0 whole or not at all; bytes on demand; tensors at known places; streams |
| strings | D.0 the data of STRING tensors |
| onnx_model, onnx_sites, onnx_strip, onnx_fill | D.1 an ONNX graph without its tensors, and with them again |
| onnx_values, onnx_external | D.1 the elements of a tensor; those in files beside the model |
| onnx_runtime, evaluation | D.1, D.0 graphs are run, and their outputs judged |
| safetensors_model, safetensors_index_model | D.2 safetensors, in one file or several |
| npz_model, npz_strings | D.3 numpy archives |
"""
