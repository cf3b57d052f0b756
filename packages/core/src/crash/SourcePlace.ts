/** The place in the source of the user that a stack trace names, such as `/home/me/refunds.ts:12:23`. */
import { Effect, type Scope } from "effect"
import { callSites } from "../executor/CallSites.js"

/** A frame of what is on the stack now: an `async` one waits for it. */
const frame = /^\s*at (?!async )(?:.*?\()?((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^()]*?):(\d+):(\d+)\)?$/

const pathOf = (file: string): string =>
  file.startsWith("file:") ? decodeURIComponent(new URL(file).pathname) : file

const ownFile = pathOf(import.meta.url)

/** The folder of the packages of this project, where they are not in `node_modules`, or that of the bundle which this file is a part of. */
const ownPackages = /^(.*\/)core\/(?:src|dist)\//.exec(ownFile)?.[1]
const ownBundle = ownPackages === undefined ? ownFile.slice(0, ownFile.lastIndexOf("/") + 1) : undefined

const isOwn = (path: string): boolean =>
  (ownBundle !== undefined && path.startsWith(ownBundle)) ||
  (ownPackages !== undefined &&
    path.startsWith(ownPackages) &&
    /^[^/]+\/(?:src|dist)\//.test(path.slice(ownPackages.length)))

/** A file of the libraries that execute the agent, or of Node. */
const isRuntime = (path: string): boolean =>
  path === "" || isOwn(path) || /\/node_modules\/(?:effect|@effect|@runlease|\.cache)\//.test(path)

/** The first place in a stack trace that is not in a library. */
const of = (stack: string): string | undefined => {
  for (const line of stack.split("\n")) {
    const [, file = "", row, column] = frame.exec(line) ?? []
    const path = pathOf(file.replace(/[?#].*$/, ""))
    if (path === "" || path.includes("/node_modules/") || isOwn(path)) continue
    return `${path}:${row}:${column}`
  }
  return undefined
}

/** A function that is on the stack. */
type Called = (...args: ReadonlyArray<never>) => unknown

/** The files and places of the frames above `called`, without what source maps say of them, which takes a hundred times as long. */
const frames = (called: Called): ReadonlyArray<readonly [file: string, place: string]> => {
  const before = Error.prepareStackTrace
  const on: { stack?: unknown } = {}
  try {
    Error.prepareStackTrace = (_error, sites) =>
      sites.map((site) => {
        const file = site.getFileName() ?? ""
        return [file, `${file}:${site.getLineNumber()}:${site.getColumnNumber()}`] as const
      })
    Error.captureStackTrace(on, called)
    return on.stack as ReturnType<typeof frames>
  } finally {
    Error.prepareStackTrace = before
  }
}

/** The places of stacks by their frames: that of each stack is looked for once. */
const reader = () => {
  const places = new Map<string, string | undefined>()
  return (called: Called, isOfCaller: boolean): string | undefined => {
    const before = Error.stackTraceLimit
    Error.stackTraceLimit = 25
    try {
      const above = frames(called)
      const [[caller] = [""]] = above
      if (isOfCaller && isRuntime(caller.startsWith("node:") ? "" : pathOf(caller))) return undefined
      const key = above.map(([, place]) => place).join()
      if (!places.has(key)) {
        const on: { stack?: string } = {}
        Error.captureStackTrace(on, called)
        places.set(key, of(on.stack ?? ""))
      }
      return places.get(key)
    } finally {
      Error.stackTraceLimit = before
    }
  }
}

/** Reads the place that calls a function which is on the stack; none where Node or a library that executes the agent calls it. */
export type CallerOf = (called: Called) => string | undefined

/** What is called in the Scope is read with its place. */
export const reading: Effect.Effect<CallerOf, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = callSites.read
      const read = reader()
      const now = () => read(now, false)
      callSites.read = before ?? now
      return { before, callerOf: (called: Called) => read(called, true) }
    }),
    ({ before }) => Effect.sync(() => (callSites.read = before)),
  ),
  ({ callerOf }) => callerOf,
)
