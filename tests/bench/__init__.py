"""The benchmark's arithmetic, its reading of answers, and the page it writes; nothing is measured here."""
