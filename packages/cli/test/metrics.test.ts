import { describe, expect, it, layer } from "@effect/vitest"
import { WorkerMetrics } from "@runlease/core"
import { ServerMetrics } from "@runlease/http"
import { StoreMetrics } from "@runlease/store"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import Prometheus, { type PromMetrics } from "prom2javascript"
import * as ProcessMetrics from "../src/telemetry/ProcessMetrics.js"
import * as QueueDepth from "../src/telemetry/QueueDepth.js"
import * as Collector from "./Collector.js"
import { until } from "./FaultRoom.js"
import * as Receiver from "./webhooks/Receiver.js"
import { folder, has, json, jsonLines, project, run, Served, start } from "./Processes.js"

const all = [
  ...WorkerMetrics.all,
  ...StoreMetrics.all,
  ...ServerMetrics.all,
  ...ProcessMetrics.all,
  ...QueueDepth.all,
  ...QueueDepth.limitMeters,
  ...QueueDepth.messageMeters,
]

/** What Prometheus reads at an address. */
const scrape = (address: string): Effect.Effect<PromMetrics> =>
  Effect.promise(async () => {
    const response = await fetch(address)
    expect(response.headers.get("content-type")).toContain("text/plain; version=0.0.4")
    return Prometheus.getMetricsFromIterator((await response.text()).split("\n")[Symbol.iterator]())
  })

const valueOf = (metrics: PromMetrics, name: string, labels: Readonly<Record<string, string>> = {}) =>
  metrics[name]?.data.flatMap((sample) => {
    const same = Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
    return same ? ["count" in sample ? sample.count : "value" in sample ? sample.value : undefined] : []
  })[0]

describe("the documentation of the metrics", () => {
  it("has each of them, with its kind, its unit and its labels", () => {
    const documented = readFileSync(new URL("../../../docs/telemetry.md", import.meta.url), "utf8")
    for (const { kind, labels = [], name, unit } of all) {
      const row = documented.split("\n").find((line) => line.startsWith(`| \`${name}\``))
      expect(
        row
          ?.split("|")
          .slice(2, 5)
          .map((cell) => cell.trim()),
      ).toEqual([kind, unit.startsWith("{") ? "" : unit, labels.map((label) => `\`${label}\``).join(", ")])
    }
  })

  it("has no others", () => {
    const documented = readFileSync(new URL("../../../docs/telemetry.md", import.meta.url), "utf8")
    const names = Array.from(documented.matchAll(/^\| `(runlease_\w+)`/gm), ([, name]) => name)
    expect(names.toSorted()).toEqual(all.map(({ name }) => name).toSorted())
  })
})

/**
 * The name that the collector's exporter for Prometheus gives a metric: a unit that the name does not have, `total` for a counter, and
 * `ratio` for a gauge of the unit 1. A unit in braces is none.
 *
 * Source: pkg/translator/prometheus of opentelemetry-collector-contrib, `normalizeName`
 */
const nameAtCollector = ({ kind, name, unit }: (typeof all)[number]): string => {
  const words: Readonly<Record<string, string>> = { s: "seconds", By: "bytes" }
  const tokens = name.split("_")
  const word = words[unit]
  if (word !== undefined && !tokens.includes(word)) tokens.push(word)
  const others = tokens.filter((token) => token !== "total" && token !== "ratio")
  const isRatio = kind === "gauge" && !(unit in words) && !unit.startsWith("{")
  return [...others, ...(kind === "counter" ? ["total"] : []), ...(isRatio ? ["ratio"] : [])].join("_")
}

it("a collector gives each metric the name that it has here", () => {
  expect(all.map(nameAtCollector)).toEqual(all.map(({ name }) => name))
})

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0

/** What `promtool check metrics` finds wrong with a page. */
const problemsOf = (page: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const input = await (await fetch(page)).text()
    const { status, stderr, stdout } = spawnSync("promtool", ["check", "metrics"], {
      input,
      encoding: "utf8",
    })
    return status === 0 ? "" : `${stdout}${stderr}`
  })

layer(Served.layerWith("--metrics"), { excludeTestServices: true })("metrics and logs", (suite) => {
  suite.scoped("of a server are on a port of their own, which has nothing else", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const server = yield* start(
        ["serve", "--port", "0", "--json", "--metrics-port", "0", "--log-format", "json"],
        { cwd },
      )
      const url = String(json(yield* server.line(() => true))["url"])
      const announced = json(yield* server.errorLine((line) => line.includes("/metrics")))
      const page = new URL(String(announced["message"]).replace(/^.* /, ""))
      expect(page.port).not.toBe(new URL(url).port)
      const metrics = yield* scrape(page.href)
      expect(valueOf(metrics, "runlease_process_resident_memory_bytes")).toBeGreaterThan(1e7)
      const statuses = yield* Effect.forEach(
        [`${url}/metrics`, `${url}/healthz`, `${page.origin}/healthz`, `${page.origin}/projects`],
        (address) => Effect.promise(() => fetch(address).then(({ status }) => status)),
      )
      expect(statuses).toEqual([404, 200, 404, 404])
    }),
  )

  suite.scoped("of a server and a worker are what Prometheus reads, and their logs are JSON", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const collector = yield* Collector.make
      const server = yield* start(
        ["serve", "--port", "0", "--json", "--metrics", "--log-requests", "--log-format", "json"],
        { cwd, env: collector.env },
      )
      const ready = json(yield* server.line(() => true))
      const url = String(ready["url"])
      const key = String(ready["api_key"])
      const env = { RUNLEASE_URL: url, RUNLEASE_API_KEY: key }
      const worker = yield* start(
        [
          "worker",
          "--json",
          "--metrics-port",
          "0",
          "--log-format",
          "json",
          "--command",
          "echo",
          "--",
          "hello",
        ],
        { cwd, env },
      )
      const announced = json(yield* worker.errorLine((line) => line.includes("/metrics")))
      const workerPage = String(announced["message"]).replace(/^.* /, "")

      // Before anything has happened, so that the first of each is an increase.
      const untouched = {
        server: yield* scrape(`${url}/metrics`),
        worker: yield* until(
          scrape(workerPage),
          (metrics) => valueOf(metrics, "runlease_worker_claims_total") !== undefined,
        ),
      }
      expect(
        [
          ["runlease_store_submitted_total"],
          ["runlease_store_claimed_total"],
          ["runlease_store_pickup_seconds"],
          ["runlease_store_claims_ended_total", { reason: "lease_expired" }],
          ["runlease_store_ended_total", { status: "failed" }],
        ].map(([name, labels]) =>
          valueOf(untouched.server, name as string, labels as Record<string, string>),
        ),
      ).toEqual([0, 0, 0, 0, 0])
      expect(
        [
          ["runlease_worker_renewal_failures_total"],
          ["runlease_worker_leases_lost_total", { reason: "lost" }],
          ["runlease_worker_runs_total", { outcome: "completed" }],
        ].map(([name, labels]) =>
          valueOf(untouched.worker, name as string, labels as Record<string, string>),
        ),
      ).toEqual([0, 0, 0])

      yield* run(["submit", "--agent", "echo", "--watch", "hi"], { cwd, env })
      yield* worker.line(has({ event: "completed" }))

      const ofWorker = yield* until(
        scrape(workerPage),
        (metrics) => valueOf(metrics, "runlease_worker_runs_total", { outcome: "completed" }) === 1,
      )
      expect(ofWorker["runlease_worker_runs_total"]?.type).toBe("counter")
      expect(valueOf(ofWorker, "runlease_worker_claimed_runs_total")).toBe(1)
      expect(valueOf(ofWorker, "runlease_worker_pickup_seconds")).toBe(1)
      expect(valueOf(ofWorker, "runlease_worker_executor_seconds")).toBe(1)
      expect(valueOf(ofWorker, "runlease_worker_events_total")).toBeGreaterThan(0)
      expect(valueOf(ofWorker, "runlease_worker_runs_in_flight")).toBe(0)

      // The queue is looked at every few seconds.
      const ofServer = yield* until(
        scrape(`${url}/metrics`),
        (metrics) =>
          valueOf(metrics, "runlease_store_runs", { status: "completed", project: "default" }) === 1,
      )
      expect(valueOf(ofServer, "runlease_store_ended_total", { status: "completed" })).toBe(1)
      expect(valueOf(ofServer, "runlease_store_submitted_total")).toBe(1)
      expect(valueOf(ofServer, "runlease_store_claimed_total")).toBe(1)
      expect(valueOf(ofServer, "runlease_store_pickup_seconds")).toBe(1)
      expect(valueOf(ofServer, "runlease_store_commit_requests")).toBe(
        valueOf(ofServer, "runlease_store_commits_total"),
      )
      expect(valueOf(ofServer, "runlease_store_waiting_claims")).toBe(1)
      // The worker follows its signals.
      expect(valueOf(ofServer, "runlease_server_requests_total", { status: "202" })).toBe(1)
      expect(valueOf(ofServer, "runlease_process_resident_memory_bytes")).toBeGreaterThan(1e7)
      if (hasPromtool) {
        expect(yield* problemsOf(`${url}/metrics`)).toBe("")
        expect(yield* problemsOf(workerPage)).toBe("")
      }
      for (const { data } of Object.values(ofServer)) {
        for (const { labels } of data) expect(labels).not.toHaveProperty("unit")
      }

      // The same go to the collector, with their units.
      const { metrics } = yield* collector.until(({ metrics: received }) =>
        received.has("runlease_store_runs"),
      )
      expect(metrics.get("runlease_store_runs")).toBe("{run}")
      expect(metrics.get("runlease_store_pickup_seconds")).toBe("s")
      expect(metrics.get("runlease_process_resident_memory_bytes")).toBe("By")

      yield* Effect.promise(() =>
        fetch(`${url}/runs/none?token=secret`, {
          headers: { authorization: `Bearer ${key}`, "x-request-id": "from-a-proxy" },
        }),
      )
      yield* worker.signal("SIGTERM")
      yield* worker.ended
      yield* server.signal("SIGTERM")
      const { stderr } = yield* server.ended
      const lines = jsonLines(stderr)
      expect(lines).toContainEqual(
        expect.objectContaining({
          level: "info",
          message: "request",
          method: "GET",
          path: "/runs/none",
          status: 404,
          request_id: "from-a-proxy",
          caller: expect.stringMatching(/^key /),
          ms: expect.any(Number),
          trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
          span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
        }),
      )
      expect(lines.some(({ caller }) => String(caller).startsWith("worker "))).toBe(true)
      expect(stderr).not.toContain("secret")
      expect(stderr).not.toContain(key)
    }),
  )

  suite.scoped("count what became of the messages of webhooks, and how long they took", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const server = yield* start(["serve", "--port", "0", "--json", "--metrics"], {
        cwd,
        env: { RUNLEASE_WEBHOOK_ALLOW: "127.0.0.1" },
      })
      const ready = json(yield* server.line(() => true))
      const page = `${String(ready["url"])}/metrics`
      const env = { RUNLEASE_URL: String(ready["url"]), RUNLEASE_API_KEY: String(ready["api_key"]) }
      const webhooks = (...args: ReadonlyArray<string>) =>
        Effect.map(run(["webhooks", ...args, "--json"], { cwd, env }), ({ stdout }) => json(stdout))
      const attempts = (metrics: PromMetrics) =>
        ["delivered", "failed", "dead"].map((result) =>
          valueOf(metrics, "runlease_webhook_attempts_total", { result }),
        )
      const untilAttempts = (...counts: ReadonlyArray<number>) =>
        until(scrape(page), (metrics) => attempts(metrics).join() === counts.join())
      yield* untilAttempts(0, 0, 0)

      let fails = false
      const receiver = yield* Receiver.make(() => (fails ? 0 : 1))
      const { id } = yield* webhooks("create", receiver.url, "--event", "run.failed")
      yield* webhooks("test", String(id))
      const delivered = yield* untilAttempts(1, 0, 0)
      expect(valueOf(delivered, "runlease_webhook_delivery_seconds")).toBe(1)
      fails = true
      const { id: message } = yield* webhooks("test", String(id))
      yield* untilAttempts(1, 1, 0)
      yield* webhooks("update", String(id), "--disable")
      yield* webhooks("retry", String(message))
      const dead = yield* untilAttempts(1, 1, 1)
      expect(valueOf(dead, "runlease_webhook_delivery_seconds")).toBe(1)
      yield* until(scrape(page), (metrics) => valueOf(metrics, "runlease_webhook_due_messages") === 0)
    }),
  )

  suite.scoped("count the ticks of schedules, how late they are, and those that begin no run", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const url = env.RUNLEASE_URL
      const skipped = (metrics: PromMetrics, reason: string) =>
        valueOf(metrics, "runlease_schedule_skipped_total", { reason })
      const before = yield* scrape(`${url}/metrics`)
      expect(valueOf(before, "runlease_schedule_ticks_total")).toBe(0)
      expect(valueOf(before, "runlease_schedule_lateness_seconds")).toBe(0)
      expect([skipped(before, "missed"), skipped(before, "overlap")]).toEqual([0, 0])

      // No worker ends the first run, so each later tick is skipped.
      yield* run(["schedules", "create", "Seconds", "--agent", "absent", "--schedule", "every 1s"], {
        cwd,
        env,
      })
      const after = yield* until(
        scrape(`${url}/metrics`),
        (metrics) => (skipped(metrics, "overlap") ?? 0) >= 2,
      )
      expect(valueOf(after, "runlease_schedule_ticks_total")).toBe(1)
      expect(valueOf(after, "runlease_schedule_lateness_seconds")).toBe(1)
      expect(skipped(after, "missed")).toBe(0)
    }),
  )

  suite.scoped("count the runs of limits by their names, and how long they waited for their places", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      yield* run(["limits", "set", "gpu", "--max-running", "1"], { cwd, env })
      for (const flags of [
        ["--limit", "gpu=eu"],
        ["--limit", "gpu=us"],
        ["--limit", "gpu=us"],
        ["--concurrency-key", "a", "--concurrency-limit", "1"],
        ["--concurrency-key", "b", "--concurrency-limit", "1"],
      ]) {
        yield* run(["submit", "--agent", "absent", ...flags, "hi"], { cwd, env })
      }
      const counts = (metrics: PromMetrics, kind: string, limit: string) =>
        ["running", "open", "waiting"].map((state) =>
          valueOf(metrics, "runlease_limit_runs", { project: env.RUNLEASE_PROJECT, kind, limit, state }),
        )
      const metrics = yield* until(
        scrape(`${env.RUNLEASE_URL}/metrics`),
        (found) => counts(found, "named", "gpu")[2] === 1 && counts(found, "concurrency_key", "")[1] === 2,
      )
      expect(counts(metrics, "named", "gpu")).toEqual([0, 2, 1])
      expect(counts(metrics, "concurrency_key", "")).toEqual([0, 2, 0])
      expect(metrics["runlease_limit_runs"]?.data.length).toBe(6)
      const letIn = (kind: string, limit: string) =>
        valueOf(metrics, "runlease_limit_wait_seconds", { kind, limit })
      expect([letIn("named", "gpu"), letIn("concurrency_key", "")]).toEqual([2, 2])
    }),
  )

  suite.scoped("of a run have its ids, its attempt and its worker", () =>
    Effect.gen(function* () {
      const { cwd, env } = yield* project
      const traceId = "0af7651916cd43dd8448eb211c80319c"
      yield* run(["submit", "--id", "run-1", "--agent", "throws", "hi"], {
        cwd,
        env: { ...env, TRACEPARENT: `00-${traceId}-b7ad6b7169203331-01` },
      })
      const module = `${cwd}/throws.mjs`
      yield* Effect.sync(() => writeFileSync(module, "export default () => { throw new Error('broken') }"))
      const worker = yield* start(["worker", "--json", "--log-format", "json", "--module", module], {
        cwd,
        env,
      })
      const registered = json(yield* worker.line(has({ event: "registered" })))
      const logged = json(yield* worker.errorLine((line) => line.includes("broken")))
      expect(logged).toMatchObject({
        level: "error",
        run_id: "run-1",
        attempt: 1,
        worker_id: registered["worker_id"],
        trace_id: traceId,
        span_id: "b7ad6b7169203331",
        error: expect.stringContaining("broken"),
      })
    }),
  )

  suite.scoped("are all in JSON where the log is: events, lines of programs, and why a process ends", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const asked = { RUNLEASE_LOG_FORMAT: "json" }
      const server = yield* start(["serve", "--port", "0"], { cwd, env: asked })
      const ready = json(yield* server.line(() => true))
      const env = { RUNLEASE_URL: String(ready["url"]), RUNLEASE_API_KEY: String(ready["api_key"]) }
      const missing = yield* Effect.promise(() => fetch(`${env.RUNLEASE_URL}/metrics`))
      expect(missing.status).toBe(404)
      const worker = yield* start(
        [
          "worker",
          "--log-format",
          "json",
          "--command",
          "sh",
          "--",
          "-c",
          "echo from the program >&2; echo done",
        ],
        { cwd, env },
      )
      yield* run(["submit", "--agent", "any", "--watch", "hi"], { cwd, env })
      yield* worker.line(has({ event: "completed" }))
      yield* worker.signal("SIGTERM")
      const ended = yield* worker.ended
      for (const stream of [ended.stdout, ended.stderr]) jsonLines(stream)
      expect(ended.stdout).toContain("from the program")
      for (const args of [
        ["worker", "--log-format", "json", "--command", "echo"],
        ["serve", "--port", new URL(env.RUNLEASE_URL).port],
      ]) {
        const refused = yield* run(args, { cwd, env: { ...asked, ...env, RUNLEASE_API_KEY: "rlk_wrong" } })
        expect(refused.code).not.toBe(0)
        const lines = jsonLines(refused.stderr)
        expect(lines.at(-1)).toMatchObject({ level: "error", message: expect.any(String) })
      }
      // Other commands speak to people.
      const text = yield* run(["runs", "get", "none"], { cwd, env: { ...asked, ...env } })
      expect(text.stderr).toMatch(/^Error: /)
    }),
  )

  suite.scoped("are refused settings that mean nothing", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const refused = (env: Readonly<Record<string, string>>) => run(["serve", "--port", "0"], { cwd, env })
      const endpoint = yield* refused({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" })
      expect(endpoint.stderr).toContain("OTEL_EXPORTER_OTLP_ENDPOINT takes a URL")
      expect(endpoint.code).toBe(64)
      const protocol = yield* refused({
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      })
      expect(protocol.stderr).toContain("OTEL_EXPORTER_OTLP_PROTOCOL")
      expect(protocol.code).toBe(64)
      const metrics = yield* refused({ RUNLEASE_METRICS: "perhaps" })
      expect(metrics.stderr).toContain("RUNLEASE_METRICS")
      expect(metrics.code).toBe(64)
    }),
  )
})
