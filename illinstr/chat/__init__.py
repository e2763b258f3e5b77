"""One client for language models behind an OpenAI-compatible address, for those that write and those that judge."""
