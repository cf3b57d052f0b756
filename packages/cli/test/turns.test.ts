import { expect, layer } from "@effect/vitest"
import { type Ids } from "@runlease/core"
import { RecordedTurns } from "@runlease/core/executor"
import { Effect } from "effect"
import * as Agents from "../../executor-acp/test/Agents.js"
import * as Peer from "../../executor-ag-ui/test/Peer.js"
import { connect, eventOf, type Ports, submit, until, wholeLog } from "./FaultRoom.js"
import { has, project, Served, start } from "./Processes.js"

/** A server, and workers of it that are killed. */
const setUp = Effect.gen(function* () {
  const { cwd, env } = yield* project
  const ports = yield* connect(env)
  return {
    ports,
    startWorker: (flags: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const worker = yield* start(["worker", "--json", "--lease", "10s", ...flags], { cwd, env })
        yield* worker.line(has({ event: "registered" }))
        return { ...worker, kill: Effect.zipRight(worker.signal("SIGKILL"), worker.ended) }
      }),
  }
})

const textOf = (ports: Ports, runId: Ids.RunId) =>
  Effect.map(ports.log.read({ runId }), (entries) => Agents.textOf(entries.map(({ event }) => event)))

const acp = ({ options }: Agents.Subject, ...flags: ReadonlyArray<string>) => [
  "--permission",
  "allow",
  ...flags,
  "--acp",
  options.command,
  "--",
  ...(options.args ?? []),
]

const noted = (subject: Agents.Subject, key: string) =>
  Effect.map(subject.notes, (notes) => notes.flatMap((note) => (key in note ? [note[key]] : [])))

/** Kills the agent of a worker that is dead, which ignores the signals of its guard. */
const killAgents = (subject: Agents.Subject) =>
  Effect.gen(function* () {
    const running = yield* Agents.pidsOf(subject.token)
    for (const pid of yield* noted(subject, "started")) {
      if (running.includes(Number(pid))) process.kill(Number(pid), "SIGKILL")
    }
    yield* until(subject.alive, (alive) => alive === 0)
  })

layer(Served.layer, { excludeTestServices: true })("a turn of an agent whose worker is killed", (it) => {
  it.scoped("is not done again when its end is recorded", () =>
    Effect.gen(function* () {
      const { ports, startWorker } = yield* setUp
      // The agent does not exit, so its worker is busy with its end for a minute.
      const subject = yield* Agents.scripted({ steps: [{ say: "done" }], stubborn: true })
      yield* Effect.addFinalizer(() => Effect.orDie(killAgents(subject)))
      const first = yield* startWorker(acp(subject, "--grace", "60s"))
      const runId = yield* submit(ports, "run-1", { agent: "coder" })
      yield* until(ports.log.read({ runId }), (entries) =>
        entries.some(({ event }) => RecordedTurns.isRecord(event)),
      )
      yield* first.kill
      expect((yield* ports.runs.get(runId)).status).toBe("running")
      yield* killAgents(subject)

      const second = yield* startWorker(acp(subject))
      yield* eventOf(second, "completed", runId)
      expect(yield* noted(subject, "prompt")).toHaveLength(1)
      expect(yield* noted(subject, "started")).toHaveLength(1)
      expect((yield* ports.runs.get(runId)).metadata).toMatchObject({ acp: { stopReason: "end_turn" } })
      yield* wholeLog(ports, runId)
      expect(yield* textOf(ports, runId)).toBe("done")
    }),
  )

  it.scoped("goes on in the session of its agent when it had not ended", () =>
    Effect.gen(function* () {
      const { ports, startWorker } = yield* setUp
      const subject = yield* Agents.scripted({
        capabilities: { loadSession: true },
        steps: [{ say: "half" }, { hang: true }],
      })
      const first = yield* startWorker(acp(subject))
      const runId = yield* submit(ports, "run-1", { agent: "coder" })
      yield* until(textOf(ports, runId), (text) => text === "half")
      yield* first.kill
      yield* Agents.rewrite(subject, { steps: [{ say: " and half" }] })

      const second = yield* startWorker(acp(subject))
      yield* eventOf(second, "completed", runId)
      const [pid] = yield* noted(subject, "started")
      expect(yield* noted(subject, "loaded")).toEqual([`session-${String(pid)}`])
      expect(yield* noted(subject, "new")).toHaveLength(1)
      const [, again] = yield* noted(subject, "prompt")
      expect(JSON.stringify(again)).toContain("Go on from where you were")
      yield* wholeLog(ports, runId)
      expect(yield* textOf(ports, runId)).toBe("half and half")
    }),
  )

  it.scoped("that has messages to the run gets them again, and the turn before it is not done again", () =>
    Effect.gen(function* () {
      const { ports, startWorker } = yield* setUp
      const [told, heard] = yield* Effect.all([Agents.gate, Agents.gate])
      const subject = yield* Agents.scripted({
        capabilities: { loadSession: true },
        turns: [
          [{ say: "One" }, told.step, { say: ", still. " }, heard.step],
          [{ say: "Tw" }, { hang: true }],
        ],
      })
      const first = yield* startWorker(acp(subject))
      const runId = yield* submit(ports, "run-1", { agent: "coder" })
      yield* until(textOf(ports, runId), (text) => text === "One")
      yield* ports.runs.tell(runId, { parts: [{ type: "text", text: "left" }] })
      yield* told.open
      yield* until(textOf(ports, runId), (text) => text === "One, still. ")
      yield* heard.open
      yield* until(textOf(ports, runId), (text) => text === "One, still. Tw")
      yield* first.kill
      yield* Agents.rewrite(subject, { turns: [[{ say: "o." }]] })

      const second = yield* startWorker(acp(subject))
      yield* eventOf(second, "completed", runId)
      const prompts = (yield* noted(subject, "prompt")).map((prompt) => JSON.stringify(prompt))
      expect(prompts.map((prompt) => prompt.includes("left"))).toEqual([false, true, true])
      expect(prompts[2]).toContain("Go on from where you were")
      expect(new Set(yield* noted(subject, "in")).size).toBe(1)
      yield* wholeLog(ports, runId)
      expect(yield* textOf(ports, runId)).toBe("One, still. Two.")
    }),
  )

  it.scoped("of a remote agent is asked for again, and not the turn before it", () =>
    Effect.gen(function* () {
      const { ports, startWorker } = yield* setUp
      let requests = 0
      const agent = yield* Peer.serve(async ({ begin, finished, input, send, started }) => {
        requests += 1
        begin()
        await send(started)
        if (input.resume === undefined) {
          const interrupts = [{ id: "go", reason: "confirmation" }]
          return send(finished({ outcome: { type: "interrupt", interrupts } }))
        }
        // The first answer to the second turn never comes.
        return requests === 2 ? undefined : send(finished({ result: "done" }))
      })
      const flags = ["--ag-ui", agent.url]
      const first = yield* startWorker(flags)
      const runId = yield* submit(ports, "run-1", { agent: "remote" })
      yield* until(ports.runs.get(runId), ({ status }) => status === "waiting")
      yield* ports.runs.resume(runId, [{ interruptId: "go", status: "resolved" }])
      yield* until(
        Effect.sync(() => requests),
        (count) => count === 2,
      )
      yield* first.kill

      const second = yield* startWorker(flags)
      yield* eventOf(second, "completed", runId)
      expect(agent.calls.map(({ input }) => input.resume?.length ?? 0)).toEqual([0, 1, 1])
      expect((yield* ports.runs.get(runId)).result).toBe("done")
    }),
  )
})
