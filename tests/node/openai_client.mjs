// The official OpenAI client for Node against one base URL; prints what it saw as one JSON object.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none-needed", maxRetries: 0 });
const ask = { model: "test-model", messages: [{ role: "user", content: "hello" }] };
const seen = {};

seen.models = [];
for await (const model of client.models.list()) seen.models.push(model.id);

const plain = await client.chat.completions.create(ask);
seen.plain = plain.choices[0].message.content;
seen.plainUsage = plain.usage?.total_tokens;

seen.stream = [];
const options = { include_usage: true };
for await (const chunk of await client.chat.completions.create({ ...ask, stream: true, stream_options: options })) {
  const text = chunk.choices[0]?.delta?.content;
  if (text) seen.stream.push(text);
  if (chunk.choices[0]?.finish_reason) seen.finish = chunk.choices[0].finish_reason;
  if (chunk.usage) seen.streamUsage = chunk.usage.total_tokens;
}

const helper = client.chat.completions.stream(ask); // the SDK's own accumulator
seen.folded = (await helper.finalChatCompletion()).choices[0].message.content;

try {
  await client.chat.completions.create({ ...ask, model: "no-such-model" });
} catch (error) {
  seen.unknownModel = { class: error.constructor.name, status: error.status, code: error.code, type: error.type };
}

// Leaving in the middle of a stream must not hurt the next call.
const left = await client.chat.completions.create({ ...ask, stream: true });
for await (const _ of left) break;
seen.afterLeaving = (await client.chat.completions.create(ask)).choices[0].message.content;

console.log(JSON.stringify(seen));
