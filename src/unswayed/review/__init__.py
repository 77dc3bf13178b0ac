"""Human labels to check the judges: a sample of thoughts, a local web page, labels in ``review.jsonl``."""
