// The official ACP client for Node does what editors do, with one agent; what it saw of each is printed as JSON.
// Usage: node acp_client.mjs SETTINGS COMMAND ARGUMENT...; SETTINGS is JSON: {upstream, mcpServer}.
import * as acp from "@agentclientprotocol/sdk";
import { Editor } from "./acp_editor.mjs";

const settings = JSON.parse(process.argv[2]);
const [command, ...args] = process.argv.slice(3);
const ask = acp.methods.agent;
const place = { cwd: process.cwd(), mcpServers: [] };
const CELL_MS = 20_000;
const LONG = "x".repeat(4000);

const wish = (...calls) => `do ${JSON.stringify(calls)}`;

/** Wait until the model has been asked for that, for the nth time. */
async function heard(word, times = 1) {
  for (;;) {
    const told = await (await fetch(`${settings.upstream}/heard`)).json();
    if (told.heard.filter((each) => each === word).length >= times) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function permission(editor, answer) {
  const session = await editor.open();
  editor.answer = answer;
  const before = editor.asked.length;
  await editor.prompt(session, wish(["delete_file", { path: `${answer}.txt` }]));
  editor.answer = "allow_once";
  return { asked: editor.asked.length - before, statuses: editor.statuses(session), told: editor.said(session) };
}

/** A turn that is stopped once it has come to a place; and whether the session is usable after it. */
async function stopped(editor, session, text, there) {
  const turn = editor.prompt(session, text);
  await there();
  const began = Date.now();
  await editor.cancel(session);
  const seen = { stopReason: await turn, soon: Date.now() - began < 5000 };
  return { ...seen, after: await editor.prompt(session, "hello") };
}

const CELLS = {
  async handshake(editor) {
    const hello = await editor.initialize();
    return { version: hello.protocolVersion, agent: hello.agentInfo.name };
  },
  async unknownVersion(editor) {
    return (await editor.initialize(99)).protocolVersion;
  },
  async streaming(editor) {
    const session = await editor.open();
    const stopReason = await editor.prompt(session, "hello");
    const chunks = editor.of(session, "agent_message_chunk");
    const messages = new Set(chunks.map((chunk) => chunk.messageId)).size;
    const sizes = editor.of(session, "usage_update").map((update) => update.size);
    return { stopReason, text: editor.said(session), inPieces: chunks.length > 1, messages, sizes };
  },
  async twoSessions(editor) {
    const [slow, fast] = [await editor.open(), await editor.open()];
    const order = [];
    const first = editor.prompt(slow, "slow").then(() => order.push("slow"));
    await editor.until(() => editor.said(slow) === "slow ");
    await editor.prompt(fast, "hello").then(() => order.push("fast"));
    await editor.prompt(fast, "open");
    await first;
    return { order, slow: editor.said(slow) };
  },
  async queue(editor) {
    const session = await editor.open();
    const turns = [editor.prompt(session, "hello"), editor.prompt(session, "recall")];
    const stopReasons = await Promise.all(turns);
    return { stopReasons, said: editor.said(session) };
  },
  async cancelBeforeTheFirstToken(editor) {
    return stopped(editor, await editor.open(), "hang", () => heard("hang"));
  },
  async cancelMidStreamAndQueued(editor) {
    const session = await editor.open();
    let queued;
    const seen = await stopped(editor, session, "half", async () => {
      await editor.until(() => editor.said(session) === "half");
      queued = editor.prompt(session, "hello");
    });
    return { ...seen, queued: await queued };
  },
  async cancelWhilePermissionIsAsked(editor) {
    const session = await editor.open();
    editor.answer = "never";
    const before = editor.asked.length;
    const seen = await stopped(editor, session, wish(["delete_file", { path: "kept.txt" }]), () =>
      editor.until(() => editor.asked.length > before),
    );
    editor.answer = "allow_once";
    return { ...seen, statuses: editor.statuses(session) };
  },
  async cancelInACommand(editor) {
    const session = await editor.open();
    const before = Object.keys(editor.terminals).length;
    const seen = await stopped(editor, session, wish(["run_command", { command: "sleep 300" }]), () =>
      editor.until(() => editor.statuses(session).includes("in_progress") && Object.keys(editor.terminals).length > before),
    );
    const terminal = `t-${before + 1}`;
    await editor.until(() => editor.released.includes(terminal));
    return { ...seen, ended: (await editor.terminals[terminal].ended).signal };
  },
  async cancelInAnMcpTool(editor) {
    const session = await editor.open({ mcpServers: [settings.mcpServer] });
    const seen = await stopped(editor, session, wish(["double__slow", {}]), () =>
      editor.until(() => editor.statuses(session).includes("in_progress")),
    );
    return { ...seen, statuses: editor.statuses(session) };
  },
  permissionAllowed: (editor) => permission(editor, "allow_once"),
  permissionRejected: (editor) => permission(editor, "reject_once"),
  permissionCancelled: (editor) => permission(editor, "cancelled"),
  permissionUnknown: (editor) => permission(editor, "unknown"),
  async readAndWrite(editor) {
    const session = await editor.open();
    const change = { path: "f", old_text: "unsaved", new_text: "better" };
    await editor.prompt(session, wish(["read_file", { path: "f" }], ["edit_file", change]));
    return { told: JSON.parse(editor.said(session))[0], written: editor.buffers.f };
  },
  async terminal(editor) {
    const session = await editor.open();
    const terminalId = `t-${Object.keys(editor.terminals).length + 1}`;
    await editor.prompt(session, wish(["run_command", { command: "echo hello" }]));
    const content = editor.of(session, "tool_call_update").flatMap((update) => update.content ?? []);
    const embedded = content.some((each) => each.type === "terminal" && each.terminalId === terminalId);
    return { told: JSON.parse(editor.said(session)), embedded, released: editor.released.includes(terminalId) };
  },
  async mcpTool(editor) {
    const session = await editor.open({ mcpServers: [settings.mcpServer] });
    await editor.prompt(session, wish(["double__echo", { text: "hi" }]));
    return JSON.parse(editor.said(session));
  },
  async loadAndResume(editor) {
    const sessionId = await editor.open();
    await editor.prompt(sessionId, "hello");
    const told = async (method) => {
      const before = editor.updates.length;
      await editor.request(method, { sessionId, ...place });
      const chunks = editor.updates.slice(before).filter(([, update]) => update.sessionUpdate.endsWith("_chunk"));
      return chunks.map(([, update]) => update.content.text);
    };
    return { loaded: await told(ask.session.load), resumed: await told(ask.session.resume) };
  },
  async listPages(editor) {
    const opened = [];
    for (let count = 0; count < 55; count += 1) {
      opened.push(await editor.open());
      await editor.prompt(opened[count], "/help"); // what nobody spoke in is not listed
    }
    const pages = [];
    for (let cursor; pages.length === 0 || cursor; ) {
      const page = await editor.request(ask.session.list, { cwd: place.cwd, ...(cursor && { cursor }) });
      pages.push(page.sessions.map((each) => each.sessionId));
      cursor = page.nextCursor;
    }
    const all = pages.flat();
    const missing = opened.filter((each) => !all.includes(each));
    return { several: pages.length > 1, twice: all.length - new Set(all).size, missing };
  },
  async trimming(editor) {
    const session = await editor.open();
    await editor.prompt(session, `${wish(["read_file", { path: "old" }])}${" ".repeat(4000)}`);
    await editor.prompt(session, `second ${LONG}`);
    await editor.prompt(session, `recall ${LONG}`);
    return JSON.parse(editor.said(session).slice(editor.said(session).lastIndexOf("[[")));
  },
  async optionsAndModes(editor) {
    const sessionId = await editor.open();
    const mode = { sessionId, configId: "mode", value: "read_only" };
    const { configOptions } = await editor.request(ask.session.setConfigOption, mode);
    await editor.request(ask.session.close, { sessionId });
    return configOptions.find((option) => option.category === "mode").currentValue;
  },
  async unknownMethod(editor) {
    return editor.request("session/no_such_method", {}).catch((error) => error.code);
  },
  async endOfInput(editor) {
    const session = await editor.open();
    const turn = editor.prompt(session, "half");
    await editor.until(() => editor.said(session) === "half");
    editor.process.stdin.end();
    return { stopReason: await turn, exitCode: await editor.exited };
  },
};

/** What a cell saw, or that it failed or got stuck: the others are played all the same. */
async function played(cell) {
  let timer;
  const stuck = new Promise((resolve) => (timer = setTimeout(resolve, CELL_MS, { stuck: editor.updates.slice(-3) })));
  const seen = await Promise.race([cell(editor).catch((error) => ({ failed: String(error?.stack ?? error) })), stuck]);
  clearTimeout(timer);
  return seen;
}

async function playedAll() {
  const seen = {};
  for (const [name, cell] of Object.entries(CELLS)) seen[name] = await played(cell);
  return seen;
}

const editor = new Editor(command, args);
let playing;
// The last cell ends the agent, and so the connection: to the client that is a fault.
await editor.connected(() => (playing = playedAll())).catch(() => {});
const seen = await playing;
console.log(JSON.stringify(seen));
process.exit(0);
