from tests.unit.corpus_entries import make_corpus

__all__ = ["make_corpus"]
