import { NodeContext } from "@effect/platform-node"
import { expect, layer } from "@effect/vitest"
import { Console, Effect } from "effect"
import * as Bundle from "../checkout/bundle.mjs"
import * as Collector from "./Collector.js"
import { folder, has, json, start } from "./Processes.js"

const module = Effect.promise(() => Bundle.fixture(new URL("fixtures/traced.ts", import.meta.url)))

const submitter = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" }

/** Submits a run over HTTP, as a program does that has a trace. */
const submit = (env: Readonly<Record<"RUNLEASE_URL" | "RUNLEASE_API_KEY", string>>, flags = "01") =>
  Effect.promise(async () => {
    const response = await fetch(`${env.RUNLEASE_URL}/runs`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${env.RUNLEASE_API_KEY}`,
        "content-type": "application/json",
        traceparent: `00-${submitter.traceId}-${submitter.spanId}-${flags}`,
      },
      body: JSON.stringify({ kind: "agent", request: { agent_id: "planner" } }),
    })
    const { run } = (await response.json()) as { readonly run: { readonly run_id: string } }
    return run.run_id
  })

const serve = Effect.fnUntraced(function* (
  cwd: string,
  env: Readonly<Record<string, string>>,
  ...flags: ReadonlyArray<string>
) {
  const server = yield* start(["serve", "--port", "0", "--json", ...flags], { cwd, env })
  const ready = json(yield* server.line(() => true))
  return {
    server,
    env: { RUNLEASE_URL: String(ready["url"]), RUNLEASE_API_KEY: String(ready["api_key"]) },
  }
})

const isAttempt = ({ name }: Collector.Span): boolean => name.startsWith("attempt ")

layer(NodeContext.layer, { excludeTestServices: true })("one trace of a run", (it) => {
  it.scoped("goes over its server, its workers, its child and an attempt that was lost", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const collector = yield* Collector.make
      const { env, server } = yield* serve(cwd, collector.env)
      const settings = { cwd, env: { ...collector.env, ...env } }
      const work = ["worker", "--json", "--lease", "5s", "--module", yield* module]
      const runId = yield* submit(env)

      const first = yield* start(work, settings)
      yield* collector.until(
        ({ spans }) =>
          spans.some(({ name }) => name === "step ask") &&
          spans.some(({ name }) => name === "attempt helper"),
      )
      yield* first.signal("SIGKILL")
      yield* first.ended
      const second = yield* start(work, settings)
      yield* second.line(has({ event: "completed", run_id: runId }))
      for (const process of [second, server]) {
        yield* process.signal("SIGTERM")
        yield* process.ended
      }

      const { keys, spans: all } = yield* collector.received
      const spans = all.filter(({ traceId }) => traceId === submitter.traceId)
      const processes = new Map([
        [String(server.pid), "server"],
        [String(first.pid), "first worker"],
        [String(second.pid), "second worker"],
      ])
      const label = (span: Collector.Span): string | undefined =>
        /^(http|sql|Access|RunLog)\b/.test(span.name)
          ? undefined
          : [
              span.name,
              ...(isAttempt(span) ? [span.attributes["runlease.outcome"]] : []),
              `(${processes.get(span.pid)})`,
              ...(span.links.length > 0 ? [`links to ${span.links.length}`] : []),
            ].join(" ")
      const tree = Collector.treeOf(spans, submitter.spanId, label)
      yield* Console.log(tree.join("\n"))
      expect(tree.join("\n")).toBe(
        [
          "Runs.submit (server)",
          "  attempt planner lease_lapsed (second worker)",
          "    step search (first worker)",
          "    step ask (first worker)",
          "      Leases.spawn (first worker)",
          "        Leases.spawn (server)",
          "          attempt helper completed (first worker)",
          "            Leases.complete (first worker)",
          "              Leases.complete (server)",
          "  attempt planner completed (second worker) links to 1",
          "    Runs.get (second worker)",
          "      Runs.get (server)",
          "    step write (second worker)",
          "    Leases.complete (second worker)",
          "      Leases.complete (server)",
        ].join("\n"),
      )
      // Nothing of the trace is outside of its tree.
      const known = new Set([submitter.spanId, ...spans.map(({ spanId }) => spanId)])
      expect(spans.filter(({ parentSpanId }) => !known.has(parentSpanId ?? ""))).toEqual([])
      const [lost, done] = spans
        .filter(({ name }) => name === "attempt planner")
        .toSorted((a, b) => Number(a.startTimeUnixNano - b.startTimeUnixNano))
      expect(done?.links).toEqual([{ traceId: submitter.traceId, spanId: lost?.spanId }])
      expect(lost?.status.code).toBe(2)
      expect(done?.status.code).toBe(1)
      // The appends of both workers are in the spans of their attempts, and the server's in those.
      const appends = spans.filter(
        ({ name, service }) => name === "RunLog.append" && service === "runlease-server",
      )
      expect(appends.length).toBeGreaterThan(1)
      const byId = new Map(spans.map((span) => [span.spanId, span]))
      expect(
        new Set(appends.map(({ parentSpanId }) => byId.get(byId.get(parentSpanId!)!.parentSpanId!)!.name)),
      ).toEqual(new Set(["attempt planner"]))
      expect(keys).toEqual(new Set(["a secret"]))
    }),
  )

  it.scoped("is not recorded where its submitter does not sample it", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const collector = yield* Collector.make
      const { env, server } = yield* serve(cwd, collector.env)
      const worker = yield* start(["worker", "--json", "--command", "printenv", "--", "TRACEPARENT"], {
        cwd,
        env: { ...collector.env, ...env },
      })
      const runId = yield* submit(env, "00")
      yield* worker.line(has({ event: "completed", run_id: runId }))
      for (const process of [worker, server]) {
        yield* process.signal("SIGTERM")
        yield* process.ended
      }
      const { spans } = yield* collector.received
      expect(spans.length).toBeGreaterThan(0)
      expect(spans.filter(({ traceId }) => traceId === submitter.traceId)).toEqual([])
    }),
  )
})
