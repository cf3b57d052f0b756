/**
 * `pnpm fuzz --requests N --seed S`: sends hostile requests to a server in a process of its own, and says how its memory goes.
 *
 * Ends with code 1 when an answer is a fault, a request hangs, or the server ends.
 */
import { Console, Effect } from "effect"
import { command } from "../../../cli/checkout/bundle.mjs"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { parseArgs } from "node:util"
import * as Campaign from "./Campaign.js"

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    concurrency: { type: "string", default: "16" },
  },
})

/** A server on a database of its own, which the Scope ends. */
const server = Effect.acquireRelease(
  Effect.promise(async () => {
    const cwd = mkdtempSync(join(tmpdir(), "runlease-fuzz-"))
    const args = [await command(), "serve", "--port", "0", "--json", "--rate-limit", "0"]
    const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "inherit"] })
    const [line] = (await once(createInterface(child.stdout), "line")) as [string]
    const { api_key: key, url } = JSON.parse(line) as { readonly api_key: string; readonly url: string }
    return { child, cwd, key, url }
  }),
  ({ child, cwd }) =>
    Effect.promise(async () => {
      if (child.exitCode === null) {
        child.kill("SIGTERM")
        await once(child, "exit")
      }
      rmSync(cwd, { recursive: true })
    }),
)

/** MiB that a process has in memory. */
const residentOf = (pid: number): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024)

const program = Effect.gen(function* () {
  const { child, key, url } = yield* server
  const requests = Number(values.requests)
  const begun = process.hrtime.bigint()
  const seconds = () => Math.round(Number(process.hrtime.bigint() - begun) / 1e9)
  const result = yield* Campaign.run({
    url,
    key,
    seed: Number(values.seed),
    requests,
    concurrency: Number(values.concurrency),
    onThousand: (sent) =>
      sent % 5000 === 0
        ? Console.log(`${sent} requests, ${seconds()} s, ${residentOf(child.pid!)} MiB`)
        : Effect.void,
  })
  yield* Console.log(
    `${result.sent} requests in ${seconds()} s, by status ${JSON.stringify(result.byStatus)}`,
  )
  const lives = child.exitCode === null && child.signalCode === null
  if (!lives) yield* Console.error(`The server ended with ${child.exitCode ?? child.signalCode}`)
  yield* Effect.forEach(result.problems.slice(0, 20), (problem) => Console.error(problem))
  if (!lives || result.problems.length > 0) process.exitCode = 1
}).pipe(Effect.scoped)

await Effect.runPromise(program)
