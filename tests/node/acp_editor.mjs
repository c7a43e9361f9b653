// An editor made of the official ACP client for Node: unsaved buffers, terminals, a user who answers as told.
import { spawn } from "node:child_process";
import { basename } from "node:path";
import { Readable, Writable } from "node:stream";
import * as acp from "@agentclientprotocol/sdk";

const { agent: ask, client: served } = acp.methods;

export class Editor {
  updates = []; // [session, update]
  asked = []; // tool calls that permission was asked for
  answer = "allow_once"; // or another kind of option, or cancelled, unknown, never
  buffers = {}; // written texts by file name
  terminals = {};
  released = [];
  #waiting = new Set();
  #unanswered = [];

  constructor(command, args) {
    this.process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.exited = new Promise((resolve) => this.process.on("exit", resolve));
  }

  /** Run `op` with the connection open. */
  async connected(op) {
    const stream = acp.ndJsonStream(Writable.toWeb(this.process.stdin), Readable.toWeb(this.process.stdout));
    return acp
      .client({ name: "continuum-tests" })
      .onNotification(served.session.update, ({ params }) => this.#told(params))
      .onRequest(served.session.requestPermission, ({ params }) => this.#permit(params))
      .onRequest(served.fs.readTextFile, ({ params }) => ({ content: `unsaved text of ${basename(params.path)}` }))
      .onRequest(served.fs.writeTextFile, ({ params }) => {
        this.buffers[basename(params.path)] = params.content;
        return {};
      })
      .onRequest(served.terminal.create, ({ params }) => this.#create(params))
      .onRequest(served.terminal.output, ({ params }) => ({
        output: this.terminals[params.terminalId].output,
        truncated: false,
      }))
      .onRequest(served.terminal.waitForExit, ({ params }) => this.terminals[params.terminalId].ended)
      .onRequest(served.terminal.kill, ({ params }) => {
        this.terminals[params.terminalId].process.kill("SIGKILL");
        return {};
      })
      .onRequest(served.terminal.release, ({ params }) => {
        this.released.push(params.terminalId);
        this.#look();
        return {};
      })
      .connectWith(stream, async (context) => {
        this.context = context;
        return op(this);
      });
  }

  request(method, params) {
    return this.context.request(method, params);
  }

  initialize(protocolVersion = acp.PROTOCOL_VERSION) {
    const fs = { readTextFile: true, writeTextFile: true };
    return this.request(ask.initialize, { protocolVersion, clientCapabilities: { fs, terminal: true } });
  }

  async open(place = {}) {
    const opened = await this.request(ask.session.new, { cwd: process.cwd(), mcpServers: [], ...place });
    return opened.sessionId;
  }

  async prompt(sessionId, text) {
    const turn = await this.request(ask.session.prompt, { sessionId, prompt: [{ type: "text", text }] });
    return turn.stopReason;
  }

  /** The stop button: the question on the screen, if there is one, is taken back with it. */
  async cancel(sessionId) {
    await this.context.notify(ask.session.cancel, { sessionId });
    for (const resolve of this.#unanswered.splice(0)) resolve({ outcome: { outcome: "cancelled" } });
  }

  said(session, kind = "agent_message_chunk") {
    const chunks = this.updates.filter(([told, update]) => told === session && update.sessionUpdate === kind);
    return chunks.map(([, update]) => update.content.text).join("");
  }

  of(session, kind) {
    return this.updates.filter(([told, update]) => told === session && update.sessionUpdate === kind).map(([, each]) => each);
  }

  /** The statuses of a session's tool calls, in their order. */
  statuses(session) {
    return this.updates
      .filter(([told, update]) => told === session && update.sessionUpdate.startsWith("tool_call") && update.status)
      .map(([, update]) => update.status);
  }

  /** Wait until it holds of what came. */
  until(holds) {
    return new Promise((resolve) => {
      this.#waiting.add(() => holds() && (resolve(), true));
      this.#look();
    });
  }

  #look() {
    for (const look of this.#waiting) if (look()) this.#waiting.delete(look);
  }

  #told({ sessionId, update }) {
    this.updates.push([sessionId, update]);
    this.#look();
  }

  #permit({ toolCall, options }) {
    this.asked.push(toolCall);
    this.#look();
    if (this.answer === "cancelled") return { outcome: { outcome: "cancelled" } };
    if (this.answer === "never") return new Promise((resolve) => this.#unanswered.push(resolve));
    const chosen = options.find((option) => option.kind === this.answer);
    return { outcome: { outcome: "selected", optionId: chosen?.optionId ?? "no such option" } };
  }

  #create({ command, args, cwd }) {
    const terminalId = `t-${Object.keys(this.terminals).length + 1}`;
    const terminal = { process: spawn(command, args ?? [], { cwd }), output: "" };
    terminal.process.stdout.on("data", (data) => (terminal.output += data));
    terminal.ended = new Promise((resolve) =>
      terminal.process.on("close", (exitCode, signal) => resolve({ exitCode, signal })),
    );
    this.terminals[terminalId] = terminal;
    this.#look();
    return { terminalId };
  }
}
