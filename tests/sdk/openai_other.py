"""The other routes with OpenAI's Python client."""

import io
import json
from typing import Any

import openai

from harness.checks import Checks, equal, holds, raises
from odd_side import VECTOR
from scene import ODD_CASES, Scene


def run(checks: Checks, scene: Scene) -> None:
    """All checks of this file."""
    for model in ("sim", "odd-floats", "odd-base64"):
        checks.run(f"openai-python: embeddings in both encodings ({model})",
                   lambda m=model: embeddings(scene, m))
        checks.run(f"raw: embeddings come as they were asked ({model})",
                   lambda m=model: raw_embeddings(scene, m))
    checks.run("openai-python: models of this key only", lambda: models(scene))
    checks.run("openai-python: one model", lambda: one_model(scene))
    checks.run("openai-python: moderations", lambda: moderations(scene))
    checks.run("openai-python: images", lambda: images(scene))
    checks.run("openai-python: image edit (multipart)", lambda: image_edit(scene))
    checks.run("openai-python: speech", lambda: speech(scene))
    checks.run("openai-python: transcription (multipart)", lambda: transcription(scene))
    checks.run("openai-python: a large upload is refused", lambda: large_upload(scene))


def embeddings(scene: Scene, model: str) -> None:
    client = scene.openai()
    default = client.embeddings.create(model=model, input="some text").data[0].embedding
    floats = client.embeddings.create(model=model, input="some text", encoding_format="float")
    holds(isinstance(default, list) and default, f"default is {type(default).__name__}")
    holds(len(default) == len(floats.data[0].embedding), "lengths differ")
    for one, other in zip(default, floats.data[0].embedding, strict=True):
        holds(abs(one - other) < 1e-6, f"{one} is not {other}")
    if model != "sim":
        equal(default, VECTOR, "vector")


def raw_embeddings(scene: Scene, model: str) -> None:
    for asked, kind in (("base64", str), ("float", list)):
        body = {"model": model, "input": ["a"], "encoding_format": asked}
        status, _, answer = scene.gateway.call(
            "POST", "/v1/embeddings", json.dumps(body).encode(), scene.headers())
        equal(status, 200, "status")
        equal(type(json.loads(answer)["data"][0]["embedding"]), kind, f"type for {asked}")


def models(scene: Scene) -> None:
    names: dict[str, set[str]] = {
        key: {m.id for m in scene.openai(key).models.list()} for key in ("app", "other", "scoped")
    }
    equal(names["other"], {"sim", "claude"}, "models of the other service")
    equal(names["scoped"], {"sim"}, "models of the scoped key")
    holds({f"odd-{case}" for case in ODD_CASES} <= names["app"], "models are missing")
    found = list(scene.openai().models.list())[0]
    holds(found.object == "model" and found.created is not None and found.owned_by, f"{found}")


def one_model(scene: Scene) -> None:
    equal(scene.openai("scoped").models.retrieve("sim").id, "sim", "id")
    raises(openai.NotFoundError, lambda: scene.openai("scoped").models.retrieve("claude"))


def moderations(scene: Scene) -> None:
    answer = scene.openai().moderations.create(model="sim", input="be nice")
    holds(answer.results[0].flagged is False, "flagged")


def images(scene: Scene) -> None:
    answer = scene.openai().images.generate(model="sim", prompt="a gate")
    holds(answer.data[0].b64_json or answer.data[0].url, "no picture")


def image_edit(scene: Scene) -> None:
    answer = scene.openai().images.edit(
        model="sim", prompt="a toll gate", image=("gate.png", b"\x89PNG\r\n\x1a\n", "image/png"))
    holds(answer.data[0].b64_json or answer.data[0].url, "no picture")


def speech(scene: Scene) -> None:
    answer = scene.openai().audio.speech.create(model="sim", voice="alloy", input="hello")
    holds(len(answer.content) > 0, "no sound")


def transcription(scene: Scene) -> None:
    answer: Any = scene.openai().audio.transcriptions.create(
        model="sim", file=("speech.wav", io.BytesIO(b"RIFF" + bytes(2000)), "audio/wav"))
    holds(isinstance(answer.text, str) and answer.text, f"text is {answer.text!r}")


def large_upload(scene: Scene) -> None:
    error = raises(openai.APIStatusError, lambda: scene.openai().audio.transcriptions.create(
        model="sim", file=("speech.wav", io.BytesIO(bytes(3 << 20)), "audio/wav")))
    equal(error.status_code, 413, "status")
    equal(error.code, "request_too_large", "code")
