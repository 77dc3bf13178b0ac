"""A person checks the judges: a sample of thoughts, a local page, labels in ``review.jsonl``."""
