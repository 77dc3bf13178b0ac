"""What long runs are doing, seen from another process.

::

    lock_holders     which processes hold a folder's lock
    run_status       how far an audit is, from its folder
    folder_status    the same of a suite, a study, a training, or a folder of runs
"""
