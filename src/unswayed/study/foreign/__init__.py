"""Runs that were trained elsewhere, as runs of a study: their logs and an audit of their checkpoints.

::

    logs          what a trainer logged: TRL, W&B, TensorBoard, verl, EasyR1
    measures      their names for reward, KL, entropy, … and ours
    checkpoints   the saved models of a run, by step
    run           a study's folder with such a run in it
"""
