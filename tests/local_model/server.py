"""A real model server on loopback: llama.cpp's own, one thread, until SIGTERM.

    python server.py MODEL.gguf PORT NAME
"""

import signal
import sys

import xllamacpp

CONTEXT_PER_SLOT = 2048
SLOTS = 2


def parameters(model_file: str, port: int, name: str) -> xllamacpp.CommonParams:
    """One thread: more of them only wait for each other on a busy machine."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = model_file
    wanted.model_alias = {name}
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = port
    wanted.n_parallel = SLOTS
    wanted.n_ctx = CONTEXT_PER_SLOT * SLOTS
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.endpoint_metrics = wanted.use_jinja = True
    wanted.ui = False
    return wanted


def main() -> None:
    """Serves until told to stop."""
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    server = xllamacpp.Server(parameters(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
    print("serving on", server.listening_address, flush=True)
    signal.sigwait(stop)


if __name__ == "__main__":
    main()
