// The official ACP client for Node against an agent's command line; prints what it saw as one JSON object.
import { spawn } from "node:child_process";
import { Readable, Writable } from "node:stream";
import * as acp from "@agentclientprotocol/sdk";

const [command, ...args] = process.argv.slice(2);
const agent = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const exited = new Promise((resolve) => agent.on("exit", resolve));
const stream = acp.ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout));
const seen = { chunks: [] };

await acp
  .client({ name: "continuum-tests" })
  .onNotification(acp.methods.client.session.update, ({ params }) => {
    const { sessionUpdate, content } = params.update;
    if (sessionUpdate === "agent_message_chunk") seen.chunks.push(content.text);
  })
  .connectWith(stream, async (context) => {
    const hello = await context.request(acp.methods.agent.initialize, {
      protocolVersion: acp.PROTOCOL_VERSION,
      clientCapabilities: {},
    });
    seen.protocolVersion = hello.protocolVersion;
    seen.agent = hello.agentInfo?.name;
    const session = await context.request(acp.methods.agent.session.new, { cwd: process.cwd(), mcpServers: [] });
    const turn = await context.request(acp.methods.agent.session.prompt, {
      sessionId: session.sessionId,
      prompt: [{ type: "text", text: "hello" }],
    });
    seen.stopReason = turn.stopReason;
    const place = { sessionId: session.sessionId, cwd: process.cwd(), mcpServers: [] };
    const told = async (method) => {
      const before = seen.chunks.length;
      await context.request(method, place);
      return seen.chunks.slice(before).join("");
    };
    seen.loaded = await told(acp.methods.agent.session.load);
    seen.resumed = await told(acp.methods.agent.session.resume);
    const listed = await context.request(acp.methods.agent.session.list, { cwd: process.cwd() });
    seen.listed = listed.sessions.filter((each) => each.sessionId === session.sessionId).map((each) => each.title);
    const mode = { sessionId: session.sessionId, configId: "mode", value: "read_only" };
    const options = await context.request(acp.methods.agent.session.setConfigOption, mode);
    seen.mode = options.configOptions.find((option) => option.category === "mode").currentValue;
    await context.request(acp.methods.agent.session.close, { sessionId: session.sessionId });
    try {
      await context.request("session/no_such_method", {});
    } catch (error) {
      seen.unknownMethod = error.code;
    }
  });

agent.stdin.end();
seen.exitCode = await exited;
console.log(JSON.stringify(seen));
process.exit(0);
