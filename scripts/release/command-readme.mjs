// The commands of the command's README, as they are printed: a server and a worker that stay, and a submission that ends.
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { delimiter, join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fail, run } from "../install/project.mjs"

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const until = async (what, test) => {
  for (const end = Date.now() + 120_000; Date.now() < end; await setTimeout(100)) {
    if (await test().catch(() => false)) return
  }
  fail(`${what} did not begin within two minutes`)
}

/**
 * Starts what the README starts, in the project that has the packages, and runs `use` with the environment of a program beside it.
 */
export const withCommand = async (project, env, use) => {
  const readme = readFileSync("packages/cli/README.md", "utf8")
  const [, shell] = /^```sh\n([\s\S]*?)^```$/m.exec(readme)
  const lineOf = (word) =>
    shell
      .split("\n")
      .find((line) => line.startsWith(`npx @runlease/cli ${word}`))
      .replace("npx @runlease/cli", "runlease")
  const url = `http://127.0.0.1:${await freePort()}`
  const settings = {
    ...env,
    PATH: `${join(project, "node_modules/.bin")}${delimiter}${env.PATH}`,
    RUNLEASE_API_KEY: `rlk_${randomBytes(32).toString("hex")}`,
    RUNLEASE_PORT: new URL(url).port,
    RUNLEASE_URL: url,
  }
  const cwd = join(project, "server")
  mkdirSync(cwd, { recursive: true })
  const started = []
  const start = (word) => {
    const options = { cwd, env: settings, stdio: "ignore", detached: true }
    started.push(spawn("sh", ["-c", lineOf(word)], options))
  }
  try {
    start("serve")
    await until("the server", async () => (await fetch(`${url}/readyz`)).ok)
    start("worker")
    const shown = run("sh", ["-c", lineOf("submit")], cwd, settings)
    if (!shown.includes("hello")) fail(`packages/cli/README.md: the submission shows ${shown}`)
    console.log("packages/cli/README.md: its commands run as printed")
    await use(settings)
  } finally {
    for (const { pid } of started) process.kill(-pid)
  }
}
