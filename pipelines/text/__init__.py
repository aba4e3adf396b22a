"""Text: normalisation, tokenizers, sub-words, vocabularies, encoding and batching."""
