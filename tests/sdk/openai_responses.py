"""The Responses API with OpenAI's Python client, a restart included."""

import openai

from harness.checks import Checks, equal, holds, raises
from scene import Scene

KEPT: dict[str, str] = {}


def run(checks: Checks, scene: Scene) -> None:
    """The checks before the restart."""
    checks.run("openai-python: response", lambda: create(scene))
    checks.run("openai-python: streamed response", lambda: streamed(scene))
    checks.run("openai-python: get a response", lambda: get(scene))
    checks.run("openai-python: delete a response", lambda: delete(scene))
    checks.run("openai-python: cancel a response", lambda: cancel(scene))
    checks.run("openai-python: another tenant gets 404", lambda: other_tenant(scene))
    checks.run("openai-python: an invented id gets 404", lambda: invented(scene))
    deleted = scene.openai().responses.create(model="sim", input="forget me")
    scene.openai().responses.delete(deleted.id)
    KEPT["deleted"] = deleted.id
    KEPT["id"] = scene.openai().responses.create(model="sim", input="keep me").id


def run_after_restart(checks: Checks, scene: Scene) -> None:
    """The checks after it."""
    checks.run("openai-python: the id works after a restart", lambda: equal(
        scene.openai().responses.retrieve(KEPT["id"]).id, KEPT["id"], "id"))
    checks.run("openai-python: a deleted id stays unknown after a restart", lambda: raises(
        openai.NotFoundError, lambda: scene.openai().responses.retrieve(KEPT["deleted"])))
    checks.run("openai-python: another tenant still gets 404 after a restart", lambda: raises(
        openai.NotFoundError, lambda: scene.openai("other").responses.retrieve(KEPT["id"])))


def create(scene: Scene) -> None:
    answer = scene.openai().responses.create(model="sim", input="hello there")
    holds("hello there" in answer.output_text, f"output is {answer.output_text!r}")
    equal(answer.status, "completed", "status")
    holds(answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, f"{answer.usage}")


def streamed(scene: Scene) -> None:
    client = scene.openai()
    whole = client.responses.create(model="sim", input="flow along").output_text
    events = list(client.responses.create(model="sim", input="flow along", stream=True))
    kinds = [e.type for e in events]
    equal(kinds[0], "response.created", "first event")
    equal(kinds[-1], "response.completed", "last event")
    deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    equal(deltas, whole, "text of the deltas")
    equal(events[-1].response.output_text, whole, "text of the last event")
    numbers = [e.sequence_number for e in events]
    equal(numbers, sorted(numbers), "sequence numbers")
    holds(client.responses.retrieve(events[-1].response.id).id, "a streamed id is not kept")


def get(scene: Scene) -> None:
    client = scene.openai()
    made = client.responses.create(model="sim", input="remember")
    equal(client.responses.retrieve(made.id).id, made.id, "id")


def delete(scene: Scene) -> None:
    client = scene.openai()
    made = client.responses.create(model="sim", input="forget")
    client.responses.delete(made.id)
    raises(openai.NotFoundError, lambda: client.responses.retrieve(made.id))


def cancel(scene: Scene) -> None:
    client = scene.openai()
    made = client.responses.create(model="sim", input="long work", background=True)
    equal(client.responses.cancel(made.id).id, made.id, "id")


def other_tenant(scene: Scene) -> None:
    made = scene.openai().responses.create(model="sim", input="mine")
    other = scene.openai("other").responses
    for call in (other.retrieve, other.delete, other.cancel):
        raises(openai.NotFoundError, lambda c=call: c(made.id))
    equal(scene.openai().responses.retrieve(made.id).id, made.id, "id for its owner")


def invented(scene: Scene) -> None:
    raises(openai.NotFoundError, lambda: scene.openai().responses.retrieve("resp_invented"))
