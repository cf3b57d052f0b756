// Makes a project of each template of `create-runlease` as published, with the packages of this workspace, checks and tests it, and runs what
// its README begins with to a run that has ended.
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { copilotKit } from "./copilotkit.mjs"
import { copyCompiled } from "./node.mjs"
import { freePort, start } from "./processes.mjs"
import { npm, project, run, without } from "./project.mjs"

const startScript = (folder, script, args, env, ready) =>
  start("npm", ["run", script, "--", ...args], { cwd: folder, env }, ready)

const expect = (output, text) => {
  if (!output.includes(text)) throw new Error(`${JSON.stringify(text)} is not in: ${output}`)
}

/** Runs `npm run submit` with an answer at its terminal. */
const submit = (folder, env, text) =>
  expect(execFileSync("npm", ["run", "submit"], { cwd: folder, env, encoding: "utf8", input: "yes\n" }), text)

/** Sends a message as the page of the chat does. */
const chat = async (folder, env) => {
  const port = String(await freePort())
  const end = await startScript(folder, "page", ["--port", port, "--strictPort"], env, /Local:/)
  try {
    const page = await fetch(`http://127.0.0.1:${port}/App.tsx`)
    expect(await page.text(), "useChat")
    const parts = [{ type: "text", text: "Tell me a story" }]
    const answer = await fetch(`http://127.0.0.1:${port}/chat/assistant`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id: "one", messages: [{ id: "first", role: "user", parts }] }),
    })
    expect(await answer.text(), "[DONE]")
  } finally {
    await end()
  }
}

/** What `npm run dev` shows when it is ready, and what a person does then. */
const firstRuns = {
  worker: { ready: /waits for runs/, run: (folder, env) => submit(folder, env, "Refunded 90 EUR") },
  embedded: {
    ready: /Listening on/,
    run: (folder, env) => submit(folder, env, 'RUN_FINISHED "A lease ends."'),
  },
  chat: { ready: /waits for runs/, run: chat },
  "ai-sdk": { ready: /waits for runs/, run: (folder, env) => submit(folder, env, "40 EUR are on their way") },
  "openai-agents": {
    ready: /waits for runs/,
    run: (folder, env) => submit(folder, env, "40 EUR are on their way"),
  },
  "coding-agent": {
    ready: /waits for runs/,
    run: (folder, env) => submit(folder, env, "I have written greeting.txt."),
  },
  fleet: {
    ready: /waits for runs[^]*waits for runs/,
    run: (folder, env) => submit(folder, env, "12 runs have ended"),
  },
}

/** The files that a README has for a real model, in the place of the stand-in. */
const withRealModel = (folder) => {
  const blocks = readFileSync(join(folder, "README.md"), "utf8").matchAll(
    /^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm,
  )
  const files = [...blocks]
  for (const [, name, text] of files) writeFileSync(join(folder, name), text)
  return files.length > 0
}

/** Each project also gets the packages that its README adds for a real model. */
export const checkTemplates = async (root, packed) => {
  const creator = project(join(root, "create"))
  npm(["install", packed.find(({ manifest }) => manifest.name === "create-runlease").tarball], creator)
  const tarballs = without(packed, [copilotKit])
  const models = ["@effect/ai@^0.37.0", "@effect/ai-openai@^0.41.0"]
  for (const template of readdirSync("packages/create/templates").filter((name) => name !== "base")) {
    const firstRun = firstRuns[template]
    if (firstRun === undefined) throw new Error(`the template ${template} has no first run here`)
    const started = performance.now()
    const folder = join(root, `project-${template}`)
    const create = join(creator, "node_modules/.bin/create-runlease")
    run(create, [folder, "--template", template, "--no-install"])
    expect(readFileSync(join(folder, ".gitignore"), "utf8"), "node_modules/")
    npm(["install", "--ignore-scripts", "--prefer-offline", ...tarballs, ...models], folder)
    copyCompiled(folder)
    run("npm", ["run", "check"], folder)
    run("npm", ["test"], folder)
    const port = String(await freePort())
    const env = {
      ...process.env,
      BROWSER: "none",
      PORT: port,
      RUNLEASE_PORT: port,
      RUNLEASE_URL: `http://127.0.0.1:${port}`,
    }
    const end = await startScript(folder, "dev", [], env, firstRun.ready)
    try {
      await firstRun.run(folder, env)
    } finally {
      await end()
    }
    if (withRealModel(folder)) run("npm", ["run", "check"], folder)
    console.log(`The project ${template} runs, ${Math.round((performance.now() - started) / 1000)} s`)
  }
}
