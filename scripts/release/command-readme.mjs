// The commands of the command's README, as they are printed: a server and a worker that stay, and a submission that ends.
import { randomBytes } from "node:crypto"
import { mkdirSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { freePort, start } from "../install/processes.mjs"
import { fail, run } from "../install/project.mjs"

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
  const stay = async (word, ready) =>
    started.push(await start("sh", ["-c", lineOf(word)], { cwd, env: settings }, ready))
  try {
    await stay("serve", /listens on/)
    await stay("worker", /waits for runs/)
    const shown = run("sh", ["-c", lineOf("submit")], cwd, settings)
    if (!shown.includes("hello")) fail(`packages/cli/README.md: the submission shows ${shown}`)
    console.log("packages/cli/README.md: its commands run as printed")
    await use(settings)
  } finally {
    await Promise.all(started.map((end) => end()))
  }
}
