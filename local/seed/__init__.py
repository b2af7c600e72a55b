"""The shop's own catalogue: word lists, a generator, the file it made, and the loader."""
