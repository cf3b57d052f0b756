// The command as installed: a server and its pages, and a worker that executes a run with a module of the user, which has the Effect that
// the user has installed.
import { randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { freePort, start } from "./processes.mjs"
import { fail, run } from "./project.mjs"

/** The module of the user: its Effect asks the worker for services. */
const agents = `import { RequestSnapshot, type Run, Step } from "@runlease/core"
import { Effect } from "effect"

export default (run: Run.ClaimedRun) =>
  Step.run("read", Effect.sync(() => \`heard \${RequestSnapshot.lastUserText(run.snapshot)}\`))
`

/** Every file of the bundle that another one loads is there, and the license of every package that it has. */
const checkBundle = (bundle) => {
  const licenses = readFileSync(join(bundle, "LICENSES.txt"), "utf8")
  const packages = new Set()
  for (const name of readdirSync(bundle).filter((file) => /\.[cm]js$/.test(file))) {
    const text = readFileSync(join(bundle, name), "utf8")
    for (const [, file] of text.matchAll(/(?:from|import\(|import|require\()\s*"\.\/([\w.-]+\.[cm]js)"/g)) {
      if (!existsSync(join(bundle, file))) fail(`${name} loads ${file}, which the package does not have`)
    }
    for (const [, found] of text.matchAll(/^\s*\/\/ .*node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\/\S+$/gm))
      packages.add(found)
  }
  if (packages.size < 50) fail(`the bundle names ${packages.size} packages`)
  for (const name of packages) {
    if (!licenses.includes(`\n${name} `) && !licenses.startsWith(`${name} `)) fail(`no license of ${name}`)
  }
}

/** What a server loads at a first request: [method, address, body]. */
const requests = (agent) => [
  ["GET", "/"],
  ["GET", "/docs/api"],
  ["GET", "/openapi.json"],
  ["GET", `/ag-ui/${agent}/capabilities`],
  ["GET", `/a2a/${agent}/tasks`],
  ["POST", "/mcp", { jsonrpc: "2.0", id: 1, method: "ping" }],
  ["POST", "/openai/v1/responses", { model: agent, input: "again" }],
  [
    "POST",
    `/chat/${agent}`,
    { id: "one", messages: [{ id: "first", role: "user", parts: [{ type: "text", text: "once more" }] }] },
  ],
]

const checkServer = async (url, key, agent) => {
  for (const [method, path, body] of requests(agent)) {
    const answer = await fetch(new URL(path, url), {
      method,
      headers: {
        accept: "application/json, text/event-stream, text/html",
        authorization: `Bearer ${key}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    if (!answer.ok) fail(`the installed server answers ${method} ${path} with ${answer.status}: ${text}`)
  }
}

/** Checks the command in a project that has the packages. */
export const checkInstalledCommand = async (folder, env) => {
  checkBundle(join(folder, "node_modules/@runlease/cli/dist/bundle"))
  const url = `http://127.0.0.1:${await freePort()}`
  const key = `rlk_${randomBytes(32).toString("hex")}`
  const settings = {
    ...env,
    PATH: `${join(folder, "node_modules/.bin")}${delimiter}${env.PATH}`,
    RUNLEASE_API_KEY: key,
    RUNLEASE_PORT: new URL(url).port,
    RUNLEASE_URL: url,
  }
  writeFileSync(join(folder, "agents.ts"), agents)
  const started = []
  const stay = async (args, ready) =>
    started.push(await start("runlease", args, { cwd: folder, env: settings }, ready))
  try {
    await stay(["serve"], /listens on/)
    await stay(["worker", "--module", "agents.ts"], /waits for runs/)
    const shown = run("runlease", ["submit", "--agent", "listener", "--watch", "hello"], folder, settings)
    if (!shown.includes("heard hello")) fail(`the installed worker shows ${shown}`)
    const runs = run("runlease", ["runs", "list"], folder, settings)
    if (!runs.includes("listener")) fail(`the installed command lists ${runs}`)
    await checkServer(url, key, "listener")
  } finally {
    await Promise.all(started.map((end) => end()))
  }
  console.log("The installed command serves, and executes a run with a module of the user")
}
