import { expect, layer } from "@effect/vitest"
import { Ids, type RunLog } from "@runlease/core"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { chmodSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { connect, eventOf, submit, wholeLog } from "./FaultRoom.js"
import { has, json, project, run, Served, start, write } from "./Processes.js"

const page = fileURLToPath(new URL("../../../docs/steps-of-a-program.md", import.meta.url))
const scriptedAgent = fileURLToPath(new URL("../../executor-acp/test/fixtures/agent.mjs", import.meta.url))

/** The documented program, which is the last one of its page. */
const documented = /```sh\n(#![\s\S]*?)```/.exec(
  readFileSync(page, "utf8").split("## Reach the server")[1]!,
)![1]!

const hasCurl = () => {
  try {
    execFileSync("curl", ["--version"])
    return true
  } catch {
    process.stderr.write("curl is not here, so the documented program that calls it is left out\n")
    return false
  }
}

/** Appends forty events by its token while it prints forty, tells its run a message and spawns a child. It leaves its token in a file. */
const busy = `import { writeFileSync } from "node:fs"
const env = process.env
const run = env.RUNLEASE_RUN_ID
const post = async (path, body) => {
  const response = await fetch(env.RUNLEASE_URL + path, {
    method: "POST",
    headers: { authorization: "Bearer " + env.RUNLEASE_TOKEN, "content-type": "application/json" },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(await response.text())
}
writeFileSync(env.DIR + "/access", JSON.stringify({
  token: env.RUNLEASE_TOKEN, worker: env.RUNLEASE_WORKER_ID, conversation: env.RUNLEASE_CONVERSATION_ID,
}))
for (let value = 1; value <= 40; value++) {
  process.stdout.write(JSON.stringify({ type: "CUSTOM", name: "printed", value }) + "\\n")
  await post("/conversations/" + env.RUNLEASE_CONVERSATION_ID + "/runs/" + run + "/events", {
    events: [{ type: "CUSTOM", name: "sent", value }],
  })
}
await post("/runs/" + run + "/messages", { text: "sent all", idempotency_key: "sent" })
await post("/agent-workers/workers/" + env.RUNLEASE_WORKER_ID + "/runs/" + run + "/children", {
  step_id: "child", name: "child", run: { kind: "agent", request: { agent_id: "writer" } },
})
`

const upTo40 = Array.from({ length: 40 }, (_, index) => index + 1)

/** The values of the CUSTOM events of that name, in the order of the log. */
const valuesOf = (entries: ReadonlyArray<RunLog.LogEntry>, name: string) =>
  entries.flatMap(({ event }) => (event["name"] === name ? [event["value"]] : []))

const childrenOf = (entries: ReadonlyArray<RunLog.LogEntry>) =>
  (valuesOf(entries, "runlease.child") as ReadonlyArray<{ readonly child_run_id: string }>).map(
    ({ child_run_id }) => child_run_id,
  )

layer(Served.layer, { excludeTestServices: true })("a program with a token of its run", (it) => {
  const work = (
    settings: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
    ...flags: ReadonlyArray<string>
  ) =>
    Effect.gen(function* () {
      const worker = yield* start(
        ["worker", "--json", "--agent", "counter", "--env", `DIR=${settings.cwd}`, ...flags],
        settings,
      )
      yield* worker.line(has({ event: "registered" }))
      return worker
    })

  it.scoped.skipIf(!hasCurl())(
    "appends to the run, tells it a message and spawns a child, from a shell",
    () =>
      Effect.gen(function* () {
        const { cwd, env } = yield* project
        const ports = yield* connect(env)
        const program = yield* write(cwd, "program.sh", documented)
        chmodSync(program, 0o755)
        const worker = yield* work({ cwd, env }, "--run-token", "--command", program)
        const runId = yield* submit(ports, "run-1")
        yield* eventOf(worker, "completed", runId)

        const { entries } = yield* wholeLog(ports, runId)
        const events = entries.map(({ event }) => event)
        const named = (name: string) =>
          events.flatMap((event) => (event["name"] === name ? [event["value"]] : []))
        expect(named("progress")).toEqual([{ pages: 3 }])
        expect(valuesOf(entries, "runlease.message")).toMatchObject([
          { number: 1, idempotency_key: "pages", parts: [{ type: "text", text: "Three pages are read" }] },
        ])
        const [child] = childrenOf(entries)
        expect(entries.map(({ event }) => event["delta"] ?? "").join("")).toBe("Three pages\n")
        const spawned = yield* ports.runs.get(Ids.RunId.make(child!))
        expect([spawned.status, spawned.agentId, spawned.parentRunId]).toEqual(["pending", "writer", runId])
      }),
  )

  it.scoped("appends while it prints, and may do nothing after the end", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const ports = yield* connect(env)
      const program = yield* write(cwd, "busy.mjs", busy)
      const worker = yield* work({ cwd, env }, "--run-token", "--command", process.execPath, "--", program)
      const runId = yield* submit(ports, "run-1")
      yield* eventOf(worker, "completed", runId)

      const { entries } = yield* wholeLog(ports, runId)
      expect([valuesOf(entries, "printed"), valuesOf(entries, "sent")]).toEqual([upTo40, upTo40])
      expect(valuesOf(entries, "runlease.message")).toHaveLength(1)
      expect(new Set(childrenOf(entries)).size).toBe(1)

      const access = json(readFileSync(`${cwd}/access`, "utf8"))
      const post = (path: string, body: unknown) =>
        Effect.promise(async () => {
          const response = await fetch(env.RUNLEASE_URL + path, {
            method: "POST",
            headers: {
              authorization: `Bearer ${String(access["token"])}`,
              "content-type": "application/json",
            },
            body: JSON.stringify(body),
          })
          const { error } = (await response.json()) as { readonly error: unknown }
          return [response.status, error]
        })
      const { latestEventId } = yield* ports.runs.get(runId)
      expect([
        yield* post(`/conversations/${String(access["conversation"])}/runs/${runId}/events`, {
          events: [{ type: "CUSTOM", name: "sent", value: 41 }],
        }),
        yield* post(`/runs/${runId}/messages`, { text: "late" }),
        yield* post(`/agent-workers/workers/${String(access["worker"])}/runs/${runId}/children`, {
          step_id: "late",
          name: "late",
          run: { kind: "agent", request: { agent_id: "writer" } },
        }),
        yield* post(`/runs/${runId}/cancel`, {}),
      ]).toEqual([
        [403, "lease_lost"],
        [403, "lease_lost"],
        [403, "lease_lost"],
        [403, "forbidden"],
      ])
      expect((yield* ports.runs.get(runId)).latestEventId).toBe(latestEventId)
    }),
  )

  it.scoped("has it as a coding agent and in the agent's commands", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const ports = yield* connect(env)
      const program = yield* write(cwd, "busy.mjs", busy)
      const terminal = { command: process.execPath, args: [program] }
      const script = yield* write(
        cwd,
        "script.json",
        JSON.stringify({ steps: [{ terminal, wait: true }, { say: "done" }] }),
      )
      const agent = `${process.execPath} ${scriptedAgent} token ${script}`
      const worker = yield* work({ cwd, env }, "--run-token", "--permission", "allow", "--acp", agent)
      const runId = yield* submit(ports, "run-1")
      yield* eventOf(worker, "completed", runId)
      const { entries } = yield* wholeLog(ports, runId)
      // The message gives the agent another turn, in which its program does all of it again.
      expect(valuesOf(entries, "sent")).toEqual([...upTo40, ...upTo40])
      expect(valuesOf(entries, "runlease.message")).toHaveLength(1)
      expect(new Set(childrenOf(entries)).size).toBe(1)
    }),
  )

  it.scoped("has none unless the worker is told to give one", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const ports = yield* connect(env)
      const worker = yield* work({ cwd, env }, "--command", "env")
      const runId = yield* submit(ports, "run-1")
      yield* eventOf(worker, "completed", runId)
      const { entries } = yield* wholeLog(ports, runId)
      const printed = entries.map(({ event }) => event["delta"] ?? "").join("")
      expect(printed).toContain(`RUNLEASE_RUN_ID=${runId}`)
      expect(printed).not.toMatch(/RUNLEASE_(URL|TOKEN|WORKER_ID)=/)
      const misplaced = yield* run(["worker", "--module", "./agent.ts", "--run-token"], { cwd, env })
      expect([misplaced.code, misplaced.stderr]).toEqual([
        64,
        expect.stringContaining("--run-token is for the process that --command or --acp starts"),
      ])
    }),
  )
})
