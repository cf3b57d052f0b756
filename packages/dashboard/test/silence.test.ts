import { assert, describe, it } from "@effect/vitest"
import * as WorkerContact from "@runlease/core/WorkerContact"
import type * as Json from "@runlease/http/Json"
import { heldRuns, silenceOutcome, untaken } from "../web/src/ui/silence.js"
import { heardFrom, isDrainRequested, silenceOf, slotsOf, stateOf } from "../web/src/ui/workers.js"

const now = Date.parse("2026-11-27T03:00:00.000Z")
const before = (seconds: number) => new Date(now - seconds * 1000).toISOString()

interface Given {
  readonly beat?: { readonly heartbeat_ms?: number }
  readonly heard?: number
  readonly agents?: ReadonlyArray<string> | null
  readonly holds?: number
  readonly status?: string
  readonly drain?: boolean
}

const worker = (
  id: string,
  { agents = null, beat = {}, drain = false, heard = 2, holds = 0, status = "active" }: Given = {},
) =>
  ({
    worker: {
      id,
      project_id: "p",
      implementation_kind: "runlease",
      implementation_display_name: null,
      worker_key: `${id}:1`,
      status,
      drain,
      display_name: null,
      metadata: {
        ...(agents === null ? {} : { agent_ids: agents }),
        runlease: { version: "0.1.0", agents, slots: 4, in_use: holds, ...beat },
      },
      in_flight: holds,
      created_at: before(9000),
      updated_at: before(9000),
      last_heartbeat_at: before(heard),
    },
    next_lease_expires_at: holds === 0 ? null : before(heard - 96),
    renewed_at: holds === 0 ? null : before(heard),
    lost_24h: 0,
  }) as Json.WorkerSummary

const counts = (pending: Readonly<Record<string, number>>): Json.ProjectStatistics["counts"] =>
  Object.entries(pending).map(([agent_id, count]) => ({
    agent_id,
    runs: { pending: count, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0 },
  }))

const held = (agent: string, secondsLeft: number) => ({ agent, expiresAt: now + secondsLeft * 1000 })

describe("the state of a worker", () => {
  it("is silent after as long as the command says, and gone once it can hold no lease", () => {
    const [silent, gone] = [WorkerContact.silentAfterUnnamed / 1000, WorkerContact.goneAfter / 1000]
    assert.strictEqual(stateOf(worker("a", { heard: silent, holds: 1 }), now), "working")
    assert.strictEqual(stateOf(worker("a", { heard: silent }), now), "idle")
    assert.strictEqual(stateOf(worker("a", { heard: silent + 1, holds: 1 }), now), "silent")
    assert.strictEqual(stateOf(worker("a", { heard: silent + 1 }), now), "silent")
    assert.strictEqual(stateOf(worker("a", { heard: gone }), now), "silent")
    assert.strictEqual(stateOf(worker("a", { heard: 301, holds: 1 }), now), "gone")
    assert.strictEqual(stateOf(worker("a", { status: "ended" }), now), "gone")
  })
  it("is silent once its own next heartbeat is late by half", () => {
    const beat = { heartbeat_ms: 10_000 }
    assert.strictEqual(stateOf(worker("a", { heard: 15, beat }), now), "idle")
    assert.strictEqual(stateOf(worker("a", { heard: 17, beat }), now), "silent")
  })
  it("is draining when it is asked to, and when it shuts down", () => {
    const [asked, stopping] = [worker("a", { drain: true, holds: 2 }), worker("a", { status: "draining" })]
    assert.strictEqual(stateOf(asked, now), "draining")
    assert.strictEqual(stateOf(stopping, now), "draining")
    assert.isTrue(isDrainRequested(asked))
    assert.isFalse(isDrainRequested(stopping))
  })
  it("counts from the last heartbeat, as the command does", () => {
    const one = { ...worker("a", { heard: 30, holds: 1 }), renewed_at: before(4) }
    assert.strictEqual(now - heardFrom(one), 30_000)
    assert.strictEqual(silenceOf(one, now), "30 s")
    assert.strictEqual(silenceOf(one, now - 31_000), "0 s")
  })
})

describe("what becomes of the runs of a silent worker", () => {
  const silent = worker("a", { heard: 80, holds: 4, agents: ["coder", "scraper"] })

  it("is that others take them over", () => {
    const text = silenceOutcome(
      silent,
      [held("coder", 12), held("coder", 16)],
      [silent, worker("b")],
      [],
      now,
    )
    assert.strictEqual(text, "Its 2 leases run out in 12 to 16 s. Other workers then take the runs over.")
  })
  it("is that those wait that nobody else takes", () => {
    const workers = [silent, worker("b", { agents: ["coder"] })]
    const runs = [held("coder", 12), held("scraper", 12), held("scraper", 12)]
    assert.strictEqual(
      silenceOutcome(silent, runs, workers, counts({ scraper: 14, coder: 3 }), now),
      "Its 3 leases run out in 12 s. Other workers then take 1 run over. No other worker takes scraper: its 14 pending runs wait.",
    )
    assert.strictEqual(
      silenceOutcome(silent, [held("scraper", -1)], workers, counts({ scraper: 1 }), now),
      "Its lease has run out. No other worker takes scraper: its 1 pending run waits.",
    )
  })
  it("is that pending runs wait which only it would claim", () => {
    const idle = worker("a", { heard: 100, agents: ["coder", "scraper"] })
    assert.strictEqual(
      silenceOutcome(
        idle,
        [],
        [idle, worker("b", { agents: ["coder"] })],
        counts({ scraper: 4, coder: 1, other: 9 }),
        now,
      ),
      "It holds no runs. No other worker takes scraper: its 4 pending runs wait.",
    )
  })
  it("does not count on workers that drain or are silent too", () => {
    const workers = [silent, worker("b", { drain: true, holds: 1 }), worker("c", { heard: 100 })]
    assert.include(
      silenceOutcome(silent, [held("coder", 5)], workers, [], now),
      "No other worker takes coder",
    )
  })
  it("is told from the summary until the runs are read", () => {
    assert.strictEqual(silenceOutcome(silent, undefined, [silent], [], now), "Its 4 leases run out in 16 s.")
    assert.strictEqual(silenceOutcome(worker("a", { heard: 70 }), [], [], [], now), "It holds no runs.")
  })
  it("knows a run's lease from its latest claim", () => {
    const claim = { expires_at: before(-12) }
    const run = { agent_id: "coder", claims: [{ expires_at: null }, claim] } as unknown as Json.RunSummary
    assert.deepStrictEqual(heldRuns([run, { ...run, claims: [] }]), [held("coder", 12)])
  })
})

describe("pending runs that nobody takes", () => {
  it("are those of agents that no worker here takes", () => {
    const pending = counts({ coder: 2, writer: 1, scraper: 5, reviewer: 0 })
    assert.deepStrictEqual(untaken(pending, [worker("b", { agents: ["coder"] })], now), [
      { agent: "scraper", pending: 5 },
      { agent: "writer", pending: 1 },
    ])
    assert.deepStrictEqual(untaken(pending, [worker("b")], now), [])
    assert.lengthOf(untaken(pending, [worker("b", { heard: 4000 })], now), 3)
    assert.lengthOf(untaken(pending, [worker("b", { drain: true, holds: 1 })], now), 3, "it claims none")
    assert.lengthOf(untaken(pending, [worker("b", { heard: 70 })], now), 0, "its own notice tells of them")
  })
})

describe("slots", () => {
  it("add up over the workers that tell them", () => {
    const foreign = worker("f", { holds: 3 })
    const silentOne = { ...foreign, worker: { ...foreign.worker, metadata: null } }
    assert.deepStrictEqual(slotsOf([worker("a", { holds: 3 }), worker("b"), silentOne]), {
      slots: 8,
      used: 3,
    })
  })
})
