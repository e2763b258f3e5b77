"""What holds for every test."""

import signal

# Programs started in the background of a script inherit an ignored Ctrl-C; tests that press it need the real thing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
