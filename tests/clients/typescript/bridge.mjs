// Drives an MCP server with the official TypeScript client, one JSON command a line.
//
//     bridge.mjs MODE stdio COMMAND [ARGUMENT ...]
//     bridge.mjs MODE http URL
//
// MODE is `legacy` (the initialize handshake) or `auto`. Each line on stdin is a command, each line on
// stdout its answer; `bridge.py` takes the same commands and gives the same answers. A person who is
// asked for something answers with PERSON, a JSON result of an elicitation; without it there is no
// person to ask.

import { createInterface } from "node:readline";
import { Client, ProtocolError, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [mode, kind, ...rest] = process.argv.slice(2);
const person = process.env.PERSON && JSON.parse(process.env.PERSON);
const asked = [];

const client = new Client(
  { name: "portwright-tests", version: "1" },
  {
    versionNegotiation: { mode },
    capabilities: person ? { elicitation: { form: {} } } : {},
  },
);
if (person) {
  client.setRequestHandler("elicitation/create", async (request) => {
    asked.push(request.params.message);
    return person;
  });
}
const transport =
  kind === "stdio"
    ? new StdioClientTransport({ command: rest[0], args: rest.slice(1), env: process.env, stderr: "inherit" })
    : new StreamableHTTPClientTransport(new URL(rest[0]));
const patience = { timeout: 300_000, maxTotalTimeout: 300_000 };

async function call({ name, arguments: args, cancel_after: cancelAfter }) {
  const heard = [];
  const abort = new AbortController();
  const timer = cancelAfter && setTimeout(() => abort.abort("the user lost patience"), cancelAfter * 1000);
  try {
    const result = await client.callTool(
      { name, arguments: args },
      {
        ...patience,
        signal: abort.signal,
        onprogress: (it) => heard.push({ progress: it.progress, total: it.total ?? null, message: it.message ?? null }),
      },
    );
    const texts = result.content.filter((it) => it.type === "text").map((it) => it.text);
    return {
      is_error: result.isError ?? false,
      text: texts.join("\n"),
      data: result.structuredContent ?? null,
      progress: heard,
      asked: asked.splice(0),
    };
  } catch (error) {
    if (abort.signal.aborted) return { cancelled: true, progress: heard };
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const OPERATIONS = {
  about: async () => ({
    protocol: client.getNegotiatedProtocolVersion(),
    server: client.getServerVersion()?.name ?? null,
    instructions: client.getInstructions() ?? null,
  }),
  tools: async () => (await client.listTools()).tools,
  call,
  resources: async () => (await client.listResources(undefined, { cacheMode: "bypass" })).resources,
  templates: async () => (await client.listResourceTemplates()).resourceTemplates,
  read: async ({ uri }) => (await client.readResource({ uri }, { cacheMode: "bypass" })).contents,
  prompts: async () => (await client.listPrompts()).prompts,
  prompt: async ({ name, arguments: args }) => client.getPrompt({ name, arguments: args }),
  complete: async ({ ref, argument, context }) =>
    (await client.complete({ ref, argument, context })).completion,
};

async function answer({ op, ...command }) {
  try {
    return await OPERATIONS[op](command);
  } catch (error) {
    if (error instanceof ProtocolError) {
      return { protocol_error: { code: error.code, message: error.message } };
    }
    throw error;
  }
}

await client.connect(transport);
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
await client.close();
