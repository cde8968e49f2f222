"""Drives a gateway of its own with the official client libraries.

    python run.py --tollbar PATH

Needs the packages of requirements.txt, and those of node/package-lock.json in
node/node_modules. All traffic stays on loopback.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import accounting  # noqa: E402
import anthropic_messages  # noqa: E402
import guarded  # noqa: E402
import lifecycle  # noqa: E402
import odd_upstreams  # noqa: E402
import openai_chat  # noqa: E402
import openai_errors  # noqa: E402
import openai_other  # noqa: E402
import openai_responses  # noqa: E402
import raw_http  # noqa: E402
from harness.checks import Checks, equal  # noqa: E402
from harness.gateway import clean_environment  # noqa: E402
from scene import Scene, open_scene  # noqa: E402

NODE_TIMEOUT_S = 180


def main() -> int:
    """Runs everything and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tollbar", required=True, help="the gateway's binary")
    arguments = parser.parse_args()
    keep = set(clean_environment())
    for name in set(os.environ) - keep:
        del os.environ[name]
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="tollbar-sdk-") as folder:
        scene = open_scene(arguments.tollbar, Path(folder))
        try:
            run_all(checks, scene)
        finally:
            scene.gateway.kill()
            scene.upstream.close()
    return checks.finish()


def run_all(checks: Checks, scene: Scene) -> None:
    """Every group, with a restart near the end."""
    openai_chat.run(checks, scene)
    openai_other.run(checks, scene)
    openai_responses.run(checks, scene)
    openai_errors.run(checks, scene)
    raw_http.run(checks, scene)
    odd_upstreams.run(checks, scene)
    anthropic_messages.run(checks, scene)
    guarded.run(checks, scene)
    run_node(checks, scene)
    accounting.run(checks, scene)
    lifecycle.run(checks, scene)
    scene.gateway.start()
    openai_responses.run_after_restart(checks, scene)
    checks.run("SIGTERM: exit 0 when idle", lambda: equal(scene.gateway.stop(), 0, "exit code"))


def run_node(checks: Checks, scene: Scene) -> None:
    """Runs node/run.mjs and takes over its lines."""
    environment = {
        **os.environ,
        "TOLLBAR_TEST_URL": f"{scene.gateway.url}/v1",
        "TOLLBAR_TEST_KEY": scene.keys["app"]["key"],
        "TOLLBAR_TEST_SCOPED_KEY": scene.keys["scoped"]["key"],
        "TOLLBAR_TEST_OTHER_KEY": scene.keys["other"]["key"],
    }
    done = subprocess.run(
        ["node", str(HERE / "node" / "run.mjs")], env=environment, timeout=NODE_TIMEOUT_S,
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )
    results = [line for line in done.stdout.splitlines() if line.startswith(("ok   ", "FAIL "))]
    for line in results:
        checks.add(line.startswith("ok"), line[5:])
    if done.returncode != 0 and not any(line.startswith("FAIL") for line in results):
        checks.add(False, f"openai-node: {' '.join(done.stderr.split())[-400:]}")


if __name__ == "__main__":
    sys.exit(main())
