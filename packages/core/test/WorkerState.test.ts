import { describe, expect, it } from "@effect/vitest"
import { Ids, type WorkerRegistry, WorkerState } from "@runlease/core"
import { DateTime } from "effect"

const at = (seconds: number) => DateTime.unsafeMake(seconds * 1000)

const worker = (fields: Partial<WorkerRegistry.RegisteredWorker> = {}): WorkerRegistry.RegisteredWorker => ({
  id: Ids.WorkerId.make("01a2149e-3d0b-746a-bb4b-376e2f2c037e"),
  projectId: Ids.ProjectId.make("01a2149e-3d0b-746a-bb4b-376e2f2c037f"),
  implementationKind: "runlease",
  implementationDisplayName: null,
  workerKey: "one",
  version: null,
  status: "active",
  displayName: null,
  metadata: null,
  drain: false,
  inFlight: 0,
  createdAt: at(0),
  updatedAt: at(100),
  lastHeartbeatAt: null,
  ...fields,
})

describe("WorkerState", () => {
  const cases: ReadonlyArray<
    readonly [string, Partial<WorkerRegistry.RegisteredWorker>, number, WorkerState.WorkerState]
  > = [
    ["one that has registered and sent no heartbeat yet", {}, 101, "idle"],
    ["one that holds runs", { inFlight: 2 }, 101, "working"],
    ["one whose runs are not counted", { inFlight: null }, 101, "idle"],
    ["one that drains", { status: "draining", inFlight: 2 }, 101, "draining"],
    ["one whose operator asks it to claim no more", { drain: true, inFlight: 2 }, 101, "draining"],
    ["one that has ended", { status: "ended" }, 101, "gone"],
    ["one at its last moment of contact", { inFlight: 1 }, 175, "working"],
    ["one without contact since", { inFlight: 1 }, 176, "silent"],
    [
      "one at one and a half of its heartbeats",
      { metadata: { runlease: { heartbeat_ms: 10_000 } } },
      115,
      "idle",
    ],
    ["one that is later", { metadata: { runlease: { heartbeat_ms: 10_000 } }, inFlight: 1 }, 116, "silent"],
    ["one that drained and is without contact", { status: "draining" }, 176, "silent"],
    ["one whose heartbeat is newer", { lastHeartbeatAt: at(300), updatedAt: at(100) }, 301, "idle"],
    ["one without contact for the longest lease", {}, 400, "silent"],
    ["one without contact for longer", { inFlight: 1 }, 401, "gone"],
    ["one of a store whose clock is ahead", {}, 20, "idle"],
    ["one with a status of another control plane", { status: "online" }, 101, "idle"],
  ]
  for (const [name, fields, now, state] of cases) {
    it(`${name} is ${state}`, () => {
      expect(WorkerState.of(worker(fields), at(now))).toBe(state)
    })
  }

  const agentId = Ids.AgentId.make("writer")
  const routes: ReadonlyArray<
    readonly [string, Partial<WorkerRegistry.RegisteredWorker>, string | null, string | null, boolean]
  > = [
    ["of any agent, kind and key", {}, null, null, true],
    ["of an agent that it names", { metadata: { agent_ids: ["writer"] } }, null, null, true],
    ["of an agent that it does not name", { metadata: { agent_ids: ["reader"] } }, null, null, false],
    ["of its kind and key", {}, "runlease", "one", true],
    ["of another kind", {}, "other", null, false],
    ["of another key", {}, "runlease", "two", false],
  ]
  for (const [name, fields, implementationKind, workerKey, expected] of routes) {
    it(`a run ${name} is ${expected ? "" : "not "}for a worker`, () => {
      expect(WorkerState.canClaim(worker(fields), { agentId, implementationKind, workerKey })).toBe(expected)
    })
  }
})
