/** Where this process spends its CPU: samples of the profiler, grouped by the package of the code. */
import { Effect, type Scope } from "effect"
import { type Profiler, Session } from "node:inspector/promises"

export interface Group {
  readonly name: string
  /** Milliseconds in this code, without its callees. */
  readonly self: number
}

/** The same samples by owner of the code and by function, in descending order. */
export interface Profile {
  readonly owners: ReadonlyArray<Group>
  readonly functions: ReadonlyArray<Group>
}

type Node = Profiler.ProfileNode

/** The first pattern that matches the URL of a frame names its owner. */
const owners: ReadonlyArray<readonly [pattern: RegExp, name: string]> = [
  [/packages\/(\w[\w-]*)\/(?:src|dist)\/(.+)\.[jt]s$/, "ours: $1/$2"],
  [/\/bench\/src\//, "this benchmark"],
  [/sql-sqlite-node|better-sqlite3/, "better-sqlite3 and SQLite"],
  [/node_modules\/(?:pg|pg-[\w-]+|postgres|postgres-[\w-]+)\//, "the client of PostgreSQL"],
  [/@effect\/sql/, "@effect/sql"],
  [/@effect\/platform/, "@effect/platform (HttpApi, router, node server)"],
  [/effect\/.*(ParseResult|Schema|SchemaAST|schema\/)/, "effect: Schema"],
  [/\/effect\/.*(tracer|Tracer|span)/i, "effect: tracing"],
  [/\/effect\//, "effect: runtime and data"],
  [/find-my-way|fast-querystring|multipasta/, "@effect/platform (HttpApi, router, node server)"],
  [/^node:internal\/crypto/, "node: crypto"],
  [/^node:inspector/, "the profiler"],
  [/^node:internal\/deps\/undici/, "node: fetch (undici)"],
  [/^node:/, "node: http, streams, timers"],
]

const special: ReadonlyMap<string, string> = new Map([
  ["(garbage collector)", "garbage collection"],
  ["(program)", "node: event loop"],
  ["(idle)", "idle"],
])

const json = new Set(["parse", "stringify"])

/** Native code has no file, so its caller is the owner; SQLite itself counts as its client. */
const ownerOf = (node: Node, parentOf: ReadonlyMap<number, Node>): string => {
  const { functionName, url } = node.callFrame
  const named = special.get(functionName)
  if (named !== undefined) return named
  if (url === "") {
    if (json.has(functionName)) return "JSON"
    const caller = parentOf.get(node.id)
    return caller === undefined ? "other packages" : ownerOf(caller, parentOf)
  }
  for (const [pattern, name] of owners) {
    const match = pattern.exec(url)
    if (match !== null) return name.replace(/\$(\d)/g, (_, index: string) => match[Number(index)] ?? "")
  }
  return "other packages"
}

const summed = (samples: Iterable<readonly [name: string, millis: number]>): ReadonlyArray<Group> => {
  const self = new Map<string, number>()
  for (const [name, millis] of samples) self.set(name, (self.get(name) ?? 0) + millis)
  return Array.from(self, ([name, millis]) => ({ name, self: millis })).sort((a, b) => b.self - a.self)
}

const group = (profile: Profiler.Profile): Profile => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parentOf = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((id) => [id, node])))
  const samples = (profile.samples ?? []).map((id, index) => {
    const node = nodes.get(id)!
    const owner = ownerOf(node, parentOf)
    const { functionName, lineNumber, url } = node.callFrame
    const place = url === "" ? "" : `, ${url.replace(/^.*\//, "")}:${lineNumber + 1}`
    const name = `${owner}: ${functionName || "(anonymous)"}${place}`
    return { owner, name, millis: (profile.timeDeltas?.[index] ?? 0) / 1000 }
  })
  return {
    owners: summed(samples.map(({ millis, owner }) => [owner, millis])),
    functions: summed(samples.map(({ millis, name }) => [name, millis])),
  }
}

/** A profiler of this process. */
export const make: Effect.Effect<
  { readonly start: Effect.Effect<null>; readonly stop: Effect.Effect<Profile> },
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const session = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const opened = new Session()
      opened.connect()
      return opened
    }),
    (open) => Effect.sync(() => open.disconnect()),
  )
  return {
    start: Effect.promise(async () => {
      await session.post("Profiler.enable")
      await session.post("Profiler.setSamplingInterval", { interval: 200 })
      await session.post("Profiler.start")
      return null
    }),
    stop: Effect.promise(async () => {
      const { profile } = await session.post("Profiler.stop")
      return group(profile)
    }),
  }
})
