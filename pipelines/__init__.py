"""What is done: the nouns of the field, in walking order."""
