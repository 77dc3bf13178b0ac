"""Arms × seeds: several training runs, some at once, and the records of all.

`settings` reads the file, `state` stores the state of every run, `scheduler` starts `worker` processes,
`collect` makes the records (`unswayed.store.study_records`) from the run folders.
"""
