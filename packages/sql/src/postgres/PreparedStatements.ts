/**
 * Statements that a PostgreSQL connection parses and plans once.
 *
 * @since 0.1.0
 */
import type * as Pg from "pg"
import { storable } from "./PostgresText.js"

/** How many statements a connection prepares; further ones are parsed each time. */
const maxPrepared = 500

/** How many statements that were asked once a connection remembers. */
const maxSeen = 5000

/** Gives a statement a name when it is asked for the second time. */
const makeNames = () => {
  const names = new Map<string, string>()
  const seen = new Set<string>()
  let count = 0
  return {
    of: (text: string): string | undefined => {
      const known = names.get(text)
      if (known !== undefined || names.size >= maxPrepared) return known
      if (!seen.has(text)) {
        if (seen.size >= maxSeen) seen.clear()
        seen.add(text)
        return undefined
      }
      seen.delete(text)
      count += 1
      const name = `runlease_${count}`
      names.set(text, name)
      return name
    },
    forget: (text: string): void => void names.delete(text),
  }
}

type Callback = (error: (Error & { readonly routine?: string }) | null, result: unknown) => void

interface Query {
  readonly text: string
  readonly values: ReadonlyArray<unknown>
  readonly rowMode?: "array"
}

const hasValues = (query: unknown): query is Query =>
  typeof query === "object" &&
  query !== null &&
  "text" in query &&
  "values" in query &&
  Array.isArray(query.values) &&
  query.values.length > 0

/** Has the client prepare what it is asked with parameters, and send text that PostgreSQL can hold. */
export const enable = (client: Pg.ClientBase): void => {
  const query = client.query.bind(client) as (...args: ReadonlyArray<unknown>) => unknown
  const names = makeNames()
  const ask = (asked: Query, callback: Callback): unknown =>
    query(
      {
        ...asked,
        name: names.of(asked.text),
        values: asked.values.map((value) => (typeof value === "string" ? storable(value) : value)),
      },
      (error: Parameters<Callback>[0], result: unknown) => {
        // A table of it was altered since it was prepared, so it is prepared anew; a transaction has to begin anew too.
        if (error?.routine === "RevalidateCachedQuery") {
          names.forget(asked.text)
          if (client.getTransactionStatus() === "I") return void ask(asked, callback)
        }
        return callback(error, result)
      },
    )
  Object.assign(client, {
    query: (...args: ReadonlyArray<unknown>): unknown => {
      const [first, second, third] = args
      const asked = typeof first === "string" ? { text: first, values: second } : first
      const callback = typeof first === "string" ? third : second
      return hasValues(asked) && typeof callback === "function"
        ? ask(asked, callback as Callback)
        : query(...args)
    },
  })
}
