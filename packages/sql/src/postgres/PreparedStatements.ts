/** Statements that a PostgreSQL connection parses and plans once. */
import { createHash } from "node:crypto"
import { Socket } from "node:net"
import * as Pg from "pg"
import { outcomeUnknown, storable } from "./PostgresText.js"

/** The largest number of statements that a connection prepares; further ones are parsed each time. */
const maxPrepared = 500

/** The largest number of statements that a connection has run once and remembers. */
const maxSeen = 5000

/**
 * A name that no other text has. Where something between hands a connection on without its statements, a name finds this statement or
 * none, and no other one.
 */
const nameOf = (text: string): string =>
  `runlease_${createHash("sha256").update(text).digest("hex").slice(0, 40)}`

/** Names a statement when it runs for the second time. */
const makeNames = () => {
  const names = new Map<string, string>()
  const ranOnce = new Set<string>()
  return {
    of: (text: string): string | undefined => {
      const named = names.get(text)
      if (named !== undefined || names.size >= maxPrepared) return named
      if (!ranOnce.has(text)) {
        if (ranOnce.size >= maxSeen) ranOnce.clear()
        ranOnce.add(text)
        return undefined
      }
      ranOnce.delete(text)
      const name = nameOf(text)
      names.set(text, name)
      return name
    },
    forget: (text: string): void => void names.delete(text),
  }
}

type Callback = (error: (Error & { readonly routine?: string }) | null, result: unknown) => void

/**
 * The failure of a statement whose commit is on the primary alone: the wait for a synchronous standby was cancelled, which PostgreSQL
 * reports as a warning next to success.
 */
const makeUnconfirmed = (client: Pg.ClientBase) => {
  let failure: Error | undefined
  client.on("notice", ({ message, routine }) => {
    if (routine === "SyncRepWaitForLSN") {
      failure = Object.assign(new Error(message ?? routine), { code: outcomeUnknown })
    }
  })
  // Answers come in the order of their statements, and the warning before the end of its own answer.
  return (callback: Callback): Callback =>
    (error, result) => {
      const unconfirmed = failure
      failure = undefined
      return callback(error ?? unconfirmed ?? null, result)
    }
}

interface Query {
  readonly text: string
  readonly values: ReadonlyArray<unknown>
  readonly rowMode?: "array"
}

/** One statement that reads. PostgreSQL prepares no text of several statements, and gains nothing by those that begin or end a transaction. */
const isRead = (text: unknown): boolean => typeof text === "string" && /^\s*(SELECT|WITH)\b[^;]*$/.test(text)

/** Whether a statement is prepared: to plan the look for what is due takes ten times as long as to run it. */
const isPrepared = (query: unknown): query is Query =>
  typeof query === "object" &&
  query !== null &&
  "text" in query &&
  "values" in query &&
  Array.isArray(query.values) &&
  (query.values.length > 0 || isRead(query.text))

const unwatched = (callback: Callback): Callback => callback

/**
 * Ends the connection of a client whose statements get no answer for `millis`, as a network that drops everything does not end it. A timer
 * for each statement, as the driver has, would keep what was answered in memory until the next full collection.
 */
const watchSilence = ({ connection: { stream } }: Pg.Client, millis: number) => {
  if (!(stream instanceof Socket)) return unwatched
  let unanswered = 0
  stream.setTimeout(millis, () => {
    if (unanswered > 0) stream.destroy(new Error("Query read timeout"))
  })
  return (callback: Callback): Callback => {
    unanswered += 1
    return (error, result) => {
      unanswered -= 1
      return callback(error, result)
    }
  }
}

/** Makes the client send the statements that it gets in one turn of the event loop together: each write wakes the database. */
const gather = ({ connection: { stream } }: Pg.Client): (() => void) => {
  let gathering = false
  return () => {
    if (gathering) return
    gathering = true
    stream.cork()
    process.nextTick(() => {
      gathering = false
      stream.uncork()
    })
  }
}

/**
 * Makes the client prepare statements that have parameters or read, send only text that PostgreSQL can store, and fail a statement whose commit no
 * standby confirms although it should. It fails those that get no answer for `answerWithin`, in milliseconds.
 */
export const enable = (client: Pg.ClientBase, answerWithin?: number): void => {
  const query = client.query.bind(client) as (...args: ReadonlyArray<unknown>) => unknown
  const gathers = client instanceof Pg.Client ? gather(client) : () => {}
  const watched =
    client instanceof Pg.Client && answerWithin !== undefined ? watchSilence(client, answerWithin) : unwatched
  const names = makeNames()
  const confirmed = makeUnconfirmed(client)
  const prepared = (statement: Query, callback: Callback): unknown =>
    query(
      {
        ...statement,
        name: names.of(statement.text),
        values: statement.values.map((value) => (typeof value === "string" ? storable(value) : value)),
      },
      watched((error, result) => {
        // One of its tables was altered since it was prepared, so it is prepared again; a transaction has to begin again too.
        if (error?.routine === "RevalidateCachedQuery") {
          names.forget(statement.text)
          if (client.getTransactionStatus() === "I") return void prepared(statement, callback)
        }
        return callback(error, result)
      }),
    )
  Object.assign(client, {
    query: (...args: ReadonlyArray<unknown>): unknown => {
      gathers()
      const [first, second, third] = args
      const statement = typeof first === "string" ? { text: first, values: second } : first
      const callback = typeof first === "string" ? third : second
      if (typeof callback !== "function") return query(...args)
      const then = confirmed(callback as Callback)
      return isPrepared(statement)
        ? prepared(statement, then)
        : typeof first === "string"
          ? query(first, second, watched(then))
          : query(first, watched(then))
    },
  })
}
