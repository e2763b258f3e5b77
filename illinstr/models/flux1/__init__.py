"""FLUX.1 [dev], [schnell] and models finetuned from them."""
