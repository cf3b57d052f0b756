import { expect, layer } from "@effect/vitest"
import { Ids, Interrupt, Leases, RunLog, Runs, WorkerRegistry } from "@runlease/core"
import { Effect } from "effect"
import { begun, connect, counter, eventOf, startWorker, submit, until } from "./FaultRoom.js"
import * as Hand from "./Hand.js"
import { type Env, json, project, run, Served } from "./Processes.js"

/** What the command says of a run, as a person and as a program read it. */
const explain = (runId: string, settings: { readonly cwd: string; readonly env: Env }) =>
  Effect.gen(function* () {
    const text = yield* run(["runs", "explain", runId], settings)
    expect([text.code, text.stderr]).toEqual([0, ""])
    const { moments, waits_for } = json(
      (yield* run(["runs", "explain", runId, "--json"], settings)).stdout,
    ) as unknown as {
      readonly moments: ReadonlyArray<{ readonly event: string; readonly worker_name: string | null }>
      readonly waits_for: ReadonlyArray<{ readonly kind: string; readonly text: string }>
    }
    return {
      text: text.stdout,
      events: moments.map(({ event, worker_name }) => [event, worker_name]),
      kinds: waits_for.map(({ kind }) => kind),
    }
  })

layer(Served.layer, { excludeTestServices: true })("runs explain", (it) => {
  it.scoped("says that a killed worker lost the run, who took it over, and how it ended", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const settings = { cwd, env }
      const ports = yield* connect(env)
      const program = yield* counter(cwd, { upTo: "attempt === 1 ? Infinity : 3", every: 20 })
      const alpha = yield* startWorker(settings, program, "--lease", "5s", "--key", "alpha")
      const runId = yield* submit(ports, "run-1")
      yield* begun(ports, runId)
      expect((yield* explain(runId, settings)).kinds).toEqual(["working"])
      yield* alpha.signal("SIGKILL")
      yield* alpha.ended
      const beta = yield* startWorker(settings, program, "--lease", "5s", "--key", "beta")
      yield* eventOf(beta, "completed", runId)

      const { events, kinds, text } = yield* explain(runId, settings)
      expect(events).toEqual([
        ["submitted", null],
        ["claimed", "alpha"],
        ["lease_expired", "alpha"],
        ["claimed", "beta"],
        ["completed", "beta"],
      ])
      expect(kinds).toEqual([])
      expect(text).toMatch(/Worker alpha claimed it \(attempt 1 of 3\), [\d.]+ m?s after it was submitted\./)
      expect(text).toMatch(/The lease of worker alpha lapsed: .+ Nothing has come from alpha since/)
      expect(text).toMatch(
        /Worker beta took over \(attempt 2 of 3\), [\d.]+ m?s after the lease had lapsed\./,
      )
      expect(text).toMatch(/It completed at worker beta, .+ after it was submitted\./)
    }),
  )

  it.scoped("and the list of workers say how many runs of a worker wait for a slot", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const runId = yield* Hand.withPorts(settings.env)(
        Effect.gen(function* () {
          const { ref, workerId } = yield* Effect.flatMap(Hand.submit("ahead-1"), Hand.claim)
          const registry = yield* WorkerRegistry.WorkerRegistry
          yield* registry.heartbeat(workerId, "active", Hand.metadata(1, { ahead: 2 }))
          return ref.runId
        }),
      )
      expect((yield* explain(runId, settings)).text).toContain("2 runs of that worker waited for a slot")
      const listed = yield* run(["workers", "list"], settings)
      expect(listed.stdout).toMatch(/by-hand .*\d+, 2 claimed ahead/)
    }),
  )

  it.scoped(
    "has the account of a worker that lost its lease and lives, and the reason of one that gave up",
    () =>
      Effect.gen(function* () {
        const settings = yield* project
        const lost = yield* Hand.withPorts(settings.env)(
          Effect.gen(function* () {
            const runId = yield* Hand.submit("lost-1")
            const { ref, workerId } = yield* Hand.claim(runId)
            const runs = yield* Runs.Runs
            yield* until(runs.get(runId), ({ status }) => status === "pending")
            const loss = {
              run_id: runId,
              lease_epoch: ref.epoch,
              reason: "expired",
              at: 0,
              failed_renewals: 4,
              failure: "The network is gone",
            }
            const again = yield* Hand.claim(runId)
            const registry = yield* WorkerRegistry.WorkerRegistry
            yield* registry.heartbeat(workerId, "active", Hand.metadata(1, { losses: [loss] }))
            const leases = yield* Leases.Leases
            yield* leases.release(again.ref, {
              countAttempt: true,
              reason: "out of paper",
              delay: "1 hour",
            })
            return runId
          }),
        )
        const { events, kinds, text } = yield* explain(lost, settings)
        expect(events.map(([event]) => event)).toEqual([
          "submitted",
          "claimed",
          "lease_expired",
          "claimed",
          "retry",
        ])
        expect(text).toContain("4 renewals had failed, the last one with: The network is gone")
        expect(text).toContain("The same worker, by-hand, claimed it again (attempt 2 of 3)")
        expect(text).toMatch(/Attempt 2 failed at worker by-hand .+ Its reason: out of paper/)
        expect(kinds).toEqual(["delayed"])
        expect(text).toMatch(/It is delayed until .+, for 59 min/)
      }),
  )

  it.scoped("says what a run waits for: a worker, the run before it, an answer, a message", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const submitted = yield* run(["submit", "--agent", "nobody", "--id", "none-1", "--json", "x"], settings)
      const conversation = String(json(submitted.stdout)["conversation_id"])
      const none = yield* explain("none-1", settings)
      expect(none.kinds).toEqual(["no_worker"])
      expect(none.text).toContain("Start one: runlease worker --agent nobody")
      yield* run(
        ["submit", "--agent", "nobody", "--id", "none-2", "--conversation", conversation, "y"],
        settings,
      )
      const behind = yield* explain("none-2", settings)
      expect(behind.kinds).toEqual(["behind"])
      expect(behind.text).toContain("It is behind run none-1 (pending), the first of its conversation")
      expect(behind.text).toContain("runlease runs explain none-1")

      yield* Hand.withPorts(settings.env)(
        Effect.gen(function* () {
          const leases = yield* Leases.Leases
          const asking = yield* Hand.claim(yield* Hand.submit("asking-1"))
          const question = { ...Interrupt.ofToolCall("call-1", "pay"), message: "Pay the bill?" }
          yield* leases.suspend(asking.ref, { interrupts: [question] })
          const approved = yield* Hand.claim(yield* Hand.submit("approved-1"))
          const approval = { id: "refund", reason: "confirmation", message: "Refund it?" }
          yield* leases.suspend(approved.ref, { interrupts: [approval] })
          const told = yield* Hand.claim(yield* Hand.submit("told-1"))
          yield* leases.suspend(told.ref, { inbox: 0 })
        }),
      )
      const asking = yield* explain("asking-1", settings)
      expect(asking.events.at(-1)).toEqual(["suspended", "by-hand"])
      expect(asking.text).toContain('It asked for "Pay the bill?" and let worker by-hand go')
      expect(asking.kinds).toEqual(["question"])
      expect(asking.text).toContain("Answer: runlease resume asking-1")
      yield* run(["resume", "approved-1", "--approve"], settings)
      const approved = yield* explain("approved-1", settings)
      expect(approved.events.map(([event]) => event)).toEqual([
        "submitted",
        "claimed",
        "suspended",
        "answered",
      ])
      expect(approved.text).toMatch(/API key [\w-]+ answered refund \(approved\)\./)
      const told = yield* explain("told-1", settings)
      expect(told.text).toContain("It began to wait for a message and let worker by-hand go")
      expect(told.kinds).toEqual(["message"])

      yield* run(["runs", "cancel", "none-1"], settings)
      const cancelled = yield* explain("none-1", settings)
      expect([cancelled.events.at(-1), cancelled.kinds]).toEqual([["cancelled", null], []])
      expect(cancelled.text).toMatch(/It was cancelled by API key [\w-]+ while no worker ran it/)
      const missing = yield* run(["runs", "explain", "nothing"], settings)
      expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("nothing")])
    }),
  )

  it.scoped("says when a limit of time ends a run that was submitted with one", () =>
    Effect.gen(function* () {
      const settings = yield* project
      const get = Effect.map(run(["runs", "get", "limited-1", "--json"], settings), ({ stdout }) =>
        json(stdout),
      )
      const submitted = yield* run(
        ["submit", "--agent", "hand", "--id", "limited-1", "--ttl", "10m", "--timeout", "1h", "hello"],
        settings,
      )
      expect([submitted.code, submitted.stdout.trim()]).toEqual([0, "limited-1"])
      const pending = yield* get
      expect(pending).toMatchObject({ ttl_seconds: 600, timeout_seconds: 3600, timeout_at: null })
      const startsBy = Date.parse(String(pending["created_at"])) + 600_000
      expect(pending["start_by"]).toBe(new Date(startsBy).toISOString())
      const waiting = yield* explain("limited-1", settings)
      expect(waiting.text).toMatch(/Without a claim it is cancelled at .+, in (10 min|9 min \d+ s)\./)

      yield* Hand.withPorts(settings.env)(Hand.claim(Ids.RunId.make("limited-1")))
      const running = yield* get
      expect(running).toMatchObject({ start_by: null, timeout_at: expect.any(String) })
      const working = yield* explain("limited-1", settings)
      expect(working.text).toMatch(/It reaches its timeout at .+, after 59 min \d+ s of further work\./)
    }),
  )

  it.scoped("says what a run waits for: a time, its children, a budget, a slot, its submitter", () =>
    Effect.gen(function* () {
      const settings = yield* project
      yield* Hand.withPorts(settings.env)(
        Effect.gen(function* () {
          const leases = yield* Leases.Leases
          const log = yield* RunLog.RunLog
          const runs = yield* Runs.Runs
          const sleeping = yield* Hand.claim(yield* Hand.submit("sleeping-1"))
          yield* leases.suspend(sleeping.ref, { wakeAfter: "1 hour" })

          const parent = yield* Hand.claim(yield* Hand.submit("parent-1"))
          const submission = { agentId: Ids.AgentId.make("nobody"), publicId: "child-1" }
          yield* leases.spawn(parent.ref, { stepId: "step-1", name: "look", submission })
          yield* leases.suspend(parent.ref, { children: [[0]] })

          const spent = yield* Hand.claim(yield* Hand.submit("spent-1", { budget: { cost: 1 } }))
          const usage = { type: "CUSTOM", name: "runlease.usage", value: { cost: 2 } }
          yield* log.append({ runId: spent.ref.runId, fence: spent.ref, events: [usage] })
          yield* leases.suspend(spent.ref, { budget: true })

          yield* runs.submit({
            agentId: Ids.AgentId.make("hand"),
            publicId: Ids.RunId.make("driven-1"),
            initialStatus: "running",
          })

          const back = yield* Hand.claim(yield* Hand.submit("back-1"))
          const ends = [
            { type: "STEP_STARTED", stepName: "parse" },
            { type: "STEP_FINISHED", stepName: "parse", error: { message: "not JSON" } },
            { type: "STEP_STARTED", stepName: "read" },
            { type: "STEP_FINISHED", stepName: "read" },
          ]
          yield* log.append({ runId: back.ref.runId, fence: back.ref, events: ends })
          yield* leases.release(back.ref, { reason: "going home" })
        }),
      )
      const sleeping = yield* explain("sleeping-1", settings)
      expect(sleeping.kinds).toEqual(["time"])
      expect(sleeping.text).toMatch(/It began to wait until .+ and let worker by-hand go/)
      expect(sleeping.text).toMatch(/It sleeps until .+, for 59 min/)

      const parent = yield* explain("parent-1", settings)
      expect(parent.kinds).toEqual(["children"])
      expect(parent.text).toContain("It began to wait for its children and let worker by-hand go")
      expect(parent.text).toContain("1 of them is open: child-1 (nobody)")
      expect(parent.text).toContain("runlease runs explain child-1")
      expect((yield* explain("child-1", settings)).text).toContain("run parent-1 is above it")

      const spent = yield* explain("spent-1", settings)
      expect(spent.text).toContain("budget")

      const driven = yield* explain("driven-1", settings)
      expect(driven.kinds).toEqual(["driven"])
      expect(driven.text).toContain("Its submitter executes it, without a worker")

      const back = yield* explain("back-1", settings)
      expect(back.kinds).toEqual(["queued"])
      expect(back.events.map(([event]) => event)).toEqual(["submitted", "claimed", "step_failed", "released"])
      expect(back.text).toContain("Step parse failed: not JSON.")
      expect(back.text).toMatch(/Worker by-hand handed it back .+ does not count. Its reason: going home/)
      expect(back.text).toMatch(
        /It waits for a free slot\. .+ 1 worker may take it: by-hand \(0 of 1 slots in use\)/,
      )
    }),
  )
})
