/** The place in the source of the user that a stack trace names, such as `/home/me/refunds.ts:12:23`. */
import { Effect, type Scope } from "effect"
import { callSites } from "../executor/CallSites.js"

/** A frame of what is on the stack now: an `async` one waits for it. */
const frame = /^\s*at (?!async )(?:.*?\()?((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^()]*?):(\d+):(\d+)\)?$/

const pathOf = (file: string): string =>
  file.startsWith("file:") ? decodeURIComponent(new URL(file).pathname) : file

const ownFile = pathOf(import.meta.url)

/** The folder of the packages of this project, where they are not in `node_modules`. */
const ownPackages = /^(.*\/)core\/(?:src|dist)\//.exec(ownFile)?.[1]

const isOwn = (path: string): boolean =>
  path === ownFile ||
  (ownPackages !== undefined &&
    path.startsWith(ownPackages) &&
    /^[^/]+\/(?:src|dist)\//.test(path.slice(ownPackages.length)))

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

/** The frames on the stack, without what source maps say of them, which takes a hundred times as long. */
const frames = (): string => {
  const before = Error.prepareStackTrace
  try {
    Error.prepareStackTrace = (_error, sites) =>
      sites
        .map((site) => `${site.getFileName()}:${site.getLineNumber()}:${site.getColumnNumber()}`)
        .join("\n")
    return String(new Error().stack)
  } finally {
    Error.prepareStackTrace = before
  }
}

/** Reads the place that calls now. It looks for the place of each stack once. */
const reader = (): (() => string | undefined) => {
  const places = new Map<string, string | undefined>()
  return () => {
    const before = Error.stackTraceLimit
    Error.stackTraceLimit = 25
    const key = frames()
    if (!places.has(key)) places.set(key, of(new Error().stack ?? ""))
    Error.stackTraceLimit = before
    return places.get(key)
  }
}

/** What is called in the Scope is read with its place. */
export const reading: Effect.Effect<void, never, Scope.Scope> = Effect.asVoid(
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = callSites.read
      callSites.read = before ?? reader()
      return before
    }),
    (before) => Effect.sync(() => (callSites.read = before)),
  ),
)
