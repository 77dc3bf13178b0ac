"""A training config in the form of verl 0.9, without a fork of it.

::

    rows        one line of verl's data: a prompt under its condition, and what its reward needs
    settings    verl's options for a config; what cannot be expressed there is refused
    export      the folder: data, options, and the command
    reward      a response's reward: the same function as in our own trainer
    prefill     a prefill's tokens behind a rendered conversation
    plugin      loaded by verl: the agent loop that keeps a prefill open, the reward manager

Only `plugin` imports verl.
"""
