// The core list of checks with OpenAI's client for Node. run.py starts it with the addresses
// and keys in the environment; each check prints one line.

import assert from "node:assert/strict";
import OpenAI from "openai";

const baseURL = process.env.TOLLBAR_TEST_URL;
const tool = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", properties: { city: { type: "string" } } },
  },
};

function client(key = process.env.TOLLBAR_TEST_KEY, options = {}) {
  return new OpenAI({ apiKey: key, baseURL, maxRetries: 0, timeout: 30_000, ...options });
}

function chat(model, content, options = {}, using = client()) {
  return using.chat.completions.create({ model, messages: [{ role: "user", content }], ...options });
}

async function collect(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

const checks = {};

for (const model of ["sim", "claude"]) {
  checks[`plain chat (${model})`] = async () => {
    const answer = await chat(model, "hello node ünïcode 🚀");
    assert.ok(answer.choices[0].message.content.includes("hello node ünïcode 🚀"));
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.ok(answer.usage.total_tokens > 0);
    assert.ok(answer._request_id);
  };
  checks[`streamed chat gives the same text (${model})`] = async () => {
    const whole = (await chat(model, "one two three 🚀")).choices[0].message.content;
    const pieces = await collect(await chat(model, "one two three 🚀", { stream: true }));
    assert.equal(pieces.map((p) => p.choices[0].delta.content ?? "").join(""), whole);
  };
  checks[`usage in a stream only when asked (${model})`] = async () => {
    const silent = await collect(await chat(model, "count", { stream: true }));
    assert.ok(silent.every((p) => p.choices.length === 1 && !p.usage));
    const asked = await collect(
      await chat(model, "count", { stream: true, stream_options: { include_usage: true } }),
    );
    assert.equal(asked.filter((p) => p.usage).length, 1);
    assert.ok(asked.at(-1).usage.completion_tokens > 0);
  };
  checks[`tool call, plain and streamed (${model})`] = async () => {
    const whole = await chat(model, "call the tool", { tools: [tool] });
    const call = whole.choices[0].message.tool_calls[0];
    assert.equal(call.function.name, "get_weather");
    const pieces = await collect(await chat(model, "call the tool", { tools: [tool], stream: true }));
    const parts = pieces.flatMap((p) => p.choices[0].delta.tool_calls ?? []);
    const streamed = parts.map((c) => c.function?.arguments ?? "").join("");
    assert.deepEqual(JSON.parse(streamed), JSON.parse(call.function.arguments));
  };
}

for (const model of ["sim", "odd-floats", "odd-base64"]) {
  checks[`embeddings in both encodings (${model})`] = async () => {
    const ask = (more) => client().embeddings.create({ model, input: "some text", ...more });
    const standard = (await ask({})).data[0].embedding;
    const floats = (await ask({ encoding_format: "float" })).data[0].embedding;
    assert.ok(standard.length > 0);
    assert.equal(standard.length, floats.length);
    standard.forEach((value, index) => assert.ok(Math.abs(value - floats[index]) < 1e-6));
  };
}

checks["models of this key only"] = async () => {
  const names = await collect(await client(process.env.TOLLBAR_TEST_SCOPED_KEY).models.list());
  assert.deepEqual(names.map((m) => m.id), ["sim"]);
};

checks["completions"] = async () => {
  const answer = await client().completions.create({ model: "sim", prompt: "say something" });
  assert.ok(answer.choices[0].text);
};

checks["response: create, stream, get, delete, other tenant"] = async () => {
  const made = await client().responses.create({ model: "sim", input: "hello node" });
  assert.ok(made.output_text.includes("hello node"));
  const events = await collect(
    await client().responses.create({ model: "sim", input: "hello node", stream: true }),
  );
  assert.equal(events.at(-1).type, "response.completed");
  assert.equal((await client().responses.retrieve(made.id)).id, made.id);
  const other = client(process.env.TOLLBAR_TEST_OTHER_KEY);
  await assert.rejects(other.responses.retrieve(made.id), OpenAI.NotFoundError);
  await client().responses.delete(made.id);
  await assert.rejects(client().responses.retrieve(made.id), OpenAI.NotFoundError);
};

checks["moderations, images, speech, transcription"] = async () => {
  const verdict = await client().moderations.create({ model: "sim", input: "be nice" });
  assert.equal(verdict.results[0].flagged, false);
  const picture = await client().images.generate({ model: "sim", prompt: "a gate" });
  assert.ok(picture.data[0].b64_json || picture.data[0].url);
  const sound = await client().audio.speech.create({ model: "sim", voice: "alloy", input: "hi" });
  assert.ok((await sound.arrayBuffer()).byteLength > 0);
  const file = await OpenAI.toFile(Buffer.alloc(2000), "speech.wav", { type: "audio/wav" });
  const text = await client().audio.transcriptions.create({ model: "sim", file });
  assert.equal(typeof text.text, "string");
};

checks["errors have their classes"] = async () => {
  await assert.rejects(chat("sim", "x", {}, client("nonsense")), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.code, "invalid_api_key");
    assert.ok(error.requestID);
    return true;
  });
  const scoped = client(process.env.TOLLBAR_TEST_SCOPED_KEY);
  await assert.rejects(chat("claude", "x", {}, scoped), (error) => {
    assert.ok(error instanceof OpenAI.PermissionDeniedError);
    assert.equal(error.code, "model_not_allowed");
    return true;
  });
  await assert.rejects(chat("no-such-model", "x"), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    assert.equal(error.param, "model");
    return true;
  });
  await assert.rejects(chat("sim", "[[fault:400]]"), OpenAI.BadRequestError);
  await assert.rejects(chat("sim", "[[fault:429]]"), OpenAI.RateLimitError);
};

checks["a provider's page becomes an error in OpenAI's shape"] = async () => {
  await assert.rejects(chat("odd-html", "x"), (error) => {
    assert.equal(error.status, 502);
    assert.ok(error.code);
    assert.ok(!error.message.includes("<html"));
    return true;
  });
};

checks["the client's time-out"] = async () => {
  const hasty = client(undefined, { timeout: 500 });
  await assert.rejects(chat("sim", "[[fault:hang]]", {}, hasty), OpenAI.APIConnectionTimeoutError);
};

for (const fault of ["cut", "error_event", "garbage"]) {
  checks[`a stream with ${fault} raises`] = async () => {
    const text = `[[fault:${fault}]] a rather long text that comes in several pieces`;
    const consume = async () => collect(await chat("sim", text, { stream: true }));
    await assert.rejects(consume(), OpenAI.APIError);
  };
}

checks["a stream that stops without an end raises"] = async () => {
  const consume = async () => collect(await chat("odd-silent_end", "x", { stream: true }));
  await assert.rejects(consume(), OpenAI.APIError);
};

checks["the guard: values are read again, streamed one character at a time"] = async () => {
  const mail = "margaret.w@example.org";
  const wanted = [...Array(5).fill(mail), `**${mail}**`].join(" ");
  const whole = await chat("guarded", `Write to ${mail}.`);
  assert.equal(whole.choices[0].message.content, wanted);
  const pieces = await collect(await chat("guarded", `Write to ${mail}.`, { stream: true }));
  assert.equal(pieces.map((p) => p.choices[0].delta.content ?? "").join(""), wanted);
  assert.equal(pieces.at(-1).choices[0].finish_reason, "stop");
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok   openai-node: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL openai-node: ${name}: ${String(error.message).replace(/\s+/g, " ").slice(0, 300)}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
