"""The modules of models in the embedded one's shape, for drawing: without importing diffusers and transformers.

Importing those two costs more than an article. They do no more for the embedded model than these few modules, which
take the same weights by the same names and compute the same operations in the same order: equal to the bit, which a
test holds. A folder whose configs say anything that these modules do not know is read by diffusers and transformers.
"""
