"""Arms × seeds: several trainings, several at once, and the records of all.

`settings` reads the file, `state` says what has become of every run, `crew` has them run by `worker`
processes, `gather` makes the records (`unswayed.store.study_records`) of what they left.
"""
